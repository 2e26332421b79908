//! A run's progress: a bar on a terminal, lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kiti_models::train::{EpochMetrics, Event, Observer};

use crate::interrupt::Interrupt;
use crate::output;
use crate::render::number::{duration, significant};

/// A line at most this often where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// An epoch that ends within this time is worth waiting for before stopping.
const WORTH_WAITING: f64 = 20.0;

/// Shows progress, and breaks the run off when the user asks.
pub struct Progress {
    label: String,
    interrupt: Interrupt,
    bar: Option<ProgressBar>,
    pace: Pace,
    last_line: Option<Instant>,
    steps_an_epoch: u64,
    errors: BTreeMap<String, f64>,
}

impl Progress {
    /// For the run called `label`, which may be empty.
    pub fn new(label: String, interrupt: Interrupt) -> Self {
        let bar = std::io::stdout().is_terminal().then(ProgressBar::hidden);
        Self {
            label,
            interrupt,
            bar,
            pace: Pace::default(),
            last_line: None,
            steps_an_epoch: 1,
            errors: BTreeMap::new(),
        }
    }

    /// Takes the bar away.
    pub fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn start(&mut self, steps: u64, done: u64, resumed_epochs: usize) {
        self.pace.begin(done, steps);
        if resumed_epochs > 0 {
            self.say(&format!("goes on after epoch {resumed_epochs}"));
        }
        if let Some(bar) = &self.bar {
            bar.set_draw_target(ProgressDrawTarget::stdout_with_hz(8));
            bar.set_length(steps);
            bar.set_position(done);
            let template = "{prefix}{wide_bar:.cyan/dim} {pos}/{len} {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("\u{2501}\u{2578}\u{2500}"));
            }
            if !self.label.is_empty() {
                bar.set_prefix(format!("{} ", self.label));
            }
        }
    }

    fn data(&mut self, set: &str, finished: usize, samples: usize) {
        if let Some(bar) = &self.bar {
            bar.set_draw_target(ProgressDrawTarget::stdout_with_hz(8));
            bar.set_length(samples as u64);
            bar.set_position(finished as u64);
            if let Ok(style) =
                ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}, {eta} left")
            {
                bar.set_style(style);
            }
            bar.set_message(format!("samples of {set}"));
            return;
        }
        let due = self
            .last_line
            .is_none_or(|last| last.elapsed() >= LINE_INTERVAL);
        if due {
            self.last_line = Some(Instant::now());
            self.say(&format!("samples of {set}: {finished} of {samples}"));
        }
    }

    fn say(&self, text: &str) {
        let text = if self.label.is_empty() {
            text.to_owned()
        } else {
            format!("{}: {text}", self.label)
        };
        match &self.bar {
            Some(bar) => bar.suspend(|| output::line(text)),
            None => output::line(text),
        }
    }

    fn step(&mut self, step: u64, loss: f64) {
        self.pace.advance(step);
        if let Some(bar) = &self.bar {
            let left = self.pace.left().map_or_else(|| "?".into(), duration);
            bar.set_position(step);
            bar.set_message(format!(
                "loss {}{}, {left} left",
                significant(loss, 3),
                self.error()
            ));
        }
    }

    fn epoch(&mut self, metrics: &EpochMetrics, epochs: usize) {
        if let Some(errors) = &metrics.evaluation {
            self.errors.clone_from(errors);
        }
        let due = self
            .last_line
            .is_none_or(|last| last.elapsed() >= LINE_INTERVAL);
        let last = metrics.epoch == epochs;
        if self.bar.is_none() && (due || last) {
            self.last_line = Some(Instant::now());
            let left = match self.pace.left() {
                Some(left) if !last => format!(", {} left", duration(left)),
                _ => String::new(),
            };
            let loss = significant(metrics.train_loss, 4);
            self.say(&format!(
                "epoch {}/{epochs}, loss {loss}{}{left}",
                metrics.epoch,
                self.error()
            ));
        }
    }

    /// The error on the first test set, as it was evaluated last.
    fn error(&self) -> String {
        let shown = self.errors.iter().find(|(set, _)| *set != "train");
        shown.map_or_else(String::new, |(set, error)| {
            format!(", error on {set} {}", significant(*error, 3))
        })
    }

    fn stop_now(&self, step: u64) -> bool {
        let remaining = self.steps_an_epoch - step % self.steps_an_epoch.max(1);
        let wait = self.pace.seconds_a_step.unwrap_or(f64::INFINITY) * remaining as f64;
        self.interrupt.requested() && wait > WORTH_WAITING
    }
}

impl Observer for Progress {
    fn observe(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        let stop = match event {
            Event::Data {
                set,
                finished,
                samples,
            } => {
                self.data(set, *finished, *samples);
                false
            }
            Event::Started {
                plan,
                resumed_epochs,
            } => {
                self.steps_an_epoch = (plan.steps / plan.epochs.max(1) as u64).max(1);
                let done = self.steps_an_epoch * *resumed_epochs as u64;
                self.start(plan.steps, done, *resumed_epochs);
                self.interrupt.requested()
            }
            Event::Step { step, loss, .. } => {
                self.step(*step, *loss);
                self.stop_now(*step)
            }
            Event::Epoch {
                metrics, epochs, ..
            } => {
                self.epoch(metrics, *epochs);
                self.interrupt.requested() && metrics.epoch < *epochs
            }
            _ => false,
        };
        if stop {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// How fast steps are done, everything between them included.
#[derive(Debug, Default)]
struct Pace {
    started: Option<(Instant, u64)>,
    done: u64,
    steps: u64,
    seconds_a_step: Option<f64>,
}

impl Pace {
    fn begin(&mut self, done: u64, steps: u64) {
        *self = Self {
            started: Some((Instant::now(), done)),
            done,
            steps,
            seconds_a_step: None,
        };
    }

    fn advance(&mut self, done: u64) {
        self.done = done;
        if let Some((start, before)) = self.started
            && done > before
        {
            self.seconds_a_step = Some(start.elapsed().as_secs_f64() / (done - before) as f64);
        }
    }

    fn left(&self) -> Option<f64> {
        Some(self.seconds_a_step? * self.steps.saturating_sub(self.done) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_counts_only_steps_of_this_session() {
        let mut pace = Pace::default();
        assert_eq!(pace.left(), None);
        pace.begin(90, 100);
        pace.started = Instant::now()
            .checked_sub(Duration::from_secs(5))
            .map(|start| (start, 90));
        pace.advance(95);
        let left = pace.left().expect("five steps are done");
        assert!((4.5..6.5).contains(&left), "{left}");
    }
}
