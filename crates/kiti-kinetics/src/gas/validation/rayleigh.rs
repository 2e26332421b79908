//! Two plates at the ends of a BGK gas start to slide against each other.

use rayon::prelude::*;

use super::check::{Check, Estimate};
use super::setup::{Line, unit_molecule, wall};
use crate::exact::rayleigh::gas_velocity_at_plate;
use crate::gas::{Collisions, DsmcSolver, GasResult, InitialGas, Relaxation, Sampler};
use crate::rng::derive_seed;

/// Relaxation time of Maxwell molecules at density 1.
const TAU: f64 = 2.0;
/// The velocity in a cell this thin is mostly noise: a hundred replicas leave 0.3 %.
const REPLICAS: usize = 120;
/// Times at which the gas beside the plate is looked at, in `TAU`.
const TIMES: [f64; 3] = [1.0, 2.0, 5.0];
/// Half width of the window around each, in `TAU`.
const WINDOW: f64 = 0.25;

/// Velocity of the gas at the plates. The plates are so far from each other that neither feels the other.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let speed = 0.6;
    let v0_tau = 2f64.sqrt() * TAU;
    let cell = 0.05;
    let width = 9.0;
    let line = Line {
        molecule: unit_molecule(1.0, 1.0),
        collisions: Collisions::Relaxation(Relaxation::Bgk),
        length: width * v0_tau,
        cells: (width / cell).round() as usize,
        particles: 300_000,
        dt: 0.0625 * TAU,
        ends: [wall(1.0, speed, 1.0), wall(1.0, -speed, 1.0)],
    };
    let velocities: Vec<[f64; 3]> = (0..REPLICAS)
        .into_par_iter()
        .map(|replica| {
            let seed = derive_seed(seed, &format!("replica {replica}"));
            let solver = DsmcSolver::new(line.config(seed), &InitialGas::uniform(1.0, 1.0))?;
            at_plates(solver, line.dt).map(|u| u.map(|u| u / speed))
        })
        .collect::<GasResult<_>>()?;
    Ok(TIMES
        .iter()
        .enumerate()
        .map(|(index, &time)| {
            let values: Vec<f64> = velocities.iter().map(|v| v[index]).collect();
            let found = Estimate::of(&values);
            let window: Vec<f64> = samples(time, line.dt)
                .map(|step| gas_velocity_at_plate(step as f64 * line.dt / TAU))
                .collect();
            Check {
                quantity: format!("Rayleigh, gas velocity at the plate, t/tau = {time}"),
                value: found.value,
                expected: window.iter().sum::<f64>() / window.len() as f64,
                standard_error: found.standard_error,
                systematic: 0.005,
                limit: 0.02,
                reason: "extrapolation from cells of a twentieth of v0 tau (the profile goes as x ln x at the plate) and Mach 0.46",
            }
        })
        .collect())
}

/// Steps at which a window is sampled.
fn samples(time: f64, dt: f64) -> std::ops::RangeInclusive<u64> {
    let step = |time: f64| (time * TAU / dt).round() as u64;
    step(time - WINDOW)..=step(time + WINDOW)
}

/// Mean velocity at both plates, each taken towards its own motion, in every window.
fn at_plates(mut solver: DsmcSolver, dt: f64) -> GasResult<[f64; 3]> {
    let mut found = [0.0; 3];
    for (index, &time) in TIMES.iter().enumerate() {
        let steps = samples(time, dt);
        let mut sampler = Sampler::new(&solver, 1);
        for step in steps {
            solver.run(step - solver.steps())?;
            solver.sample(&mut sampler)?;
        }
        let u = &sampler.flow().mean.velocity[1];
        let last = u.len() - 1;
        // The plate lies half a cell beyond the first centre.
        let low = 1.5 * u[0] - 0.5 * u[1];
        let high = 1.5 * u[last] - 0.5 * u[last - 1];
        found[index] = 0.5 * (low - high);
    }
    Ok(found)
}
