//! A gas solver: direct simulation Monte Carlo (Bird 1994) and particle relaxation models.
//!
//! Simulated particles, each of which stands for `F` (the weight) molecules, fly freely for a time step
//! `dt` and collide with others of their cell as often as the Boltzmann equation says: a pair with relative
//! speed `g` has `F sigma(g) g dt / V` collisions on average, where `V` is the cell's volume. Cells must be
//! smaller than the mean free path, steps shorter than the time between collisions.
//!
//! | item | what it is |
//! | --- | --- |
//! | [`Molecule`], [`Species`] | hard spheres, variable hard and soft spheres, Maxwell molecules |
//! | [`Collisions`] | binary collisions by a [`PairSelection`], or a [`Relaxation`] model |
//! | [`Grid`], [`Boundary`] | uniform cells in 0 to 3 dimensions, walls and open faces |
//! | [`SolverConfig`], [`InitialGas`] | a case, its checks, and what it predicts before it runs |
//! | [`DsmcSolver`] | the simulation; its [`Snapshot`] goes on bit for bit |
//! | [`Sampler`] | density, velocity, temperature, stress, heat flux, fluxes to faces, with standard errors |
//! | [`HomogeneousGas`] | cells without space, velocities of any dimension |
//!
//! Units are whatever the caller measures in, as long as they fit together: SI with
//! [`Molecule::boltzmann`] left alone, or reduced ones with [`Molecule::reduced`].
//!
//! # How it is computed
//!
//! Cells are grouped into blocks of a few thousand particles, which stay in a core's cache while they are
//! sorted, collided and moved. Within a block particles keep their places; sorting writes a list of
//! particle numbers for each cell. A particle that leaves its block goes into the block's outbox, from which
//! the neighbour takes it in the next step. Pairs are tried sixteen at a time, so that their divisions and
//! roots run in vectors; one that shares a particle with an earlier one is computed again after it.
//!
//! All random numbers are words of Philox blocks named by (seed, step, purpose, block, cell, trial), and
//! every sum is taken in a fixed order: the number of threads has no influence on any bit.

mod block;
mod boundary;
mod config;
mod draws;
mod elementary;
mod error;
mod flight;
mod grid;
mod h_function;
mod homogeneous;
mod initial;
mod molecule;
mod operator;
mod pairing;
mod particles;
mod partition;
mod relaxation;
mod sampling;
mod scattering;
mod snapshot;
mod solver;
mod statistics;
pub mod validation;

pub use boundary::{Boundary, Face, GasState};
pub use config::{Collisions, InitialGas, Prediction, Region, SolverConfig, Velocities, Warning};
pub use error::{GasError, GasResult};
pub use grid::Grid;
pub use h_function::h_function;
pub use homogeneous::{HomogeneousConfig, HomogeneousGas};
pub use molecule::{BOLTZMANN, Molecule, Species};
pub use pairing::PairSelection;
pub use relaxation::Relaxation;
pub use sampling::{Fields, Flow, Sampler, SurfaceFlux};
pub use snapshot::{Snapshot, Values};
pub use solver::{DsmcSolver, Totals};
pub use statistics::{PhaseTimes, Statistics, SurfaceTally};
