//! What an experiment will do, said before it begins.

use std::path::Path;

use kiti_models::train::{Basis, Plan};

use super::PlannedRun;
use super::arms::Arm;
use crate::cli::ReproduceArguments;
use crate::failure::Outcome;
use crate::output;
use crate::render::number::{bytes, duration, grouped, prefixed};
use crate::render::table::Table;

/// Prints the arms with what each costs, then the whole; a step of each is timed for it.
pub fn announce(
    arms: &[Arm],
    runs: &[PlannedRun],
    arguments: &ReproduceArguments,
    folder: &Path,
) -> Outcome {
    let Some(first) = arms.first() else {
        return Ok(());
    };
    let device = arguments.device.open()?;
    output::line(format!(
        "{} \u{2013} profile {}",
        first.recipe.title, arguments.profile
    ));
    let mut table = Table::new()
        .text("residual")
        .number("runs")
        .number("to do")
        .number("parameters")
        .number("steps a run")
        .number("operations a step")
        .number("time a run")
        .number("memory");
    let (mut seconds, mut memory, mut disk) = (0.0, 0, 0);
    for arm in arms {
        let own = || runs.iter().filter(|run| run.arm.name == arm.name);
        let pending = own().filter(|run| !run.is_finished()).count();
        let basis = if pending > 0 {
            Basis::TimedStep
        } else {
            Basis::Counted
        };
        let plan = Plan::new(&arm.recipe, basis, &device)?;
        seconds += plan.seconds.unwrap_or(0.0) * pending as f64;
        memory = memory.max(plan.memory_bytes);
        disk += plan.disk_bytes * pending as u64;
        table.row([
            arm.name.clone(),
            own().count().to_string(),
            pending.to_string(),
            grouped(plan.parameters as u64),
            grouped(plan.steps),
            format!("{}FLOP", prefixed(plan.training_step_flops as f64)),
            plan.seconds.map_or_else(|| "finished".into(), duration),
            bytes(plan.memory_bytes),
        ]);
    }
    output::line(table.to_text());
    let mut seeds: Vec<String> = runs.iter().map(|run| run.seed.to_string()).collect();
    seeds.dedup();
    let pending = runs.iter().filter(|run| !run.is_finished()).count();
    output::line(format!(
        "{} runs (seeds {}), {pending} to do; estimated: {}, {} of memory, {} of disk\n\
         device {}, {} at a time; runs and report go to {}\n",
        runs.len(),
        seeds.join(", "),
        duration(seconds),
        bytes(memory * u64::from(arguments.jobs)),
        bytes(disk),
        arguments.device,
        arguments.jobs,
        folder.display()
    ));
    Ok(())
}
