//! What a run will do and cost, known before it starts.

use std::time::Instant;

use candle::{DType, Device};
use kiti_nn::context::Context;
use kiti_nn::flops;
use kiti_nn::optim::OptimizerConfig;
use kiti_nn::var_store::VarStore;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::model::Model;
use crate::recipe::Recipe;
use crate::task;

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
        let counts = Counts::of(recipe)?;
        let seconds = match basis {
            Basis::Counted => None,
            Basis::Rate(rate) => Some(counts.total as f64 / rate),
            Basis::TimedStep => {
                let step = time_step(recipe, device)?;
                Some(step * counts.total as f64 / counts.batch as f64)
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
    batch: u64,
    step: u64,
    inference: u64,
    total: u64,
    kept_bytes: u64,
}

impl Counts {
    fn of(recipe: &Recipe) -> Result<Self> {
        let work = task::workload(recipe)?;
        let parameters = recipe.model.parameter_count();
        let optimizer = match recipe.training.optimizer {
            OptimizerConfig::Sgd(_) => flops::sgd(parameters),
            _ => flops::adam(parameters),
        };
        let training = &recipe.training;
        let batches = work.samples.div_ceil(training.batch_size);
        let together = training.accumulation.min(batches.max(1));
        let step = work.step_flops * together as u64 + optimizer;
        let steps = batches.div_ceil(together) as u64 * training.epochs as u64;
        let evaluated = recipe.training.epochs.div_ceil(recipe.evaluation.every);
        let evaluations = (evaluated * recipe.evaluation.per_epoch) as u64;
        Ok(Self {
            parameters,
            steps,
            batch: work.step_flops + optimizer,
            step,
            inference: work.inference_flops,
            total: steps * step + evaluations * work.evaluation_flops,
            kept_bytes: work.kept_bytes,
        })
    }
}

/// Seconds of one batch's training step on scratch variables.
fn time_step(recipe: &Recipe, device: &Device) -> Result<f64> {
    let task = task::trial(recipe)?;
    let data = task.training_data();
    let rows: Vec<usize> = (0..data.len()).collect();
    let inputs = data.inputs().rows(&rows)?.into_tensor(device)?;
    let targets = data.targets().rows(&rows)?.into_tensor(device)?;
    let store = VarStore::new(0, DType::F32, device);
    let model = Model::new(&task.description(), store.builder())?;
    let mut optimizer = recipe.training.optimizer(&recipe.model, &store)?;
    let mut seconds = f64::INFINITY;
    for step in 0..2 {
        let start = Instant::now();
        let loss = task.loss(&model, &inputs, &targets, &Context::train(0, step))?;
        optimizer.step(
            &kiti_nn::backward(&loss.sum)?,
            recipe.training.learning_rate,
        )?;
        device.synchronize()?;
        seconds = start.elapsed().as_secs_f64();
    }
    Ok(seconds)
}

/// Operations of a recipe's training step and forward pass, for results.
pub(super) fn counted(recipe: &Recipe) -> Result<(u64, u64)> {
    let counts = Counts::of(recipe)?;
    Ok((counts.step, counts.inference))
}
