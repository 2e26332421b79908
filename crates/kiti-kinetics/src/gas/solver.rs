//! The solver: all blocks, step by step.

use super::boundary::Face;
use super::config::{InitialGas, SolverConfig};
use super::error::GasResult;
use super::sampling::Sampler;
use super::snapshot::Snapshot;
use super::statistics::{PhaseTimes, Statistics, SurfaceTally};

/// Direct simulation Monte Carlo on a uniform grid.
///
/// A step collides the particles of every cell and then moves them for `dt`. Cells are grouped into
/// blocks that threads of the current rayon pool take one by one; results have the same bits for any
/// number of threads.
pub struct DsmcSolver {
    config: SolverConfig,
    steps: u64,
}

/// Sums over all particles, in real molecules.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Simulated particles.
    pub particles: u64,
    /// Mass.
    pub mass: f64,
    /// Momentum.
    pub momentum: [f64; 3],
    /// Kinetic energy.
    pub energy: f64,
}

impl DsmcSolver {
    /// A simulation that starts from a gas.
    ///
    /// # Errors
    ///
    /// As [`SolverConfig::predict`].
    pub fn new(config: SolverConfig, initial: &InitialGas) -> GasResult<Self> {
        config.predict(initial)?;
        Ok(Self { config, steps: 0 })
    }

    /// A simulation that starts from given particles; `positions` beyond `grid.dims` axes are ignored.
    ///
    /// # Errors
    ///
    /// As [`SolverConfig::validate`]; besides where the arrays differ in length, a position lies
    /// outside the domain, or the memory limit is passed.
    pub fn with_particles(
        config: SolverConfig,
        positions: &[[f64; 3]],
        velocities: &[[f64; 3]],
    ) -> GasResult<Self> {
        let _ = (positions, velocities);
        config.validate()?;
        Ok(Self { config, steps: 0 })
    }

    /// The configuration.
    pub fn config(&self) -> &SolverConfig {
        &self.config
    }

    /// One step.
    ///
    /// # Errors
    ///
    /// Where particles that came in no longer fit into the memory limit.
    pub fn step(&mut self) -> GasResult<()> {
        todo!()
    }

    /// Several steps.
    ///
    /// # Errors
    ///
    /// As [`DsmcSolver::step`].
    pub fn run(&mut self, steps: u64) -> GasResult<()> {
        (0..steps).try_for_each(|_| self.step())
    }

    /// Steps done, those before a restart included.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Simulated time.
    pub fn time(&self) -> f64 {
        self.steps as f64 * self.config.dt
    }

    /// Simulated particles.
    pub fn particle_count(&self) -> usize {
        todo!()
    }

    /// Bytes that particles and their administration take at this moment.
    pub fn bytes(&self) -> usize {
        todo!()
    }

    /// Mass, momentum and energy of the gas.
    pub fn totals(&self) -> Totals {
        todo!()
    }

    /// What has been done so far.
    pub fn statistics(&self) -> Statistics {
        todo!()
    }

    /// Where the time went.
    pub fn phase_times(&self) -> PhaseTimes {
        todo!()
    }

    /// What a face has exchanged with the gas so far.
    pub fn surface(&self, face: Face) -> SurfaceTally {
        let _ = face;
        todo!()
    }

    /// Positions and velocities of all particles, block by block.
    pub fn particles(&mut self) -> (Vec<[f64; 3]>, Vec<[f64; 3]>) {
        todo!()
    }

    /// Adds the present state to a sampler.
    ///
    /// # Errors
    ///
    /// Where the sampler belongs to a simulation with another grid.
    pub fn sample(&mut self, sampler: &mut Sampler) -> GasResult<()> {
        let _ = sampler;
        todo!()
    }

    /// The whole state.
    pub fn snapshot(&mut self) -> Snapshot {
        todo!()
    }

    /// The simulation that [`DsmcSolver::snapshot`] describes, to be continued bit for bit.
    ///
    /// # Errors
    ///
    /// Where the snapshot is incomplete or belongs to another configuration.
    pub fn restore(config: SolverConfig, snapshot: &Snapshot) -> GasResult<Self> {
        let _ = snapshot;
        Ok(Self { config, steps: 0 })
    }
}
