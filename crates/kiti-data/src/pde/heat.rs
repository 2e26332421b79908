//! The heat equation on the unit torus, solved exactly.

use rayon::prelude::*;
use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use kiti_kinetics::rng::{Stream, derive_seed};

use super::fourier::SquareFourier;
use super::gaussian_random_field::GaussianRandomField;
use super::settings::{require, require_count, require_not_negative};
use crate::cache::{Cache, Outcome};
use crate::{Error, Field, Result};

/// Raised whenever the same settings begin to give other fields, so that caches notice.
const GENERATOR_VERSION: u32 = 1;
/// Width of [`Source::Frame`] as a fraction of the torus: one over this.
const FRAMES_PER_LENGTH: f64 = 32.;

/// Where heat is supplied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A frame of width 1/32 along the four edges: `x` or `y` in `[0, 1/32)` or `[31/32, 1)`.
    /// A grid point stands for the cell above and to the right of it and takes the covered
    /// fraction of that cell: the outermost row and column at each side of a 32 x 32 grid, two
    /// at 64 x 64, half the strength in one at 16 x 16. The total supply is that of the frame on
    /// every grid.
    #[default]
    Frame,
    /// The outermost row and column at each side of whatever grid is used, as in the generator
    /// that was published: on a grid of 64 x 64 about half the supply of 32 x 32.
    OneCell,
}

impl Source {
    /// Strength 0 to 1 at every grid point, row-major.
    pub fn pattern(self, resolution: usize) -> Vec<f64> {
        let covered: Vec<f64> = (0..resolution)
            .map(|index| match self {
                Source::OneCell => f64::from(index == 0 || index + 1 == resolution),
                Source::Frame => {
                    let width = resolution as f64 / FRAMES_PER_LENGTH;
                    let from_edge = index.min(resolution - 1 - index) as f64;
                    (width - from_edge).clamp(0., 1.)
                }
            })
            .collect();
        let mut pattern = Vec::with_capacity(resolution * resolution);
        for x in &covered {
            pattern.extend(covered.iter().map(|y| 1. - (1. - x) * (1. - y)));
        }
        pattern
    }
}

/// Settings of the heat data set: `u_t = diffusivity Laplace(u) + forcing * source` on the unit
/// torus, from a random initial field.
///
/// Snapshot `j` (from 0) shows the time `j * snapshot_interval`; the first one is the initial
/// field. Sample `i` of seed `s` is the same initial function on every grid and for any number
/// of samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeatConfig {
    /// Grid points along each of the two axes.
    pub resolution: usize,
    /// Number of samples.
    pub samples: usize,
    /// Number of snapshots of each sample.
    pub snapshots: usize,
    /// Time from one snapshot to the next.
    pub snapshot_interval: f64,
    /// Diffusivity `kappa`, in squared torus lengths per unit time.
    pub diffusivity: f64,
    /// Supply at full strength of the source, per unit time.
    pub forcing: f64,
    /// Where heat is supplied.
    pub source: Source,
    /// Measure of the initial fields.
    pub field: GaussianRandomField,
    /// Seed of the initial fields.
    pub seed: u64,
}

impl Default for HeatConfig {
    /// 20 samples of 20 snapshots 0.25 apart on a 32 x 32 grid; `kappa = 1e-4`, forcing 0.1 on
    /// the frame, initial fields with `alpha = 2.5`, `tau = 7`.
    fn default() -> Self {
        Self {
            resolution: 32,
            samples: 20,
            snapshots: 20,
            snapshot_interval: 0.25,
            diffusivity: 1e-4,
            forcing: 0.1,
            source: Source::Frame,
            field: GaussianRandomField::default(),
            seed: 0,
        }
    }
}

impl HeatConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first that is out of its range.
    pub fn validate(&self) -> Result<()> {
        require(
            (4..=8192).contains(&self.resolution),
            "resolution",
            self.resolution,
            "a number of grid points from 4 to 8192",
        )?;
        require_count("samples", self.samples)?;
        require_count("snapshots", self.snapshots)?;
        require_not_negative("snapshot_interval", self.snapshot_interval)?;
        require_not_negative("diffusivity", self.diffusivity)?;
        require(
            self.forcing.is_finite(),
            "forcing",
            self.forcing,
            "a finite number",
        )?;
        self.field.validate()
    }
}

/// The heat equation with one source on one grid, ready to be solved.
///
/// Each mode obeys `c_k' = -d_k c_k + f_k` with `d_k = kappa 4 pi^2 |k|^2`, so that
///
/// ```text
/// c_k(t) = c_k(0) exp(-d_k t) + f_k (1 - exp(-d_k t)) / d_k,      c_0(t) = c_0(0) + f_0 t
/// ```
///
/// which is exact for the source's trigonometric interpolant.
///
/// ```
/// use kiti_data::pde::heat::HeatSolver;
/// // A supply of 0.5 everywhere warms a cold torus evenly.
/// let solver = HeatSolver::new(8, 1e-4, &[0.5; 64])?;
/// let warm = solver.evolve(&[0.; 64], 4.)?;
/// assert!(warm.iter().all(|value| (value - 2.).abs() < 1e-12));
/// # Ok::<(), kiti_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HeatSolver {
    fourier: SquareFourier,
    decay_rates: Vec<f64>,
    source: Vec<Complex<f64>>,
}

impl HeatSolver {
    /// Prepares the equation with the supply `source` at the grid points, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] where `source` has not `resolution^2` elements.
    pub fn new(resolution: usize, diffusivity: f64, source: &[f64]) -> Result<Self> {
        check_length("source", resolution, source)?;
        let fourier = SquareFourier::new(resolution);
        let rate = diffusivity * 4. * std::f64::consts::PI.powi(2);
        let mut decay_rates = Vec::with_capacity(source.len());
        for row in 0..resolution {
            for column in 0..resolution {
                let (k_1, k_2) = (fourier.wavenumber(row), fourier.wavenumber(column));
                decay_rates.push(rate * (k_1 * k_1 + k_2 * k_2) as f64);
            }
        }
        let source = fourier.coefficients(source);
        Ok(Self {
            fourier,
            decay_rates,
            source,
        })
    }

    /// The field at time `time` that was `initial` at time 0, both row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] where `initial` has not as many elements as the grid has points.
    pub fn evolve(&self, initial: &[f64], time: f64) -> Result<Vec<f64>> {
        check_length("initial", self.fourier.resolution(), initial)?;
        Ok(self.values_at(&self.fourier.coefficients(initial), time))
    }

    fn values_at(&self, initial: &[Complex<f64>], time: f64) -> Vec<f64> {
        let modes = initial.iter().zip(&self.source).zip(&self.decay_rates);
        let coefficients = modes
            .map(|((initial, source), rate)| {
                let decayed = -(-rate * time).exp_m1();
                let supplied = if *rate == 0. { time } else { decayed / rate };
                initial * (1. - decayed) + source * supplied
            })
            .collect();
        self.fourier.values(coefficients)
    }
}

fn check_length(name: &str, resolution: usize, values: &[f64]) -> Result<()> {
    if values.len() == resolution * resolution {
        return Ok(());
    }
    Err(Error::Shape {
        array: name.to_owned(),
        expected: format!("{resolution} x {resolution} values"),
        found: vec![values.len()],
    })
}

/// Generated solutions.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatData {
    fields: Field,
}

impl HeatData {
    /// The solutions, shape `(samples, x, y, snapshots)`, single precision.
    pub fn fields(&self) -> &Field {
        &self.fields
    }

    /// The solutions without a copy; as [`HeatData::fields`].
    pub fn into_fields(self) -> Field {
        self.fields
    }

    /// Splits the snapshots: the first `inputs` of them and the `targets` that follow, shapes
    /// `(samples, x, y, inputs)` and `(samples, x, y, targets)`.
    ///
    /// # Errors
    /// [`Error::Shape`] where there are fewer than `inputs + targets` snapshots.
    pub fn split_time(&self, inputs: usize, targets: usize) -> Result<(Field, Field)> {
        Ok((
            self.fields.narrow_last(0, inputs)?,
            self.fields.narrow_last(inputs, targets)?,
        ))
    }
}

/// Solves the heat equation for every sample of `config`.
///
/// Randomness: the initial field of sample `i` comes from the stream of `(seed, i)` alone, hence
/// the result has the same bits whatever the number of threads.
///
/// # Errors
/// [`Error::Setting`] for a setting out of range, [`Error::TooLarge`] where the fields do not
/// fit into memory.
pub fn generate(config: &HeatConfig) -> Result<HeatData> {
    config.validate()?;
    let points = config.resolution * config.resolution;
    let per_sample = points * config.snapshots;
    let too_large = || Error::TooLarge {
        what: "the heat data set".to_owned(),
        bytes: per_sample as u128 * config.samples as u128 * 4,
    };
    let elements = per_sample
        .checked_mul(config.samples)
        .ok_or_else(too_large)?;
    let mut values = Vec::new();
    values
        .try_reserve_exact(elements)
        .map_err(|_| too_large())?;
    values.resize(elements, 0_f32);

    let mut source = config.source.pattern(config.resolution);
    source.iter_mut().for_each(|value| *value *= config.forcing);
    let solver = HeatSolver::new(config.resolution, config.diffusivity, &source)?;
    let seed = derive_seed(config.seed, "heat/initial-field");
    values
        .par_chunks_mut(per_sample)
        .enumerate()
        .for_each(|(sample, values)| {
            let mut stream = Stream::new(seed, [sample as u32, 0, 0]);
            let initial = config.field.coefficients(config.resolution, &mut stream);
            for snapshot in 0..config.snapshots {
                let time = snapshot as f64 * config.snapshot_interval;
                let field = solver.values_at(&initial, time);
                for (point, value) in field.into_iter().enumerate() {
                    values[point * config.snapshots + snapshot] = value as f32;
                }
            }
        });
    let shape = vec![
        config.samples,
        config.resolution,
        config.resolution,
        config.snapshots,
    ];
    Ok(HeatData {
        fields: Field::from_f32(shape, values)?,
    })
}

/// [`generate`], or the same fields from `cache`; says which of the two in the outcome.
///
/// # Errors
/// As [`generate`] and [`Cache::get_or_generate`].
pub fn load_or_generate(config: &HeatConfig, cache: &Cache) -> Result<(HeatData, Outcome)> {
    config.validate()?;
    let key = (GENERATOR_VERSION, config);
    let mut entry = cache.get_or_generate("heat", &key, || {
        let fields = generate(config)?.into_fields();
        Ok([("fields".to_owned(), fields)].into())
    })?;
    let fields = entry
        .arrays
        .remove("fields")
        .ok_or_else(|| Error::ArrayNotFound {
            path: entry.path.clone(),
            name: "fields".to_owned(),
            available: entry.arrays.keys().cloned().collect(),
        })?;
    Ok((HeatData { fields }, entry.outcome))
}

#[cfg(test)]
mod tests;
