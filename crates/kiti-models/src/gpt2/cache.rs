//! Keys and values of the tokens that a generation has passed.

use candle::Tensor;

/// Keys and values of every layer for the tokens so far, so that a new token costs one position's work.
///
/// Belongs to one model and one batch of sequences; see [`Gpt2::forward_cached`](super::Gpt2::forward_cached).
#[derive(Debug, Clone, Default)]
pub struct KeyValueCache {
    pub(super) layers: Vec<LayerCache>,
    pub(super) length: usize,
}

impl KeyValueCache {
    /// No tokens yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tokens so far.
    pub fn length(&self) -> usize {
        self.length
    }
}

/// Keys and values of one layer, each `(batch, tokens, hidden)`.
#[derive(Debug, Clone, Default)]
pub(super) struct LayerCache(Option<(Tensor, Tensor)>);

impl LayerCache {
    /// Appends those of new tokens, and gives all.
    pub fn extend(&mut self, key: Tensor, value: Tensor) -> candle::Result<(Tensor, Tensor)> {
        // What is kept must not keep the graph alive.
        let (key, value) = (key.detach(), value.detach());
        let all = match self.0.take() {
            Some((keys, values)) => (
                Tensor::cat(&[&keys, &key], 1)?,
                Tensor::cat(&[&values, &value], 1)?,
            ),
            None => (key.contiguous()?, value.contiguous()?),
        };
        self.0 = Some(all.clone());
        Ok(all)
    }
}
