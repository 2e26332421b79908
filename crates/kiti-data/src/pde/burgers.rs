//! The viscous Burgers equation on the circle.

use std::f64::consts::TAU;
use std::fmt;
use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use serde::{Deserialize, Serialize};

use kiti_kinetics::rng::{Stream, derive_seed};

use super::circle_random_field::CircleRandomField;
use super::etdrk4::{Etdrk4, Mode, steps_across};
use super::function_pairs::{FunctionPairs, Observer, PairGenerator, SampleShape};
use super::settings::{require, require_count, require_not_negative, require_positive};
use crate::{Error, Result};

/// Settings of the Burgers data set: `u_t + u u_x = viscosity u_xx` on the circle of length 1,
/// from a random initial function to its state at `time`.
///
/// Solved on `solver_resolution` points and thinned to `resolution` of them, so that the data of
/// every resolution show the same solutions. Sample `i` of seed `s` has the same initial function
/// for any number of samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BurgersConfig {
    /// Points of the functions in the data set; divides `solver_resolution`.
    pub resolution: usize,
    /// Points that the equation is solved on.
    pub solver_resolution: usize,
    /// Number of samples.
    pub samples: usize,
    /// Viscosity, in squared lengths of the circle per unit time.
    pub viscosity: f64,
    /// Time from the input to the output.
    pub time: f64,
    /// Longest time step; shorter ones are taken where stability asks for them.
    pub time_step: f64,
    /// Measure of the initial functions.
    pub field: CircleRandomField,
    /// Seed of the initial functions.
    pub seed: u64,
}

impl Default for BurgersConfig {
    /// 1000 samples of 1024 points, 8192 thinned by 8; viscosity 0.1, time 1 in steps of 1e-3
    /// (whose error is below single precision), initial functions `N(0, 625 (-Laplace + 25)^(-2))`.
    fn default() -> Self {
        Self {
            resolution: 1024,
            solver_resolution: 8192,
            samples: 1000,
            viscosity: 0.1,
            time: 1.,
            time_step: 1e-3,
            field: CircleRandomField::default(),
            seed: 0,
        }
    }
}

impl BurgersConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first that is out of its range.
    pub fn validate(&self) -> Result<()> {
        require(
            (8..=1 << 24).contains(&self.solver_resolution),
            "solver_resolution",
            self.solver_resolution,
            "a number of points from 8 to 2^24",
        )?;
        require(
            self.resolution > 0 && self.solver_resolution.is_multiple_of(self.resolution),
            "resolution",
            self.resolution,
            "a number of points that divides solver_resolution",
        )?;
        require_count("samples", self.samples)?;
        require_positive("viscosity", self.viscosity)?;
        require_not_negative("time", self.time)?;
        require_positive("time_step", self.time_step)?;
        self.field.validate()
    }
}

/// The Burgers equation on a grid, ready to be solved.
///
/// With `u = sum_k c_k exp(2 pi i k x)` each mode obeys
///
/// ```text
/// c_k' = -viscosity 4 pi^2 k^2 c_k - pi i k (u^2)_k
/// ```
///
/// for `|k| < N/3`, where the transform of the product is free of aliasing; higher modes are
/// zero. Time is advanced by ETDRK4 (Cox and Matthews 2002), of fourth order, with the viscous
/// term solved exactly.
///
/// ```
/// use kiti_data::pde::burgers::BurgersSolver;
/// // A wave so small that the nonlinear term does not matter decays as exp(-viscosity 4 pi^2 t).
/// let wave: Vec<f64> = (0..32).map(|i| 1e-6 * (std::f64::consts::TAU * i as f64 / 32.).sin()).collect();
/// let later = BurgersSolver::new(32, 0.1)?.evolve(&wave, 0.5, 0.01)?;
/// let decay = (-0.1 * 4. * std::f64::consts::PI.powi(2) * 0.5_f64).exp();
/// assert!((later[8] - decay * wave[8]).abs() < 1e-5 * wave[8]);
/// # Ok::<(), kiti_data::Error>(())
/// ```
#[derive(Clone)]
pub struct BurgersSolver {
    viscosity: f64,
    rates: Vec<f64>,
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
}

impl fmt::Debug for BurgersSolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BurgersSolver")
            .field("resolution", &self.forward.len())
            .field("viscosity", &self.viscosity)
            .finish_non_exhaustive()
    }
}

/// What solving one sample needs, kept from sample to sample.
struct Workspace {
    stepper: Etdrk4,
    transform: Transform,
}

struct Transform {
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
    values: Vec<f64>,
    spectrum: Vec<Mode>,
    scratch: Vec<Mode>,
}

impl BurgersSolver {
    /// Prepares the equation on `resolution` points.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 8 points or a viscosity that is not positive.
    pub fn new(resolution: usize, viscosity: f64) -> Result<Self> {
        require(
            resolution >= 8,
            "resolution",
            resolution,
            "at least 8 points",
        )?;
        require_positive("viscosity", viscosity)?;
        let mut planner = RealFftPlanner::new();
        let modes = (resolution - 1) / 3 + 1;
        Ok(Self {
            viscosity,
            rates: (0..modes)
                .map(|k| -viscosity * (TAU * k as f64).powi(2))
                .collect(),
            forward: planner.plan_fft_forward(resolution),
            inverse: planner.plan_fft_inverse(resolution),
        })
    }

    /// The values at time `time` of the function with the values `initial` at time 0, in steps
    /// of at most `time_step`. Modes of a third of the resolution and above are cut off.
    ///
    /// # Errors
    /// [`Error::Shape`] where `initial` has not as many values as the grid has points,
    /// [`Error::Setting`] for a bad time or step, [`Error::Diverged`].
    pub fn evolve(&self, initial: &[f64], time: f64, time_step: f64) -> Result<Vec<f64>> {
        require_not_negative("time", time)?;
        require_positive("time_step", time_step)?;
        if initial.len() != self.forward.len() {
            return Err(Error::Shape {
                array: "initial".to_owned(),
                expected: format!("{} values", self.forward.len()),
                found: vec![initial.len()],
            });
        }
        let mut workspace = self.workspace();
        let mut state = vec![Mode::default(); self.rates.len()];
        workspace.transform.values.copy_from_slice(initial);
        workspace.transform.coefficients(&mut state);
        self.advance(&mut workspace, &mut state, time, time_step)
            .ok_or_else(|| diverged(0, time))?;
        Ok(workspace.transform.values)
    }

    fn workspace(&self) -> Workspace {
        let scratch = self
            .forward
            .get_scratch_len()
            .max(self.inverse.get_scratch_len());
        Workspace {
            stepper: Etdrk4::new(self.rates.len()),
            transform: Transform {
                forward: Arc::clone(&self.forward),
                inverse: Arc::clone(&self.inverse),
                values: vec![0.; self.forward.len()],
                spectrum: vec![Mode::default(); self.forward.complex_len()],
                scratch: vec![Mode::default(); scratch],
            },
        }
    }

    /// Advances `state` and leaves its values in the workspace; `None` where they diverge.
    fn advance(
        &self,
        workspace: &mut Workspace,
        state: &mut [Mode],
        time: f64,
        time_step: f64,
    ) -> Option<()> {
        let Workspace { stepper, transform } = workspace;
        transform.values_of(state);
        // The maximum principle: no later value is larger.
        let speed = largest(&transform.values)?;
        let largest_wavenumber = TAU * (self.rates.len() - 1) as f64;
        let steps = steps_across(time, time_step, speed, largest_wavenumber, self.viscosity)?;
        stepper.set_step(&self.rates, time / f64::from(steps));
        for _ in 0..steps {
            stepper.advance(state, |c, slope| {
                transform.values_of(c);
                transform.values.iter_mut().for_each(|u| *u *= *u);
                transform.coefficients(slope);
                for (k, slope) in slope.iter_mut().enumerate() {
                    *slope *= Mode::new(0., -TAU / 2. * k as f64);
                }
            });
        }
        transform.values_of(state);
        largest(&transform.values).map(|_| ())
    }
}

impl Transform {
    /// Writes the values of the function with these coefficients into `self.values`.
    fn values_of(&mut self, coefficients: &[Mode]) {
        self.spectrum[..coefficients.len()].copy_from_slice(coefficients);
        self.spectrum[coefficients.len()..].fill(Mode::default());
        // The mean is real: what rounding has left beside it is no information.
        self.spectrum[0].im = 0.;
        let done = self.inverse.process_with_scratch(
            &mut self.spectrum,
            &mut self.values,
            &mut self.scratch,
        );
        debug_assert!(done.is_ok(), "{done:?}");
    }

    /// Writes the coefficients of the function `self.values` up to the length of `coefficients`.
    fn coefficients(&mut self, coefficients: &mut [Mode]) {
        let scale = 1. / self.values.len() as f64;
        let done = self.forward.process_with_scratch(
            &mut self.values,
            &mut self.spectrum,
            &mut self.scratch,
        );
        debug_assert!(done.is_ok(), "{done:?}");
        for (to, from) in coefficients.iter_mut().zip(&self.spectrum) {
            *to = from * scale;
        }
    }
}

/// The largest absolute value, where all are finite.
fn largest(values: &[f64]) -> Option<f64> {
    values.iter().try_fold(0., |largest: f64, value| {
        value.is_finite().then_some(largest.max(value.abs()))
    })
}

fn diverged(sample: usize, time: f64) -> Error {
    Error::Diverged {
        equation: "Burgers equation",
        sample,
        time,
    }
}

/// Solves the equation for every sample of `config`: inputs and outputs have the shape
/// `(samples, points)`, single precision. `observer` hears of every finished sample.
///
/// Randomness: the initial function of sample `i` comes from the stream of `(seed, i)` alone,
/// hence the result has the same bits whatever the number of threads.
///
/// # Errors
/// [`Error::Setting`] for a setting out of range, [`Error::TooLarge`] where the functions do not
/// fit into memory, [`Error::Diverged`].
///
/// ```
/// use kiti_data::pde::burgers::{BurgersConfig, generate};
/// let config = BurgersConfig {
///     resolution: 64,
///     solver_resolution: 256,
///     samples: 3,
///     time_step: 0.01,
///     ..BurgersConfig::default()
/// };
/// let pairs = generate(&config, &|progress| assert!(progress.finished <= progress.samples))?;
/// assert_eq!(pairs.inputs.shape(), [3, 64]);
/// assert_eq!(pairs.outputs.shape(), [3, 64]);
/// # Ok::<(), kiti_data::Error>(())
/// ```
pub fn generate(config: &BurgersConfig, observer: Observer<'_>) -> Result<FunctionPairs> {
    config.validate()?;
    let solver = BurgersSolver::new(config.solver_resolution, config.viscosity)?;
    let seed = derive_seed(config.seed, "burgers/initial-function");
    let thinning = config.solver_resolution / config.resolution;
    let thin = |values: &[f64], thinned: &mut [f32]| {
        for (to, from) in thinned.iter_mut().zip(values.iter().step_by(thinning)) {
            *to = *from as f32;
        }
    };
    let points = [config.resolution];
    let shape = SampleShape {
        input: &points,
        output: &points,
    };
    FunctionPairs::generate(
        "Burgers",
        config.samples,
        &shape,
        observer,
        || solver.workspace(),
        |workspace, sample, input, output| {
            let mut stream = Stream::new(seed, [sample as u32, 0, 0]);
            let mut state = config.field.coefficients(solver.rates.len(), &mut stream);
            workspace.transform.values_of(&state);
            thin(&workspace.transform.values, input);
            solver
                .advance(workspace, &mut state, config.time, config.time_step)
                .ok_or_else(|| diverged(sample, config.time))?;
            thin(&workspace.transform.values, output);
            Ok(())
        },
    )
}

impl PairGenerator for BurgersConfig {
    const NAME: &'static str = "burgers";
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
