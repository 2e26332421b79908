//! Sod's shock tube with a monatomic gas.

use std::ops::Range;

use rayon::prelude::*;

use super::check::{Check, Estimate};
use super::setup::{HIGH, LOW, mean_speed, unit_molecule};
use crate::exact::riemann::{Riemann, State, Wave};
use crate::gas::{
    Boundary, DsmcSolver, GasResult, GasState, Grid, InitialGas, Region, Sampler, SolverConfig,
};
use crate::rng::derive_seed;

/// One resolution: the mean free path of the left gas in tube lengths decides how close to Euler it is.
struct Tube {
    mean_free_path: f64,
    cells: usize,
    particles: f64,
    steps: u64,
    replicas: usize,
    systematic: f64,
}

const LEFT: State = State {
    density: 1.0,
    velocity: 0.0,
    pressure: 1.0,
};
const RIGHT: State = State {
    density: 0.125,
    velocity: 0.0,
    pressure: 0.1,
};

/// Where the tube begins, in its lengths: up to there nothing happens before the end, so that it would only cost
/// particles.
const START: f64 = 0.2;

/// 240 cells, `lambda = 0.001 L`: with twice that the contact, which spreads by diffusion, covers the plateaus.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    Tube {
        mean_free_path: 1e-3,
        cells: 240,
        particles: 6.5e4,
        steps: 1000,
        replicas: 24,
        systematic: 0.005,
    }
    .compare(seed)
}

/// 640 cells, `lambda = 0.0005 L`.
pub(super) fn run_full(seed: u64) -> GasResult<Vec<Check>> {
    Tube {
        mean_free_path: 5e-4,
        cells: 640,
        particles: 2.6e5,
        steps: 2000,
        replicas: 8,
        systematic: 0.002,
    }
    .compare(seed)
}

/// What one replica finds at the end.
struct End {
    /// Density, velocity and temperature of each cell.
    density: Vec<f64>,
    velocity: Vec<f64>,
    temperature: Vec<f64>,
    mass_change: f64,
    momentum_mismatch: f64,
}

impl Tube {
    fn length(&self) -> f64 {
        mean_speed() / self.mean_free_path
    }

    /// Hard spheres in units of the left gas, whose `theta` is 1: lengths in `length()`, times too.
    fn simulate(&self, seed: u64) -> GasResult<End> {
        let length = self.length();
        let mut grid = Grid::line(length, self.cells);
        grid.lower[0] = START * length;
        let mass = (0.5 - START) * LEFT.density + 0.5 * RIGHT.density;
        let weight = mass * length / self.particles;
        let dt = 0.2 * length / self.steps as f64;
        let mut config = SolverConfig::new(unit_molecule(0.5, 1.0), grid, weight, dt);
        config.seed = seed;
        config.boundaries[LOW.index()] = Boundary::Specular;
        config.boundaries[HIGH.index()] = Boundary::Specular;
        let gas = |state: State| GasState {
            density: state.density,
            temperature: state.theta(),
            velocity: [state.velocity, 0.0, 0.0],
        };
        let mut initial = InitialGas::uniform(LEFT.density, LEFT.theta());
        initial.regions.push(Region {
            lower: [0.5 * length, 0.0, 0.0],
            upper: [length, 1.0, 1.0],
            state: gas(RIGHT),
        });
        let mut solver = DsmcSolver::new(config, &initial)?;
        let before = solver.totals();
        solver.run(self.steps)?;
        let after = solver.totals();
        let impulse = solver.surface(LOW).momentum[0] + solver.surface(HIGH).momentum[0];
        let mut sampler = Sampler::new(&solver, 1);
        solver.sample(&mut sampler)?;
        let mean = sampler.flow().mean;
        let [velocity, ..] = mean.velocity;
        // Momentum that the tube's gas would have without walls: what either end has taken.
        let scale = solver.surface(LOW).momentum[0].abs();
        Ok(End {
            density: mean.density,
            velocity,
            temperature: mean.temperature,
            mass_change: after.mass / before.mass - 1.0,
            momentum_mismatch: (after.momentum[0] - before.momentum[0] + impulse) / scale,
        })
    }

    fn compare(&self, seed: u64) -> GasResult<Vec<Check>> {
        let exact = Riemann::new(LEFT, RIGHT, 5.0 / 3.0).expect("Sod's states are positive");
        let ends: Vec<End> = (0..self.replicas)
            .into_par_iter()
            .map(|replica| self.simulate(derive_seed(seed, &format!("replica {replica}"))))
            .collect::<GasResult<_>>()?;
        let mut checks = Vec::new();
        let time = 0.2;
        let Wave::Shock { speed: shock } = exact.right_wave() else {
            unreachable!("Sod's right wave is a shock")
        };
        let Wave::Rarefaction { tail, .. } = exact.left_wave() else {
            unreachable!("Sod's left wave is a rarefaction")
        };
        let cell = |speed: f64| {
            let place = (0.5 + time * speed - START) / (1.0 - START);
            (place * self.cells as f64) as usize
        };
        // Cells between two shares of the way from one wave to the next.
        let between = |waves: [f64; 2], shares: [f64; 2]| {
            let [low, high] = shares.map(|share| waves[0] + share * (waves[1] - waves[0]));
            cell(low)..cell(high)
        };
        let (left, right) = ([tail, exact.velocity()], [exact.velocity(), shock]);
        // Velocity and pressure are the same on both sides of the contact; densities are taken at a distance
        // from it.
        let whole = cell(tail + 0.25 * (left[1] - tail))..cell(shock - 0.25 * (shock - right[0]));
        type Quantity = fn(&End, usize) -> f64;
        let density: Quantity = |end, cell| end.density[cell];
        let momentum: Quantity = |end, cell| end.density[cell] * end.velocity[cell];
        let pressure: Quantity = |end, cell| end.density[cell] * end.temperature[cell];
        let mean = |range: &Range<usize>, quantity: Quantity| -> Vec<f64> {
            let sum = |end| range.clone().map(|cell| quantity(end, cell)).sum::<f64>();
            ends.iter()
                .map(|end| sum(end) / range.len() as f64)
                .collect()
        };
        let masses = mean(&whole, density);
        let momenta = mean(&whole, momentum);
        let velocities: Vec<f64> = momenta.iter().zip(&masses).map(|(p, m)| p / m).collect();
        for (quantity, values, expected, limit) in [
            (
                "velocity of the plateaus",
                velocities,
                exact.velocity(),
                0.02,
            ),
            (
                "pressure of the plateaus",
                mean(&whole, pressure),
                exact.pressure(),
                0.02,
            ),
            (
                "density left of the contact",
                mean(&between(left, [0.27, 0.51]), density),
                exact.left_star().density,
                0.03,
            ),
            (
                "density right of the contact",
                mean(&between(right, [0.51, 0.75]), density),
                exact.right_star().density,
                0.03,
            ),
        ] {
            let found = Estimate::of(&values);
            checks.push(Check {
                quantity: quantity.to_owned(),
                value: found.value,
                expected,
                standard_error: found.standard_error,
                systematic: self.systematic * expected,
                limit: limit * expected,
                reason: "2 % (density 3 %); waves are some mean free paths thick, not sharp",
            });
        }
        checks.push(self.shock_position(&ends, &exact, 0.5 + time * shock));
        for (what, values) in [
            (
                "mass, relative change",
                ends.iter().map(|end| end.mass_change).collect::<Vec<_>>(),
            ),
            (
                "momentum less the walls' impulse, relative",
                ends.iter().map(|end| end.momentum_mismatch).collect(),
            ),
        ] {
            checks.push(Check {
                quantity: what.to_owned(),
                value: values.iter().fold(0.0, |a: f64, v| a.max(v.abs())),
                expected: 0.0,
                standard_error: 0.0,
                systematic: 1e-10,
                limit: 1e-10,
                reason: "conserved to rounding",
            });
        }
        Ok(checks)
    }

    /// Where the mean density falls below the middle of its values behind and before the shock.
    fn shock_position(&self, ends: &[End], exact: &Riemann, expected: f64) -> Check {
        let middle = 0.5 * (exact.right_star().density + RIGHT.density);
        let positions: Vec<f64> = ends
            .iter()
            .map(|end| {
                // From the right, smoothed over five cells.
                let smooth =
                    |cell: usize| end.density[cell - 2..=cell + 2].iter().sum::<f64>() / 5.0;
                let cell = (2..self.cells - 3).rev().find(|&c| smooth(c) > middle);
                let cell = cell.unwrap_or(2);
                let (high, low) = (smooth(cell), smooth(cell + 1));
                let place = cell as f64 + 0.5 + (high - middle) / (high - low);
                START + (1.0 - START) * place / self.cells as f64
            })
            .collect();
        let found = Estimate::of(&positions);
        let right = self.mean_free_path * LEFT.density / RIGHT.density;
        Check {
            quantity: "position of the shock".to_owned(),
            value: found.value,
            expected,
            standard_error: found.standard_error,
            systematic: right,
            limit: 3.0 * right,
            reason: "three mean free paths of the right gas; the profile is not symmetric",
        }
    }
}
