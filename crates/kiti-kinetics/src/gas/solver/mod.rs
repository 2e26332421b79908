//! The solver: all blocks, step by step.

mod restart;

use rayon::prelude::*;

use super::block::{Block, Context, with_scratch};
use super::boundary::{Boundary, Face};
use super::config::{InitialGas, SolverConfig};
use super::draws::StepDraws;
use super::error::{GasError, GasResult};
use super::flight::{Domain, entering_in_a_step};
use super::initial;
use super::operator::Operator;
use super::particles::{Outbox, Particle};
use super::partition::Partition;
use super::sampling::Sampler;
use super::statistics::{PhaseTimes, Statistics, SurfaceTally};

/// Particles below which one thread is faster than several.
const SEQUENTIAL: usize = 2048;
/// The step whose key the initial gas is drawn with.
const BEFORE: u64 = u64::MAX;

/// Direct simulation Monte Carlo on a uniform grid.
///
/// A step collides the particles of every cell and then moves them for `dt`, through the boundaries
/// that they meet. Cells are grouped into blocks whose particles stay in a cache; threads of the current
/// rayon pool take block after block. A particle that leaves its block is handed over in the next step, in
/// an order that does not depend on the threads: results have the same bits for any number of them.
///
/// ```
/// use kiti_kinetics::gas::*;
///
/// // Argon at rest between plates of 273 K that move against each other.
/// let argon = Species::ARGON.vhs();
/// let density = 1e20;
/// let path = argon.mean_free_path(density, 273.0);
/// let grid = Grid::line(10.0 * path, 40);
/// let weight = density * grid.volume() / 4000.0;
/// let mut config = SolverConfig::new(argon, grid, weight, 0.2 / argon.collision_rate(density, 273.0));
/// for (face, speed) in [(0, -100.0), (1, 100.0)] {
///     config.boundaries[face] = Boundary::Diffuse {
///         temperature: 273.0,
///         velocity: [0.0, speed, 0.0],
///         accommodation: 1.0,
///     };
/// }
/// let initial = InitialGas::uniform(density, 273.0);
/// assert!(config.predict(&initial)?.warnings().is_empty());
/// let mut solver = DsmcSolver::new(config, &initial)?;
/// solver.run(50)?;
/// let mut sampler = Sampler::new(&solver, 10);
/// for _ in 0..50 {
///     solver.step()?;
///     solver.sample(&mut sampler)?;
/// }
/// let flow = sampler.flow();
/// assert!(flow.mean.velocity[1][39] > 20.0 && flow.mean.velocity[1][0] < -20.0);
/// # Ok::<(), GasError>(())
/// ```
#[derive(Debug)]
pub struct DsmcSolver {
    config: SolverConfig,
    partition: Partition,
    domain: Domain,
    blocks: Vec<Block>,
    /// What the blocks sent in the latest step, and room for the next.
    arriving: Vec<Outbox>,
    departing: Vec<Outbox>,
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
        let prediction = config.predict(initial)?;
        let partition = Partition::new(&config, prediction.particles);
        let mut solver = Self::empty(config, partition, prediction.particles);
        let draws = StepDraws::new(solver.config.seed, BEFORE);
        let (config, partition) = (&solver.config, &solver.partition);
        solver
            .blocks
            .par_iter_mut()
            .for_each(|block| initial::fill(block, config, partition, initial, &draws));
        Ok(solver)
    }

    /// A simulation that starts from given particles; positions beyond `grid.dims` axes are ignored.
    ///
    /// # Errors
    ///
    /// As [`SolverConfig::validate`]; besides where the arrays differ in length or are empty, a position
    /// lies outside the domain, a number is not finite, or the memory limit is passed.
    pub fn with_particles(
        config: SolverConfig,
        positions: &[[f64; 3]],
        velocities: &[[f64; 3]],
    ) -> GasResult<Self> {
        config.validate()?;
        let count = positions.len();
        if velocities.len() != count {
            return Err(GasError::Length {
                name: "velocities".into(),
                expected: count,
                found: velocities.len(),
            });
        }
        if count == 0 {
            return Err(GasError::NoParticles {
                weight: config.weight,
                expected: 0.0,
            });
        }
        check_memory(&config, count as f64)?;
        let partition = Partition::new(&config, count as f64);
        let mut solver = Self::empty(config, partition, count as f64);
        for (index, (&x, &v)) in positions.iter().zip(velocities).enumerate() {
            if !solver.domain.contains(x) {
                let outside = |&axis: &usize| !solver.domain.contains_along(axis, x[axis]);
                let axis = (0..solver.partition.dims).find(outside).unwrap_or(0);
                return Err(GasError::Value {
                    key: format!("positions[{index}][{axis}]"),
                    value: x[axis],
                    expected: "a place inside the domain",
                    remedy: "the upper end does not belong to the domain",
                });
            }
            if let Some(&value) = v.iter().find(|v| !v.is_finite()) {
                return Err(GasError::Value {
                    key: format!("velocities[{index}]"),
                    value,
                    expected: "a finite number",
                    remedy: "give a velocity",
                });
            }
            let (block, _) = solver.partition.locate([0; 3], x);
            solver.blocks[block].particles.push(&Particle { x, v });
        }
        Ok(solver)
    }

    fn empty(config: SolverConfig, partition: Partition, particles: f64) -> Self {
        let cells = partition.cells.iter().product::<usize>() as f64;
        let block = |number| {
            let mut block = Block::new(&partition, number, 0);
            let share = block.size.iter().product::<usize>() as f64 / cells;
            let capacity = (particles * share * 1.06) as usize + 16;
            block = Block::new(&partition, number, capacity);
            block
        };
        let blocks: Vec<_> = (0..partition.count()).map(block).collect();
        let outboxes = || (0..blocks.len()).map(|_| Outbox::default()).collect();
        Self {
            domain: Domain::new(&config),
            arriving: outboxes(),
            departing: outboxes(),
            blocks,
            config,
            partition,
            steps: 0,
        }
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
        let count = self.particle_count();
        let entering = |(face, boundary)| match boundary {
            Boundary::Open(Some(state)) => entering_in_a_step(&self.config, face, &state),
            _ => 0.0,
        };
        let entering: f64 = self.config.faces().map(entering).sum();
        if entering > 0.0 {
            check_memory(&self.config, count as f64 + entering)?;
        }
        let context = Context {
            config: &self.config,
            partition: &self.partition,
            domain: &self.domain,
            operator: Operator::new(
                self.config.collisions,
                &self.config.molecule,
                self.config.weight / self.config.grid.collision_volume(),
                self.config.dt,
            ),
            draws: StepDraws::new(self.config.seed, self.steps),
            arriving: &self.arriving,
        };
        let step = |(block, outbox): (&mut Block, &mut Outbox)| block.step(&context, outbox);
        if count < SEQUENTIAL || rayon::current_num_threads() == 1 {
            self.blocks
                .iter_mut()
                .zip(&mut self.departing)
                .for_each(step);
        } else {
            self.blocks
                .par_iter_mut()
                .zip(&mut self.departing)
                .for_each(step);
        }
        std::mem::swap(&mut self.arriving, &mut self.departing);
        for outbox in &mut self.arriving {
            for (block, particle) in outbox.far.drain(..) {
                self.blocks[block as usize].particles.push(&particle);
            }
        }
        self.steps += 1;
        Ok(())
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
        let blocks = self.blocks.iter().map(|block| block.particles.len());
        let moving = self.arriving.iter().map(Outbox::len);
        blocks.chain(moving).sum()
    }

    /// Bytes that particles and their administration take at this moment.
    pub fn bytes(&self) -> usize {
        let blocks = self.blocks.iter();
        let blocks = blocks.map(|block| size_of::<Block>() + block.particles.bytes());
        let outboxes = self.arriving.iter().chain(&self.departing);
        let outboxes = outboxes.map(|outbox| size_of::<Outbox>() + outbox.bytes());
        let scratch = with_scratch(|scratch| scratch.bytes()) * rayon::current_num_threads();
        blocks.chain(outboxes).sum::<usize>() + scratch
    }

    /// Hands over the particles that are between blocks.
    fn settle(&mut self) {
        let (partition, arriving) = (&self.partition, &self.arriving);
        self.blocks
            .par_iter_mut()
            .for_each(|block| block.take_in(partition, arriving));
        self.arriving.iter_mut().for_each(Outbox::clear);
    }

    /// Mass, momentum and energy of the gas.
    pub fn totals(&mut self) -> Totals {
        self.settle();
        let mut totals = Totals::default();
        let scale = self.config.weight * self.config.molecule.mass;
        for block in &self.blocks {
            let v = &block.particles.v;
            totals.particles += v[0].len() as u64;
            for axis in 0..3 {
                totals.momentum[axis] += v[axis].iter().sum::<f64>() * scale;
                totals.energy += 0.5 * v[axis].iter().map(|v| v * v).sum::<f64>() * scale;
            }
        }
        totals.mass = totals.particles as f64 * scale;
        totals
    }

    /// What has been done so far.
    pub fn statistics(&self) -> Statistics {
        let mut sum = Statistics::default();
        self.blocks
            .iter()
            .for_each(|block| sum.add(&block.statistics));
        sum
    }

    /// Where the time went.
    pub fn phase_times(&self) -> PhaseTimes {
        let mut sum = PhaseTimes::default();
        self.blocks.iter().for_each(|block| sum.add(&block.times));
        sum
    }

    /// What a face has exchanged with the gas so far.
    pub fn surface(&self, face: Face) -> SurfaceTally {
        let mut sum = SurfaceTally::default();
        for block in &self.blocks {
            sum.add(&block.tallies[face.index()]);
        }
        let (weight, mass) = (self.config.weight, self.config.molecule.mass);
        SurfaceTally {
            arrived: sum.arrived * weight,
            departed: sum.departed * weight,
            momentum: sum.momentum.map(|p| p * weight * mass),
            energy: sum.energy * weight * mass,
            energy_arrived: sum.energy_arrived * weight * mass,
        }
    }

    /// Positions and velocities of all particles, block by block.
    pub fn particles(&mut self) -> (Vec<[f64; 3]>, Vec<[f64; 3]>) {
        self.settle();
        let particles = self.blocks.iter().flat_map(|block| {
            (0..block.particles.len()).map(|index| {
                let particle = block.particles.get(index);
                (particle.x, particle.v)
            })
        });
        particles.unzip()
    }

    /// Adds the present state to a sampler.
    ///
    /// # Errors
    ///
    /// Where the sampler belongs to a simulation with another grid.
    pub fn sample(&mut self, sampler: &mut Sampler) -> GasResult<()> {
        self.settle();
        sampler.add(self)
    }

    pub(super) fn partition(&self) -> &Partition {
        &self.partition
    }

    pub(super) fn blocks(&self) -> &[Block] {
        &self.blocks
    }
}

fn check_memory(config: &SolverConfig, particles: f64) -> GasResult<()> {
    let bytes = particles * config.bytes_per_particle();
    let limit = config.memory_limit as f64;
    if bytes <= limit {
        return Ok(());
    }
    Err(GasError::Memory {
        weight: config.weight,
        particles,
        bytes,
        limit,
        needed: config.weight * bytes / limit,
    })
}
