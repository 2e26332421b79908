//! Values of a recipe that have the right type but would make no run.

use kiti_nn::kinetic::Evaluation;
use kiti_nn::residual::ResidualConfig;

use super::data::FieldExtent;
use super::{DataSection, Recipe, TestSet};
use crate::task::{TRAIN, VALIDATION};
use crate::{Error, Result};

impl Recipe {
    /// Checks ranges, and that data, model, residual and evaluation fit each other.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidValue`] with the key; [`Error::GridTooSmall`] for a grid that does not carry the model's modes.
    pub(super) fn validate(&self, file: &str) -> Result<()> {
        let check = Check { file };
        self.validate_training(&check)?;
        check.that("model", self.model.validate())?;
        let residual = self.residual.config();
        check.that("residual", residual.validate(0))?;
        check.that("data", self.data.fields().validate(None))?;
        for (name, set) in &self.evaluation.sets {
            let key = format!("evaluation.sets.{name}");
            if name == TRAIN || name == VALIDATION {
                let message = format!("`{name}` is a part of the training samples: rename it");
                return check.refuse(&key, message);
            }
            let known = self.data.test_keys();
            if let Some(unknown) = set.keys().into_iter().find(|key| !known.contains(key)) {
                let names: Vec<&str> = known.iter().map(|key| key.name()).collect();
                let message = format!("this kind of data reads only {}", names.join(", "));
                return check.refuse(&format!("{key}.{}", unknown.name()), message);
            }
            check.that(&key, self.data.fields().validate(Some(set)))?;
        }
        // Files are looked at when they are used: a recipe stays readable where its data are gone.
        if !matches!(self.data, DataSection::Fields(_)) {
            self.validate_extents(&check)?;
        }
        Ok(())
    }

    fn validate_training(&self, check: &Check<'_>) -> Result<()> {
        let training = &self.training;
        for (key, count) in [
            ("training.epochs", training.epochs),
            ("training.batch_size", training.batch_size),
            ("training.accumulation", training.accumulation),
            ("training.checkpoint_every", training.checkpoint_every),
            ("evaluation.every", self.evaluation.every),
            ("evaluation.per_epoch", self.evaluation.per_epoch),
            ("evaluation.batch_size", self.evaluation.batch_size),
        ] {
            if count == 0 {
                return check.refuse(key, "expected at least 1, found 0".to_owned());
            }
        }
        if !(training.learning_rate > 0.0 && training.learning_rate.is_finite()) {
            let found = training.learning_rate;
            let message = format!("expected a positive number, found {found}");
            return check.refuse("training.learning_rate", message);
        }
        for (key, found) in [
            ("training.clip_norm", training.clip_norm),
            ("training.input_noise", training.input_noise),
        ] {
            if !(found >= 0.0 && found.is_finite()) {
                return check.refuse(key, format!("expected 0 or more, found {found}"));
            }
        }
        if !(0.0..1.0).contains(&training.average_decay) {
            let found = training.average_decay;
            let message = format!("expected 0 or more and less than 1, found {found}");
            return check.refuse("training.average_decay", message);
        }
        let decay = training.layer_decay;
        if !(decay > 0.0 && decay <= 1.0) {
            let message = format!("expected more than 0 and at most 1, found {decay}");
            return check.refuse("training.layer_decay", message);
        }
        if decay < 1.0 && self.model.depth("").is_none() {
            let message = format!("expected 1: this model has no stack of layers, found {decay}");
            return check.refuse("training.layer_decay", message);
        }
        if training.patience > 0 && training.validation_samples == 0 {
            let message = "expected training.validation_samples to judge by, found 0".to_owned();
            return check.refuse("training.patience", message);
        }
        check.that("training.optimizer", training.optimizer.validate())
    }

    /// Checks that the model takes the fields of every set.
    ///
    /// # Errors
    ///
    /// As [`Recipe::load`], and for files those of reading them.
    pub fn check_extents(&self) -> Result<()> {
        self.validate_extents(&Check { file: &self.name })
    }

    fn validate_extents(&self, check: &Check<'_>) -> Result<()> {
        let residual = self.residual.config();
        let fields = self.data.fields();
        let train = fields.extent(None)?;
        self.validate_channels(check, &train)?;
        let sets = self.evaluation.sets.iter();
        let sets = std::iter::once(("data.resolution".to_owned(), None)).chain(
            sets.map(|(name, set)| (format!("evaluation.sets.{name}.resolution"), Some(set))),
        );
        for (key, set) in sets {
            self.validate_extent(check, &key, set, &train, &residual)?;
        }
        Ok(())
    }

    fn validate_channels(&self, check: &Check<'_>, train: &FieldExtent) -> Result<()> {
        if self.training.validation_samples >= train.samples {
            let message = format!(
                "expected fewer than the {} training samples, found {}",
                train.samples, self.training.validation_samples
            );
            return check.refuse("training.validation_samples", message);
        }
        for (key, count) in [
            ("data.samples", train.samples),
            ("data.inputs", train.inputs),
            ("data.outputs", train.outputs),
        ] {
            if count == 0 {
                return check.refuse(key, "expected at least 1, found 0".to_owned());
            }
        }
        let model = &self.model;
        if model.dims() != train.grid.len() {
            let message = format!(
                "expected a model of {} dimensions as the fields have, found {}",
                train.grid.len(),
                model.dims()
            );
            return check.refuse("model.modes", message);
        }
        if model.in_channels() != train.inputs {
            let (expected, found) = (train.inputs, model.in_channels());
            let message = format!("expected data.inputs = {expected}, found {found}");
            return check.refuse("model.in_channels", message);
        }
        let found = model.out_channels();
        if found != 1 && found != train.outputs {
            let message = format!(
                "expected 1, the next snapshot, or {}, all of a target, found {found}",
                train.outputs
            );
            return check.refuse("model.out_channels", message);
        }
        Ok(())
    }

    fn validate_extent(
        &self,
        check: &Check<'_>,
        key: &str,
        set: Option<&TestSet>,
        train: &FieldExtent,
        residual: &ResidualConfig,
    ) -> Result<()> {
        let extent = self.data.fields().extent(set)?;
        if extent.inputs != train.inputs || extent.grid.len() != train.grid.len() {
            let message = format!("expected samples like the training ones, found {extent:?}");
            return check.refuse(key, message);
        }
        self.model.check_grid(&extent.grid)?;
        // Particles are needed where they collide: in training, and in a mean field.
        let collides = match residual {
            ResidualConfig::Kinetic(config) => {
                set.is_none() || config.evaluation == Evaluation::MeanField
            }
            _ => false,
        };
        if !collides {
            return Ok(());
        }
        check.that(key, self.model.check_residual(residual, &extent.grid))
    }
}

/// Refusals that name the recipe's file.
struct Check<'a> {
    file: &'a str,
}

impl Check<'_> {
    fn refuse(&self, key: &str, message: String) -> Result<()> {
        Err(Error::InvalidValue {
            file: self.file.to_owned(),
            key: key.to_owned(),
            message,
        })
    }

    /// Gives an error its key.
    fn that<E: std::fmt::Display>(
        &self,
        key: &str,
        result: std::result::Result<(), E>,
    ) -> Result<()> {
        match result {
            Ok(()) => Ok(()),
            Err(error) => self.refuse(key, error.to_string()),
        }
    }
}
