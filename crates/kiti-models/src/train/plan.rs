//! What a run will do and cost, known before it starts.

use std::time::Instant;

use candle::{DType, Device};
use kiti_nn::context::Context;
use kiti_nn::flops::{self, Flops};
use kiti_nn::optim::{Optimizer, OptimizerConfig};
use kiti_nn::var_store::VarStore;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::fno::Fno;
use crate::recipe::{DataSection, ModelSection, Recipe};
use crate::rollout::roll_out_loss;

/// Where a plan's seconds come from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// No seconds: operations are counted, nothing is measured.
    Counted,
    /// A step on scratch variables was timed, after one to warm up.
    TimedStep,
    /// Operations over an assumed rate, in operations a second.
    Rate(f64),
}

/// What a run will do and cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the recipe.
    pub recipe: String,
    /// Name of the residual's variant.
    pub variant: String,
    /// Trainable numbers.
    pub parameters: usize,
    /// Epochs.
    pub epochs: usize,
    /// Optimiser steps.
    pub steps: u64,
    /// Operations of one optimiser step with its whole roll-out.
    pub training_step_flops: u64,
    /// Operations of one forward pass of one sample on the training grid.
    pub inference_flops: u64,
    /// Operations of the whole run, its evaluations included.
    pub total_flops: u64,
    /// Seconds of the whole run; none where nothing was measured.
    pub seconds: Option<f64>,
    /// Where the seconds come from.
    pub basis: Basis,
    /// Estimated peak memory in bytes.
    pub memory_bytes: u64,
    /// Estimated size of the run's folder in bytes.
    pub disk_bytes: u64,
}

impl Plan {
    /// Counts what `recipe` will do; no data is made, nothing is measured but a step where `basis` says so.
    ///
    /// # Errors
    ///
    /// Those of building and running the model for [`Basis::TimedStep`].
    pub fn new(recipe: &Recipe, basis: Basis, device: &Device) -> Result<Self> {
        let counts = Counts::of(recipe);
        let seconds = match basis {
            Basis::Counted => None,
            Basis::Rate(rate) => Some(counts.total as f64 / rate),
            Basis::TimedStep => {
                let step = time_step(recipe, device)?;
                Some(step * counts.total as f64 / counts.step as f64)
            }
        };
        let parameters = counts.parameters as u64;
        let weights = 4 * parameters;
        Ok(Self {
            recipe: recipe.name.clone(),
            variant: recipe.residual.variant.to_string(),
            parameters: counts.parameters,
            epochs: recipe.training.epochs,
            steps: counts.steps,
            training_step_flops: counts.step,
            inference_flops: counts.inference,
            total_flops: counts.total,
            seconds,
            basis,
            // Weights, gradients, two moments, a gradient in the making; features, of which the gradients
            // live from one layer to the next only.
            memory_bytes: 5 * weights + counts.kept_bytes * 6 / 5 + PROGRAM_BYTES,
            // Two checkpoints of weights and two moments, the final model, lines of text.
            disk_bytes: 2 * 3 * weights + weights + 1024 * recipe.training.epochs as u64,
        })
    }
}

/// The program, its threads and its data.
const PROGRAM_BYTES: u64 = 64 << 20;

struct Counts {
    parameters: usize,
    steps: u64,
    step: u64,
    inference: u64,
    total: u64,
    kept_bytes: u64,
}

impl Counts {
    fn of(recipe: &Recipe) -> Self {
        let DataSection::Heat(data) = &recipe.data;
        let ModelSection::Fno(model) = &recipe.model;
        let residual = recipe.residual.config();
        let parameters = model.parameter_count();
        let roll_out = data.outputs as u64;
        let pass = |batch: usize, resolution: usize| -> Flops {
            Fno::flops(model, &residual, batch, &[resolution, resolution])
        };
        let batch = recipe.training.batch_size.min(data.samples);
        let optimizer = match recipe.training.optimizer {
            OptimizerConfig::Sgd(_) => flops::sgd(parameters),
            _ => flops::adam(parameters),
        };
        let step = pass(batch, data.resolution).training_step * roll_out + optimizer;
        let batches = data.samples.div_ceil(recipe.training.batch_size) as u64;
        let steps = batches * recipe.training.epochs as u64;
        let evaluation: u64 = std::iter::once((data.samples, data.resolution))
            .chain(
                recipe
                    .evaluation
                    .sets
                    .values()
                    .map(|set| (set.samples, set.resolution)),
            )
            .map(|(samples, resolution)| pass(samples, resolution).forward * roll_out)
            .sum();
        let evaluations = recipe.training.epochs.div_ceil(recipe.evaluation.every) as u64;
        let grid = [data.resolution, data.resolution];
        Self {
            parameters,
            steps,
            step,
            inference: pass(1, data.resolution).forward,
            total: steps * step + evaluations * evaluation,
            kept_bytes: Fno::kept_bytes(model, batch, &grid) * roll_out,
        }
    }
}

/// Seconds of one training step on scratch variables and one batch of generated samples.
fn time_step(recipe: &Recipe, device: &Device) -> Result<f64> {
    let DataSection::Heat(section) = &recipe.data;
    let ModelSection::Fno(config) = &recipe.model;
    let mut heat = section.train_config();
    heat.samples = heat.samples.min(recipe.training.batch_size);
    let (inputs, targets) =
        kiti_data::pde::heat::generate(&heat)?.split_time(section.inputs, section.outputs)?;
    let store = VarStore::new(0, DType::F32, device);
    let model = Fno::new(config, &recipe.residual.config(), store.builder())?;
    let mut optimizer = Optimizer::new(&recipe.training.optimizer, store.variables())?;
    let (inputs, targets) = (inputs.to_tensor(device)?, targets.to_tensor(device)?);
    let mut seconds = f64::INFINITY;
    for step in 0..2 {
        let start = Instant::now();
        let loss = roll_out_loss(&model, &inputs, &targets, &Context::train(0, step))?;
        optimizer.step(&kiti_nn::backward(&loss)?, recipe.training.learning_rate)?;
        device.synchronize()?;
        seconds = start.elapsed().as_secs_f64();
    }
    Ok(seconds)
}

/// Operations of a recipe's training step and forward pass, for results.
pub(super) fn counted(recipe: &Recipe) -> (u64, u64) {
    let counts = Counts::of(recipe);
    (counts.step, counts.inference)
}
