//! Sizes of GPT-2.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::transformer::{HiddenActivation, StackSizes, check_counts, check_heads};

/// What a [`Gpt2`](super::Gpt2) is built from: the keys of Hugging Face's `config.json` that matter here, others of
/// which are passed over. The default is GPT-2 small.
///
/// ```
/// use kiti_models::gpt2::Gpt2Config;
///
/// assert_eq!(Gpt2Config::default().parameter_count(), 124_439_808);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gpt2Config {
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Positions with an embedding: the longest sequence.
    pub n_positions: usize,
    /// Width of a token's features.
    pub n_embd: usize,
    /// Layers.
    pub n_layer: usize,
    /// Heads of each attention.
    pub n_head: usize,
    /// Width between the two linear maps of a layer; four times the features' if absent.
    pub n_inner: Option<usize>,
    /// Activation between them.
    pub activation_function: HiddenActivation,
    /// Probability to drop a value of each branch.
    pub resid_pdrop: f64,
    /// Probability to drop a value of the embeddings.
    pub embd_pdrop: f64,
    /// Probability to drop a weight of an attention.
    pub attn_pdrop: f64,
    /// Added to variances.
    pub layer_norm_epsilon: f64,
    /// Standard deviation of initial weights; those that end a branch are smaller by `sqrt(2 n_layer)`.
    pub initializer_range: f64,
}

impl Default for Gpt2Config {
    fn default() -> Self {
        Self {
            vocab_size: 50257,
            n_positions: 1024,
            n_embd: 768,
            n_layer: 12,
            n_head: 12,
            n_inner: None,
            activation_function: HiddenActivation::GeluNew,
            resid_pdrop: 0.1,
            embd_pdrop: 0.1,
            attn_pdrop: 0.1,
            layer_norm_epsilon: 1e-5,
            initializer_range: 0.02,
        }
    }
}

impl Gpt2Config {
    pub(super) fn inner(&self) -> usize {
        self.n_inner.unwrap_or(4 * self.n_embd)
    }

    pub(super) fn stack(&self) -> StackSizes {
        StackSizes {
            layers: self.n_layer,
            hidden: self.n_embd,
            heads: self.n_head,
            intermediate: self.inner(),
        }
    }

    /// Trainable numbers; the embedding of tokens is also the last linear map.
    pub fn parameter_count(&self) -> usize {
        let rows = self.vocab_size + self.n_positions;
        (rows + 2) * self.n_embd + self.stack().parameter_count()
    }

    /// Refuses sizes that make no model.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`](crate::Error::ModelConfig) with the key, its value and what it must be.
    pub fn validate(&self) -> Result<()> {
        check_counts(&[
            ("vocab_size", self.vocab_size),
            ("n_positions", self.n_positions),
            ("n_embd", self.n_embd),
            ("n_layer", self.n_layer),
            ("n_inner", self.inner()),
        ])?;
        check_heads("n_head", self.n_head, self.n_embd)
    }
}
