//! The incompressible Navier-Stokes equation on the torus, as an equation for the vorticity.

mod config;

use std::f64::consts::TAU;

use kiti_kinetics::rng::{Stream, derive_seed};

use super::etdrk4::{Etdrk4, Mode, steps_across};
use super::function_pairs::{FunctionPairs, Observer, PairGenerator, SampleShape};
use super::settings::{require, require_not_negative, require_positive};
use super::torus_fourier::{TorusFourier, TorusScratch};
use crate::{Error, Result};

pub use config::NavierStokesConfig;

/// The vorticity equation on a grid, ready to be solved.
///
/// Modes `|k|, |l| < N/3` are kept, for which the transforms of products are free of aliasing.
/// The nonlinear term is computed as `(d_xx - d_yy)(u v) + d_xy(v^2 - u^2)`, equal to `u . grad w`
/// for a flow without divergence, with four transforms (Basdevant 1983). Time is advanced by
/// ETDRK4 (Cox and Matthews 2002), of fourth order, the viscous term solved exactly.
///
/// ```
/// use std::f64::consts::{PI, TAU};
/// use kiti_data::pde::navier_stokes::NavierStokesSolver;
/// // The vortices of Taylor and Green keep their shape and decay.
/// let at = |point: usize| (TAU * (point / 16) as f64 / 16.).cos() * (TAU * (point % 16) as f64 / 16.).cos();
/// let initial: Vec<f64> = (0..256).map(at).collect();
/// let solver = NavierStokesSolver::new(16, 0.01, &[0.; 256])?;
/// let later = solver.evolve(&initial, 0.5, 0.05)?;
/// let decay = (-0.01 * 8. * PI * PI * 0.5_f64).exp();
/// assert!(initial.iter().zip(&later).all(|(w, later)| (later - decay * w).abs() < 1e-12));
/// # Ok::<(), kiti_data::Error>(())
/// ```
#[derive(Clone)]
pub struct NavierStokesSolver {
    fourier: TorusFourier,
    viscosity: f64,
    rates: Vec<f64>,
    factors: Vec<ModeFactors>,
}

impl std::fmt::Debug for NavierStokesSolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NavierStokesSolver")
            .field("resolution", &self.fourier.resolution())
            .field("viscosity", &self.viscosity)
            .finish_non_exhaustive()
    }
}

/// What the coefficients of a mode are multiplied by, all zero for a mode that is not kept.
#[derive(Clone, Copy, Debug, Default)]
struct ModeFactors {
    /// `u_k = i velocity_x w_k`.
    velocity_x: f64,
    /// `v_k = i velocity_y w_k`.
    velocity_y: f64,
    /// Of `(u v)_k N^2` in the slope of `w_k`.
    product: f64,
    /// Of `(v^2 - u^2)_k N^2` in the slope of `w_k`.
    difference: f64,
    /// The forcing's coefficient.
    forcing: Mode,
}

/// What solving one sample needs, kept from sample to sample.
struct Workspace {
    stepper: Etdrk4,
    flow: Flow,
}

/// The flow of a state, on the grid.
struct Flow {
    velocity_x: Vec<f64>,
    velocity_y: Vec<f64>,
    scratch: TorusScratch,
}

impl NavierStokesSolver {
    /// Prepares the equation on `resolution` points an axis with the forcing at these points,
    /// row-major.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 8 points or a negative viscosity, [`Error::Shape`] where
    /// `forcing` has not `resolution^2` elements.
    pub fn new(resolution: usize, viscosity: f64, forcing: &[f64]) -> Result<Self> {
        require(
            resolution >= 8,
            "resolution",
            resolution,
            "at least 8 points",
        )?;
        require_not_negative("viscosity", viscosity)?;
        check_length("forcing", resolution, forcing)?;
        let fourier = TorusFourier::new(resolution);
        let points = (resolution * resolution) as f64;
        let mut scratch = fourier.scratch();
        let forcing = fourier.scaled_coefficients(forcing, &mut scratch);
        let (mut rates, mut factors) = (Vec::new(), Vec::new());
        for (wavenumbers, forcing) in fourier.wavenumbers().zip(forcing) {
            let Some((k, l)) = wavenumbers else {
                rates.push(0.);
                factors.push(ModeFactors::default());
                continue;
            };
            let (k, l) = (k as f64, l as f64);
            let square = k * k + l * l;
            rates.push(-viscosity * TAU.powi(2) * square);
            // The mean vorticity of a torus is zero and moves nothing.
            let inverse = if square == 0. {
                0.
            } else {
                1. / (TAU * square)
            };
            factors.push(ModeFactors {
                velocity_x: l * inverse,
                velocity_y: -k * inverse,
                product: TAU.powi(2) * (k * k - l * l) / points,
                difference: TAU.powi(2) * k * l / points,
                forcing: forcing / points,
            });
        }
        Ok(Self {
            fourier,
            viscosity,
            rates,
            factors,
        })
    }

    /// The vorticity at time `time` that was `initial` at time 0, both row-major, in steps of at
    /// most `time_step`. Modes of a third of the resolution and above are cut off.
    ///
    /// # Errors
    /// [`Error::Shape`] where `initial` has not as many elements as the grid has points,
    /// [`Error::Setting`] for a bad time or step, [`Error::Diverged`].
    pub fn evolve(&self, initial: &[f64], time: f64, time_step: f64) -> Result<Vec<f64>> {
        require_not_negative("time", time)?;
        require_positive("time_step", time_step)?;
        check_length("initial", self.fourier.resolution(), initial)?;
        let mut workspace = self.workspace();
        let scale = 1. / initial.len() as f64;
        let mut state: Vec<_> = self
            .fourier
            .scaled_coefficients(initial, &mut workspace.flow.scratch)
            .iter()
            .zip(self.fourier.wavenumbers())
            .map(|(mode, kept)| {
                if kept.is_some() {
                    mode * scale
                } else {
                    Mode::default()
                }
            })
            .collect();
        self.advance(&mut workspace, &mut state, time, time_step)
            .ok_or_else(|| diverged(0, time))?;
        let mut values = vec![0.; initial.len()];
        self.fourier.values(
            |index| state[index],
            &mut values,
            &mut workspace.flow.scratch,
        );
        check_finite(&values).ok_or_else(|| diverged(0, time))?;
        Ok(values)
    }

    fn workspace(&self) -> Workspace {
        let points = self.fourier.resolution().pow(2);
        Workspace {
            stepper: Etdrk4::new(self.rates.len()),
            flow: Flow {
                velocity_x: vec![0.; points],
                velocity_y: vec![0.; points],
                scratch: self.fourier.scratch(),
            },
        }
    }

    /// Advances `state`; `None` where its velocities are not finite to begin with.
    fn advance(
        &self,
        workspace: &mut Workspace,
        state: &mut [Mode],
        time: f64,
        time_step: f64,
    ) -> Option<()> {
        let Workspace { stepper, flow } = workspace;
        self.velocities(state, flow);
        let speed = flow
            .velocity_x
            .iter()
            .zip(&flow.velocity_y)
            .map(|(u, v)| u.abs() + v.abs())
            // Unlike f64::max this keeps a NaN.
            .fold(
                0.,
                |largest: f64, speed| if speed <= largest { largest } else { speed },
            );
        let largest_wavenumber = TAU * self.fourier.largest_wavenumber() as f64;
        let steps = steps_across(time, time_step, speed, largest_wavenumber, self.viscosity)?;
        stepper.set_step(&self.rates, time / f64::from(steps));
        for _ in 0..steps {
            stepper.advance(state, |vorticity, slope| self.slope(vorticity, slope, flow));
        }
        Some(())
    }

    fn velocities(&self, vorticity: &[Mode], flow: &mut Flow) {
        let times_i = |mode: Mode, factor: f64| Mode::new(-factor * mode.im, factor * mode.re);
        self.fourier.values(
            |index| times_i(vorticity[index], self.factors[index].velocity_x),
            &mut flow.velocity_x,
            &mut flow.scratch,
        );
        self.fourier.values(
            |index| times_i(vorticity[index], self.factors[index].velocity_y),
            &mut flow.velocity_y,
            &mut flow.scratch,
        );
    }

    /// Advection and forcing of every mode.
    fn slope(&self, vorticity: &[Mode], slope: &mut [Mode], flow: &mut Flow) {
        self.velocities(vorticity, flow);
        for (u, v) in flow.velocity_x.iter_mut().zip(&mut flow.velocity_y) {
            (*u, *v) = (*u * *v, *v * *v - *u * *u);
        }
        let product = self
            .fourier
            .scaled_coefficients(&flow.velocity_x, &mut flow.scratch);
        for ((slope, product), factors) in slope.iter_mut().zip(product).zip(&self.factors) {
            *slope = product * factors.product + factors.forcing;
        }
        let difference = self
            .fourier
            .scaled_coefficients(&flow.velocity_y, &mut flow.scratch);
        for ((slope, difference), factors) in slope.iter_mut().zip(difference).zip(&self.factors) {
            *slope += difference * factors.difference;
        }
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

fn check_finite(values: &[f64]) -> Option<()> {
    values.iter().all(|value| value.is_finite()).then_some(())
}

fn diverged(sample: usize, time: f64) -> Error {
    Error::Diverged {
        equation: "Navier-Stokes equation",
        sample,
        time,
    }
}

/// Solves the equation for every sample of `config`: inputs are the initial vorticity, shape
/// `(samples, x, y)`, outputs the snapshots, shape `(samples, x, y, snapshots)`, single
/// precision. `observer` hears of every finished sample.
///
/// Randomness: the initial field of sample `i` comes from the stream of `(seed, i)` alone, hence
/// the result has the same bits whatever the number of threads.
///
/// # Errors
/// [`Error::Setting`] for a setting out of range, [`Error::TooLarge`] where the fields do not fit
/// into memory, [`Error::Diverged`].
///
/// ```
/// use kiti_data::pde::navier_stokes::{NavierStokesConfig, generate};
/// let config = NavierStokesConfig {
///     resolution: 16,
///     solver_resolution: 32,
///     samples: 2,
///     snapshots: 3,
///     time_step: 0.05,
///     ..NavierStokesConfig::default()
/// };
/// let pairs = generate(&config, &|_| {})?;
/// assert_eq!(pairs.inputs.shape(), [2, 16, 16]);
/// assert_eq!(pairs.outputs.shape(), [2, 16, 16, 3]);
/// # Ok::<(), kiti_data::Error>(())
/// ```
pub fn generate(config: &NavierStokesConfig, observer: Observer<'_>) -> Result<FunctionPairs> {
    config.validate()?;
    let (fine, coarse) = (config.solver_resolution, config.resolution);
    let solver = NavierStokesSolver::new(fine, config.viscosity, &config.forcing_pattern())?;
    let seed = derive_seed(config.seed, "navier-stokes/initial-field");
    let thinning = fine / coarse;
    let shape = SampleShape {
        input: &[coarse, coarse],
        output: &[coarse, coarse, config.snapshots],
    };
    FunctionPairs::generate(
        "Navier-Stokes",
        config.samples,
        &shape,
        observer,
        || (solver.workspace(), vec![0.; fine * fine]),
        |(workspace, values), sample, input, output| {
            let mut stream = Stream::new(seed, [sample as u32, 0, 0]);
            let mut state = solver
                .fourier
                .keep(&config.field.coefficients(fine, &mut stream));
            let mut show =
                |state: &[Mode], scratch: &mut TorusScratch, to: &mut [f32], at, every| {
                    solver.fourier.values(|index| state[index], values, scratch);
                    for point in 0..coarse * coarse {
                        let (x, y) = (point / coarse, point % coarse);
                        to[point * every + at] = values[(x * fine + y) * thinning] as f32;
                    }
                    check_finite(values)
                };
            show(&state, &mut workspace.flow.scratch, input, 0, 1);
            for snapshot in 0..config.snapshots {
                solver
                    .advance(
                        workspace,
                        &mut state,
                        config.snapshot_interval,
                        config.time_step,
                    )
                    .and_then(|()| {
                        let scratch = &mut workspace.flow.scratch;
                        show(&state, scratch, output, snapshot, config.snapshots)
                    })
                    .ok_or_else(|| {
                        diverged(sample, (snapshot + 1) as f64 * config.snapshot_interval)
                    })?;
            }
            Ok(())
        },
    )
}

impl PairGenerator for NavierStokesConfig {
    const NAME: &'static str = "navier-stokes";
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
