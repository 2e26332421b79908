//! The moving average of a model's weights.

use std::collections::BTreeMap;

use candle::Tensor;
use kiti_nn::var_store::VarStore;

use crate::Result;

/// What the average's tensors are called in a checkpoint, before the name of the weight.
const PREFIX: &str = "average.";

/// `m_t = d_t m_(t-1) + (1 - d_t) w_t` of every weight w, with `d_t = min(decay, (1 + t)/(10 + t))` for step t (from 1):
/// the average of a young run forgets its initial weights (the rule of TensorFlow's `ExponentialMovingAverage`).
#[derive(Debug)]
pub(super) struct WeightAverage {
    decay: f64,
    tensors: BTreeMap<String, Tensor>,
}

impl WeightAverage {
    /// Starts at the present weights.
    pub(super) fn new(decay: f64, store: &VarStore) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for (name, tensor) in store.tensors() {
            tensors.insert(name, tensor.copy()?);
        }
        Ok(Self { decay, tensors })
    }

    /// Takes in the weights after optimiser step `step`, counted from 1.
    pub(super) fn update(&mut self, store: &VarStore, step: u64) -> Result<()> {
        let step = step as f64;
        let decay = self.decay.min((1.0 + step) / (10.0 + step));
        for (name, weight) in store.tensors() {
            if let Some(mean) = self.tensors.get_mut(&name) {
                *mean = (mean.affine(decay, 0.0)? + weight.affine(1.0 - decay, 0.0)?)?;
            }
        }
        Ok(())
    }

    /// The averaged weights by name.
    pub(super) fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    /// Its tensors as a checkpoint names them.
    pub(super) fn state(&self) -> impl Iterator<Item = (String, Tensor)> {
        let named =
            |(name, tensor): (&String, &Tensor)| (format!("{PREFIX}{name}"), tensor.clone());
        self.tensors.iter().map(named)
    }

    /// Takes its tensors out of a checkpoint's `state`.
    pub(super) fn load(&mut self, state: &mut BTreeMap<String, Tensor>) {
        for (name, tensor) in &mut self.tensors {
            if let Some(stored) = state.remove(&format!("{PREFIX}{name}")) {
                *tensor = stored;
            }
        }
    }
}
