//! Momentum and energy over a million collisions.

use rayon::prelude::*;

use super::check::Check;
use super::setup::{SELECTIONS, draw, normals, unit_molecule};
use crate::gas::{Collisions, GasResult, HomogeneousConfig, HomogeneousGas, Relaxation};
use crate::rng::derive_seed;

const REASON: &str = "every collision and every relaxation rounds: 1e-13 over a million collisions";

/// Relative change of momentum and energy of a drifting gas, in every dimension and selection, and of the
/// relaxation models.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let mut gases = Vec::new();
    for dims in [2, 3, 5] {
        for (name, selection) in SELECTIONS {
            let alpha = if dims == 3 { 1.4 } else { 1.0 };
            gases.push((name, Collisions::Binary(selection), dims, alpha));
        }
    }
    for (name, relaxation) in [
        ("BGK", Relaxation::Bgk),
        ("ES-BGK", Relaxation::EsBgk { prandtl: 2.0 / 3.0 }),
        ("Shakhov", Relaxation::Shakhov { prandtl: 2.0 / 3.0 }),
    ] {
        gases.push((name, Collisions::Relaxation(relaxation), 3, 1.0));
    }
    let checks = gases
        .into_par_iter()
        .map(|(name, collisions, dims, alpha)| drift(name, collisions, dims, 0.81, alpha, seed))
        .collect::<GasResult<Vec<_>>>()?;
    Ok(checks.concat())
}

fn drift(
    name: &str,
    collisions: Collisions,
    dims: usize,
    omega: f64,
    alpha: f64,
    seed: u64,
) -> GasResult<Vec<Check>> {
    let particles = 10_000;
    let seed = derive_seed(seed, &format!("{name} {dims}"));
    let velocities = draw(particles, dims, seed, |stream, velocity| {
        normals(stream, velocity);
        velocity.iter_mut().for_each(|v| *v += 1.0);
    });
    let config = HomogeneousConfig {
        molecule: unit_molecule(omega, alpha),
        collisions,
        dims,
        density: 1.0,
        mean_particles: particles as f64,
        dt: 0.2,
        seed,
    };
    let sums = |velocities: &[f64]| {
        let mut momentum = vec![0.0; dims];
        let mut energy = 0.0;
        for velocity in velocities.chunks_exact(dims) {
            for (sum, v) in momentum.iter_mut().zip(velocity) {
                *sum += v;
                energy += v * v;
            }
        }
        (momentum, energy)
    };
    let (momentum, energy) = sums(&velocities);
    let mut gas = HomogeneousGas::new(config, &[particles], velocities)?;
    let done = |gas: &HomogeneousGas| gas.statistics().collisions + gas.statistics().relaxations;
    // A thousand steps make a million collisions; a selection that does nothing must not loop for ever.
    for _ in 0..2_000 {
        if done(&gas) >= 1_000_000 {
            break;
        }
        gas.step();
    }
    let (momentum_after, energy_after) = sums(gas.velocities());
    let difference = momentum
        .iter()
        .zip(&momentum_after)
        .map(|(a, b)| (a / b - 1.0).abs())
        .fold(0.0, f64::max);
    let exact = |what: &str, value: f64, expected: f64, systematic: f64, reason| Check {
        quantity: format!("{what}, D = {dims}, {name}"),
        value,
        expected,
        standard_error: 0.0,
        systematic,
        limit: systematic,
        reason,
    };
    Ok(vec![
        exact("momentum, relative change", difference, 0.0, 1e-13, REASON),
        exact(
            "energy, relative change",
            energy_after / energy - 1.0,
            0.0,
            1e-13,
            REASON,
        ),
        exact(
            "a million collisions done",
            f64::from(u8::from(done(&gas) >= 1_000_000)),
            1.0,
            0.0,
            "the case must do what it says",
        ),
    ])
}
