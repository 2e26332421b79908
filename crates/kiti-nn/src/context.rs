//! What a forward pass must know beside its input: train or evaluate, and which random numbers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kiti_kinetics::rng::{Philox4x32, derive_seed};
use kiti_kinetics::system::{Diagnostics, StreamKey};

/// Whether a forward pass trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Particles collide, dropout drops.
    Train,
    /// Deterministic.
    #[default]
    Evaluate,
}

/// The circumstances of a forward pass.
///
/// All randomness of a pass is a function of `(seed, step, pass)` and of the layer that draws; the
/// same context and the same input give the same bits, whatever the number of threads.
///
/// ```
/// use kiti_nn::Context;
///
/// let ctx = Context::train(42, 17).with_progress(0.25).with_pass(3);
/// assert!(ctx.is_training());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Train or evaluate.
    pub mode: Mode,
    /// Seed of the run.
    pub seed: u64,
    /// Training step.
    pub step: u64,
    /// Which application of the model within the step: a roll-out applies it several times, and
    /// each must draw numbers of its own.
    pub pass: u32,
    /// Fraction of the training that is done, 0 to 1; schedules of the collision coefficient use it.
    pub progress: f64,
    /// Where kinetic residuals record what their collisions did, if anywhere.
    pub diagnostics: Option<Arc<LayerDiagnostics>>,
}

impl Context {
    /// Training step `step` of the run `seed`; pass 0, progress 0.
    pub fn train(seed: u64, step: u64) -> Self {
        Self {
            mode: Mode::Train,
            seed,
            step,
            ..Self::default()
        }
    }

    /// Evaluation after training: nothing is drawn, progress is 1.
    pub fn evaluate() -> Self {
        Self {
            progress: 1.0,
            ..Self::default()
        }
    }

    /// The same at another fraction of the training.
    pub fn with_progress(mut self, progress: f64) -> Self {
        self.progress = progress;
        self
    }

    /// The same for another application of the model within the step.
    pub fn with_pass(mut self, pass: u32) -> Self {
        self.pass = pass;
        self
    }

    /// The same, with a place to record collisions.
    pub fn with_diagnostics(mut self, diagnostics: Arc<LayerDiagnostics>) -> Self {
        self.diagnostics = Some(diagnostics);
        self
    }

    /// Whether the mode is [`Mode::Train`].
    pub fn is_training(&self) -> bool {
        self.mode == Mode::Train
    }

    /// Key of the collisions of one layer.
    pub(crate) fn stream_key(&self, layer: u32) -> StreamKey {
        StreamKey {
            seed: self.seed,
            step: self.step,
            layer,
            pass: self.pass,
            first_sample: 0,
        }
    }

    /// Seed of the numbers that one layer draws for the purpose `name`.
    pub(crate) fn stream_seed(&self, name: &str, layer: u32) -> u64 {
        let words = Philox4x32::from_seed(derive_seed(self.seed, name)).block([
            self.step as u32,
            (self.step >> 32) as u32,
            layer,
            self.pass,
        ]);
        u64::from(words[0]) | u64::from(words[1]) << 32
    }
}

/// What the collisions of each layer did, summed over the passes since the last [`take`].
///
/// [`take`]: LayerDiagnostics::take
#[derive(Debug, Default)]
pub struct LayerDiagnostics(Mutex<BTreeMap<u32, Diagnostics>>);

impl LayerDiagnostics {
    /// Adds one step's collisions to those of `layer`.
    pub fn record(&self, layer: u32, diagnostics: &Diagnostics) {
        let mut layers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        layers.entry(layer).or_default().merge(diagnostics);
    }

    /// What was recorded, by layer; starts again from nothing.
    pub fn take(&self) -> BTreeMap<u32, Diagnostics> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ_by_purpose_layer_step_and_pass() {
        let ctx = Context::train(1, 2);
        let seeds = [
            ctx.stream_seed("a", 0),
            ctx.stream_seed("b", 0),
            ctx.stream_seed("a", 1),
            Context::train(1, 3).stream_seed("a", 0),
            Context::train(1, 2 + (1 << 32)).stream_seed("a", 0),
            Context::train(2, 2).stream_seed("a", 0),
            ctx.clone().with_pass(1).stream_seed("a", 0),
        ];
        let distinct: std::collections::BTreeSet<_> = seeds.iter().collect();
        assert_eq!(distinct.len(), seeds.len());
        assert_eq!(seeds[0], ctx.stream_seed("a", 0));
    }

    #[test]
    fn diagnostics_add_up_and_are_taken_once() {
        let layers = LayerDiagnostics::default();
        let step = Diagnostics {
            candidates: 3,
            accepted: 1,
            ..Diagnostics::default()
        };
        layers.record(4, &step);
        layers.record(4, &step);
        layers.record(1, &step);
        let taken = layers.take();
        assert_eq!(taken.keys().copied().collect::<Vec<_>>(), [1, 4]);
        assert_eq!((taken[&4].candidates, taken[&4].accepted), (6, 2));
        assert!(layers.take().is_empty());
    }
}
