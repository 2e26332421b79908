//! Settings of the Navier-Stokes data set.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use super::super::gaussian_random_field::GaussianRandomField;
use super::super::settings::{require, require_count, require_not_negative, require_positive};
use crate::Result;

/// Settings of the Navier-Stokes data set: the vorticity `w` of a flow on the unit torus,
///
/// ```text
/// w_t + u . grad w = viscosity Laplace(w) + f,    u = (psi_y, -psi_x),    -Laplace(psi) = w
/// f(x, y) = forcing (sin 2 pi (x + y) + cos 2 pi (x + y))
/// ```
///
/// from a random initial field. Snapshot `j` (from 0) shows the time `(j + 1)
/// snapshot_interval`, as the Fourier neural operator's files do. Solved on `solver_resolution`
/// points an axis and thinned to `resolution` of them, so that the data of every resolution show
/// the same flows; sample `i` of seed `s` has the same initial field for any number of samples.
///
/// Vortices dissipate at a length of about `sqrt(viscosity)` over the cube root of the vorticity's
/// size. A grid of 64 points resolves it for a viscosity of 1e-3 and just so for 1e-4; 1e-5 asks
/// for a `solver_resolution` of 256.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NavierStokesConfig {
    /// Points along each axis of the fields in the data set; divides `solver_resolution`.
    pub resolution: usize,
    /// Points along each axis that the equation is solved on.
    pub solver_resolution: usize,
    /// Number of samples.
    pub samples: usize,
    /// Number of snapshots of each sample.
    pub snapshots: usize,
    /// Time from one snapshot to the next.
    pub snapshot_interval: f64,
    /// Longest time step; shorter ones are taken where stability asks for them.
    pub time_step: f64,
    /// Kinematic viscosity, in squared torus lengths per unit time.
    pub viscosity: f64,
    /// Amplitude of the forcing.
    pub forcing: f64,
    /// Measure of the initial fields.
    pub field: GaussianRandomField,
    /// Seed of the initial fields.
    pub seed: u64,
}

impl Default for NavierStokesConfig {
    /// 20 samples of 20 snapshots 1 apart on a 64 x 64 grid; viscosity 1e-3, forcing 0.1,
    /// initial fields with `alpha = 2.5`, `tau = 7`.
    fn default() -> Self {
        Self {
            resolution: 64,
            solver_resolution: 64,
            samples: 20,
            snapshots: 20,
            snapshot_interval: 1.,
            time_step: 0.01,
            viscosity: 1e-3,
            forcing: 0.1,
            field: GaussianRandomField::default(),
            seed: 0,
        }
    }
}

impl NavierStokesConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) names the first that is out of its range.
    pub fn validate(&self) -> Result<()> {
        require(
            (8..=8192).contains(&self.solver_resolution),
            "solver_resolution",
            self.solver_resolution,
            "a number of grid points from 8 to 8192",
        )?;
        require(
            self.resolution > 0 && self.solver_resolution.is_multiple_of(self.resolution),
            "resolution",
            self.resolution,
            "a number of grid points that divides solver_resolution",
        )?;
        require_count("samples", self.samples)?;
        require_count("snapshots", self.snapshots)?;
        require_not_negative("snapshot_interval", self.snapshot_interval)?;
        require_positive("time_step", self.time_step)?;
        require_not_negative("viscosity", self.viscosity)?;
        require(
            self.forcing.is_finite(),
            "forcing",
            self.forcing,
            "a finite number",
        )?;
        self.field.validate()
    }

    /// The forcing at the points of the solver's grid, row-major.
    pub fn forcing_pattern(&self) -> Vec<f64> {
        let extent = self.solver_resolution;
        (0..extent * extent)
            .map(|point| {
                let phase = TAU * (point / extent + point % extent) as f64 / extent as f64;
                self.forcing * (phase.sin() + phase.cos())
            })
            .collect()
    }
}
