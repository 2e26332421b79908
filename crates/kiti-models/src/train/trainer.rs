//! A run from its recipe to its result.

use std::path::PathBuf;

use candle::{DType, Device};
use kiti_data::cache::Cache;
use kiti_nn::var_store::VarStore;

use super::directory::{Circumstances, RunDirectory, RunFiles};
use super::observer::{Event, Observer};
use super::plan::{Basis, Plan};
use super::result::{RunResult, read_result};
use super::session::{Ended, Session};
use crate::Result;
use crate::model::{Model, ModelDescription};
use crate::recipe::Recipe;
use crate::task::{self, Task};

/// Where and how a recipe is trained.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// The run's folder; made if need be.
    pub out: PathBuf,
    /// Seed of initial weights, order of batches and collisions.
    pub seed: u64,
    /// Go on with the same run where the folder holds one.
    pub resume: bool,
    /// Where tensors live.
    pub device: Device,
    /// Name of the profile that the recipe was resolved with, for the record.
    pub profile: Option<String>,
    /// Commit of the source, for the record.
    pub commit: Option<String>,
    /// Where generated data are kept.
    pub cache: Cache,
}

impl TrainOptions {
    /// Seed 0 on the CPU into `out`, not resumed.
    pub fn new(out: impl Into<PathBuf>, cache: Cache) -> Self {
        Self {
            out: out.into(),
            seed: 0,
            resume: false,
            device: Device::Cpu,
            profile: None,
            commit: None,
            cache,
        }
    }
}

/// How a call of [`Trainer::run`] ended.
#[derive(Debug)]
pub enum Outcome {
    /// The run is complete.
    Finished(Box<RunResult>),
    /// The observer broke off; the same run resumed goes on after `epoch`.
    Interrupted {
        /// Epochs that a checkpoint holds.
        epoch: usize,
        /// Optimiser steps done, of which those after the checkpoint are lost.
        step: u64,
    },
}

/// Trains one recipe with one seed.
///
/// # Example
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use kiti_data::cache::Cache;
/// use kiti_models::recipe::Recipe;
/// use kiti_models::train::{Basis, Event, Outcome, TrainOptions, Trainer};
///
/// let recipe = Recipe::load("heat", Some("quick"), &[])?;
/// let options = TrainOptions::new("runs/heat", Cache::in_default_directory()?);
/// let mut trainer = Trainer::new(recipe, options)?;
/// let seconds = trainer.plan(Basis::TimedStep)?.seconds;
/// let outcome = trainer.run(&mut |_: &Event<'_>| ControlFlow::Continue(()))?;
/// if let Outcome::Finished(result) = outcome {
///     println!("{:?}", result.last.evaluation);
/// }
/// # Ok::<(), kiti_models::Error>(())
/// ```
#[derive(Debug)]
pub struct Trainer {
    recipe: Recipe,
    options: TrainOptions,
    plan: Plan,
    task: Option<Box<dyn Task>>,
}

impl Trainer {
    /// Prepares a run and counts what it will cost; nothing is read, written or timed yet.
    ///
    /// # Errors
    ///
    /// Those of [`Plan::new`].
    pub fn new(recipe: Recipe, options: TrainOptions) -> Result<Self> {
        let plan = Plan::new(&recipe, Basis::Counted, &options.device)?;
        Ok(Self {
            recipe,
            options,
            plan,
            task: None,
        })
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The paths of the run's files.
    pub fn files(&self) -> RunFiles {
        RunFiles::new(&self.options.out)
    }

    /// Trains on this task in the place of the one that the recipe describes.
    pub fn with_task(mut self, task: Box<dyn Task>) -> Self {
        self.task = Some(task);
        self
    }

    /// What [`run`](Self::run) will do and cost.
    ///
    /// # Errors
    ///
    /// Those of [`Plan::new`].
    pub fn plan(&mut self, basis: Basis) -> Result<&Plan> {
        self.plan = Plan::new(&self.recipe, basis, &self.options.device)?;
        Ok(&self.plan)
    }

    /// Trains to the end, or until `observer` breaks off.
    ///
    /// A complete run that is resumed gives its result at once.
    ///
    /// # Errors
    ///
    /// [`Locked`](crate::Error::Locked), [`OtherRun`](crate::Error::OtherRun), [`RunExists`](crate::Error::RunExists)
    /// for the folder;
    /// [`NotFinite`](crate::Error::NotFinite) where training leaves the finite numbers;
    /// [`Io`](crate::Error::Io) and [`Data`](crate::Error::Data) for files. The last good checkpoint stays in each case.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<Outcome> {
        let circumstances = circumstances(&self.recipe, &self.options);
        let directory = RunDirectory::open(
            &self.options.out,
            &self.recipe,
            &circumstances,
            self.options.resume,
        )?;
        if directory.files.result().exists() {
            let result = read_result(&directory.files.result())?;
            let _ = observer.observe(&Event::Finished { result: &result });
            return Ok(Outcome::Finished(Box::new(result)));
        }
        let loaded;
        let task = match &self.task {
            Some(task) => task.as_ref(),
            None => {
                loaded = self.load(observer)?;
                self.recipe
                    .data
                    .fields()
                    .write_companions(&self.options.out)?;
                loaded.as_ref()
            }
        };
        let mut session = Session::start(
            &self.recipe,
            circumstances,
            &self.options.device,
            &directory,
            task,
            &self.plan,
        )?;
        match session.run(observer)? {
            Ended::Interrupted { epoch, step } => Ok(Outcome::Interrupted { epoch, step }),
            Ended::Complete => {
                let result = session.finish()?;
                let _ = observer.observe(&Event::Finished { result: &result });
                Ok(Outcome::Finished(Box::new(result)))
            }
        }
    }

    /// Loads the samples on a thread of its own, so that `observer` hears of their progress on this one.
    fn load(&self, observer: &mut dyn Observer) -> Result<Box<dyn Task>> {
        self.recipe.check_extents()?;
        let (recipe, cache) = (&self.recipe, &self.options.cache);
        let (sender, progress) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let loading = scope.spawn(move || {
                // Whoever listens has gone only where loading has failed already.
                let report = |set: &str, progress| {
                    let _ = sender.send((set.to_owned(), progress));
                };
                task::load(recipe, cache, &report)
            });
            for (set, progress) in progress {
                let _ = observer.observe(&Event::Data {
                    set: &set,
                    finished: progress.finished,
                    samples: progress.samples,
                });
            }
            match loading.join() {
                Ok(task) => task,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

/// The variables that a recipe starts from with `seed`: the same for every residual.
///
/// # Errors
///
/// Those of building the model.
pub fn initial_variables(recipe: &Recipe, seed: u64, device: &Device) -> Result<VarStore> {
    let store = VarStore::new(super::session::weight_seed(seed), DType::F32, device);
    let description = ModelDescription::new(recipe.model.clone(), recipe.residual.config());
    Model::new(&description, store.builder())?;
    recipe.model.begin_from_checkpoint(&store)?;
    Ok(store)
}

fn circumstances(recipe: &Recipe, options: &TrainOptions) -> Circumstances {
    Circumstances {
        recipe: recipe.name.clone(),
        profile: options.profile.clone(),
        variant: recipe.residual.variant.to_string(),
        seed: options.seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: options.commit.clone(),
        device: match &options.device {
            Device::Cpu => "cpu".to_owned(),
            other => format!("{:?}", other.location()).to_lowercase(),
        },
        threads: candle::utils::get_num_threads(),
    }
}
