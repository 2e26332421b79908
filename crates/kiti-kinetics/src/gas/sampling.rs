//! Means of the flow with their standard errors.

use super::boundary::Face;
use super::error::GasResult;
use super::snapshot::Snapshot;
use super::solver::DsmcSolver;

/// Collects samples of a simulation: for steady flows over many steps, for unsteady ones over few.
///
/// Standard errors come from the means of consecutive batches of samples; batches that are longer
/// than the memory of the flow make them honest.
#[derive(Debug, Clone)]
pub struct Sampler {
    samples: u64,
}

/// Quantities of every cell, x fastest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields {
    /// Number density.
    pub density: Vec<f64>,
    /// Mean velocity.
    pub velocity: [Vec<f64>; 3],
    /// Temperature.
    pub temperature: Vec<f64>,
    /// Pressure tensor `m n <c_i c_j>`: xx, yy, zz, xy, xz, yz, with `c` the velocity about its mean.
    pub stress: [Vec<f64>; 6],
    /// Heat flux `m n <c^2 c_i> / 2`.
    pub heat_flux: [Vec<f64>; 3],
}

/// Fields and their standard errors (NaN with fewer than two batches).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Flow {
    /// Means.
    pub mean: Fields,
    /// Standard errors of the means.
    pub standard_error: Fields,
    /// Mean number of simulated particles in a cell.
    pub particles_per_cell: Vec<f64>,
}

/// Fluxes from the gas to a face, per area and time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SurfaceFlux {
    /// Molecules that arrive.
    pub arrivals: f64,
    /// Molecules that arrive less those that come back.
    pub number: f64,
    /// Momentum: pressure on the face along its axis (positive outwards from the gas), shear stress along the others.
    pub momentum: [f64; 3],
    /// Heat.
    pub heat: f64,
}

impl Sampler {
    /// A sampler for a simulation; `batch` samples make one batch.
    pub fn new(solver: &DsmcSolver, batch: u64) -> Self {
        let _ = (solver, batch);
        Self { samples: 0 }
    }

    /// Samples taken.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Forgets everything; surface fluxes count from now.
    pub fn reset(&mut self, solver: &DsmcSolver) {
        let _ = solver;
        self.samples = 0;
    }

    /// The flow so far.
    pub fn flow(&self) -> Flow {
        todo!()
    }

    /// Mean flux to a face between the sampler's beginning and its latest sample, with its standard error.
    pub fn surface(&self, face: Face) -> (SurfaceFlux, SurfaceFlux) {
        let _ = face;
        todo!()
    }

    /// The sampler's state.
    pub fn snapshot(&self) -> Snapshot {
        todo!()
    }

    /// The sampler that [`Sampler::snapshot`] describes.
    ///
    /// # Errors
    ///
    /// Where the snapshot is incomplete or belongs to another grid.
    pub fn restore(solver: &DsmcSolver, snapshot: &Snapshot) -> GasResult<Self> {
        let _ = (solver, snapshot);
        todo!()
    }
}
