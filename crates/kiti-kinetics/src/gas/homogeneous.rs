//! A gas without space, with velocities of any dimension.

use super::config::Collisions;
use super::error::GasResult;
use super::molecule::Molecule;
use super::statistics::Statistics;

/// Cells of a homogeneous gas that do not exchange particles, with velocities of `dims` dimensions.
///
/// In three dimensions scattering is that of the molecule; in others it is isotropic.
pub struct HomogeneousGas {
    dims: usize,
}

/// What a homogeneous gas is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HomogeneousConfig {
    /// The molecules.
    pub molecule: Molecule,
    /// How they collide.
    pub collisions: Collisions,
    /// Dimension of the velocities, at least 2.
    pub dims: usize,
    /// Number density, if the cell holds its mean number of particles.
    pub density: f64,
    /// Mean number of particles of a cell: `weight / volume = density / mean_particles`.
    pub mean_particles: f64,
    /// Time step.
    pub dt: f64,
    /// Seed of all random numbers.
    pub seed: u64,
}

impl HomogeneousGas {
    /// Cells with the given numbers of particles, whose velocities `(particles, D)` follow each other.
    ///
    /// # Errors
    ///
    /// Names the value that is wrong.
    pub fn new(
        config: HomogeneousConfig,
        counts: &[usize],
        velocities: Vec<f64>,
    ) -> GasResult<Self> {
        let _ = (counts, velocities);
        Ok(Self { dims: config.dims })
    }

    /// One step of collisions.
    pub fn step(&mut self) {
        todo!()
    }

    /// The velocities `(particles, D)`, cell by cell.
    pub fn velocities(&self) -> &[f64] {
        todo!()
    }

    /// Replaces all velocities.
    ///
    /// # Errors
    ///
    /// Where their number is another.
    pub fn set_velocities(&mut self, velocities: &[f64]) -> GasResult<()> {
        let _ = velocities;
        todo!()
    }

    /// What has been done so far.
    pub fn statistics(&self) -> Statistics {
        todo!()
    }

    /// Dimension of the velocities.
    pub fn dims(&self) -> usize {
        self.dims
    }
}

/// `H = integral f ln f` of an isotropic distribution, from a histogram of the speeds about rest:
/// `sum_b P_b ln(P_b / V_b)` with `P_b` the share of the particles in bin `b` and `V_b` the volume of
/// its shell in velocity space.
pub fn h_function(dims: usize, velocities: &[f64], bins: usize, largest_speed: f64) -> f64 {
    let _ = (dims, velocities, bins, largest_speed);
    todo!()
}
