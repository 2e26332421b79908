//! Sizes of BERT.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::transformer::{HiddenActivation, StackSizes, check_counts, check_heads};

/// What a [`Bert`](super::Bert) is built from: the keys of Hugging Face's `config.json` that matter here, others of
/// which are passed over. The default is BERT-base (uncased).
///
/// ```
/// use kiti_models::bert::BertConfig;
///
/// let config: BertConfig = serde_json::from_str(r#"{"hidden_size": 384, "num_attention_heads": 12, "model_type": "bert"}"#)?;
/// assert_eq!((config.hidden_size, config.intermediate_size), (384, 3072));
/// assert_eq!(BertConfig::default().parameter_count(), 109_482_240 + 2 * 769); // with a head of two classes
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BertConfig {
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Width of a token's features.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads of each attention.
    pub num_attention_heads: usize,
    /// Width between the two linear maps of a layer.
    pub intermediate_size: usize,
    /// Activation between them.
    pub hidden_act: HiddenActivation,
    /// Probability to drop a value of the embeddings and of each branch.
    pub hidden_dropout_prob: f64,
    /// Probability to drop a weight of an attention.
    pub attention_probs_dropout_prob: f64,
    /// Probability to drop a value before the classifier; that of the branches if absent.
    pub classifier_dropout: Option<f64>,
    /// Positions with an embedding: the longest sequence.
    pub max_position_embeddings: usize,
    /// Segments that tokens may belong to.
    pub type_vocab_size: usize,
    /// Added to variances.
    pub layer_norm_eps: f64,
    /// Standard deviation of initial weights.
    pub initializer_range: f64,
    /// Classes of a classification.
    pub num_labels: usize,
}

impl Default for BertConfig {
    fn default() -> Self {
        Self {
            vocab_size: 30522,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: HiddenActivation::Gelu,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            classifier_dropout: None,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            layer_norm_eps: 1e-12,
            initializer_range: 0.02,
            num_labels: 2,
        }
    }
}

impl BertConfig {
    /// Six layers of width 384: the size of MiniLM-L6-H384 (Wang et al., arXiv:2002.10957) and all-MiniLM-L6-v2.
    pub fn minilm_l6() -> Self {
        Self {
            hidden_size: 384,
            num_hidden_layers: 6,
            intermediate_size: 1536,
            ..Self::default()
        }
    }

    /// Six layers of BERT-base's width: the size of DistilBERT (Sanh et al., arXiv:1910.01108).
    pub fn distilbert_size() -> Self {
        Self {
            num_hidden_layers: 6,
            ..Self::default()
        }
    }

    pub(super) fn stack(&self) -> StackSizes {
        StackSizes {
            layers: self.num_hidden_layers,
            hidden: self.hidden_size,
            heads: self.num_attention_heads,
            intermediate: self.intermediate_size,
        }
    }

    /// Trainable numbers, classification head included.
    pub fn parameter_count(&self) -> usize {
        let hidden = self.hidden_size;
        let rows = self.vocab_size + self.max_position_embeddings + self.type_vocab_size;
        let embeddings = (rows + 2) * hidden;
        let head = (hidden + 1) * (hidden + self.num_labels);
        embeddings + self.stack().parameter_count() + head
    }

    /// Refuses sizes that make no model.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`](crate::Error::ModelConfig) with the key, its value and what it must be.
    pub fn validate(&self) -> Result<()> {
        check_counts(&[
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
            ("num_labels", self.num_labels),
        ])?;
        check_heads(
            "num_attention_heads",
            self.num_attention_heads,
            self.hidden_size,
        )
    }
}
