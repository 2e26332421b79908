//! The configuration of a simulation, its checks and what it predicts.

use super::boundary::{Boundary, Face, GasState};
use super::error::{GasError, GasResult, positive, within};
use super::grid::Grid;
use super::molecule::Molecule;
use super::pairing::PairSelection;
use super::relaxation::Relaxation;

/// How velocities change within a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Collisions {
    /// Not at all: free molecular flow.
    None,
    /// Binary collisions of the pairs that a rule selects.
    Binary(PairSelection),
    /// Relaxation towards a local equilibrium.
    Relaxation(Relaxation),
}

/// Everything that a simulation needs besides its initial gas.
#[derive(Debug, Clone, PartialEq)]
pub struct SolverConfig {
    /// The molecules.
    pub molecule: Molecule,
    /// How they collide.
    pub collisions: Collisions,
    /// Where they are.
    pub grid: Grid,
    /// The faces in the order of [`Face::ALL`]; those of axes beyond `grid.dims` are ignored.
    pub boundaries: [Boundary; 6],
    /// Real molecules that a simulated one stands for.
    pub weight: f64,
    /// Time step.
    pub dt: f64,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Bytes that the simulation may take; more are refused.
    pub memory_limit: u64,
}

impl SolverConfig {
    /// Periodic boundaries, No-Time-Counter, seed 1, and a limit of 8 GiB.
    pub fn new(molecule: Molecule, grid: Grid, weight: f64, dt: f64) -> Self {
        Self {
            molecule,
            collisions: Collisions::Binary(PairSelection::NoTimeCounter),
            grid,
            boundaries: [Boundary::Periodic; 6],
            weight,
            dt,
            seed: 1,
            memory_limit: 8 << 30,
        }
    }

    /// Faces of the axes along which the gas varies.
    pub fn faces(&self) -> impl Iterator<Item = (Face, Boundary)> + use<> {
        let boundaries = self.boundaries;
        Face::ALL
            .into_iter()
            .take(2 * self.grid.dims.min(3))
            .map(move |face| (face, boundaries[face.index()]))
    }

    /// Refuses configurations that cannot be simulated.
    ///
    /// # Errors
    ///
    /// Names the first key that is wrong, what it may be, and what to do.
    pub fn validate(&self) -> GasResult<()> {
        self.molecule.validate()?;
        self.grid.validate()?;
        if self.grid_bytes() > self.memory_limit as f64 {
            return Err(GasError::Value {
                key: "domain.cells".into(),
                value: self.grid.cell_count() as f64,
                expected: "cells whose lists fit into the memory limit",
                remedy: "take fewer cells or sub-cells",
            });
        }
        positive(
            "particles.weight",
            self.weight,
            "real molecules that a simulated one stands for",
        )?;
        positive("time.step", self.dt, "give a time step")?;
        if let Collisions::Relaxation(relaxation) = self.collisions {
            relaxation.validate()?;
        }
        for (face, boundary) in self.faces() {
            boundary.validate(face)?;
            let opposite = self.boundaries[face.index() ^ 1];
            if boundary == Boundary::Periodic && opposite != Boundary::Periodic {
                return Err(GasError::Periodic { face: face.name() });
            }
        }
        Ok(())
    }

    /// Refuses a time step in which a molecule of `state` would cross the domain.
    pub(crate) fn validate_flight(&self, state: &GasState) -> GasResult<()> {
        let thermal = self.molecule.most_probable_speed(state.temperature);
        for axis in 0..self.grid.dims {
            let extent = self.grid.extent()[axis];
            let speed = thermal + state.velocity[axis].abs();
            if speed * self.dt > extent {
                return Err(GasError::TimeStep {
                    dt: self.dt,
                    flight: speed * self.dt,
                    extent,
                    axis: ['x', 'y', 'z'][axis],
                    largest: extent / speed,
                });
            }
        }
        Ok(())
    }

    /// What a simulation that starts from `initial` will be like.
    ///
    /// # Errors
    ///
    /// As [`SolverConfig::validate`]; besides where the initial gas cannot be, has too many molecules
    /// for the memory limit or none at all, or would cross the domain in a step.
    pub fn predict(&self, initial: &InitialGas) -> GasResult<Prediction> {
        self.validate()?;
        initial.validate(self.grid.dims)?;
        let states = initial.regions.iter().map(|region| region.state);
        let outside = self.faces().filter_map(|(_, boundary)| match boundary {
            Boundary::Open(state) => state,
            _ => None,
        });
        for state in states.chain([initial.state]).chain(outside) {
            self.validate_flight(&state)?;
        }
        let volume = self.grid.cell_volume();
        let mut particles = 0.0;
        let mut least = f64::INFINITY;
        let mut shortest_path = f64::INFINITY;
        let mut highest_rate: f64 = 0.0;
        if initial.regions.is_empty() {
            particles = initial.state.density * self.grid.volume() / self.weight;
            least = initial.state.density * volume / self.weight;
        } else {
            for cell in 0..self.grid.cell_count() {
                let number = initial.at(self.grid.centre(cell)).density * volume / self.weight;
                particles += number;
                least = least.min(number);
            }
        }
        let regions = initial.regions.iter().map(|region| &region.state);
        for state in regions.chain([&initial.state]) {
            let (n, t) = (state.density, state.temperature);
            shortest_path = shortest_path.min(self.molecule.mean_free_path(n, t));
            highest_rate = highest_rate.max(self.molecule.collision_rate(n, t));
        }
        let bytes = particles * self.bytes_per_particle() + self.grid_bytes();
        if bytes > self.memory_limit as f64 {
            let room = (self.memory_limit as f64 - self.grid_bytes()).max(1.0);
            return Err(GasError::Memory {
                weight: self.weight,
                particles,
                bytes,
                limit: self.memory_limit as f64,
                needed: self.weight * particles * self.bytes_per_particle() / room,
            });
        }
        if particles < 1.0 {
            return Err(GasError::NoParticles {
                weight: self.weight,
                expected: particles,
            });
        }
        let subcells = self.grid.subcells.pow(self.grid.dims as u32) as f64;
        let largest = (0..self.grid.dims)
            .map(|axis| self.grid.spacing()[axis] / self.grid.subcells as f64)
            .fold(0.0, f64::max);
        Ok(Prediction {
            particles,
            bytes,
            particles_per_cell: least / subcells,
            mean_free_path: shortest_path,
            collision_rate: highest_rate,
            cell_to_mean_free_path: largest / shortest_path,
            step_to_collision_time: self.dt * highest_rate,
            colliding: self.collisions != Collisions::None,
        })
    }

    /// Bytes of one particle, with the room that the storage keeps free.
    pub fn bytes_per_particle(&self) -> f64 {
        let state = 8.0 * (self.grid.dims + 3) as f64;
        // An eighth of room to grow, and the particles between blocks, twice.
        1.125 * state + 0.3 * (state + 8.0)
    }

    /// Scratch memory, and the lists of the cells.
    fn grid_bytes(&self) -> f64 {
        let cells = self.grid.collision_cells();
        0.5e6 + 8.0 * cells.iter().map(|&n| n as f64).product::<f64>()
    }
}

/// What a simulation will be like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Simulated molecules.
    pub particles: f64,
    /// Bytes they take.
    pub bytes: f64,
    /// Molecules in a collision cell where the gas is thinnest.
    pub particles_per_cell: f64,
    /// Mean free path where it is shortest.
    pub mean_free_path: f64,
    /// Collisions of a molecule per time where they are most frequent.
    pub collision_rate: f64,
    /// Largest extent of a collision cell over the mean free path.
    pub cell_to_mean_free_path: f64,
    /// Time step times collision rate.
    pub step_to_collision_time: f64,
    colliding: bool,
}

impl Prediction {
    /// What makes the result less trustworthy than it could be.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if !self.colliding {
            return warnings;
        }
        if self.cell_to_mean_free_path > 0.5 {
            warnings.push(Warning::LargeCells {
                ratio: self.cell_to_mean_free_path,
            });
        }
        if self.step_to_collision_time > 0.3 {
            warnings.push(Warning::LongStep {
                ratio: self.step_to_collision_time,
            });
        }
        if self.particles_per_cell < 5.0 {
            warnings.push(Warning::FewParticles {
                per_cell: self.particles_per_cell,
            });
        }
        warnings
    }
}

/// A choice that makes results less trustworthy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Warning {
    /// Cells larger than half a mean free path.
    LargeCells {
        /// Cell over mean free path.
        ratio: f64,
    },
    /// Steps longer than 0.3 collision times.
    LongStep {
        /// Step over collision time.
        ratio: f64,
    },
    /// Fewer than five particles in a collision cell.
    FewParticles {
        /// Particles in a cell.
        per_cell: f64,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LargeCells { ratio } => write!(
                f,
                "collision cells are {ratio:.2} mean free paths wide; viscosity and conductivity come out too \
                 large: take cells (or sub-cells) below 0.5"
            ),
            Self::LongStep { ratio } => write!(
                f,
                "a time step is {ratio:.2} collision times; take one below 0.3"
            ),
            Self::FewParticles { per_cell } => write!(
                f,
                "a collision cell holds {per_cell:.1} particles where the gas is thinnest; take at least 5 \
                 (lower the weight)"
            ),
        }
    }
}

/// How initial velocities are distributed about their mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Velocities {
    /// Equilibrium.
    #[default]
    Maxwellian,
    /// Bobylev, Krook and Wu's solution at `K = 3/5`.
    Bkw,
    /// Gaussian with these multiples of the temperature along the axes; their mean is 1.
    Anisotropic([f64; 3]),
    /// Two Maxwellians of the state's temperature that move with this speed along `+x` and `-x`.
    TwoStream(f64),
}

/// A box in which the gas starts differently.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Lower corner.
    pub lower: [f64; 3],
    /// Upper corner.
    pub upper: [f64; 3],
    /// The gas in it.
    pub state: GasState,
}

/// The gas at the start.
#[derive(Debug, Clone, PartialEq)]
pub struct InitialGas {
    /// The gas where no region is.
    pub state: GasState,
    /// Distribution of the velocities everywhere.
    pub velocities: Velocities,
    /// Regions, a later one over an earlier one. A cell belongs to the region that its centre lies in.
    pub regions: Vec<Region>,
}

impl InitialGas {
    /// A gas in equilibrium at rest.
    pub fn uniform(density: f64, temperature: f64) -> Self {
        Self {
            state: GasState {
                density,
                temperature,
                velocity: [0.0; 3],
            },
            velocities: Velocities::Maxwellian,
            regions: Vec::new(),
        }
    }

    /// The gas at a place.
    pub fn at(&self, place: [f64; 3]) -> GasState {
        let inside = |region: &&Region| {
            (0..3).all(|axis| (region.lower[axis]..region.upper[axis]).contains(&place[axis]))
        };
        let region = self.regions.iter().rev().find(inside);
        region.map_or(self.state, |region| region.state)
    }

    fn validate(&self, dims: usize) -> GasResult<()> {
        self.state.validate("initial")?;
        for (index, region) in self.regions.iter().enumerate() {
            region.state.validate(&format!("regions[{index}]"))?;
            for axis in 0..dims {
                positive(
                    format!("regions[{index}].upper - lower"),
                    region.upper[axis] - region.lower[axis],
                    "the upper corner must lie above the lower one",
                )?;
            }
        }
        match self.velocities {
            Velocities::Maxwellian | Velocities::Bkw => Ok(()),
            Velocities::Anisotropic(multiples) => {
                let remedy = "give three multiples whose mean is 1";
                for multiple in multiples {
                    positive("initial.distribution.temperatures", multiple, remedy)?;
                }
                within(
                    "mean of initial.distribution.temperatures",
                    multiples.iter().sum::<f64>() / 3.0,
                    [1.0 - 1e-6, 1.0 + 1e-6],
                    "1",
                    remedy,
                )
            }
            Velocities::TwoStream(speed) => within(
                "initial.distribution.speed",
                speed,
                [0.0, f64::MAX],
                "a number that is not negative",
                "give the speed of either stream",
            ),
        }
    }
}
