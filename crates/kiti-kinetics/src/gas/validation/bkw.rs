//! The Bobylev-Krook-Wu solution.

use rayon::prelude::*;

use super::check::{Check, Estimate};
use super::setup::{Moments, SELECTIONS, draw, unit_molecule};
use crate::exact::bkw::Bkw;
use crate::exact::maxwellian::Maxwellian;
use crate::gas::{
    Collisions, GasResult, HomogeneousConfig, HomogeneousGas, PairSelection, h_function,
};
use crate::rng::derive_seed;

const CELL: usize = 10_000;
const CELLS: usize = 100;
const DT: f64 = 0.1;

/// Fourth and sixth moments over eight collisions of each molecule, in 2, 3 and 5 dimensions for every
/// selection; the entropy in 2 and 3.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let mut gases = Vec::new();
    for dims in [2, 3, 5] {
        for (name, selection) in SELECTIONS {
            gases.push((format!("D = {dims}, {name}"), selection, dims));
        }
    }
    let checks = gases
        .into_par_iter()
        .map(|(name, selection, dims)| relax(&name, selection, dims, derive_seed(seed, &name)))
        .collect::<GasResult<Vec<_>>>()?;
    Ok(checks.concat())
}

fn relax(name: &str, selection: PairSelection, dims: usize, seed: u64) -> GasResult<Vec<Check>> {
    let initial = dims as f64 / (dims as f64 + 2.0);
    let exact = Bkw::new(dims, 1.0, initial).expect("K of the lowest order is allowed");
    let velocities = draw(CELL * CELLS, dims, seed, |stream, velocity| {
        exact.sample(initial, stream, velocity);
    });
    let config = HomogeneousConfig {
        molecule: unit_molecule(1.0, 1.0),
        collisions: Collisions::Binary(selection),
        dims,
        density: 1.0,
        mean_particles: CELL as f64,
        dt: DT,
        seed,
    };
    let mut gas = HomogeneousGas::new(config, &[CELL; CELLS], velocities)?;
    let mut checks = Vec::new();
    let mut entropies = vec![h_excess(dims, gas.velocities())];
    for quarter in 1..=4 {
        for step in 1..=20 {
            gas.step();
            if step % 10 == 0 {
                entropies.push(h_excess(dims, gas.velocities()));
            }
        }
        let time = 2.0 * f64::from(quarter);
        let expected = Ratios::of(selection, dims, exact.k(time), time, initial);
        let moments = Moments::of_cells(dims, CELL, gas.velocities());
        for (order, moment) in [
            (2, (|m: &Moments| m.fourth) as fn(&Moments) -> f64),
            (3, |m| m.sixth),
        ] {
            // Over the Maxwellian of the cell's own energy.
            let ratios: Vec<f64> = moments
                .iter()
                .map(|m| {
                    let theta = m.second / dims as f64;
                    moment(m) / Maxwellian { dims, theta }.even_moment(order)
                })
                .collect();
            let found = Estimate::of(&ratios);
            let (expected, systematic) = expected.ratio(order);
            checks.push(Check {
                quantity: format!("moment {}, nu t = {time}, {name}", 2 * order),
                value: found.value,
                expected,
                standard_error: found.standard_error,
                systematic,
                limit: limit(dims, order),
                reason: "one-sample errors of the moments at a million particles, five of them",
            });
        }
        if dims < 5 {
            let found = *entropies.last().expect("one is pushed above");
            checks.push(Check {
                quantity: format!("H - H_eq, nu t = {time}, {name}"),
                value: found,
                expected: exact.h_excess(expected.k()),
                standard_error: h_error(dims, gas.velocities()),
                systematic: 5e-4,
                limit: 2e-3,
                reason: "a histogram of 200 bins and a million particles: 2e-4 of bias, 1e-4 of width",
            });
        }
    }
    let largest_rise = entropies
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .fold(f64::NEG_INFINITY, f64::max);
    checks.push(Check {
        quantity: format!("largest rise of H in a collision time, {name}"),
        value: largest_rise.max(0.0),
        expected: 0.0,
        standard_error: 0.0,
        systematic: 1e-3,
        limit: 1e-3,
        reason: "H falls; near equilibrium its estimate fluctuates by some 1e-4",
    });
    Ok(checks)
}

/// Fourth and sixth moment over those in equilibrium.
#[derive(Debug, Clone, Copy)]
struct Ratios {
    fourth: f64,
    sixth: f64,
    /// What each may be off.
    systematic: [f64; 2],
}

impl Ratios {
    /// The exact solution `k` at `time`; where a particle collides at most once in a step, Euler's steps of its
    /// equations, with `x = (D - 1) / (2 D)` per unit of time
    ///
    /// `r4' = x (1 - r4)`, `r6' = 3/2 x (r4 - r6)`,
    ///
    /// and in Bernoulli trials, where it is the first of at most one pair, a third of the way there.
    fn of(selection: PairSelection, dims: usize, k: f64, time: f64, initial: f64) -> Self {
        let exact = [2, 3].map(|order| Bkw::moment_ratio(order, k));
        let x = (dims as f64 - 1.0) / (2.0 * dims as f64) * DT;
        let mut euler = [2, 3].map(|order| Bkw::moment_ratio(order, initial));
        for _ in 0..(time / DT).round() as usize {
            euler[1] += 1.5 * x * (euler[0] - euler[1]);
            euler[0] += x * (1.0 - euler[0]);
        }
        let (way, unsure) = match selection {
            PairSelection::DisjointPairs => (1.0, 0.0),
            PairSelection::SimplifiedBernoulliTrials => (1.0 / 3.0, 0.1),
            _ => (0.0, 0.0),
        };
        let [fourth, sixth] = [0, 1].map(|m| exact[m] + way * (euler[m] - exact[m]));
        Self {
            fourth,
            sixth,
            systematic: [0, 1].map(|m| unsure * (euler[m] - exact[m]).abs()),
        }
    }

    /// The ratio of the moment `2 order`, and what it may be off.
    fn ratio(&self, order: usize) -> (f64, f64) {
        match order {
            2 => (self.fourth, self.systematic[0]),
            _ => (self.sixth, self.systematic[1]),
        }
    }

    /// The solution's parameter that belongs to the fourth moment, `r4 = K (2 - K)`.
    fn k(&self) -> f64 {
        1.0 - (1.0 - self.fourth).sqrt()
    }
}

/// Five standard errors of a million particles' moment over that in equilibrium, energy fixed:
/// the variance of `c^(2s)` that `c^2` does not explain.
fn limit(dims: usize, order: usize) -> f64 {
    let gas = Maxwellian { dims, theta: 1.0 };
    let moment = |order| gas.even_moment(order);
    let variance = moment(2 * order) - moment(order).powi(2);
    let covariance = moment(order + 1) - moment(order) * moment(1);
    let explained = covariance * covariance / (moment(2) - moment(1).powi(2));
    // A tenth more, for the standard error's own error with a hundred cells.
    let error = (variance - explained).sqrt() / moment(order) / 1e3;
    1.2 * 5.0 * error
}

/// `H - H_eq` of velocities at their own temperature.
fn h_excess(dims: usize, velocities: &[f64]) -> f64 {
    let theta = velocities.iter().map(|v| v * v).sum::<f64>() / velocities.len() as f64;
    let top = 7.0 * theta.sqrt();
    h_function(dims, velocities, 200, top) - Maxwellian { dims, theta }.h_function()
}

/// Its standard error from ten parts.
fn h_error(dims: usize, velocities: &[f64]) -> f64 {
    let parts: Vec<f64> = velocities
        .par_chunks(velocities.len() / 10)
        .map(|part| h_excess(dims, part))
        .collect();
    Estimate::of(&parts).standard_error
}
