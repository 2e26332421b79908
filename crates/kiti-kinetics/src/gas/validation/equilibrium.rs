//! Two streams end in one Maxwellian.

use rayon::prelude::*;

use super::check::Check;
use super::distribution::kolmogorov_smirnov;
use super::setup::{SELECTIONS, draw, normals, unit_molecule};
use crate::exact::maxwellian::Maxwellian;
use crate::gas::{Collisions, GasResult, HomogeneousConfig, HomogeneousGas, PairSelection};
use crate::rng::derive_seed;

/// Streams of `+-1.5` along x with temperature 1 become a Maxwellian of temperature `1 + 1.5^2 / 3`.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let (particles, speed) = (200_000, 1.5);
    let relax = |(name, selection): (&str, PairSelection)| {
        let seed = derive_seed(seed, name);
        let velocities = draw(particles, 3, seed, |stream, velocity| {
            normals(stream, velocity);
            velocity[0] += if stream.uniform() < 0.5 {
                speed
            } else {
                -speed
            };
        });
        let config = HomogeneousConfig {
            molecule: unit_molecule(0.5, 1.0),
            collisions: Collisions::Binary(selection),
            dims: 3,
            density: 1.0,
            mean_particles: particles as f64,
            dt: 0.1,
            seed,
        };
        let mut gas = HomogeneousGas::new(config, &[particles], velocities)?;
        for _ in 0..200 {
            gas.step();
        }
        let theta = 1.0 + speed * speed / 3.0;
        let count = particles as f64;
        let mut checks = Vec::new();
        let square: f64 = gas.velocities().iter().map(|v| v * v).sum();
        checks.push(Check {
            quantity: format!("temperature of two streams after 20 collisions, {name}"),
            value: square / (3.0 * count),
            expected: theta,
            // Variance of the initial squared velocities: 2 for each component and 4 speed^2 along x.
            standard_error: ((6.0 + 4.0 * speed * speed) / count).sqrt() / 3.0,
            systematic: 0.0,
            limit: 0.02,
            reason: "energy is conserved: the initial draw's error",
        });
        let expected = Maxwellian { dims: 1, theta };
        for axis in 0..3 {
            let mut component: Vec<f64> = gas
                .velocities()
                .iter()
                .skip(axis)
                .step_by(3)
                .copied()
                .collect();
            let statistic = kolmogorov_smirnov(&mut component, |v| expected.component_cdf(v));
            checks.push(Check {
                quantity: format!("Kolmogorov-Smirnov, component {}, {name}", axis + 1),
                value: statistic,
                expected: 0.0,
                standard_error: 0.0,
                systematic: 1.95,
                limit: 1.95,
                reason: "a sample of the Maxwellian exceeds 1.95 once in a thousand times",
            });
        }
        Ok(checks)
    };
    let checks = SELECTIONS
        .into_par_iter()
        .map(relax)
        .collect::<GasResult<Vec<_>>>()?;
    Ok(checks.concat())
}
