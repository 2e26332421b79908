//! Moments of Maxwell molecules, whose equations close.

use rayon::prelude::*;

use super::check::{Check, Estimate};
use super::setup::{Moments, SELECTIONS, decay_rate, draw, normals, unit_molecule};
use crate::exact::relaxation::{
    FourthMoment, STRESS_RATE, heat_flux_rate, vss_heat_flux_rate, vss_stress_rate,
};
use crate::gas::{Collisions, GasResult, HomogeneousConfig, HomogeneousGas, PairSelection};
use crate::rng::derive_seed;

const CELL: usize = 10_000;
const CELLS: usize = 280;
const DT: f64 = 0.1;
const TIME: f64 = 1.5;

/// Stress, heat flux and fourth moment in 2, 3 and 5 dimensions for every selection, and VSS scattering.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let mut gases = Vec::new();
    for dims in [2, 3, 5] {
        for (name, selection) in SELECTIONS {
            gases.push((format!("D = {dims}, {name}"), selection, dims));
        }
    }
    let mut checks = gases
        .into_par_iter()
        .map(|(name, selection, dims)| {
            let rates = [STRESS_RATE, heat_flux_rate(dims)];
            relax(&name, selection, dims, 1.0, rates, derive_seed(seed, &name))
        })
        .collect::<GasResult<Vec<_>>>()?
        .concat();
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
    let config = HomogeneousConfig {
        molecule: unit_molecule(1.0, alpha),
        collisions: Collisions::Binary(selection),
        dims,
        density: 1.0,
        mean_particles: CELL as f64,
        dt: DT,
        seed,
    };
    // Along x a mixture of sqrt(3) (one in four) and -sqrt(1/3), of variance 1 and third moment 1.15; all
    // else cold, for the moments are as exact far from equilibrium and stand out of the noise.
    let velocities = draw(CELL * CELLS, dims, seed, |stream, velocity| {
        normals(stream, velocity);
        velocity.iter_mut().for_each(|v| *v *= 0.15);
        velocity[0] += if stream.uniform() < 0.25 {
            3f64.sqrt()
        } else {
            -(1.0f64 / 3.0).sqrt()
        };
    });
    let before = Moments::of_cells(dims, CELL, &velocities);
    let mut gas = HomogeneousGas::new(config, &[CELL; CELLS], velocities)?;
    for _ in 0..(TIME / DT).round() as usize {
        gas.step();
    }
    let after = Moments::of_cells(dims, CELL, gas.velocities());

    let column = |moments: &[Moments], f: fn(&Moments) -> f64| -> Vec<f64> {
        moments.iter().map(f).collect()
    };
    let rate = |what: &str, f: fn(&Moments) -> f64, expected: f64| {
        let found = decay_rate(&column(&before, f), &column(&after, f), TIME);
        let (expected, reason) = discrete(selection, expected);
        Check {
            quantity: format!("rate of the {what}, {name}"),
            value: found.value,
            expected,
            standard_error: found.standard_error,
            systematic: 0.0,
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
            let equilibrium = (1.0 + 2.0 / dims as f64) * before.second * before.second;
            (after.fourth - fourth_moment(selection, dims, before)) / equilibrium
        })
        .collect();
    let difference = Estimate::of(&differences);
    let fourth = Check {
        quantity: format!("fourth moment less expected, over equilibrium, {name}"),
        value: difference.value,
        expected: 0.0,
        standard_error: difference.standard_error,
        systematic: 0.0,
        limit: 0.01,
        reason: "as for the rates; 1 %",
    };
    Ok(vec![stress, heat_flux, fourth])
}

/// The rate over steps of `DT` of a selection in which `1 - kept` of a moment decays in a step.
///
/// With `x = rate DT`, disjoint pairs keep `1 - x`: a particle collides at most once. In Bernoulli trials
/// the particle at the share `s` of the list has met those before it, `exp(-x s)`, and then itself looks for
/// one behind it, `1 - x (1 - s)`: all together keep `2 (1 - exp(-x)) / x - 1`.
fn discrete(selection: PairSelection, rate: f64) -> (f64, &'static str) {
    let x = rate * DT;
    match selection {
        PairSelection::DisjointPairs => (
            -(1.0 - x).ln() / DT,
            "a particle collides at most once in a step: (1 - x) each step; 1 %",
        ),
        PairSelection::SimplifiedBernoulliTrials => (
            -(2.0 * (1.0 - (-x).exp()) / x - 1.0).ln() / DT,
            "a particle is the first of at most one pair in a step: 1 - x + x^2 / 3; 1 %",
        ),
        _ => (rate, "exact for any step; 1 %"),
    }
}

/// The fourth moment at `TIME`: of the differential equation, of Euler's steps where a particle collides at
/// most once, and a third of the way from the one to the other in Bernoulli trials.
fn fourth_moment(selection: PairSelection, dims: usize, before: &Moments) -> f64 {
    let equation = FourthMoment {
        dims,
        square: before.second,
        deviator_square: before.deviator_square,
        initial: before.fourth,
    };
    let exact = equation.at(TIME);
    let [mut euler, mut deviator_square] = [equation.initial, equation.deviator_square];
    for _ in 0..(TIME / DT).round() as usize {
        euler += DT * equation.slope(euler, deviator_square);
        deviator_square *= (1.0 - STRESS_RATE * DT).powi(2);
    }
    match selection {
        PairSelection::DisjointPairs => euler,
        PairSelection::SimplifiedBernoulliTrials => exact + (euler - exact) / 3.0,
        _ => exact,
    }
}
