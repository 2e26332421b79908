//! `kiti reproduce`: an experiment from data to report, in child processes that can be stopped at any moment.

mod announcement;
mod arms;
mod children;
mod experiments;

use std::path::PathBuf;

use kiti_models::train::RunFiles;
use kiti_nn::residual::Variant;

use arms::Arm;
use children::Children;
use experiments::{EXPERIMENTS, Experiment, chosen_variants};

use crate::cli::ReproduceArguments;
use crate::failure::{Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::output;
use crate::recipe_choice::run_folder;
use crate::render::table::Table;
use crate::report;

/// One training run of an experiment.
#[derive(Debug, Clone)]
pub struct PlannedRun {
    /// What is trained.
    pub arm: Arm,
    /// The seed.
    pub seed: u64,
    /// Where it lies.
    pub folder: PathBuf,
}

impl PlannedRun {
    /// What messages call it.
    pub fn name(&self) -> String {
        format!("{}, seed {}", self.arm.name, self.seed)
    }

    /// Whether it is complete.
    pub fn is_finished(&self) -> bool {
        RunFiles::new(&self.folder).result().is_file()
    }
}

/// Runs the command.
pub fn run(arguments: &ReproduceArguments) -> Outcome {
    if arguments.list {
        return list();
    }
    let default = vec!["heat".to_owned()];
    let names = if arguments.experiments.is_empty() {
        &default
    } else {
        &arguments.experiments
    };
    let mut experiments = Vec::new();
    for name in names {
        let experiment = Experiment::find(name)?;
        let profile = experiment.profile(&arguments.profile)?;
        let variants = chosen_variants(&arguments.variants, profile)?;
        experiments.push((
            experiment,
            variants,
            arguments.seeds.unwrap_or(profile.seeds),
        ));
    }
    // A device that is not there is better said once than by every run.
    arguments.device.open()?;
    let interrupt = Interrupt::listen()?;
    let mut failures = 0;
    for (experiment, variants, seeds) in experiments {
        failures += reproduce(experiment, &variants, seeds, arguments, &interrupt)?;
    }
    match failures {
        0 => Ok(()),
        1 => Err(Failure::failed(
            "1 run failed; the same command tries it again",
        )),
        count => Err(Failure::failed(format!(
            "{count} runs failed; the same command tries them again"
        ))),
    }
}

/// Runs what is not finished, then reports; returns how many runs failed.
fn reproduce(
    experiment: &Experiment,
    variants: &[Variant],
    seeds: u32,
    arguments: &ReproduceArguments,
    interrupt: &Interrupt,
) -> Outcome<usize> {
    let mut name = format!("{}-{}", experiment.name, arguments.profile);
    if let Some(ablation) = &arguments.ablate {
        name = format!("{name}-{}", ablation.key.trim_start_matches("residual."));
    }
    let folder = arguments.out.join(&name);
    let arms = arms::arms(experiment, variants, arguments)?;
    let runs = planned_runs(&arms, seeds, |arm, seed| {
        arguments.out.join(run_folder(&name, arm, seed))
    });
    announcement::announce(&arms, &runs, arguments, &folder)?;

    let mut failures = Vec::new();
    let mut children = Children::new(arguments);
    let pending: Vec<&PlannedRun> = runs.iter().filter(|run| !run.is_finished()).collect();
    for run in &pending {
        let position = runs
            .iter()
            .position(|other| other.folder == run.folder)
            .unwrap_or(0)
            + 1;
        failures.extend(children.wait_for_place(interrupt));
        if interrupt.requested() {
            break;
        }
        children.start(run, format!("[{position}/{}] {}", runs.len(), run.name()))?;
    }
    failures.extend(children.wait_for_all(interrupt));
    if interrupt.requested() {
        let finished = runs.iter().filter(|run| run.is_finished()).count();
        return Err(Failure::Interrupted(format!(
            "stopped with {finished} of {} runs finished in {}; the same command goes on and ends with the same bits",
            runs.len(),
            folder.display()
        )));
    }
    let written = report::build(&folder, &failures)?;
    output::line(written.table);
    output::line(format!(
        "\nresults: {}\nreport:  {}",
        written.results.display(),
        written.page.display()
    ));
    Ok(failures.len())
}

/// Every run, seeds outside and arms inside, so that whatever is finished is already paired.
fn planned_runs(
    arms: &[Arm],
    seeds: u32,
    folder: impl Fn(&str, u64) -> PathBuf,
) -> Vec<PlannedRun> {
    (0..u64::from(seeds))
        .flat_map(|seed| arms.iter().map(move |arm| (seed, arm)))
        .map(|(seed, arm)| PlannedRun {
            folder: folder(&arm.name, seed),
            arm: arm.clone(),
            seed,
        })
        .collect()
}

fn list() -> Outcome {
    for experiment in EXPERIMENTS {
        output::line(format!("{}: {}", experiment.name, experiment.title()?));
        let mut table = Table::new()
            .text("profile")
            .number("seeds")
            .text("residuals");
        for profile in experiment.profiles {
            let names: Vec<&str> = profile
                .variants
                .iter()
                .map(|variant| variant.name())
                .collect();
            let names = if profile.variants.len() == Variant::ALL.len() {
                "all".to_owned()
            } else {
                names.join(", ")
            };
            table.row([profile.name.to_owned(), profile.seeds.to_string(), names]);
        }
        output::line(table.to_text());
    }
    let all: Vec<&str> = Variant::ALL.iter().map(|variant| variant.name()).collect();
    output::line(format!("\nresiduals for --variants: {}", all.join(", ")));
    Ok(())
}
