//! Steady flow through a random medium in the unit square (Darcy's law).

mod half_waves;
mod medium;
mod poisson;
mod solver;

use serde::{Deserialize, Serialize};

use kiti_kinetics::rng::{Stream, derive_seed};

use super::function_pairs::{FunctionPairs, Observer, PairGenerator, SampleShape};
use super::settings::{require, require_count};
use crate::Result;
use medium::Cosines;

pub use medium::BinaryMedium;
pub use solver::DarcySolver;

/// Settings of the Darcy data set: from the coefficient `a` of a random medium to the pressure,
/// `-div(a grad p) = source` in the unit square, `p = 0` on its boundary.
///
/// Solved on `solver_resolution` points an axis and thinned to `resolution` of them, so that the
/// data of every resolution show the same flows. Points are `(i, j)/(resolution - 1)`, the
/// boundary included. Sample `i` of seed `s` is the same medium for any number of samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DarcyConfig {
    /// Points along each axis of the fields in the data set; `resolution - 1` divides
    /// `solver_resolution - 1`.
    pub resolution: usize,
    /// Points along each axis that the equation is solved on.
    pub solver_resolution: usize,
    /// Number of samples.
    pub samples: usize,
    /// The supply, the same everywhere.
    pub source: f64,
    /// Law of the media.
    pub medium: BinaryMedium,
    /// Seed of the media.
    pub seed: u64,
}

impl Default for DarcyConfig {
    /// 1000 samples of 85 x 85 points, 421 x 421 thinned by 5; source 1, coefficients 3 and 12.
    fn default() -> Self {
        Self {
            resolution: 85,
            solver_resolution: 421,
            samples: 1000,
            source: 1.,
            medium: BinaryMedium::default(),
            seed: 0,
        }
    }
}

impl DarcyConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) names the first that is out of its range.
    pub fn validate(&self) -> Result<()> {
        require(
            (3..=8193).contains(&self.solver_resolution),
            "solver_resolution",
            self.solver_resolution,
            "a number of grid points from 3 to 8193",
        )?;
        require(
            self.resolution >= 2
                && (self.solver_resolution - 1).is_multiple_of(self.resolution - 1),
            "resolution",
            self.resolution,
            "a number of grid points of which resolution - 1 divides solver_resolution - 1",
        )?;
        require_count("samples", self.samples)?;
        require(
            self.source.is_finite(),
            "source",
            self.source,
            "a finite number",
        )?;
        self.medium.validate()
    }
}

/// Solves the flow for every sample of `config`: inputs are the coefficients, outputs the
/// pressures, both of shape `(samples, x, y)`, single precision. `observer` hears of every
/// finished sample.
///
/// Randomness: the medium of sample `i` comes from the stream of `(seed, i)` alone, hence the
/// result has the same bits whatever the number of threads.
///
/// # Errors
/// [`Error::Setting`](crate::Error::Setting) for a setting out of range,
/// [`Error::TooLarge`](crate::Error::TooLarge) where the fields do not fit into memory,
/// [`Error::NotConverged`](crate::Error::NotConverged).
///
/// ```
/// use kiti_data::pde::darcy::{DarcyConfig, generate};
/// let config = DarcyConfig {
///     resolution: 17,
///     solver_resolution: 33,
///     samples: 2,
///     ..DarcyConfig::default()
/// };
/// let pairs = generate(&config, &|_| {})?;
/// assert_eq!(pairs.inputs.shape(), [2, 17, 17]);
/// assert!(pairs.inputs.into_f32().iter().all(|a| [3., 12.].contains(a)));
/// # Ok::<(), kiti_data::Error>(())
/// ```
pub fn generate(config: &DarcyConfig, observer: Observer<'_>) -> Result<FunctionPairs> {
    config.validate()?;
    let (fine, coarse) = (config.solver_resolution, config.resolution);
    let solver = DarcySolver::new(fine)?;
    let cosines = Cosines::new(fine);
    let seed = derive_seed(config.seed, "darcy/medium");
    let thinning = (fine - 1) / (coarse - 1);
    let thin = |values: &[f64], thinned: &mut [f32]| {
        for (point, to) in thinned.iter_mut().enumerate() {
            let (x, y) = (point / coarse, point % coarse);
            *to = values[(x * fine + y) * thinning] as f32;
        }
    };
    let field = [coarse, coarse];
    let shape = SampleShape {
        input: &field,
        output: &field,
    };
    FunctionPairs::generate(
        "Darcy",
        config.samples,
        &shape,
        observer,
        || (solver.workspace(), vec![0.; fine * fine]),
        |(workspace, coefficient), sample, input, output| {
            let mut stream = Stream::new(seed, [sample as u32, 0, 0]);
            config.medium.sample(&cosines, &mut stream, coefficient);
            thin(coefficient, input);
            solver
                .iterate(coefficient, |_| config.source, workspace)
                .map_err(|unconverged| unconverged.of_sample(sample))?;
            thin(&workspace.solution, output);
            Ok(())
        },
    )
}

impl PairGenerator for DarcyConfig {
    const NAME: &'static str = "darcy";
    const VERSION: u32 = 1;

    fn validate(&self) -> Result<()> {
        self.validate()
    }

    fn generate(&self, observer: Observer<'_>) -> Result<FunctionPairs> {
        generate(self, observer)
    }
}

#[cfg(test)]
mod tests;
