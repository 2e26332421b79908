//! Normal shocks.

use super::check::Check;
use super::setup::{HIGH, LOW, mean_speed, sample_steady, unit_molecule};
use crate::exact::shock::shock_jump;
use crate::gas::{
    Boundary, DsmcSolver, Flow, GasResult, GasState, Grid, InitialGas, Molecule, Region,
    SolverConfig,
};
use crate::rng::derive_seed;

/// A monatomic gas.
const GAMMA: f64 = 5.0 / 3.0;
/// Half of the domain and the cells, in mean free paths of the gas before the shock.
const HALF: f64 = 20.0;
const CELLS_PER_PATH: f64 = 8.0;

/// Hard spheres from Mach 1.5 to 8, and VHS molecules of argon's viscosity at room temperature at Mach 3 and 8: the state
/// behind the shock, its overshoot, and that its thickness is the same in mean free paths of the gas behind it. At Mach 3,
/// where that exponent still is argon's, the thickness that was measured besides.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let mut checks = Vec::new();
    let molecules = [
        ("hard spheres", 0.5, &[1.5, 2.0, 3.0, 5.0, 8.0][..]),
        ("VHS 0.81", 0.81, &[3.0, 8.0]),
    ];
    for (name, omega, machs) in molecules {
        let mut thicknesses = Vec::new();
        for &mach in machs {
            let seed = derive_seed(seed, &format!("{name}, Mach {mach}"));
            let molecule = unit_molecule(omega, 1.0);
            let jump = shock_jump(mach, GAMMA);
            let behind = molecule.mean_free_path(jump.density, jump.temperature) / mean_speed();
            let (found, slope) = shock(mach, molecule, name, seed)?;
            checks.extend(found);
            if mach >= 3.0 {
                thicknesses.push((mach, 1.0 / (slope * behind)));
            }
            if mach == 3.0 && omega > 0.5 {
                checks.push(measured_thickness(omega, slope));
            }
        }
        checks.extend(equal_thicknesses(name, &thicknesses));
    }
    Ok(checks)
}

/// The measured thickness is over `16 mu / (5 rho sqrt(2 pi theta))`, the mean free path of hard spheres.
fn measured_thickness(omega: f64, slope: f64) -> Check {
    let path = 24.0 / ((7.0 - 2.0 * omega) * (5.0 - 2.0 * omega));
    Check {
        quantity: format!("mean free path over thickness, VHS {omega}, Mach 3"),
        value: slope * path,
        expected: 0.25,
        standard_error: 0.0,
        systematic: 0.05,
        limit: 0.05,
        reason: "0.2 to 0.3 in argon (Alsmeyer 1976)",
    }
}

fn equal_thicknesses(name: &str, thicknesses: &[(f64, f64)]) -> Vec<Check> {
    let mean = thicknesses.iter().map(|(_, t)| t).sum::<f64>() / thicknesses.len() as f64;
    thicknesses
        .iter()
        .map(|&(mach, thickness)| Check {
            quantity: format!("thickness in mean free paths behind, {name}, Mach {mach}"),
            value: thickness,
            expected: mean,
            standard_error: 0.0,
            systematic: 0.1 * mean,
            limit: 0.1 * mean,
            reason: "nearly the same from Mach 3 on (Lilley and Macrossan 2003); their mean, 10 %",
        })
        .collect()
}

/// Compares one shock; and the mean free path before it over its thickness.
fn shock(mach: f64, molecule: Molecule, name: &str, seed: u64) -> GasResult<(Vec<Check>, f64)> {
    let jump = shock_jump(mach, GAMMA);
    let path = mean_speed();
    let speed = mach * GAMMA.sqrt();
    let before = GasState {
        density: 1.0,
        temperature: 1.0,
        velocity: [speed, 0.0, 0.0],
    };
    let behind = GasState {
        density: jump.density,
        temperature: jump.temperature,
        velocity: [speed / jump.density, 0.0, 0.0],
    };
    let cells = (2.0 * HALF * CELLS_PER_PATH) as usize;
    let grid = Grid {
        lower: [-HALF * path, 0.0, 0.0],
        upper: [HALF * path, 1.0, 1.0],
        ..Grid::line(1.0, cells)
    };
    let weight = HALF * path * (1.0 + jump.density) / 80_000.0;
    let dt = 0.2 / molecule.collision_rate(behind.density, behind.temperature);
    let mut config = SolverConfig::new(molecule, grid, weight, dt);
    config.seed = seed;
    config.boundaries[LOW.index()] = Boundary::Open(Some(before));
    config.boundaries[HIGH.index()] = Boundary::Open(Some(behind));
    let initial = InitialGas {
        state: before,
        regions: vec![Region {
            lower: [0.0; 3],
            upper: [HALF * path, 1.0, 1.0],
            state: behind,
        }],
        ..InitialGas::uniform(1.0, 1.0)
    };
    let mut solver = DsmcSolver::new(config, &initial)?;
    // Two passages of the gas behind the shock, then two more.
    let passage = (HALF * path / behind.velocity[0] / dt).ceil() as u64;
    solver.run(2 * passage)?;
    let stride = (2 * passage / 1000).max(1);
    let flow = sample_steady(&mut solver, [20, 50, stride])?.flow();

    let title = format!("{name}, Mach {mach}");
    let mut checks = state_behind(&title, &flow, &behind, cells);
    let density = &flow.mean.density;
    let spacing = 1.0 / CELLS_PER_PATH;
    // The steepest slope over half a mean free path.
    let width = (0.5 * CELLS_PER_PATH) as usize;
    let slope = density
        .windows(width + 1)
        .map(|w| (w[width] - w[0]) / (width as f64 * spacing))
        .fold(0.0, f64::max);
    if mach >= 2.0 {
        let along = flow.mean.stress[0]
            .iter()
            .zip(density)
            .map(|(p, n)| p / n)
            .fold(0.0, f64::max);
        checks.push(Check {
            quantity: format!("peak of T_x above the temperature behind, {title}"),
            value: f64::from(u8::from(along > 1.02 * jump.temperature)),
            expected: 1.0,
            standard_error: 0.0,
            systematic: 0.0,
            limit: 0.0,
            reason: "the longitudinal temperature overshoots from Mach 2 on",
        });
    }
    Ok((checks, slope / (jump.density - 1.0)))
}

/// Means over the last quarter of the domain.
fn state_behind(title: &str, flow: &Flow, behind: &GasState, cells: usize) -> Vec<Check> {
    let range = 3 * cells / 4..cells;
    let mean = |values: &[f64]| values[range.clone()].iter().sum::<f64>() / range.len() as f64;
    let pressure = behind.density * behind.temperature;
    let thermal: Vec<f64> = flow
        .mean
        .density
        .iter()
        .zip(&flow.mean.temperature)
        .map(|(n, t)| n * t)
        .collect();
    [
        ("density", mean(&flow.mean.density), behind.density),
        (
            "temperature",
            mean(&flow.mean.temperature),
            behind.temperature,
        ),
        ("pressure", mean(&thermal), pressure),
    ]
    .into_iter()
    .map(|(what, value, expected)| Check {
        quantity: format!("{what} behind the shock, {title}"),
        value,
        expected,
        standard_error: 0.0,
        systematic: 0.01 * expected,
        limit: 0.01 * expected,
        reason: "1 %: the Rankine-Hugoniot jump",
    })
    .collect()
}
