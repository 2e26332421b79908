//! `kiti gas bench`: the speed of the solver beside published figures and this machine's memory bandwidth.

pub mod bandwidth;
mod problem;
mod reference;

use kiti_kinetics::gas::{DsmcSolver, PhaseTimes};
use serde::Serialize;
use std::time::{Duration, Instant};

use self::problem::Problem;
use super::arguments::BenchArguments;
use super::run::thread_pool;
use crate::failure::Outcome;
use crate::output;
use crate::render::number::{prefixed, significant};
use crate::render::table::Table;
use crate::train::COMMIT;

/// Steps before the clock starts: the arrays have grown to their size, the gas has forgotten how it was made.
const WARM_UP_STEPS: u64 = 10;
/// Measurements of each problem; the fastest counts, the median is shown.
const ROUNDS: usize = 3;

/// One row.
#[derive(Debug, Clone, Serialize)]
struct Row {
    problem: &'static str,
    particles: usize,
    threads: usize,
    /// Million particle-steps per second: the best round.
    speed: f64,
    /// The median round.
    median_speed: f64,
    /// Collisions of a particle in a step, each counted once for the pair.
    collisions_per_particle_step: f64,
    /// Attempts whose probability was above 1.
    majorant_violations: u64,
    /// Nanoseconds of a thread for one particle-step, by phase.
    sort_ns: f64,
    collide_ns: f64,
    fly_ns: f64,
    /// Bytes that the solver holds, over the particles.
    bytes_per_particle: f64,
    /// What copying each particle's state once would allow, in million particle-steps per second.
    ceiling: f64,
    /// SPARTA's or dsmc-python's speed, where it was measured with as many particles and threads.
    reference: Option<f64>,
}

/// Runs the command.
pub fn run(arguments: &BenchArguments) -> Outcome {
    let mut threads = arguments.threads.clone();
    if threads.is_empty() {
        threads = vec![1, thread_pool(0)?.current_num_threads()];
        threads.dedup();
    }
    let mut rows = Vec::new();
    let mut bandwidths = Vec::new();
    for count in threads {
        let pool = thread_pool(count)?;
        let bandwidth = pool.install(|| bandwidth::copy(count));
        bandwidths.push((count, bandwidth));
        if !arguments.json {
            output::line(format!(
                "{count} threads: copies {}B/s, read and written bytes together",
                prefixed(bandwidth)
            ));
        }
        for problem in problem::all(arguments.large) {
            let row = pool.install(|| measure(&problem, count, bandwidth, arguments.seconds))?;
            if !arguments.json {
                output::line(format!(
                    "  {}, {} particles: {} million particle-steps/s",
                    row.problem,
                    prefixed(row.particles as f64).trim(),
                    significant(row.speed, 4)
                ));
            }
            rows.push(row);
        }
    }
    if arguments.json {
        let value = serde_json::json!({
            "rows": rows,
            "copy_bytes_per_second": bandwidths
                .iter()
                .map(|(threads, bandwidth)| serde_json::json!({"threads": threads, "bandwidth": bandwidth}))
                .collect::<Vec<_>>(),
            "references": [reference::SPARTA_SOURCE, reference::PYTHON_SOURCE],
            "version": env!("CARGO_PKG_VERSION"),
            "commit": COMMIT,
        });
        output::line(format!("{value:#}"));
    } else {
        output::line(format!("\n{}", table(&rows).to_text()));
        output::line(
            "\nspeeds in million particle-steps/s; phases in ns of a thread for one particle-step; \
             ceiling: what copying every particle's state once a step would allow",
        );
        output::line(format!(
            "reference of collide and free: {}",
            reference::SPARTA_SOURCE
        ));
        output::line(format!(
            "reference of rayleigh: {}",
            reference::PYTHON_SOURCE
        ));
    }
    Ok(())
}

fn measure(problem: &Problem, threads: usize, bandwidth: f64, seconds: f64) -> Outcome<Row> {
    let mut solver = DsmcSolver::new(problem.config.clone(), &problem.initial)?;
    solver.run(WARM_UP_STEPS)?;
    let mut speeds = Vec::new();
    let (before, phases_before) = (solver.statistics(), solver.phase_times());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let particle_steps = solver.statistics().particle_steps;
        while start.elapsed().as_secs_f64() < seconds / ROUNDS as f64 {
            solver.step()?;
        }
        let done = solver.statistics().particle_steps - particle_steps;
        speeds.push(done as f64 / start.elapsed().as_secs_f64() / 1e6);
    }
    speeds.sort_by(f64::total_cmp);
    let after = solver.statistics();
    let particle_steps = (after.particle_steps - before.particle_steps) as f64;
    let phases = solver.phase_times();
    let phase = |of: fn(&PhaseTimes) -> Duration| {
        1e9 * (of(&phases) - of(&phases_before)).as_secs_f64() / particle_steps
    };
    let particles = solver.particle_count();
    let state = (8 * (problem.config.grid.dims + 3)) as f64;
    Ok(Row {
        problem: problem.name,
        particles,
        threads,
        speed: speeds[ROUNDS - 1],
        median_speed: speeds[ROUNDS / 2],
        collisions_per_particle_step: (after.collisions - before.collisions) as f64
            / particle_steps,
        majorant_violations: after.majorant_violations - before.majorant_violations,
        sort_ns: phase(|phases| phases.sort),
        collide_ns: phase(|phases| phases.collide),
        fly_ns: phase(|phases| phases.fly),
        bytes_per_particle: solver.bytes() as f64 / particles as f64,
        ceiling: bandwidth / (2.0 * state) / 1e6,
        reference: problem.reference(particles as u64, threads),
    })
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new()
        .text("problem")
        .number("particles")
        .number("threads")
        .number("speed")
        .number("median")
        .number("reference")
        .number("ratio")
        .number("ceiling")
        .number("sort")
        .number("collide")
        .number("fly")
        .number("collisions")
        .number("bytes a particle");
    for row in rows {
        table.row([
            row.problem.to_owned(),
            prefixed(row.particles as f64),
            row.threads.to_string(),
            significant(row.speed, 3),
            significant(row.median_speed, 3),
            row.reference
                .map_or_else(String::new, |speed| significant(speed, 3)),
            row.reference.map_or_else(String::new, |speed| {
                format!("{}\u{d7}", significant(row.speed / speed, 2))
            }),
            significant(row.ceiling, 3),
            significant(row.sort_ns, 3),
            significant(row.collide_ns, 3),
            significant(row.fly_ns, 3),
            significant(row.collisions_per_particle_step, 3),
            significant(row.bytes_per_particle, 3),
        ]);
    }
    table
}
