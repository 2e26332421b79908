//! A simulation's progress: a bar on a terminal, lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;
use crate::render::number::{duration, prefixed};

/// A line at most this often where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// The clock is read at most this often.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Shows how far a simulation is, how fast it goes and how long it will take.
pub struct Progress {
    bar: Option<ProgressBar>,
    steps: u64,
    first: u64,
    begun: Instant,
    looked: Instant,
    line: Instant,
    particle_steps: f64,
}

impl Progress {
    /// For a simulation of `steps` steps of which `done` are done.
    pub fn new(steps: u64, done: u64) -> Self {
        let bar = std::io::stdout().is_terminal().then(|| {
            let bar = ProgressBar::hidden();
            bar.set_draw_target(ProgressDrawTarget::stdout_with_hz(8));
            bar.set_length(steps);
            bar.set_position(done);
            if let Ok(style) =
                ProgressStyle::with_template("{wide_bar:.cyan/dim} {pos}/{len} {msg}")
            {
                bar.set_style(style.progress_chars("\u{2501}\u{2578}\u{2500}"));
            }
            bar
        });
        let now = Instant::now();
        Self {
            bar,
            steps,
            first: done,
            begun: now,
            looked: now,
            line: now,
            particle_steps: 0.0,
        }
    }

    /// Notes that a step of `particles` molecules is done.
    pub fn step(&mut self, step: u64, particles: usize) {
        self.particle_steps += particles as f64;
        if self.looked.elapsed() < LOOK_INTERVAL {
            return;
        }
        self.looked = Instant::now();
        let message = || {
            let seconds = self.begun.elapsed().as_secs_f64();
            let left = seconds / (step - self.first).max(1) as f64 * (self.steps - step) as f64;
            format!(
                "{}particle-steps/s, {} left",
                prefixed(self.particle_steps / seconds),
                duration(left)
            )
        };
        match &self.bar {
            Some(bar) => {
                bar.set_position(step);
                bar.set_message(message());
            }
            None if self.line.elapsed() >= LINE_INTERVAL => {
                output::line(format!("step {step}/{}, {}", self.steps, message()));
                self.line = Instant::now();
            }
            None => {}
        }
    }

    /// Seconds since the beginning, and particle-steps in them.
    pub fn so_far(&self) -> (f64, f64) {
        (self.begun.elapsed().as_secs_f64(), self.particle_steps)
    }

    /// Takes the bar away.
    pub fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
