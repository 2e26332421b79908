//! A gas solver: direct simulation Monte Carlo (Bird 1994) and particle relaxation models.
//!
//! Units are whatever the caller measures in, as long as they fit together: SI with
//! [`Molecule::boltzmann`] left alone, or reduced ones with [`Molecule::reduced`].

mod block;
mod boundary;
mod config;
mod draws;
mod elementary;
mod error;
mod flight;
mod grid;
mod homogeneous;
mod initial;
mod molecule;
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
pub use homogeneous::{HomogeneousConfig, HomogeneousGas, h_function};
pub use molecule::{BOLTZMANN, Molecule, Species};
pub use pairing::PairSelection;
pub use relaxation::Relaxation;
pub use sampling::{Fields, Flow, Sampler, SurfaceFlux};
pub use snapshot::{Snapshot, Values};
pub use solver::{DsmcSolver, Totals};
pub use statistics::{PhaseTimes, Statistics, SurfaceTally};
