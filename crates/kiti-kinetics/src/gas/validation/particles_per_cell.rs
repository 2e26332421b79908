//! How few particles a cell may have.

use rayon::prelude::*;

use super::check::{Check, Estimate};
use super::setup::{Line, mean_speed, sample_steady, through, unit_molecule, wall};
use crate::gas::{Collisions, GasResult, PairSelection};
use crate::rng::derive_seed;

/// Cells across the gap, a quarter of a mean free path each.
const CELLS: usize = 20;
/// Particles of all replicas together, the same for every number per cell.
const TOTAL: usize = 16_000;
/// Steps after settling.
const STEPS: u64 = 5_000;
/// Independent parts that the standard error comes from.
const PARTS: usize = 160;

/// The heat flux of hard spheres between plates with 5, 10, 20 and 50 particles a cell: fluctuations correlate
/// within a cell, which biases it by `C / N`.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let counts = [5usize, 10, 20, 50];
    let fluxes = counts
        .iter()
        .map(|&count| heat_flux(count, derive_seed(seed, &count.to_string())))
        .collect::<GasResult<Vec<_>>>()?;
    // Weighted least squares of flux = intercept + slope / N.
    let points: Vec<(f64, Estimate)> = counts
        .iter()
        .zip(fluxes)
        .map(|(&count, flux)| (1.0 / count as f64, flux))
        .collect();
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        points
            .iter()
            .map(|(x, q)| f(*x, q.value) / q.standard_error.powi(2))
            .sum()
    };
    let weight = sum(&|_, _| 1.0);
    let mean_x = sum(&|x, _| x) / weight;
    let mean_q = sum(&|_, q| q) / weight;
    let spread = sum(&|x, _| (x - mean_x).powi(2));
    let slope = sum(&|x, q| (x - mean_x) * (q - mean_q)) / spread;
    let intercept = mean_q - slope * mean_x;
    let misfit = sum(&|x, q| (q - intercept - slope * x).powi(2));
    let mut checks: Vec<Check> = points
        .iter()
        .map(|(x, q)| Check {
            quantity: format!("heat flux at 1/N = {x} over that at many particles a cell"),
            value: q.value / intercept,
            expected: 1.0 + slope * x / intercept,
            standard_error: q.standard_error / intercept,
            systematic: 0.0,
            limit: 0.02,
            reason: "a bias of C / N, fitted",
        })
        .collect();
    checks.push(Check {
        quantity: "bias of the heat flux at 10 particles a cell".to_owned(),
        value: 0.1 * slope / intercept,
        expected: 0.0,
        standard_error: 0.1 / spread.sqrt() / intercept,
        systematic: 0.0,
        limit: 0.01,
        reason: "within 1 % from 10 particles a cell on",
    });
    checks.push(Check {
        quantity: "misfit of the law C / N, two degrees of freedom".to_owned(),
        value: misfit,
        expected: 0.0,
        standard_error: 0.0,
        systematic: 13.8,
        limit: 13.8,
        reason: "chi-squared exceeds 13.8 once in a thousand times",
    });
    Ok(checks)
}

fn heat_flux(particles: usize, seed: u64) -> GasResult<Estimate> {
    let line = Line {
        molecule: unit_molecule(0.5, 1.0),
        collisions: Collisions::Binary(PairSelection::NoTimeCounter),
        length: 0.25 * CELLS as f64 * mean_speed(),
        cells: CELLS,
        particles: particles * CELLS,
        dt: 0.25,
        ends: [wall(1.6, 0.0, 1.0), wall(0.4, 0.0, 1.0)],
    };
    let replicas = TOTAL / line.particles;
    let parts = PARTS / replicas;
    let stride = STEPS / (2 * parts as u64);
    let fluxes: Vec<Vec<f64>> = (0..replicas)
        .into_par_iter()
        .map(|replica| {
            let seed = derive_seed(seed, &format!("replica {replica}"));
            let mut solver = line.settled(seed, 0.8, 600)?;
            (0..parts)
                .map(|_| {
                    let sampler = sample_steady(&mut solver, [1, 2, stride])?;
                    Ok(through(&sampler, |flux| flux.heat).value)
                })
                .collect()
        })
        .collect::<GasResult<_>>()?;
    Ok(Estimate::of(&fluxes.concat()))
}
