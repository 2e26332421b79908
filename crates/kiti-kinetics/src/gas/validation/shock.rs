//! Normal shocks.

use super::check::Check;
use super::setup::{HIGH, LOW, mean_speed, sample_steady, unit_molecule};
use crate::exact::shock::shock_jump;
use crate::gas::{
    Boundary, DsmcSolver, Flow, GasResult, GasState, Grid, InitialGas, Region, SolverConfig,
};
use crate::rng::derive_seed;

/// Half of the domain and the cells, in mean free paths of the gas before the shock.
const HALF: f64 = 20.0;
const CELLS_PER_PATH: f64 = 8.0;

/// Hard spheres from Mach 1.5 to 8: the state behind the shock, its thickness and its overshoot.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let mut checks = Vec::new();
    for mach in [1.5, 2.0, 3.0, 5.0, 8.0] {
        checks.extend(shock(mach, derive_seed(seed, &format!("Mach {mach}")))?);
    }
    Ok(checks)
}

fn shock(mach: f64, seed: u64) -> GasResult<Vec<Check>> {
    let jump = shock_jump(mach, 5.0 / 3.0);
    let path = mean_speed();
    let speed = mach * (5.0f64 / 3.0).sqrt();
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
    let molecule = unit_molecule(0.5, 1.0);
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

    let mut checks = state_behind(mach, &flow, &behind, cells);
    let density = &flow.mean.density;
    let spacing = 1.0 / CELLS_PER_PATH;
    // The steepest slope over half a mean free path.
    let width = (0.5 * CELLS_PER_PATH) as usize;
    let slope = density
        .windows(width + 1)
        .map(|w| (w[width] - w[0]) / (width as f64 * spacing))
        .fold(0.0, f64::max);
    if mach >= 3.0 {
        checks.push(Check {
            quantity: format!("mean free path over thickness of the shock, Mach {mach}"),
            value: slope / (jump.density - 1.0),
            expected: 0.25,
            standard_error: 0.0,
            systematic: 0.05,
            limit: 0.05,
            reason: "0.2 to 0.3 for hard spheres and argon from Mach 3 to 9 (Alsmeyer 1976)",
        });
    }
    if mach >= 2.0 {
        let along = flow.mean.stress[0]
            .iter()
            .zip(density)
            .map(|(p, n)| p / n)
            .fold(0.0, f64::max);
        checks.push(Check {
            quantity: format!("peak of T_x above the temperature behind, Mach {mach}"),
            value: f64::from(u8::from(along > 1.02 * jump.temperature)),
            expected: 1.0,
            standard_error: 0.0,
            systematic: 0.0,
            limit: 0.0,
            reason: "the longitudinal temperature overshoots from Mach 2 on",
        });
    }
    Ok(checks)
}

/// Means over the last quarter of the domain.
fn state_behind(mach: f64, flow: &Flow, behind: &GasState, cells: usize) -> Vec<Check> {
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
        quantity: format!("{what} behind the shock, Mach {mach}"),
        value,
        expected,
        standard_error: 0.0,
        systematic: 0.01 * expected,
        limit: 0.01 * expected,
        reason: "1 %: the Rankine-Hugoniot jump",
    })
    .collect()
}
