//! How often molecules collide.

use rayon::prelude::*;

use super::check::{Check, Estimate};
use super::setup::{SELECTIONS, draw, normals, unit_molecule};
use crate::exact::maxwellian::Maxwellian;
use crate::gas::draws::poisson;
use crate::gas::{
    Collisions, GasResult, HomogeneousConfig, HomogeneousGas, Molecule, PairSelection,
};
use crate::rng::{Stream, derive_seed};

const REASON: &str = "collisions are counted: 5 standard errors, at most 0.5 %";

/// The rate in one large cell for every molecule, and in other dimensions; with few particles in each of many cells,
/// all counts the same (the rate is `(N - 1) / N` of the gas's) and Poisson-distributed (that of the gas).
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let mut gases = Vec::new();
    for (name, omega, alpha, dims) in [
        ("hard sphere", 0.5, 1.0, 3),
        ("VHS 0.74", 0.74, 1.0, 3),
        ("VHS 0.81", 0.81, 1.0, 2),
        ("VHS 0.81", 0.81, 1.0, 3),
        ("VHS 0.81", 0.81, 1.0, 5),
        ("Maxwell", 1.0, 1.0, 3),
        ("VSS 0.81/1.4", 0.81, 1.4, 3),
    ] {
        for (selection_name, selection) in SELECTIONS {
            let name = format!("{name}, D = {dims}, {selection_name}");
            gases.push((name, unit_molecule(omega, alpha), selection, dims));
        }
    }
    let mut checks: Vec<Check> = gases
        .into_par_iter()
        .map(|(name, molecule, selection, dims)| {
            Ok(Check {
                quantity: format!("collision rate, {name}"),
                ..large_cell(molecule, selection, dims, derive_seed(seed, &name))?
            })
        })
        .collect::<GasResult<_>>()?;
    for particles in [2, 3, 5, 10] {
        checks.extend(few_particles(Some(particles), seed)?);
    }
    checks.extend(few_particles(None, seed)?);
    Ok(checks)
}

fn check(rate: Estimate, expected: f64) -> Check {
    Check {
        quantity: String::new(),
        value: rate.value,
        expected,
        standard_error: rate.standard_error,
        systematic: 0.0,
        limit: 0.005 * expected,
        reason: REASON,
    }
}

/// A cell of 60 000 particles over 250 steps of a fifth of a collision time: 1.5 million collisions.
fn large_cell(
    molecule: Molecule,
    selection: PairSelection,
    dims: usize,
    seed: u64,
) -> GasResult<Check> {
    let (particles, dt) = (60_000, 0.2);
    let velocities = draw(particles, dims, seed, normals);
    // The velocities' own temperature: the rate goes with its power 1 - omega.
    let square: f64 = velocities.iter().map(|v| v * v).sum();
    let temperature = square / velocities.len() as f64;
    let config = HomogeneousConfig {
        molecule,
        collisions: Collisions::Binary(selection),
        dims,
        density: 1.0,
        mean_particles: particles as f64,
        dt,
        seed,
    };
    let mut gas = HomogeneousGas::new(config, &[particles], velocities)?;
    let mut before = 0;
    let rates: Vec<f64> = (0..250)
        .map(|_| {
            gas.step();
            let collisions = gas.statistics().collisions;
            let rate = (collisions - before) as f64 * 2.0 / (particles as f64 * dt);
            before = collisions;
            rate
        })
        .collect();
    // <sigma g> over two independent particles, with sigma g = A g^(2 - 2 omega), and N - 1 partners.
    let equilibrium = Maxwellian {
        dims,
        theta: temperature,
    };
    let others = (particles - 1) as f64 / particles as f64;
    let expected = others
        * molecule.rate_constant()
        * equilibrium.relative_speed_moment(2.0 - 2.0 * molecule.omega);
    Ok(check(Estimate::of(&rates), expected))
}

/// Hard spheres in 100 000 cells with `particles` each, or a Poisson number of mean 5; fresh velocities in
/// every step.
fn few_particles(particles: Option<usize>, seed: u64) -> GasResult<Vec<Check>> {
    let cells = 100_000;
    let mean = particles.unwrap_or(5) as f64;
    // At most one collision in ten thousand has a probability above 1 in the selections that bound it.
    let dt = if particles == Some(2) { 0.5 } else { 0.25 };
    let per_step = 0.5 * cells as f64 * dt * particles.map_or(mean, |n| n as f64 - 1.0);
    // Where the counts vary, so does what is expected of each.
    let collisions = if particles.is_some() { 1.8e6 } else { 2.4e6 };
    let steps = (collisions / per_step).ceil() as usize;
    let name = particles.map_or("Poisson (5)".to_owned(), |n| n.to_string());
    // Of each step the rates by every selection.
    let rates: Vec<[f64; SELECTIONS.len()]> = (0..steps)
        .into_par_iter()
        .map(|step| {
            let seed = derive_seed(seed, &format!("{name} {step}"));
            let mut stream = Stream::new(seed, [u32::MAX; 3]);
            let counts: Vec<usize> = (0..cells)
                .map(|_| particles.unwrap_or_else(|| poisson(&mut stream, mean) as usize))
                .collect();
            let velocities = draw(counts.iter().sum(), 3, seed, normals);
            let mut rates = [0.0; SELECTIONS.len()];
            for (rate, (_, selection)) in rates.iter_mut().zip(SELECTIONS) {
                let config = HomogeneousConfig {
                    molecule: unit_molecule(0.5, 1.0),
                    collisions: Collisions::Binary(selection),
                    dims: 3,
                    density: 1.0,
                    mean_particles: mean,
                    dt,
                    seed,
                };
                let mut gas = HomogeneousGas::new(config, &counts, velocities.clone())?;
                gas.step();
                let collisions = gas.statistics().collisions as f64;
                *rate = collisions * 2.0 / (cells as f64 * mean * dt);
            }
            Ok(rates)
        })
        .collect::<GasResult<_>>()?;
    let expected = particles.map_or(1.0, |n| (n as f64 - 1.0) / n as f64);
    Ok(SELECTIONS
        .iter()
        .enumerate()
        .map(|(index, (selection, _))| {
            let rates: Vec<f64> = rates.iter().map(|rates| rates[index]).collect();
            Check {
                quantity: format!("collision rate, {name} particles a cell, {selection}"),
                ..check(Estimate::of(&rates), expected)
            }
        })
        .collect())
}
