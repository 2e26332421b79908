//! Damping of a shear wave and of a sound wave: viscosity and conductivity without any wall.

use std::f64::consts::TAU;

use rayon::prelude::*;

use super::check::{Check, Estimate};
use super::navier_stokes::SoundWave;
use super::setup::{Line, mean_speed, unit_molecule};
use crate::exact::transport::{
    conductivity_in_cells, hard_sphere_kinematic_viscosity, hard_sphere_prandtl,
    viscosity_in_cells, viscosity_in_steps,
};
use crate::exact::waves::{shear_rate, sound_damping, sound_damping_correction};
use crate::gas::{Boundary, Collisions, DsmcSolver, GasResult, PairSelection};
use crate::rng::{Stream, derive_seed};

const REPLICAS: usize = 20;
/// Wave length and cells in mean free paths.
const LENGTH: f64 = 40.0;
const CELL: f64 = 0.25;
/// Steps between samples.
const STRIDE: u64 = 8;

/// Hard spheres.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    Ok(vec![
        shear(derive_seed(seed, "shear"))?,
        sound(derive_seed(seed, "sound"))?,
    ])
}

fn line(particles: usize, dt: f64) -> Line {
    Line {
        molecule: unit_molecule(0.5, 1.0),
        collisions: Collisions::Binary(PairSelection::NoTimeCounter),
        length: LENGTH * mean_speed(),
        cells: (LENGTH / CELL) as usize,
        particles,
        dt,
        ends: [Boundary::Periodic; 2],
    }
}

/// `k sqrt(theta) tau` of the wave at temperature 1.
fn kappa() -> f64 {
    TAU / LENGTH * hard_sphere_kinematic_viscosity() * mean_speed()
}

/// A wave without noise at its start: positions at equal distances, velocities whose noise along `mode`
/// (three components at the phase `k x`) is taken out, and the wave itself added.
fn start(
    line: &Line,
    seed: u64,
    amplitude: f64,
    mode: fn(f64) -> [f64; 3],
) -> GasResult<DsmcSolver> {
    let n = line.particles;
    let mut stream = Stream::new(seed, [0; 3]);
    let phases: Vec<f64> = (0..n).map(|i| TAU * (i as f64 + 0.5) / n as f64).collect();
    let positions: Vec<[f64; 3]> = phases
        .iter()
        .map(|phase| [phase / TAU * line.length, 0.0, 0.0])
        .collect();
    let mut velocities: Vec<[f64; 3]> = phases
        .iter()
        .map(|_| std::array::from_fn(|_| stream.normal()))
        .collect();
    let correction = amplitude - project(&phases, &velocities, mode);
    for (velocity, &phase) in velocities.iter_mut().zip(&phases) {
        for (v, m) in velocity.iter_mut().zip(mode(phase)) {
            *v += correction * m;
        }
    }
    DsmcSolver::with_particles(line.config(seed), &positions, &velocities)
}

/// The amplitude of the mode in the momentum: `sum v . mode` over its value for a uniform gas.
fn project(phases: &[f64], velocities: &[[f64; 3]], mode: fn(f64) -> [f64; 3]) -> f64 {
    // The mean square of a mode of sines and cosines is that at any two phases a quarter apart.
    let square = |phase: f64| mode(phase).iter().map(|m| m * m).sum::<f64>();
    let norm = 0.5 * (square(0.0) + square(0.25 * TAU)) * phases.len() as f64;
    let along: f64 = phases
        .iter()
        .zip(velocities)
        .map(|(&phase, v)| {
            let m = mode(phase);
            v[0] * m[0] + v[1] * m[1] + v[2] * m[2]
        })
        .sum();
    along / norm
}

/// Amplitudes at the start and after every `STRIDE` steps, in each of the replicas.
fn amplitudes(
    line: &Line,
    seed: u64,
    amplitude: f64,
    samples: usize,
    mode: fn(f64) -> [f64; 3],
) -> GasResult<Vec<Vec<f64>>> {
    let series = |replica: usize| -> GasResult<Vec<f64>> {
        let seed = derive_seed(seed, &format!("replica {replica}"));
        let mut solver = start(line, seed, amplitude, mode)?;
        let mut values = vec![amplitude];
        for _ in 0..samples {
            solver.run(STRIDE)?;
            let (positions, velocities) = solver.particles();
            let phases: Vec<f64> = positions.iter().map(|x| TAU * x[0] / line.length).collect();
            values.push(project(&phases, &velocities, mode));
        }
        Ok(values)
    };
    (0..REPLICAS).into_par_iter().map(series).collect()
}

/// The factor on the damping that fits each series best, about 1: `expected` maps a factor to a series.
///
/// Fluctuations of the gas decay as the wave does, by `memory` from sample to sample; the fit weighs their
/// fresh parts, which are independent.
fn fit(series: &[Vec<f64>], expected: impl Fn(f64) -> Vec<f64>, memory: f64) -> Estimate {
    let (centre, low, high) = (expected(1.0), expected(0.98), expected(1.02));
    let fresh =
        |values: &[f64]| -> Vec<f64> { values.windows(2).map(|w| w[1] - memory * w[0]).collect() };
    let slope: Vec<f64> = high.iter().zip(&low).map(|(h, l)| (h - l) / 0.04).collect();
    let slope = fresh(&slope);
    let square: f64 = slope.iter().map(|s| s * s).sum();
    let factors: Vec<f64> = series
        .iter()
        .map(|values| {
            let rest: Vec<f64> = values.iter().zip(&centre).map(|(v, c)| v - c).collect();
            let along: f64 = fresh(&rest).iter().zip(&slope).map(|(r, s)| r * s).sum();
            1.0 + along / square
        })
        .collect();
    Estimate::of(&factors)
}

/// A circularly polarised shear wave: its speed is the same everywhere, so it heats the gas evenly and
/// excites no other wave.
fn shear(seed: u64) -> GasResult<Check> {
    let (amplitude, dt) = (0.8, 0.25);
    let line = line(40_000, dt);
    let viscosity = hard_sphere_kinematic_viscosity() * mean_speed() * mean_speed();
    let tau = viscosity;
    let flight = 2f64.sqrt() * dt / mean_speed();
    // Rate at temperature 1, with what cells and steps add to the viscosity.
    let rate =
        shear_rate(kappa()) / tau * (viscosity_in_cells(CELL) + viscosity_in_steps(flight) - 1.0);
    let interval = STRIDE as f64 * dt;
    let samples = (1.3 / (rate * interval)) as usize;
    let mode = |phase: f64| [0.0, phase.cos(), phase.sin()];
    let series = amplitudes(&line, seed, amplitude, samples, mode)?;
    // What the wave loses heats the gas by (U^2 - A^2) / 3; the viscosity of hard spheres goes with the
    // square root of the temperature. The stress starts at 0 and follows the wave with a delay of tau, which
    // multiplies the slow rate by 1 + rate tau: the rate that drives it is smaller by that.
    const SUBSTEPS: usize = 20;
    let expected = |factor: f64| {
        let drive = factor * rate * (1.0 - factor * rate * tau);
        let slope = |[a, stress]: [f64; 2]| {
            let root = (1.0 + (amplitude * amplitude - a * a) / 3.0).sqrt();
            [-stress, (drive * root * a - stress) * root / tau]
        };
        let h = interval / SUBSTEPS as f64;
        let mut state = [amplitude, 0.0];
        let mut values = vec![amplitude];
        for _ in 0..samples {
            for _ in 0..SUBSTEPS {
                let first = slope(state);
                let middle = [state[0] + 0.5 * h * first[0], state[1] + 0.5 * h * first[1]];
                let second = slope(middle);
                state = [state[0] + h * second[0], state[1] + h * second[1]];
            }
            values.push(state[0]);
        }
        values
    };
    let found = fit(&series, expected, (-rate * interval).exp());
    Ok(Check {
        quantity: "damping of a shear wave over expected, hard spheres".to_owned(),
        value: found.value,
        expected: 1.0,
        standard_error: found.standard_error,
        systematic: 0.005,
        limit: 0.02,
        reason: "2 %; shear thinning (0.003) and the Sonine ratios of the correction in k (0.002)",
    })
}

/// A standing sound wave against the Navier-Stokes equations, at an amplitude at which harmonics matter.
fn sound(seed: u64) -> GasResult<Check> {
    let (amplitude, dt) = (0.5, 0.25);
    let line = line(100_000, dt);
    let prandtl = hard_sphere_prandtl();
    let flight = 2f64.sqrt() * dt / mean_speed();
    // Shares of viscosity and conductivity in the damping.
    let viscous = 2.0 / 3.0 / sound_damping(prandtl);
    let cells = viscous * viscosity_in_cells(CELL) + (1.0 - viscous) * conductivity_in_cells(CELL);
    let damping =
        (1.0 + sound_damping_correction(kappa())) * (cells + viscosity_in_steps(flight) - 1.0);
    let interval = STRIDE as f64 * dt;
    let k = TAU / line.length;
    let viscosity = hard_sphere_kinematic_viscosity() * mean_speed() * mean_speed();
    let rate = sound_damping(prandtl) * viscosity * k * k;
    let samples = (1.2 / (rate * interval)) as usize;
    let mode = |phase: f64| [phase.sin(), 0.0, 0.0];
    let series = amplitudes(&line, seed, amplitude, samples, mode)?;
    let expected = |factor: f64| {
        let mut wave = SoundWave::new(line.length, amplitude, factor * damping * viscosity);
        let mut values = vec![wave.amplitude()];
        for _ in 0..samples {
            wave.advance(interval);
            values.push(wave.amplitude());
        }
        values
    };
    let found = fit(&series, expected, 0.0);
    Ok(Check {
        quantity: "damping of a sound wave over expected, hard spheres".to_owned(),
        value: found.value,
        expected: 1.0,
        standard_error: found.standard_error,
        systematic: 0.005,
        limit: 0.03,
        reason: "3 %; the correction in k is that of Maxwell molecules (0.005)",
    })
}
