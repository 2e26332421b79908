//! A gas without space, with velocities of any dimension.

use pulp::{Simd, WithSimd};

use super::config::Collisions;
use super::draws::{Purpose, StepDraws};
use super::error::{GasError, GasResult, positive};
use super::molecule::Molecule;
use super::pairing::{Binary, Cells, Trials, collide};
use super::relaxation::Relaxing;
use super::scattering::Vectors;
use super::statistics::Statistics;
use crate::exact::maxwellian::sphere_surface;
use crate::simd::dispatch;

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
    offsets: Vec<u32>,
    order: Vec<u32>,
    velocities: Vec<f64>,
    turned: Vec<f64>,
    scratch: Trials,
    cell: Vec<[f64; 3]>,
    steps: u64,
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
        let mut offsets = vec![0u32];
        let mut total = 0usize;
        for &count in counts {
            total = total.saturating_add(count);
            let Ok(end) = u32::try_from(total) else {
                return Err(GasError::Value {
                    key: "counts".into(),
                    value: total as f64,
                    expected: "fewer than 2^32 particles",
                    remedy: "take fewer particles",
                });
            };
            offsets.push(end);
        }
        let expected = total.saturating_mul(config.dims);
        if velocities.len() != expected {
            return Err(length(expected, velocities.len()));
        }
        Ok(Self {
            order: (0..total as u32).collect(),
            turned: vec![0.0; config.dims],
            offsets,
            velocities,
            config,
            scratch: Trials::default(),
            cell: Vec::new(),
            steps: 0,
            statistics: Statistics::default(),
        })
    }

    /// One step of collisions.
    pub fn step(&mut self) {
        let config = self.config;
        let draws = StepDraws::new(config.seed, self.steps);
        let weight_over_volume = config.density / config.mean_particles;
        match config.collisions {
            Collisions::None => {}
            Collisions::Binary(selection) => {
                let binary =
                    Binary::new(selection, &config.molecule, weight_over_volume, config.dt);
                let done = dispatch(Step {
                    binary,
                    draws,
                    gas: self,
                });
                self.statistics.add(&done);
            }
            Collisions::Relaxation(model) => {
                let relaxing = Relaxing {
                    model,
                    molecule: config.molecule,
                    weight_over_volume,
                    dt: config.dt,
                };
                for (cell, range) in self.offsets.windows(2).enumerate() {
                    let range = 3 * range[0] as usize..3 * range[1] as usize;
                    let values = &mut self.velocities[range];
                    self.cell.clear();
                    let vectors = values.chunks_exact(3).map(|v| [v[0], v[1], v[2]]);
                    self.cell.extend(vectors);
                    let mut stream = draws.stream(Purpose::Relaxation, cell as u32, 0);
                    self.statistics.relaxations += relaxing.relax(&mut self.cell, &mut stream);
                    values.copy_from_slice(self.cell.as_flattened());
                }
            }
        }
        self.statistics.particle_steps += self.order.len() as u64;
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
        self.statistics
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

struct Step<'a> {
    binary: Binary,
    draws: StepDraws,
    gas: &'a mut HomogeneousGas,
}

impl WithSimd for Step<'_> {
    type Output = Statistics;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Statistics {
        let gas = self.gas;
        let cells = Cells {
            offsets: &gas.offsets,
            order: &mut gas.order,
            group: 0,
        };
        let mut vectors = Vectors {
            dims: gas.config.dims,
            inverse_alpha: 1.0 / gas.config.molecule.alpha,
            values: &mut gas.velocities,
            turned: &mut gas.turned,
            draws: self.draws,
        };
        let scratch = &mut gas.scratch;
        collide(
            simd,
            &self.binary,
            &self.draws,
            cells,
            &mut vectors,
            scratch,
        )
    }
}

/// `H = integral f ln f` of a distribution that depends on the speed alone, from a histogram of the
/// speeds `(particles, D)`: `sum_b P_b ln(P_b / V_b)` with `P_b` the share of the particles in bin `b` of
/// `bins` and `V_b` the volume of its shell in velocity space. Faster particles than `largest_speed`
/// count to the last bin; 0 where there are no particles or bins.
///
/// Counting noise makes the sum too large by `(bins - 1) / (2 particles)` on average, which is taken off
/// (Miller 1955).
pub fn h_function(dims: usize, velocities: &[f64], bins: usize, largest_speed: f64) -> f64 {
    let particles = velocities.len() / dims.max(1);
    if particles == 0 || bins == 0 || largest_speed.is_nan() || largest_speed <= 0.0 {
        return 0.0;
    }
    let mut counts = vec![0u64; bins];
    for v in velocities.chunks_exact(dims) {
        let speed = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        let bin = (speed / largest_speed * bins as f64) as usize;
        counts[bin.min(bins - 1)] += 1;
    }
    let ball = |radius: f64| sphere_surface(dims) / dims as f64 * radius.powi(dims as i32);
    let width = largest_speed / bins as f64;
    let mut sum = 0.0;
    let mut filled = 0u64;
    for (bin, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
        let share = count as f64 / particles as f64;
        let shell = ball((bin + 1) as f64 * width) - ball(bin as f64 * width);
        sum += share * (share / shell).ln();
        filled += 1;
    }
    sum - 0.5 * (filled - 1) as f64 / particles as f64
}
