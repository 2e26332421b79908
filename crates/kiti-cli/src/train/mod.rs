//! `kiti train`: one run, announced, watched, interruptible.

pub mod peak_memory;
mod progress;
mod supervision;

use std::path::Path;

use kiti_data::cache::Cache;
use kiti_models::train::{Basis, Outcome as RunOutcome, Plan, RunResult, TrainOptions, Trainer};

pub use progress::Progress;

use crate::cli::TrainArguments;
use crate::failure::{Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::output;
use crate::recipe_choice;
use crate::render::number::{bytes, duration, grouped, prefixed, significant};

/// The commit that this program was built from, where it was built in a repository.
pub const COMMIT: Option<&str> = option_env!("KITI_COMMIT");

/// Runs the command.
pub fn run(arguments: &TrainArguments) -> Outcome {
    let interrupt = Interrupt::listen()?;
    let recipe = recipe_choice::load(&arguments.recipe)?;
    let device = arguments.device.open()?;
    let profile = arguments.recipe.profile.clone();
    let variant = recipe.residual.variant.name();
    let out = arguments.out.clone().unwrap_or_else(|| {
        let experiment = match &profile {
            Some(profile) => format!("{}-{profile}", recipe.name),
            None => recipe.name.clone(),
        };
        Path::new("runs").join(recipe_choice::run_folder(
            &experiment,
            variant,
            arguments.seed,
        ))
    });
    let options = TrainOptions {
        seed: arguments.seed,
        resume: arguments.resume,
        device,
        profile,
        commit: COMMIT.map(str::to_owned),
        ..TrainOptions::new(&out, Cache::in_default_directory()?)
    };
    let name = recipe.name.clone();
    let mut trainer = Trainer::new(recipe, options)?;
    let complete = arguments.resume && trainer.files().result().is_file();
    let label = match &arguments.supervised {
        Some(label) => {
            supervision::end_with_supervisor(&interrupt);
            supervision::wait_for_predecessor(out.join(".lock"), &interrupt);
            trainer.plan(Basis::Counted)?;
            label.clone()
        }
        None => {
            if !complete {
                let plan = trainer.plan(Basis::TimedStep)?;
                announce(&name, plan, arguments, &out);
            }
            String::new()
        }
    };
    let mut progress = Progress::new(label, interrupt);
    let outcome = trainer.run(&mut progress);
    progress.close();
    match outcome? {
        RunOutcome::Finished(mut result) => {
            if !complete {
                peak_memory::record(&trainer.files().result(), &mut result)?;
            }
            if arguments.supervised.is_none() {
                conclude(&result, &out, complete);
            }
            Ok(())
        }
        RunOutcome::Interrupted { epoch, step } => Err(Failure::Interrupted(format!(
            "stopped after step {step}; the checkpoint of epoch {epoch} is kept in {}. \
             The same command with --resume goes on from there and ends with the same bits",
            out.display()
        ))),
    }
}

fn announce(recipe: &str, plan: &Plan, arguments: &TrainArguments, out: &Path) {
    let seconds = plan.seconds.map_or_else(|| "unknown".into(), duration);
    output::line(format!(
        "{recipe}: residual {}, seed {}, {} parameters, {} steps in {} epochs ({}FLOP)\n\
         estimated: {seconds}, {} of memory, {} of disk; device {}; writes to {}",
        plan.variant,
        arguments.seed,
        grouped(plan.parameters as u64),
        grouped(plan.steps),
        plan.epochs,
        prefixed(plan.total_flops as f64),
        bytes(plan.memory_bytes),
        bytes(plan.disk_bytes),
        arguments.device,
        out.display()
    ));
}

fn conclude(result: &RunResult, out: &Path, complete: bool) {
    let errors: Vec<String> = result
        .last
        .evaluation
        .iter()
        .flatten()
        .map(|(set, error)| format!("{set}: {}", significant(*error, 4)))
        .collect();
    let state = if complete {
        "was finished before"
    } else {
        "finished"
    };
    output::line(format!(
        "{state}; {} of the last epoch: {}\nmodel: {}",
        result.measure.title(),
        errors.join(", "),
        out.join("model.safetensors").display()
    ));
}
