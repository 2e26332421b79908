//! What is timed.

use kiti_kinetics::gas::{Boundary, Collisions, Grid, InitialGas, Molecule, SolverConfig, Species};

use super::reference;

/// Density of the benchmark `in.collide`, 1/m^3.
const DENSITY: f64 = 7.07043e22;
const TEMPERATURE: f64 = 273.15;
/// Edge of its cells, m.
const CELL: f64 = 1e-5;
const STEP: f64 = 7e-9;
const PER_CELL: f64 = 10.0;

/// A gas to time.
pub struct Problem {
    /// What it is called.
    pub name: &'static str,
    /// The solver's configuration.
    pub config: SolverConfig,
    /// The gas at the start.
    pub initial: InitialGas,
    comparison: Comparison,
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Collide,
    Free,
    Python,
    Nothing,
}

impl Problem {
    /// The speed of another code on the same problem, in million particle-steps per second; none where it was not measured.
    pub fn reference(&self, particles: u64, threads: usize) -> Option<f64> {
        match self.comparison {
            Comparison::Collide => reference::sparta(particles, true, threads),
            Comparison::Free => reference::sparta(particles, false, threads),
            Comparison::Python => (threads == 1).then_some(reference::PYTHON),
            Comparison::Nothing => None,
        }
    }
}

/// All problems, with ten million particles too where `large`.
pub fn all(large: bool) -> Vec<Problem> {
    // Ten particles a cell: 10, 106, 973 thousand and 10 million.
    let mut edges = vec![10, 22, 46];
    if large {
        edges.push(100);
    }
    let boxes = |free: bool| edges.iter().map(move |edge| in_box(*edge, free));
    boxes(false)
        .chain(boxes(true))
        .chain([slab(), rayleigh()])
        .collect()
}

/// Argon in a closed box of `edge^3` cells: `in.collide` of SPARTA's benchmarks, or `in.free`.
fn in_box(edge: usize, free: bool) -> Problem {
    let extent = edge as f64 * CELL;
    let grid = Grid::space([extent; 3], [edge; 3]);
    let weight = DENSITY * CELL.powi(3) / PER_CELL;
    let mut config = SolverConfig::new(Species::ARGON.vss(), grid, weight, STEP);
    config.boundaries = [Boundary::Specular; 6];
    config.memory_limit = u64::MAX;
    if free {
        config.collisions = Collisions::None;
    }
    Problem {
        name: if free { "free 3D" } else { "collide 3D" },
        config,
        initial: InitialGas::uniform(DENSITY, TEMPERATURE),
        comparison: if free {
            Comparison::Free
        } else {
            Comparison::Collide
        },
    }
}

/// The same gas in one dimension: a million particles between mirrors.
fn slab() -> Problem {
    const CELLS: usize = 100_000;
    let grid = Grid::line(CELLS as f64 * CELL, CELLS);
    let weight = DENSITY * CELL / PER_CELL;
    let mut config = SolverConfig::new(Species::ARGON.vss(), grid, weight, STEP);
    config.boundaries = [Boundary::Specular; 6];
    Problem {
        name: "collide 1D",
        config,
        initial: InitialGas::uniform(DENSITY, TEMPERATURE),
        comparison: Comparison::Nothing,
    }
}

/// Rayleigh's problem as dsmc-python sets it: 50000 hard spheres in 50 cells, Kn = 0.1, 25 steps in a mean free time.
fn rayleigh() -> Problem {
    const PARTICLES: f64 = 50_000.0;
    const PATH: f64 = 0.1;
    let molecule = Molecule::reduced(1.0, 0.5, 1.0);
    // The mean free path is inversely proportional to the diameter's square.
    let diameter = (molecule.mean_free_path(1.0, 1.0) / PATH).sqrt();
    let molecule = Molecule {
        diameter,
        ..molecule
    };
    let step = 1.0 / (25.0 * molecule.collision_rate(1.0, 1.0));
    let mut config = SolverConfig::new(molecule, Grid::line(1.0, 50), 1.0 / PARTICLES, step);
    config.boundaries[0] = Boundary::Diffuse {
        temperature: 1.0,
        velocity: [0.0, 0.2, 0.0],
        accommodation: 1.0,
    };
    config.boundaries[1] = Boundary::Specular;
    Problem {
        name: "rayleigh",
        config,
        initial: InitialGas::uniform(1.0, 1.0),
        comparison: Comparison::Python,
    }
}
