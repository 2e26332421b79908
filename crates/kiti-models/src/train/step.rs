//! One optimiser step: gradients of one or several batches, added up, clipped, followed.

use std::sync::Arc;
use std::time::Instant;

use candle::backprop::GradStore;
use candle::{DType, Tensor, Var};
use kiti_data::loader::Batch;
use kiti_kinetics::rng::derive_seed;
use kiti_nn::context::{Context, LayerDiagnostics};
use kiti_nn::loss::Reduction;
use kiti_nn::optim::clip_grad_norm;

use super::metrics::MidwayEvaluation;
use super::session::Session;
use crate::Result;
use crate::recipe::{Recipe, SchedulePeriod};

/// What an epoch's steps gave.
#[derive(Default)]
pub(super) struct EpochSums {
    pub(super) loss: f64,
    pub(super) plain_loss: f64,
    pub(super) terms: usize,
    pub(super) learning_rate: f64,
    pub(super) step_seconds: Vec<f64>,
    pub(super) loading_seconds: f64,
    pub(super) evaluation_seconds: f64,
    pub(super) midway: Vec<MidwayEvaluation>,
}

/// After which steps of an epoch there is an evaluation before its end.
pub(super) struct Midway {
    steps: usize,
    evaluations: usize,
    done: usize,
}

impl Midway {
    pub(super) fn new(recipe: &Recipe, batches: usize, evaluated: bool) -> Self {
        let evaluations = if evaluated {
            recipe.evaluation.per_epoch
        } else {
            1
        };
        Self {
            steps: batches.div_ceil(recipe.training.accumulation),
            evaluations,
            done: 0,
        }
    }

    /// Whether one follows the epoch's step number `step`, counted from 1.
    pub(super) fn is_due(&mut self, step: usize) -> bool {
        let next = (self.done + 1) * self.steps / self.evaluations;
        let due = step < self.steps && step >= next.max(1);
        self.done += usize::from(due);
        due
    }
}

/// Gradients of the batches of one optimiser step.
#[derive(Default)]
struct Gradients {
    sum: Option<GradStore>,
    loss: f64,
    terms: usize,
}

impl Gradients {
    fn add(&mut self, variables: &[(String, Var)], mut found: GradStore) -> candle::Result<()> {
        let Some(sum) = &mut self.sum else {
            self.sum = Some(found);
            return Ok(());
        };
        for (_, variable) in variables {
            if let Some(gradient) = found.remove(variable) {
                let total = match sum.remove(variable) {
                    Some(before) => (before + gradient)?,
                    None => gradient,
                };
                sum.insert(variable, total);
            }
        }
        Ok(())
    }
}

impl Session<'_> {
    /// One optimiser step on `batches`; returns the mean of the loss's terms.
    pub(super) fn step(
        &mut self,
        batches: &[Batch],
        evaluated: bool,
        diagnostics: &Arc<LayerDiagnostics>,
        sums: &mut EpochSums,
    ) -> Result<f64> {
        let start = Instant::now();
        let variables = self.store.trainable();
        let mut gradients = Gradients::default();
        let mut aside = 0.0;
        for batch in batches {
            let ctx = self.context(batch);
            let recorded = ctx.clone().with_diagnostics(Arc::clone(diagnostics));
            let loss = self
                .task
                .loss(&self.model, &batch.inputs, &batch.targets, &recorded)?;
            let value = scalar(&loss.sum)?;
            if !value.is_finite() {
                return Err(self.not_finite_loss(batch, &ctx, value)?);
            }
            if evaluated && self.compares_without_collisions() {
                let start = Instant::now();
                sums.plain_loss += self.plain_loss(batch)?;
                aside += start.elapsed().as_secs_f64();
            }
            gradients.loss += value;
            gradients.terms += loss.terms;
            gradients.add(&variables, kiti_nn::backward(&loss.sum)?)?;
        }
        let (loss, terms) = (gradients.loss, gradients.terms);
        let rate = self.learning_rate();
        if let Some(mut sum) = gradients.sum {
            let training = &self.recipe.training;
            if training.loss_reduction == Reduction::Mean {
                scale(&variables, &mut sum, 1.0 / terms as f64)?;
            }
            if training.clip_norm > 0.0 {
                clip_grad_norm(&variables, &mut sum, training.clip_norm)?;
            }
            self.optimizer.step(&sum, rate)?;
        }
        self.progress.step += 1;
        if let Some(average) = &mut self.average {
            average.update(&self.store, self.progress.step)?;
        }
        self.device.synchronize()?;
        sums.loss += loss;
        sums.terms += terms;
        sums.learning_rate = rate;
        sums.evaluation_seconds += aside;
        sums.step_seconds
            .push(start.elapsed().as_secs_f64() - aside);
        Ok(loss / terms as f64)
    }

    pub(super) fn compares_without_collisions(&self) -> bool {
        self.recipe.residual.variant.is_kinetic() && self.recipe.evaluation.without_collisions
    }

    /// The random numbers of a batch: keyed by its number in the whole run.
    fn context(&self, batch: &Batch) -> Context {
        let batches = self.loader.batches_per_epoch() as u64;
        let number = self.progress.epoch as u64 * batches + batch.index as u64;
        let total = batches * self.recipe.training.epochs as u64;
        let seed = derive_seed(self.circumstances.seed, "train/residual");
        Context::train(seed, number).with_progress(number as f64 / total as f64)
    }

    /// The loss of a batch on the same weights without collisions.
    fn plain_loss(&self, batch: &Batch) -> Result<f64> {
        let model = self.detached_model(&self.store.tensors())?;
        let ctx = Context::evaluate();
        let loss = self
            .task
            .loss(&model, &batch.inputs, &batch.targets, &ctx)?;
        scalar(&loss.sum)
    }

    fn learning_rate(&self) -> f64 {
        let training = &self.recipe.training;
        let (at, total) = match training.schedule_per {
            SchedulePeriod::Epoch => (self.progress.epoch as u64, training.epochs as u64),
            SchedulePeriod::Step => (self.progress.step, self.plan.steps),
        };
        training
            .schedule
            .learning_rate(training.learning_rate, at, total)
    }
}

fn scalar(loss: &Tensor) -> Result<f64> {
    Ok(f64::from(loss.to_dtype(DType::F32)?.to_scalar::<f32>()?))
}

fn scale(
    variables: &[(String, Var)],
    gradients: &mut GradStore,
    factor: f64,
) -> candle::Result<()> {
    for (_, variable) in variables {
        if let Some(gradient) = gradients.remove(variable) {
            gradients.insert(variable, gradient.affine(factor, 0.0)?);
        }
    }
    Ok(())
}
