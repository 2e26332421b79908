//! `kiti data generate` of the equations whose data are pairs of functions.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use kiti_data::field_io::{Format, write};
use kiti_data::pde::burgers::{self, BurgersConfig};
use kiti_data::pde::darcy::{self, DarcyConfig};
use kiti_data::pde::navier_stokes::{self, NavierStokesConfig};
use kiti_data::pde::{FunctionPairs, Observer, Progress};

use crate::cli::{BurgersArguments, DarcyArguments, NavierStokesArguments, PairsArguments};
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::render::number::duration;

/// A line at most this often where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

pub fn burgers(arguments: &BurgersArguments) -> Outcome {
    let config = BurgersConfig {
        resolution: arguments.resolution,
        solver_resolution: arguments.solver_resolution,
        samples: arguments.samples,
        viscosity: arguments.viscosity,
        seed: arguments.pairs.seed,
        ..BurgersConfig::default()
    };
    config.validate()?;
    let what = format!("(samples, points), u(0) and u({})", config.time);
    generate(&arguments.pairs, config.samples, &what, |observer| {
        burgers::generate(&config, observer)
    })
}

pub fn navier_stokes(arguments: &NavierStokesArguments) -> Outcome {
    let config = NavierStokesConfig {
        resolution: arguments.resolution,
        solver_resolution: arguments.solver_resolution,
        samples: arguments.samples,
        snapshots: arguments.snapshots,
        viscosity: arguments.viscosity,
        seed: arguments.pairs.seed,
        ..NavierStokesConfig::default()
    };
    config.validate()?;
    let what = "(samples, x, y), w(0), and (samples, x, y, snapshots), w(1), w(2), ...";
    generate(&arguments.pairs, config.samples, what, |observer| {
        navier_stokes::generate(&config, observer)
    })
}

pub fn darcy(arguments: &DarcyArguments) -> Outcome {
    let config = DarcyConfig {
        resolution: arguments.resolution,
        solver_resolution: arguments.solver_resolution,
        samples: arguments.samples,
        seed: arguments.pairs.seed,
        ..DarcyConfig::default()
    };
    config.validate()?;
    let what = "(samples, x, y), the coefficient and the pressure";
    generate(&arguments.pairs, config.samples, what, |observer| {
        darcy::generate(&config, observer)
    })
}

/// Has `make` generate the pairs under the eyes of the user, and writes them.
fn generate(
    arguments: &PairsArguments,
    samples: usize,
    what: &str,
    make: impl FnOnce(Observer<'_>) -> kiti_data::Result<FunctionPairs>,
) -> Outcome {
    let path = &arguments.output;
    // Before minutes of work, not after them.
    if !matches!(Format::of_path(path)?, Format::Npz | Format::Safetensors) {
        return Err(Failure::refused(format!(
            "{}: two arrays are written: expected a file that ends in .npz or .safetensors",
            path.display()
        )));
    }
    let shown = Shown::new(samples);
    let pairs = make(&|progress| shown.update(progress))?;
    shown.close();
    let shapes = format!("{:?} and {:?}", pairs.inputs.shape(), pairs.outputs.shape());
    let arrays = [("inputs", pairs.inputs), ("outputs", pairs.outputs)];
    write(
        path,
        &arrays.map(|(name, field)| (name.to_owned(), field)).into(),
    )?;
    output::line(format!(
        "{}: arrays inputs and outputs of shapes {shapes}: {what}",
        path.display()
    ));
    Ok(())
}

/// Progress on standard error: a bar on a terminal, lines elsewhere.
struct Shown {
    bar: Option<ProgressBar>,
    start: Instant,
    last_line: std::sync::Mutex<Instant>,
}

impl Shown {
    fn new(samples: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} samples, {eta} left");
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(samples as u64);
            match style {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        Self {
            bar,
            start: Instant::now(),
            last_line: std::sync::Mutex::new(Instant::now()),
        }
    }

    fn update(&self, progress: Progress) {
        if let Some(bar) = &self.bar {
            bar.set_position(bar.position().max(progress.finished as u64));
            return;
        }
        let Ok(mut last) = self.last_line.lock() else {
            return;
        };
        if last.elapsed() >= LINE_INTERVAL {
            *last = Instant::now();
            let spent = self.start.elapsed().as_secs_f64();
            let left = (progress.samples - progress.finished) as f64 / progress.finished as f64;
            eprintln!(
                "{} of {} samples, about {} left",
                progress.finished,
                progress.samples,
                duration(spent * left)
            );
        }
    }

    fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
