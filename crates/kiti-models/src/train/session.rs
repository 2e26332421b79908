//! The training loop.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use candle::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use kiti_data::loader::{Batch, Loader, LoaderSettings};
use kiti_kinetics::rng::derive_seed;
use kiti_nn::context::{Context, LayerDiagnostics};
use kiti_nn::optim::Optimizer;
use kiti_nn::var_store::VarStore;

use super::average::WeightAverage;
use super::directory::{Circumstances, RunDirectory};
use super::metrics::{EpochMetrics, EpochTiming, LayerMetrics, LineFile, MidwayEvaluation};
use super::observer::{Event, Observer};
use super::plan::Plan;
use super::result::{self, RunResult};
use super::step::{EpochSums, Midway};
use crate::checkpoint::{self, Progress};
use crate::fno::is_finite;
use crate::model::{Model, ModelDescription};
use crate::recipe::Recipe;
use crate::task::{Task, VALIDATION};
use crate::{Error, Result};

/// Checkpoints that stay.
const KEPT: usize = 2;

/// Seed of the initial weights of a run.
pub(super) fn weight_seed(seed: u64) -> u64 {
    derive_seed(seed, "train/weights")
}

pub(super) enum Ended {
    Complete,
    Interrupted { epoch: usize, step: u64 },
}

/// A run at work.
pub(super) struct Session<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) circumstances: Circumstances,
    pub(super) device: &'a Device,
    pub(super) directory: &'a RunDirectory,
    pub(super) task: &'a dyn Task,
    pub(super) store: VarStore,
    pub(super) description: ModelDescription,
    pub(super) progress: Progress,
    pub(super) plan: &'a Plan,
    pub(super) model: Model,
    pub(super) optimizer: Optimizer,
    pub(super) average: Option<WeightAverage>,
    pub(super) loader: Loader,
    metrics: LineFile,
    timing: LineFile,
    checkpoint_seconds: f64,
    started: Instant,
    elapsed_before: f64,
}

impl<'a> Session<'a> {
    /// Builds model and optimiser and goes to the newest checkpoint of the folder, if it has one.
    pub(super) fn start(
        recipe: &'a Recipe,
        circumstances: Circumstances,
        device: &'a Device,
        directory: &'a RunDirectory,
        task: &'a dyn Task,
        plan: &'a Plan,
    ) -> Result<Self> {
        let seed = circumstances.seed;
        let store = VarStore::new(weight_seed(seed), DType::F32, device);
        let description = task.description();
        let model = Model::new(&description, store.builder())?;
        recipe.model.begin_from_checkpoint(&store)?;
        let mut optimizer = recipe.training.optimizer(&recipe.model, &store)?;
        let settings = LoaderSettings {
            batch_size: recipe.training.batch_size,
            seed: derive_seed(seed, "train/order"),
            ..LoaderSettings::default()
        };
        let loader = Loader::new(task.training_data().clone(), settings, device)?;

        let folder = directory.files.checkpoints();
        let mut progress = Progress {
            epoch: 0,
            step: 0,
            metrics_bytes: 0,
            timing_bytes: 0,
            elapsed_seconds: 0.0,
            best_validation: None,
            evaluations_without_gain: 0,
        };
        let decay = recipe.training.average_decay;
        let mut average = (decay > 0.0)
            .then(|| WeightAverage::new(decay, &store))
            .transpose()?;
        if let Some(mut found) = checkpoint::latest(&folder, device)? {
            store
                .load_strict(&found.model)
                .map_err(Error::tensors(&found.path))?;
            if let Some(average) = &mut average {
                average.load(&mut found.optimizer);
            }
            optimizer.load_state(&found.optimizer)?;
            progress = found.progress;
        }
        Ok(Self {
            recipe,
            circumstances,
            device,
            task,
            description,
            metrics: LineFile::resume(&directory.files.metrics(), progress.metrics_bytes)?,
            timing: LineFile::resume(&directory.files.timing(), progress.timing_bytes)?,
            directory,
            store,
            plan,
            model,
            optimizer,
            average,
            loader,
            checkpoint_seconds: 0.0,
            started: Instant::now(),
            elapsed_before: progress.elapsed_seconds,
            progress,
        })
    }

    /// Trains the epochs that are left.
    pub(super) fn run(&mut self, observer: &mut dyn Observer) -> Result<Ended> {
        let epochs = self.recipe.training.epochs;
        let started = Event::Started {
            plan: self.plan,
            resumed_epochs: self.progress.epoch,
        };
        if observer.observe(&started).is_break() {
            let (epoch, step) = (self.progress.epoch, self.progress.step);
            return Ok(Ended::Interrupted { epoch, step });
        }
        let mut kept = self.progress.epoch;
        while self.progress.epoch < epochs && !self.has_stalled() {
            let evaluated = self.evaluates(self.progress.epoch + 1);
            let diagnostics = Arc::new(LayerDiagnostics::default());
            let mut sums = EpochSums::default();
            let mut waiting = Instant::now();
            let mut batches = self.loader.epoch(self.progress.epoch as u64);
            let mut midway = Midway::new(self.recipe, self.loader.batches_per_epoch(), evaluated);
            loop {
                let together = batches
                    .by_ref()
                    .take(self.recipe.training.accumulation)
                    .collect::<kiti_data::Result<Vec<_>>>()?;
                sums.loading_seconds += waiting.elapsed().as_secs_f64();
                if together.is_empty() {
                    break;
                }
                let loss = self.step(&together, evaluated, &diagnostics, &mut sums)?;
                if midway.is_due(sums.step_seconds.len()) {
                    self.evaluate_midway(&mut sums)?;
                }
                let event = Event::Step {
                    epoch: self.progress.epoch,
                    step: self.progress.step,
                    steps: self.plan.steps,
                    loss,
                    seconds: sums.step_seconds.last().copied().unwrap_or(0.0),
                };
                if observer.observe(&event).is_break() {
                    return Ok(Ended::Interrupted {
                        epoch: kept,
                        step: self.progress.step,
                    });
                }
                waiting = Instant::now();
            }
            self.progress.epoch += 1;
            let (metrics, timing) = self.close_epoch(evaluated, &diagnostics, sums)?;
            if self
                .progress
                .epoch
                .is_multiple_of(self.recipe.training.checkpoint_every)
                || self.progress.epoch == epochs
                || self.has_stalled()
            {
                self.checkpoint()?;
                kept = self.progress.epoch;
            }
            let event = Event::Epoch {
                metrics: &metrics,
                timing: &timing,
                epochs,
            };
            let broken_off = observer.observe(&event).is_break();
            if broken_off && self.progress.epoch < epochs && !self.has_stalled() {
                return Ok(Ended::Interrupted {
                    epoch: kept,
                    step: self.progress.step,
                });
            }
        }
        Ok(Ended::Complete)
    }

    fn evaluates(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.recipe.evaluation.every) || epoch == self.recipe.training.epochs
    }

    /// Whether the error on the validation samples has stopped falling.
    fn has_stalled(&self) -> bool {
        let patience = self.recipe.training.patience;
        patience > 0 && self.progress.evaluations_without_gain >= patience
    }

    fn judge(&mut self, evaluation: &BTreeMap<String, f64>) {
        let Some(&found) = evaluation.get(VALIDATION) else {
            return;
        };
        if self
            .task
            .measure()
            .improves(found, self.progress.best_validation)
        {
            self.progress.best_validation = Some(found);
            self.progress.evaluations_without_gain = 0;
        } else {
            self.progress.evaluations_without_gain += 1;
        }
    }

    fn evaluate_midway(&self, sums: &mut EpochSums) -> Result<()> {
        let start = Instant::now();
        let evaluation = self.task.evaluate(&self.evaluated_model()?, self.device)?;
        sums.midway.push(MidwayEvaluation {
            step: self.progress.step,
            evaluation,
        });
        sums.evaluation_seconds += start.elapsed().as_secs_f64();
        Ok(())
    }

    /// The lines of an epoch, written down.
    fn close_epoch(
        &mut self,
        evaluated: bool,
        diagnostics: &LayerDiagnostics,
        mut sums: EpochSums,
    ) -> Result<(EpochMetrics, EpochTiming)> {
        self.check_weights()?;
        let start = Instant::now();
        let (mut evaluation, mut scores) = (None, BTreeMap::new());
        if evaluated {
            let model = self.evaluated_model()?;
            let found = self.task.evaluate_with_scores(&model, self.device)?;
            self.judge(&found.0);
            evaluation = Some(found.0);
            scores = found.1;
        }
        sums.evaluation_seconds += start.elapsed().as_secs_f64();
        let terms = sums.terms as f64;
        let compared = evaluated && self.compares_without_collisions();
        let metrics = EpochMetrics {
            epoch: self.progress.epoch,
            step: self.progress.step,
            learning_rate: sums.learning_rate,
            train_loss: sums.loss / terms,
            train_loss_without_collisions: compared.then(|| sums.plain_loss / terms),
            midway: std::mem::take(&mut sums.midway),
            evaluation,
            scores,
            layers: diagnostics
                .take()
                .into_iter()
                .map(|(layer, collisions)| LayerMetrics {
                    layer,
                    acceptance_rate: collisions.acceptance_rate(),
                    energy_ratio: collisions.energy_ratio(),
                    momentum_error: collisions.momentum_error,
                })
                .collect(),
        };
        self.progress.elapsed_seconds = self.elapsed();
        let timing = EpochTiming {
            epoch: self.progress.epoch,
            steps: sums.step_seconds.len() as u64,
            step_seconds: result::median(&mut sums.step_seconds.clone()),
            training_seconds: sums.step_seconds.iter().sum(),
            loading_seconds: Some(sums.loading_seconds),
            evaluation_seconds: sums.evaluation_seconds,
            checkpoint_seconds: self.checkpoint_seconds,
            elapsed_seconds: self.progress.elapsed_seconds,
        };
        self.metrics.append(&metrics)?;
        self.timing.append(&timing)?;
        Ok((metrics, timing))
    }

    fn checkpoint(&mut self) -> Result<()> {
        let start = Instant::now();
        let folder = self.directory.files.checkpoints();
        self.progress.metrics_bytes = self.metrics.bytes();
        self.progress.timing_bytes = self.timing.bytes();
        let last = self.progress.epoch == self.recipe.training.epochs || self.has_stalled();
        let mut state = self.optimizer.state()?;
        state.extend(self.average.iter().flat_map(WeightAverage::state));
        checkpoint::write(
            &folder,
            &self.progress,
            &self.description,
            &self.store.tensors(),
            &state,
            last,
        )?;
        checkpoint::prune(&folder, KEPT)?;
        self.checkpoint_seconds = start.elapsed().as_secs_f64();
        Ok(())
    }

    /// Seconds of the run so far, interruptions left out.
    pub(super) fn elapsed(&self) -> f64 {
        self.elapsed_before + self.started.elapsed().as_secs_f64()
    }

    /// The weights that are evaluated and kept: the present ones, or their moving average.
    pub(super) fn evaluated_weights(&self) -> BTreeMap<String, Tensor> {
        match &self.average {
            Some(average) => average.tensors().clone(),
            None => self.store.tensors(),
        }
    }

    /// The model on those weights.
    pub(super) fn evaluated_model(&self) -> Result<Model> {
        self.detached_model(&self.evaluated_weights())
    }

    /// The model on `weights` without a graph: what a pass computes is forgotten at once.
    pub(super) fn detached_model(&self, weights: &BTreeMap<String, Tensor>) -> Result<Model> {
        let tensors: HashMap<String, Tensor> = weights.clone().into_iter().collect();
        let vb = VarBuilder::from_tensors(tensors, self.store.dtype(), self.device);
        Model::new(&self.description, vb)
    }

    pub(super) fn not_finite_loss(
        &self,
        batch: &Batch,
        ctx: &Context,
        value: f64,
    ) -> Result<Error> {
        let model = self.detached_model(&self.store.tensors())?;
        let place = self
            .task
            .first_not_finite(&model, &batch.inputs, &batch.targets, ctx)?;
        Ok(self.not_finite(
            "the loss",
            value,
            place.unwrap_or_else(|| "the loss".to_owned()),
        ))
    }

    /// Refuses to write down weights that are not finite.
    fn check_weights(&self) -> Result<()> {
        for (name, variable) in self.store.variables() {
            if !is_finite(variable.as_tensor())? {
                return Err(self.not_finite("a weight", f64::NAN, name));
            }
        }
        Ok(())
    }

    fn not_finite(&self, what: &str, value: f64, place: String) -> Error {
        let newest = checkpoint::list(&self.directory.files.checkpoints()).ok();
        let in_epoch = what == "the loss";
        Error::NotFinite {
            what: what.to_owned(),
            value,
            step: self.progress.step + u64::from(in_epoch),
            epoch: self.progress.epoch + usize::from(in_epoch),
            place,
            checkpoint: newest
                .and_then(|mut found| found.pop())
                .map(|(_, path)| path),
        }
    }

    /// Writes the final model, predictions and result.
    pub(super) fn finish(&mut self) -> Result<RunResult> {
        result::write_all(self)
    }
}
