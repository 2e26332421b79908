//! Plates without collisions.

use rayon::prelude::*;

use super::check::{Check, Estimate};
use super::setup::{HIGH, LOW, Line, sample_steady, through, unit_molecule, wall};
use crate::exact::free_molecular::Plates;
use crate::gas::{Collisions, GasResult};
use crate::rng::derive_seed;

/// Steps before sampling: molecules that hardly move towards a plate remember the start for `L / c_x`.
const SETTLING: u64 = 2_000;

/// Heat between plates of the temperatures 4 and 1, shear between sliding ones, fully accommodating and
/// half.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let checks = [1.0, 0.5]
        .into_par_iter()
        .map(|accommodation| {
            let (heat, shear) = rayon::join(
                || heat(accommodation, derive_seed(seed, "heat")),
                || shear(accommodation, derive_seed(seed, "shear")),
            );
            let mut checks = heat?;
            checks.push(shear?);
            Ok(checks)
        })
        .collect::<GasResult<Vec<_>>>()?;
    Ok(checks.concat())
}

fn line(ends: [crate::gas::Boundary; 2]) -> Line {
    Line {
        molecule: unit_molecule(0.5, 1.0),
        collisions: Collisions::None,
        length: 1.0,
        cells: 10,
        particles: 20_000,
        dt: 0.1,
        ends,
    }
}

fn heat(accommodation: f64, seed: u64) -> GasResult<Vec<Check>> {
    let theta = [4.0, 1.0];
    let line = line(theta.map(|t| wall(t, 0.0, accommodation)));
    let exact = Plates {
        density: 1.0,
        theta,
        accommodation,
    };
    let mut solver = line.settled(seed, exact.temperature(), SETTLING)?;
    let sampler = sample_steady(&mut solver, [60, 10, 8])?;
    let named = |what: &str| format!("{what}, accommodation {accommodation}");
    let heat_flux = through(&sampler, |flux| flux.heat);
    let mut checks = vec![Check {
        quantity: named("free-molecular heat flux"),
        value: heat_flux.value,
        expected: exact.heat_flux(),
        standard_error: heat_flux.standard_error,
        systematic: 0.0,
        // Half as much passes through half-accommodating walls, with the same noise and a longer memory.
        limit: exact.heat_flux() * if accommodation == 1.0 { 0.005 } else { 0.01 },
        reason: "no collisions, any time step: 5 standard errors",
    }];
    let [low, high] = [LOW, HIGH].map(|face| sampler.surface(face));
    let arrivals = Estimate {
        value: 0.5 * (low.0.arrivals + high.0.arrivals),
        standard_error: 0.5 * (low.1.arrivals + high.1.arrivals),
    };
    checks.push(Check {
        quantity: named("free-molecular flux of molecules"),
        value: arrivals.value,
        expected: exact.mass_flux(),
        standard_error: arrivals.standard_error,
        systematic: 0.0,
        limit: 0.005 * exact.mass_flux(),
        reason: "no collisions, any time step: 5 standard errors",
    });
    for (name, flux) in [("hot", low.0), ("cold", high.0)] {
        checks.push(Check {
            quantity: named(&format!("net flux of molecules to the {name} wall")),
            value: flux.number,
            expected: 0.0,
            standard_error: 0.0,
            systematic: 1e-12,
            limit: 1e-12,
            reason: "what arrives comes back at once",
        });
    }
    let flow = sampler.flow();
    for cell in [0, 5, 9] {
        for (what, mean, error, expected) in [
            (
                "temperature",
                &flow.mean.temperature,
                &flow.standard_error.temperature,
                exact.temperature(),
            ),
            (
                "density",
                &flow.mean.density,
                &flow.standard_error.density,
                1.0,
            ),
        ] {
            checks.push(Check {
                quantity: named(&format!("free-molecular {what}, cell {cell}")),
                value: mean[cell],
                expected,
                standard_error: error[cell],
                systematic: 0.0,
                limit: 0.015 * expected,
                reason: "uniform between the plates: 5 standard errors of one cell in ten",
            });
        }
    }
    Ok(checks)
}

fn shear(accommodation: f64, seed: u64) -> GasResult<Check> {
    let speed = 2.0;
    let line = line([-0.5 * speed, 0.5 * speed].map(|u| wall(1.0, u, accommodation)));
    let exact = Plates {
        density: 1.0,
        theta: [1.0; 2],
        accommodation,
    };
    let mut solver = line.settled(seed, 1.0, SETTLING)?;
    let sampler = sample_steady(&mut solver, [60, 10, 8])?;
    let stress = through(&sampler, |flux| -flux.momentum[1]);
    let expected = exact.shear_stress(speed);
    Ok(Check {
        quantity: format!("free-molecular shear stress, accommodation {accommodation}"),
        value: stress.value,
        expected,
        standard_error: stress.standard_error,
        systematic: 0.0,
        limit: expected * if accommodation == 1.0 { 0.005 } else { 0.01 },
        reason: "no collisions, any time step, linear in the speed: 5 standard errors",
    })
}
