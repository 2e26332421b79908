//! Values of a recipe that have the right type but would make no run.

use kiti_nn::kinetic::KineticResidual;
use kiti_nn::residual::ResidualConfig;

use super::{DataSection, ModelSection, Recipe};
use crate::{Error, Result};

impl Recipe {
    /// Checks ranges, and that data, model, residual and evaluation fit each other.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidValue`] with the key; [`Error::GridTooSmall`] for a grid that does not carry the model's modes.
    pub(super) fn validate(&self, file: &str) -> Result<()> {
        let refuse = |key: &str, message: String| {
            Err(Error::InvalidValue {
                file: file.to_owned(),
                key: key.to_owned(),
                message,
            })
        };
        let DataSection::Heat(data) = &self.data;
        let ModelSection::Fno(model) = &self.model;
        let training = &self.training;
        for (key, count) in [
            ("data.samples", data.samples),
            ("data.inputs", data.inputs),
            ("data.outputs", data.outputs),
            ("training.epochs", training.epochs),
            ("training.batch_size", training.batch_size),
            ("training.checkpoint_every", training.checkpoint_every),
            ("evaluation.every", self.evaluation.every),
            ("evaluation.batch_size", self.evaluation.batch_size),
        ] {
            if count == 0 {
                return refuse(key, "expected at least 1, found 0".to_owned());
            }
        }
        if !(training.learning_rate > 0.0 && training.learning_rate.is_finite()) {
            let found = training.learning_rate;
            return refuse(
                "training.learning_rate",
                format!("expected a positive number, found {found}"),
            );
        }
        if !(training.clip_norm >= 0.0 && training.clip_norm.is_finite()) {
            let found = training.clip_norm;
            return refuse(
                "training.clip_norm",
                format!("expected 0 or more, found {found}"),
            );
        }
        if let Err(error) = training.optimizer.validate() {
            return refuse("training.optimizer", error.to_string());
        }
        if let Err(error) = model.validate() {
            return refuse("model", error.to_string());
        }
        if model.dims() != 2 {
            return refuse(
                "model.modes",
                "expected two numbers for fields in the plane".to_owned(),
            );
        }
        if model.in_channels != data.inputs {
            let (expected, found) = (data.inputs, model.in_channels);
            return refuse(
                "model.in_channels",
                format!("expected data.inputs = {expected}, found {found}"),
            );
        }
        if model.out_channels != 1 {
            let found = model.out_channels;
            return refuse(
                "model.out_channels",
                format!("expected 1, the next snapshot, found {found}"),
            );
        }
        if let Err(error) = data.train_config().validate() {
            return refuse("data", error.to_string());
        }
        let mut grids = vec![("data.resolution".to_owned(), data.resolution)];
        for (name, set) in &self.evaluation.sets {
            let key = format!("evaluation.sets.{name}");
            if name == "train" {
                return refuse(
                    &key,
                    "`train` is the training samples: rename it".to_owned(),
                );
            }
            if let Err(error) = data.test_config(set).validate() {
                return refuse(&key, error.to_string());
            }
            grids.push((format!("{key}.resolution"), set.resolution));
        }
        let residual = self.residual.config();
        if let Err(error) = residual.validate(0) {
            return refuse("residual", error.to_string());
        }
        for (key, resolution) in grids {
            let grid = [resolution, resolution];
            model.check_grid(&grid)?;
            if let ResidualConfig::Kinetic(config) = &residual {
                let layout = KineticResidual::new(config.clone(), 0)
                    .and_then(|residual| residual.layout(&[1, model.width, grid[0], grid[1]]));
                if let Err(error) = layout {
                    return refuse(&key, error.to_string());
                }
            }
        }
        Ok(())
    }
}
