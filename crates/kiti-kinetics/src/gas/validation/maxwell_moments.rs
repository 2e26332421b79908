//! Moments of Maxwell molecules, whose equations close.

use super::check::{Check, Estimate};
use super::setup::{Moments, SELECTIONS, decay_rate, draw, normals, unit_molecule};
use crate::exact::relaxation::{
    FourthMoment, STRESS_RATE, heat_flux_rate, vss_heat_flux_rate, vss_stress_rate,
};
use crate::gas::{Collisions, GasResult, HomogeneousConfig, HomogeneousGas, PairSelection};
use crate::rng::derive_seed;

const CELL: usize = 10_000;
const CELLS: usize = 400;
const TIME: f64 = 1.5;

/// Stress, heat flux and fourth moment in 2, 3 and 5 dimensions for every selection, and VSS scattering.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let mut checks = Vec::new();
    for dims in [2, 3, 5] {
        let rates = [STRESS_RATE, heat_flux_rate(dims)];
        for (name, selection) in SELECTIONS {
            let name = format!("D = {dims}, {name}");
            let seed = derive_seed(seed, &name);
            checks.extend(relax(&name, selection, dims, 1.0, rates, seed)?);
        }
    }
    let rates = [vss_stress_rate(1.6), vss_heat_flux_rate(1.6)];
    let name = "D = 3, VSS 1.6, no time counter";
    let seed = derive_seed(seed, name);
    let soft = relax(name, PairSelection::NoTimeCounter, 3, 1.6, rates, seed)?;
    // The fourth moment's equation is that of isotropic scattering.
    checks.extend(soft.into_iter().take(2));
    Ok(checks)
}

fn relax(
    name: &str,
    selection: PairSelection,
    dims: usize,
    alpha: f64,
    rates: [f64; 2],
    seed: u64,
) -> GasResult<Vec<Check>> {
    // A particle is the first of at most one pair in a step of the selections that bound the probability.
    let dt = match selection {
        PairSelection::SimplifiedBernoulliTrials => 0.02,
        _ => 0.05,
    };
    let config = HomogeneousConfig {
        molecule: unit_molecule(1.0, alpha),
        collisions: Collisions::Binary(selection),
        dims,
        density: 1.0,
        mean_particles: CELL as f64,
        dt,
        seed,
    };
    // Along x a mixture of 3 (one in ten) and -1/3, of variance 1 and third moment 8/3, and a normal part.
    let velocities = draw(CELL * CELLS, dims, seed, |stream, velocity| {
        normals(stream, velocity);
        velocity.iter_mut().for_each(|v| *v *= 0.5f64.sqrt());
        velocity[0] += if stream.uniform() < 0.1 {
            3.0
        } else {
            -1.0 / 3.0
        };
    });
    let before = Moments::of_cells(dims, CELL, &velocities);
    let mut gas = HomogeneousGas::new(config, &[CELL; CELLS], velocities)?;
    for _ in 0..(TIME / dt).round() as usize {
        gas.step();
    }
    let after = Moments::of_cells(dims, CELL, gas.velocities());

    let column = |moments: &[Moments], f: fn(&Moments) -> f64| -> Vec<f64> {
        moments.iter().map(f).collect()
    };
    let rate = |what: &str, f: fn(&Moments) -> f64, expected: f64| {
        let found = decay_rate(&column(&before, f), &column(&after, f), TIME);
        let (expected, systematic, reason) = match selection {
            PairSelection::DisjointPairs => (
                -(1.0 - expected * dt).ln() / dt,
                0.0,
                "a particle collides at most once in a step: (1 - rate dt) each step; 1 %",
            ),
            PairSelection::SimplifiedBernoulliTrials => (
                expected,
                0.5 * expected * expected * dt,
                "a particle is the first of one pair at most: up to the Euler error of the step; 1 %",
            ),
            _ => (expected, 0.0, "exact for any step; 1 %"),
        };
        Check {
            quantity: format!("rate of the {what}, {name}"),
            value: found.value,
            expected,
            standard_error: found.standard_error,
            systematic,
            limit: 0.01 * expected,
            reason,
        }
    };
    let stress = rate("stress", |m| m.stress, rates[0]);
    let heat_flux = rate("heat flux", |m| m.heat_flux, rates[1]);
    // Each cell from its own initial moments, over the fourth moment in equilibrium.
    let differences: Vec<f64> = before
        .iter()
        .zip(&after)
        .map(|(before, after)| {
            let d = dims as f64;
            let expected = FourthMoment {
                dims,
                square: before.second,
                deviator_square: before.deviator_square,
                initial: before.fourth,
            };
            let equilibrium = (1.0 + 2.0 / d) * before.second * before.second;
            (after.fourth - expected.at(TIME)) / equilibrium
        })
        .collect();
    let difference = Estimate::of(&differences);
    let fourth = Check {
        quantity: format!("fourth moment less expected, over equilibrium, {name}"),
        value: difference.value,
        expected: 0.0,
        standard_error: difference.standard_error,
        systematic: match selection {
            PairSelection::DisjointPairs | PairSelection::SimplifiedBernoulliTrials => 0.1 * dt,
            _ => 0.0,
        },
        limit: 0.01,
        reason: "5 standard errors; selections that bound the probability: the Euler error of the step",
    };
    Ok(vec![stress, heat_flux, fourth])
}
