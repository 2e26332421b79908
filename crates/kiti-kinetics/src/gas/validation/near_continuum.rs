//! Hard spheres between plates near the continuum.

use super::check::Check;
use super::setup::{Line, mean_speed, sample_steady, through, unit_molecule, wall};
use crate::exact::transport::{
    HARD_SPHERE_TEMPERATURE_JUMP, HARD_SPHERE_VELOCITY_SLIP, conductivity_in_cells,
    conductivity_in_steps, hard_sphere_kinematic_viscosity, hard_sphere_prandtl,
    viscosity_in_cells, viscosity_in_steps,
};
use crate::gas::{Boundary, Collisions, GasResult, PairSelection};
use crate::rng::derive_seed;

/// Gap in mean free paths.
const GAP: f64 = 20.0;
const DT: f64 = 0.2;

/// Viscosity and conductivity with their slip, and how both grow with the cells.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let mut checks = Vec::new();
    for per_path in [3.0, 1.0, 0.5] {
        let cell = 1.0 / per_path;
        let seed = derive_seed(seed, &format!("{cell}"));
        checks.push(couette(cell, seed)?);
        checks.push(fourier(cell, seed)?);
    }
    Ok(checks)
}

fn line(cell: f64, ends: [Boundary; 2]) -> Line {
    Line {
        molecule: unit_molecule(0.5, 1.0),
        collisions: Collisions::Binary(PairSelection::NoTimeCounter),
        length: GAP * mean_speed(),
        cells: (GAP / cell).round() as usize,
        particles: 30_000,
        dt: DT,
        ends,
    }
}

/// Flight of a molecule at the most probable speed in a step, in mean free paths.
fn flight() -> f64 {
    2f64.sqrt() * DT / mean_speed()
}

/// Steps to settle, then batches of some viscous times each.
const SETTLING: u64 = 6_000;
const SAMPLING: [u64; 3] = [72, 250, 10];

fn couette(cell: f64, seed: u64) -> GasResult<Check> {
    let speed = 0.5;
    let line = line(cell, [-0.5 * speed, 0.5 * speed].map(|u| wall(1.0, u, 1.0)));
    let mut solver = line.settled(seed, 1.0, SETTLING)?;
    let sampler = sample_steady(&mut solver, SAMPLING)?;
    let found = through(&sampler, |flux| -flux.momentum[1]);
    let viscosity = hard_sphere_kinematic_viscosity() * mean_speed() * mean_speed();
    let in_cells = viscosity_in_cells(cell) + viscosity_in_steps(flight()) - 1.0;
    let effective = line.length + 2.0 * HARD_SPHERE_VELOCITY_SLIP * mean_speed();
    let expected = in_cells * viscosity * speed / effective;
    Ok(Check {
        quantity: format!("Couette stress of hard spheres, cells of {cell:.2} mean free paths"),
        value: found.value,
        expected,
        standard_error: found.standard_error,
        // The correction for cells is the leading order of an expansion in their width.
        systematic: expected * (0.005 + 0.25 * (in_cells - 1.0)),
        limit: expected * (0.02 + 0.25 * (in_cells - 1.0)),
        reason: "2 %; viscous heating (0.005) and a quarter of the correction for the cells' width",
    })
}

fn fourier(cell: f64, seed: u64) -> GasResult<Check> {
    let theta = [1.15, 0.85];
    let line = line(cell, theta.map(|t| wall(t, 0.0, 1.0)));
    let mut solver = line.settled(seed, 1.0, SETTLING)?;
    let sampler = sample_steady(&mut solver, SAMPLING)?;
    let found = through(&sampler, |flux| flux.heat);
    let viscosity = hard_sphere_kinematic_viscosity() * mean_speed() * mean_speed();
    let conductivity = 2.5 * viscosity / hard_sphere_prandtl();
    let in_cells = conductivity_in_cells(cell) + conductivity_in_steps(flight()) - 1.0;
    let effective = line.length + 2.0 * HARD_SPHERE_TEMPERATURE_JUMP * mean_speed();
    let expected = in_cells * conductivity * (theta[0] - theta[1]) / effective;
    Ok(Check {
        quantity: format!("Fourier heat flux of hard spheres, cells of {cell:.2} mean free paths"),
        value: found.value,
        expected,
        standard_error: found.standard_error,
        systematic: expected * (0.005 + 0.25 * (in_cells - 1.0)),
        limit: expected * (0.02 + 0.25 * (in_cells - 1.0)),
        reason: "2 %; +-15 % of temperature (0.005) and a quarter of the correction for the cells' width",
    })
}
