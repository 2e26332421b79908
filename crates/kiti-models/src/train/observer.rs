//! What a training run tells whoever watches it.

use std::ops::ControlFlow;

use super::metrics::{EpochMetrics, EpochTiming};
use super::plan::Plan;
use super::result::RunResult;

/// Something that happened in a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A sample has been generated; samples from the cache or from files pass in silence.
    Data {
        /// Name of its set.
        set: &'a str,
        /// Samples of the set that are finished.
        finished: usize,
        /// Samples of the set.
        samples: usize,
    },
    /// Training begins.
    Started {
        /// What will be done, and what it costs.
        plan: &'a Plan,
        /// Epochs done before, where the run goes on from a checkpoint.
        resumed_epochs: usize,
    },
    /// An optimiser step is done.
    Step {
        /// Epochs done before this one.
        epoch: usize,
        /// Optimiser steps done.
        step: u64,
        /// Optimiser steps of the whole run.
        steps: u64,
        /// Loss of the batch: mean relative L2 error of a predicted snapshot.
        loss: f64,
        /// Seconds that the step took.
        seconds: f64,
    },
    /// An epoch is done, its lines are written and, where due, its checkpoint.
    Epoch {
        /// Its metrics.
        metrics: &'a EpochMetrics,
        /// Its seconds.
        timing: &'a EpochTiming,
        /// Epochs of the whole run.
        epochs: usize,
    },
    /// The run is complete.
    Finished {
        /// What came out.
        result: &'a RunResult,
    },
}

/// Watches a run. Breaking ends it: after [`Event::Epoch`] nothing is lost, after [`Event::Step`] the current epoch
/// is, and the same run resumed ends with the same bits.
///
/// Closures are observers:
///
/// ```
/// use std::ops::ControlFlow;
/// use kiti_models::train::{Event, Observer};
///
/// let mut epochs = 0;
/// let mut observer = |event: &Event<'_>| {
///     if let Event::Epoch { .. } = event {
///         epochs += 1;
///     }
///     ControlFlow::Continue(())
/// };
/// let _: &mut dyn Observer = &mut observer;
/// ```
pub trait Observer {
    /// Called after every event.
    fn observe(&mut self, event: &Event<'_>) -> ControlFlow<()>;
}

impl<F: FnMut(&Event<'_>) -> ControlFlow<()>> Observer for F {
    fn observe(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        self(event)
    }
}
