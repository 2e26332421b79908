//! Learning-rate schedules: the learning rate as a function of the step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate changes during training; a pure function of the step, so that a resumed
/// run needs no state.
///
/// A "step" is whatever the caller counts, optimiser steps or epochs; `total` counts the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LearningRateSchedule {
    /// base at every step.
    #[default]
    Constant,
    /// base `factor`^floor(step / every), PyTorch's `StepLR`.
    Step {
        /// Steps between two reductions.
        every: u64,
        /// What the learning rate is multiplied with; 0.5 halves it.
        factor: f64,
    },
    /// minimum + (base - minimum) (1 + cos(pi step / total)) / 2, PyTorch's `CosineAnnealingLR`.
    Cosine {
        /// Learning rate at the end.
        #[serde(default)]
        minimum: f64,
    },
    /// Rise from base / `initial_divisor` to base, then fall to base / (`initial_divisor`
    /// `final_divisor`), both along half a cosine: PyTorch's `OneCycleLR` with its two phases. The
    /// base is the largest learning rate.
    OneCycle {
        /// Share of the steps in which the learning rate rises.
        #[serde(default = "default_rise")]
        rise: f64,
        /// base over the first learning rate.
        #[serde(default = "default_initial_divisor")]
        initial_divisor: f64,
        /// First learning rate over the last.
        #[serde(default = "default_final_divisor")]
        final_divisor: f64,
    },
    /// Linear rise from 0 to base, then linear fall to 0 at `total`, the usual schedule of BERT's
    /// fine-tuning.
    LinearWarmup {
        /// Share of the steps in which the learning rate rises, rounded up to whole steps.
        warmup: f64,
    },
}

fn default_rise() -> f64 {
    0.3
}

fn default_initial_divisor() -> f64 {
    25.0
}

fn default_final_divisor() -> f64 {
    1e4
}

impl LearningRateSchedule {
    /// The learning rate of step `step` (counted from 0) out of `total`, for the base value `base`.
    /// Steps beyond the last get the last one's value where the schedule is defined by `total`.
    pub fn learning_rate(&self, base: f64, step: u64, total: u64) -> f64 {
        match *self {
            Self::Constant => base,
            Self::Step { every, factor } => base * factor.powf((step / every.max(1)) as f64),
            Self::Cosine { minimum } => {
                let progress = step.min(total) as f64 / total.max(1) as f64;
                minimum + (base - minimum) * (1.0 + (PI * progress).cos()) / 2.0
            }
            Self::OneCycle {
                rise,
                initial_divisor,
                final_divisor,
            } => {
                let initial = base / initial_divisor;
                let last = initial / final_divisor;
                let end = total.saturating_sub(1) as f64;
                let top = (rise * total as f64 - 1.0).max(0.0);
                let step = (step as f64).min(end);
                if step <= top && top > 0.0 {
                    half_cosine(initial, base, step / top)
                } else {
                    half_cosine(base, last, (step - top) / (end - top).max(1.0))
                }
            }
            Self::LinearWarmup { warmup } => {
                let warmup = (warmup * total as f64).ceil();
                let step = step as f64;
                if step < warmup {
                    base * step / warmup.max(1.0)
                } else {
                    base * ((total as f64 - step) / (total as f64 - warmup).max(1.0)).max(0.0)
                }
            }
        }
    }
}

/// From `start` at 0 to `end` at 1.
fn half_cosine(start: f64, end: f64, progress: f64) -> f64 {
    end + (start - end) / 2.0 * (1.0 + (PI * progress).cos())
}
