//! The sections of a recipe.

use std::collections::BTreeMap;

use kiti_nn::loss::Reduction;
use kiti_nn::optim::{AdamConfig, Optimizer, OptimizerConfig, SgdConfig, VariableRule};
use kiti_nn::residual::{ResidualConfig, Variant, VariantSettings};
use kiti_nn::schedule::LearningRateSchedule;
use kiti_nn::var_store::VarStore;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::Recipe;
use super::data::{DataSection, HeatSection, TestSet};
use super::model::ModelSection;
use super::shape::Shape;
use crate::fno::FnoConfig;
use crate::{Error, Result};

/// The residual of every layer: a variant and the settings it reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ResidualSection {
    /// Which residual.
    pub variant: Variant,
    /// Settings of the kinetic variants and the other controls; a variant ignores those that are not its own.
    #[serde(flatten)]
    pub settings: VariantSettings,
}

impl ResidualSection {
    /// The value that a model is built with.
    pub fn config(&self) -> ResidualConfig {
        self.variant.config(&self.settings)
    }
}

/// What a learning-rate schedule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum SchedulePeriod {
    /// Epochs: the rate is constant within one.
    #[default]
    Epoch,
    /// Optimiser steps.
    Step,
}

/// How a model learns; the loss is that of the [task](crate::task).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingSection {
    /// Passes over the training samples.
    pub epochs: usize,
    /// Samples of one batch.
    pub batch_size: usize,
    /// Batches whose gradients are added up for one optimiser step.
    pub accumulation: usize,
    /// Whether an optimiser step follows the gradient of the sum or of the mean of its terms.
    pub loss_reduction: Reduction,
    /// Learning rate before the schedule.
    pub learning_rate: f64,
    /// What the rate is multiplied with from each layer of a transformer to the one below it; 1 treats all alike.
    pub layer_decay: f64,
    /// Whether the weight decay applies to biases and norms too: to variables of one dimension.
    pub decay_biases_and_norms: bool,
    /// Largest common norm of the gradients; 0 does not clip.
    pub clip_norm: f64,
    /// Noise added to the inputs in training, its deviation over the root mean square of each sample's input.
    pub input_noise: f64,
    /// Decay a step of the moving average of the weights, which is evaluated and kept in their place; 0 keeps the weights.
    pub average_decay: f64,
    /// Training samples, the last ones, set aside to be evaluated as `validation`.
    pub validation_samples: usize,
    /// Evaluations without a smaller error on `validation` after which training stops; 0 never stops.
    pub patience: usize,
    /// What the schedule counts.
    pub schedule_per: SchedulePeriod,
    /// Epochs between two checkpoints; the last epoch always has one.
    pub checkpoint_every: usize,
    /// How the learning rate changes.
    pub schedule: LearningRateSchedule,
    /// The optimiser.
    pub optimizer: OptimizerConfig,
}

impl Default for TrainingSection {
    fn default() -> Self {
        Self {
            epochs: 1000,
            batch_size: 20,
            accumulation: 1,
            loss_reduction: Reduction::Sum,
            learning_rate: 1e-3,
            layer_decay: 1.0,
            decay_biases_and_norms: true,
            clip_norm: 0.0,
            input_noise: 0.0,
            average_decay: 0.0,
            validation_samples: 0,
            patience: 0,
            schedule_per: SchedulePeriod::Epoch,
            checkpoint_every: 1,
            schedule: LearningRateSchedule::Step {
                every: 100,
                factor: 0.5,
            },
            optimizer: OptimizerConfig::Adam(AdamConfig {
                weight_decay: 1e-4,
                ..AdamConfig::default()
            }),
        }
    }
}

impl TrainingSection {
    /// The optimiser of the variables in `store`, those of `model`.
    ///
    /// # Errors
    ///
    /// A setting out of its range.
    pub fn optimizer(&self, model: &ModelSection, store: &VarStore) -> candle::Result<Optimizer> {
        let optimizer = Optimizer::new(&self.optimizer, store.variables())?;
        Ok(optimizer.with_rules(|name, value| VariableRule {
            rate_factor: match model.depth(name) {
                Some(depth) => self.layer_decay.powf(depth as f64),
                None => 1.0,
            },
            decays: self.decay_biases_and_norms || value.rank() > 1,
        }))
    }
}

/// What the model is tested on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationSection {
    /// Epochs between two evaluations; the last epoch always has one.
    pub every: usize,
    /// Evaluations in each of those epochs, at equal distances, the last one at its end.
    pub per_epoch: usize,
    /// Training samples that are evaluated too, the first ones; 0 for none, all if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training_samples: Option<usize>,
    /// Whether the training loss of kinetic residuals is computed without collisions too, in epochs with an evaluation: one
    /// more forward pass a batch.
    pub without_collisions: bool,
    /// Samples evaluated at a time.
    pub batch_size: usize,
    /// Test sets by name.
    pub sets: BTreeMap<String, TestSet>,
}

impl Default for EvaluationSection {
    fn default() -> Self {
        Self {
            every: 10,
            per_epoch: 1,
            training_samples: None,
            without_collisions: true,
            batch_size: 20,
            sets: BTreeMap::new(),
        }
    }
}

/// The keys of a recipe with their types: those of an example in which every key is present.
pub(super) fn shape() -> Result<Shape> {
    let example = Recipe {
        name: String::new(),
        title: String::new(),
        data: DataSection::Heat(HeatSection::default()),
        model: ModelSection::Fno(FnoConfig::default()),
        residual: ResidualSection {
            variant: Variant::default(),
            settings: VariantSettings {
                length_scale: Some(1.0),
                ..VariantSettings::default()
            },
        },
        training: TrainingSection::default(),
        evaluation: EvaluationSection {
            training_samples: Some(0),
            sets: BTreeMap::from([("example".to_owned(), TestSet::example())]),
            ..EvaluationSection::default()
        },
    };
    let mut shape = Shape::of(&Value::Table(table(&example)?));
    let adam = AdamConfig::default;
    let schedules = [
        LearningRateSchedule::Constant,
        LearningRateSchedule::Step {
            every: 1,
            factor: 1.0,
        },
        LearningRateSchedule::Cosine { minimum: 0.0 },
        LearningRateSchedule::OneCycle {
            rise: 0.3,
            initial_divisor: 25.0,
            final_divisor: 1e4,
        },
        LearningRateSchedule::LinearWarmup { warmup: 0.1 },
    ];
    let optimizers = [
        OptimizerConfig::Adam(adam()),
        OptimizerConfig::AdamW(adam()),
        OptimizerConfig::Sgd(SgdConfig::default()),
    ];
    shape.replace(&["data"], Shape::choice(&tables(&DataSection::examples())?));
    shape.replace(
        &["model"],
        Shape::choice(&tables(&ModelSection::examples())?),
    );
    shape.replace(
        &["training", "schedule"],
        Shape::choice(&tables(&schedules)?),
    );
    shape.replace(
        &["training", "optimizer"],
        Shape::choice(&tables(&optimizers)?),
    );
    shape.replace(&["residual", "directions"], Shape::Any);
    let set = Shape::of(&Value::Table(table(&TestSet::example())?));
    shape.replace(&["evaluation", "sets"], Shape::Map(Box::new(set)));
    Ok(shape)
}

fn table(value: &impl Serialize) -> Result<Table> {
    Table::try_from(value).map_err(|error| Error::InvalidValue {
        file: "recipe".to_owned(),
        key: "example".to_owned(),
        message: error.to_string(),
    })
}

fn tables(values: &[impl Serialize]) -> Result<Vec<Table>> {
    values.iter().map(table).collect()
}
