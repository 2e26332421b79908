//! What a run will be, before it begins: rates, ratios, size and time.

use kiti_kinetics::gas::{DsmcSolver, Prediction, SolverConfig};

use super::case::{Dimension, Setup, UnitSystem};
use crate::failure::Outcome;
use crate::render::number::{bytes, duration, grouped, significant};

/// The system and other programs need some of the free memory.
const USABLE: f64 = 0.9;
/// Where the system does not tell how much is free.
const UNKNOWN_MEMORY: u64 = 8 << 30;
/// Steps that are timed before the run, after one that warms up.
const TIMED_STEPS: u64 = 2;

/// The bytes that a simulation may take: what the user allows in GiB, or what the machine has free.
pub fn memory_limit(allowed: Option<f64>) -> u64 {
    match allowed {
        Some(gibibytes) => (gibibytes * (1u64 << 30) as f64) as u64,
        None => free_memory().map_or(UNKNOWN_MEMORY, |free| (USABLE * free as f64) as u64),
    }
}

/// Bytes that the system can hand out without swapping; none where it does not tell.
fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Seconds of the whole run, by a few of its steps.
///
/// # Errors
///
/// What the solver refuses.
pub fn seconds(setup: &Setup, config: &SolverConfig) -> Outcome<f64> {
    let mut solver = DsmcSolver::new(config.clone(), &setup.initial)?;
    solver.run(1)?;
    let begin = std::time::Instant::now();
    solver.run(TIMED_STEPS)?;
    Ok(begin.elapsed().as_secs_f64() / TIMED_STEPS as f64 * setup.steps as f64)
}

/// The lines that are printed before step 0; `seconds` is what the run will take, where that is known.
pub fn lines(setup: &Setup, prediction: &Prediction, seconds: Option<f64>) -> String {
    let (length, time) = match setup.system {
        UnitSystem::Si => (
            format!(" {}", Dimension::Length.unit(setup.system)),
            format!(" 1/{}", Dimension::Time.unit(setup.system)),
        ),
        UnitSystem::Reduced => (String::new(), String::new()),
    };
    let cells = match setup.grid().cell_count() {
        1 => "1 cell".to_owned(),
        count => format!("{} cells", grouped(count as u64)),
    };
    let state = setup.state();
    let path = setup
        .molecule()
        .mean_free_path(state.density, state.temperature);
    let cell = match setup.dims() {
        0 => String::new(),
        _ => format!(
            "cell / mean free path {}, ",
            significant(prediction.cell_to_mean_free_path, 3)
        ),
    };
    format!(
        "{}: {}, {}\n\
         expected collision rate {}{time} a molecule, mean free path {}{length} in the initial gas\n\
         {cell}step / mean collision time {}, {} molecules a collision cell, where they are worst\n\
         {} molecules in {}, {} of memory, {} steps, {}",
        setup.name,
        setup.title,
        setup.operator(),
        significant(setup.collision_rate(), 5),
        significant(path, 5),
        significant(prediction.step_to_collision_time, 3),
        significant(prediction.particles_per_cell, 3),
        grouped(prediction.particles.round() as u64),
        cells,
        bytes(prediction.bytes as u64),
        grouped(setup.steps),
        seconds.map_or_else(
            || "time unknown".into(),
            |seconds| format!("about {}", duration(seconds))
        )
    )
}
