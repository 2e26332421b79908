//! A gas without space, with velocities of any dimension.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::config::Collisions;
use super::draws::{Purpose, StepDraws};
use super::error::{GasError, GasResult, positive};
use super::molecule::Molecule;
use super::operator::Operator;
use super::pairing::{Binary, Cells, Trials, collide};
use super::scattering::Vectors;
use super::statistics::Statistics;
use crate::simd::dispatch;

/// Particles from which on cells are a group of their own: work for a thread.
const GROUP: usize = 16_384;

/// What a homogeneous gas is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HomogeneousConfig {
    /// The molecules.
    pub molecule: Molecule,
    /// How they collide.
    pub collisions: Collisions,
    /// Dimension of the velocities, at least 2.
    pub dims: usize,
    /// Number density of a cell that holds its mean number of particles.
    pub density: f64,
    /// Mean number of particles of a cell: weight over volume is `density / mean_particles`.
    pub mean_particles: f64,
    /// Time step.
    pub dt: f64,
    /// Seed of all random numbers.
    pub seed: u64,
}

/// Cells of a homogeneous gas that do not exchange particles, with velocities of `dims` dimensions.
///
/// In three dimensions scattering is that of the molecule; in others it is isotropic, and the total
/// cross section keeps its dependence on the relative speed.
///
/// Threads of the current rayon pool take groups of cells; results have the same bits for any number of them.
///
/// ```
/// use kiti_kinetics::gas::*;
///
/// // Two beams of hard spheres in a plane become a gas.
/// let config = HomogeneousConfig {
///     molecule: Molecule::reduced(1.0, 0.5, 1.0),
///     collisions: Collisions::Binary(PairSelection::NoTimeCounter),
///     dims: 2,
///     density: 1.0,
///     mean_particles: 100.0,
///     dt: 0.05,
///     seed: 1,
/// };
/// let beams = (0..200).map(|k| if k % 4 == 0 { 1.0 } else if k % 4 == 2 { -1.0 } else { 0.0 });
/// let mut gas = HomogeneousGas::new(config, &[100], beams.collect())?;
/// (0..100).for_each(|_| gas.step());
/// let energy: f64 = gas.velocities().iter().map(|v| v * v).sum();
/// assert!((energy - 100.0).abs() < 1e-11);
/// assert!(gas.statistics().collisions > 500);
/// # Ok::<(), GasError>(())
/// ```
#[derive(Debug)]
pub struct HomogeneousGas {
    config: HomogeneousConfig,
    operator: Operator,
    groups: Vec<Group>,
    velocities: Vec<f64>,
    steps: u64,
}

/// Neighbouring cells that one thread collides.
#[derive(Debug, Default)]
struct Group {
    /// Where the cells' particles begin and the last cell's end, counted within the group.
    offsets: Vec<u32>,
    order: Vec<u32>,
    /// Room for one relative velocity.
    turned: Vec<f64>,
    trials: Trials,
    statistics: Statistics,
}

impl HomogeneousGas {
    /// Cells with the given numbers of particles, whose velocities `(particles, D)` follow each other.
    ///
    /// # Errors
    ///
    /// Names the value that is wrong: a number that is not positive, fewer than two dimensions, a
    /// relaxation model in other than three dimensions, velocities of another length than the counts
    /// demand, or `2^32` particles and more.
    pub fn new(
        config: HomogeneousConfig,
        counts: &[usize],
        velocities: Vec<f64>,
    ) -> GasResult<Self> {
        config.molecule.validate()?;
        positive("density", config.density, "give a number density")?;
        positive("mean_particles", config.mean_particles, "give a number")?;
        positive("dt", config.dt, "give a time step")?;
        let dims = |expected, remedy| GasError::Value {
            key: "dims".into(),
            value: config.dims as f64,
            expected,
            remedy,
        };
        if config.dims < 2 {
            return Err(dims("at least 2", "on a line nothing can be scattered"));
        }
        if let Collisions::Relaxation(model) = config.collisions {
            model.validate()?;
            if config.dims != 3 {
                let remedy = "relaxation models are those of a gas in space";
                return Err(dims("3", remedy));
            }
        }
        let total = counts.iter().fold(0usize, |sum, &n| sum.saturating_add(n));
        if u32::try_from(total).is_err() {
            return Err(GasError::Value {
                key: "counts".into(),
                value: total as f64,
                expected: "fewer than 2^32 particles",
                remedy: "take fewer particles",
            });
        }
        let expected = total.saturating_mul(config.dims);
        if velocities.len() != expected {
            return Err(length(expected, velocities.len()));
        }
        let weight_over_volume = config.density / config.mean_particles;
        Ok(Self {
            operator: Operator::new(
                config.collisions,
                &config.molecule,
                weight_over_volume,
                config.dt,
            ),
            groups: Group::of(counts, config.dims),
            velocities,
            config,
            steps: 0,
        })
    }

    /// One step of collisions.
    pub fn step(&mut self) {
        let draws = StepDraws::new(self.config.seed, self.steps);
        let (dims, molecule) = (self.config.dims, self.config.molecule);
        let mut rest = self.velocities.as_mut_slice();
        let mut parts = Vec::with_capacity(self.groups.len());
        for (number, group) in self.groups.iter_mut().enumerate() {
            let (velocities, behind) = rest.split_at_mut(group.order.len() * dims);
            let vectors = Vectors {
                dims,
                inverse_alpha: 1.0 / molecule.alpha,
                values: velocities,
                turned: &mut [],
                draws,
                group: number as u32,
            };
            parts.push((group, vectors));
            rest = behind;
        }
        let operator = self.operator;
        parts
            .into_par_iter()
            .for_each(|(group, vectors)| group.step(operator, vectors));
        self.steps += 1;
    }

    /// The velocities `(particles, D)`, cell by cell.
    pub fn velocities(&self) -> &[f64] {
        &self.velocities
    }

    /// Replaces all velocities.
    ///
    /// # Errors
    ///
    /// Where their number is another.
    pub fn set_velocities(&mut self, velocities: &[f64]) -> GasResult<()> {
        if velocities.len() != self.velocities.len() {
            return Err(length(self.velocities.len(), velocities.len()));
        }
        self.velocities.copy_from_slice(velocities);
        Ok(())
    }

    /// What has been done so far.
    pub fn statistics(&self) -> Statistics {
        let mut sum = Statistics::default();
        self.groups
            .iter()
            .for_each(|group| sum.add(&group.statistics));
        sum
    }

    /// Dimension of the velocities.
    pub fn dims(&self) -> usize {
        self.config.dims
    }

    /// Simulated time.
    pub fn time(&self) -> f64 {
        self.steps as f64 * self.config.dt
    }
}

fn length(expected: usize, found: usize) -> GasError {
    GasError::Length {
        name: "velocities".into(),
        expected,
        found,
    }
}

impl Group {
    /// Cells with these numbers of particles in groups of [`GROUP`] particles and more.
    fn of(counts: &[usize], dims: usize) -> Vec<Self> {
        let mut groups = Vec::new();
        let mut offsets = vec![0u32];
        let mut particles = 0;
        for (cell, count) in counts.iter().enumerate() {
            particles += count;
            offsets.push(particles as u32);
            if particles >= GROUP || cell + 1 == counts.len() {
                groups.push(Self {
                    offsets: std::mem::replace(&mut offsets, vec![0]),
                    order: (0..particles as u32).collect(),
                    turned: vec![0.0; dims],
                    ..Self::default()
                });
                particles = 0;
            }
        }
        groups
    }

    fn step(&mut self, operator: Operator, mut vectors: Vectors<'_>) {
        match operator {
            Operator::None => {}
            Operator::Binary(binary) => dispatch(Collide {
                binary,
                vectors,
                group: self,
            }),
            Operator::Relaxation(relaxing) => {
                let (velocities, _) = vectors.values.as_chunks_mut::<3>();
                for (cell, range) in self.offsets.windows(2).enumerate() {
                    let velocities = &mut velocities[range[0] as usize..range[1] as usize];
                    let purpose = Purpose::Relaxation;
                    let (draws, group) = (&mut vectors.draws, vectors.group);
                    let mut stream = draws.stream(purpose, cell as u32, group);
                    self.statistics.relaxations += relaxing.relax(velocities, &mut stream);
                }
            }
        }
        self.statistics.particle_steps += self.order.len() as u64;
    }
}

struct Collide<'a> {
    binary: Binary,
    vectors: Vectors<'a>,
    group: &'a mut Group,
}

impl WithSimd for Collide<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Group {
            offsets,
            order,
            turned,
            trials,
            statistics,
        } = self.group;
        let mut vectors = Vectors {
            turned,
            ..self.vectors
        };
        let (draws, group) = (vectors.draws, vectors.group);
        let cells = Cells {
            offsets,
            order,
            group,
        };
        let done = collide(simd, &self.binary, &draws, cells, &mut vectors, trials);
        statistics.add(&done);
    }
}
