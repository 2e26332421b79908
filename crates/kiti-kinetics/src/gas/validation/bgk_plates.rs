//! Couette and Fourier flow of BGK between diffuse plates.

use rayon::prelude::*;

use super::check::Check;
use super::setup::{Line, sample_steady, through, unit_molecule, wall};
use crate::exact::bgk_plates::{COUETTE, FOURIER, Gap};
use crate::exact::free_molecular::Plates;
use crate::gas::{Boundary, Collisions, GasResult, Relaxation};
use crate::rng::derive_seed;

/// Relaxation rate `p / mu` of Maxwell molecules at density 1; it does not depend on temperature.
const RATE: f64 = 0.5;

/// Fluxes at `delta = 1`.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    fluxes(&[(3, 1)], seed)
}

/// Fluxes from nearly free molecules to ten mean free paths. Nearer to the continuum they are so small that they drown in the
/// noise, unless the walls' difference is large.
pub(super) fn run_full(seed: u64) -> GasResult<Vec<Check>> {
    fluxes(&[(1, 3), (2, 3), (3, 3), (4, 3), (5, 6), (6, 20)], seed)
}

/// Rows of the tables, with the number of samples in units of the shortest run's.
fn fluxes(rows: &[(usize, u64)], seed: u64) -> GasResult<Vec<Check>> {
    let checks = rows
        .par_iter()
        .map(|&(row, longer)| {
            let (couette, fourier) = rayon::join(
                || couette(COUETTE[row], longer, derive_seed(seed, "couette")),
                || fourier(FOURIER[row], longer, derive_seed(seed, "fourier")),
            );
            Ok([couette?, fourier?])
        })
        .collect::<GasResult<Vec<_>>>()?;
    Ok(checks.concat())
}

fn line(delta: f64, ends: [Boundary; 2]) -> Line {
    let v0 = 2f64.sqrt();
    let length = delta * v0 / RATE;
    Line {
        molecule: unit_molecule(1.0, 1.0),
        collisions: Collisions::Relaxation(Relaxation::Bgk),
        length,
        // Cells of at most a twentieth of v0 tau, no fewer than 20.
        cells: 20.max((20.0 * delta) as usize),
        particles: 20_000,
        // A twentieth of the relaxation time and of the flight through the gap, or less; a tenth of the former where many of
        // them fit into a flight, with an error of 1/1200 of the viscosity.
        dt: (if delta < 5.0 { 0.05 } else { 0.1 } / RATE).min(0.05 * length / v0),
        ends,
    }
}

/// Steps until a disturbance has left: several flights and viscous times.
fn settling(delta: f64, dt: f64) -> u64 {
    let tau = 1.0 / RATE;
    ((10.0 * delta * tau + 2.0 * delta * delta * tau + 10.0 * delta.min(1.0)) / dt) as u64
}

fn couette(gap: Gap, longer: u64, seed: u64) -> GasResult<Check> {
    let speed = 0.35 * 2f64.sqrt();
    let line = line(
        gap.delta,
        [-0.5 * speed, 0.5 * speed].map(|u| wall(1.0, u, 1.0)),
    );
    let mut solver = line.settled(seed, 1.0, settling(gap.delta, line.dt))?;
    let sampler = sample_steady(&mut solver, [50, 25 * longer, 20])?;
    let free = Plates {
        density: 1.0,
        theta: [1.0; 2],
        accommodation: 1.0,
    };
    let found = through(&sampler, |flux| -flux.momentum[1]).scaled(1.0 / free.shear_stress(speed));
    Ok(Check {
        quantity: format!(
            "BGK Couette stress over free-molecular, delta = {}",
            gap.delta
        ),
        value: found.value,
        expected: gap.flux,
        standard_error: found.standard_error,
        systematic: 0.01 * gap.flux,
        limit: 0.02 * gap.flux,
        reason: "1 %, and 1 % for viscous heating, of second order in the speed (Mach 0.19 of either plate)",
    })
}

fn fourier(gap: Gap, longer: u64, seed: u64) -> GasResult<Check> {
    let theta = [1.2, 0.8];
    let line = line(gap.delta, theta.map(|t| wall(t, 0.0, 1.0)));
    let free = Plates {
        density: 1.0,
        theta,
        accommodation: 1.0,
    };
    let mut solver = line.settled(seed, free.temperature(), settling(gap.delta, line.dt))?;
    let sampler = sample_steady(&mut solver, [50, 25 * longer, 20])?;
    let found = through(&sampler, |flux| flux.heat).scaled(1.0 / free.heat_flux());
    Ok(Check {
        quantity: format!(
            "BGK Fourier heat flux over free-molecular, delta = {}",
            gap.delta
        ),
        value: found.value,
        expected: gap.flux,
        standard_error: found.standard_error,
        systematic: 0.01 * gap.flux,
        limit: 0.02 * gap.flux,
        reason: "1 %, and 1 % for terms of second order in the temperature difference (+-20 %)",
    })
}
