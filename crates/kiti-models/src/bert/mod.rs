//! BERT (Devlin et al., arXiv:1810.04805): transformer encoders of text, and classification with them.

mod config;
mod layer;

use candle::{DType, Module, Tensor};
use candle_nn::VarBuilder;
use kiti_nn::activation::tanh;
use kiti_nn::context::Context;
use kiti_nn::dropout::Dropout;
use kiti_nn::embedding::{Embedding, EmbeddingConfig};
use kiti_nn::flops::{self, Flops};
use kiti_nn::linear::{Linear, WeightOrder};
use kiti_nn::norm::{LayerNorm, LayerNormConfig};

pub use config::BertConfig;

use crate::transformer::{
    LayerResiduals, additive_mask, check_tokens, normal, normal_linear, positions,
};
use crate::{Error, Result};
use layer::BertLayer;

/// Numbers of the dropouts outside the layers.
const EMBEDDING_DROPOUT: u32 = 0;
const CLASSIFIER_DROPOUT: u32 = 1;

/// A batch of token sequences, all tensors of integers `(batch, sequence)`.
///
/// ```
/// use candle::{Device, Tensor};
/// use kiti_models::bert::TokenBatch;
///
/// let ids = Tensor::new(&[[101u32, 7592, 102, 0]], &Device::Cpu)?;
/// let mask = Tensor::new(&[[1u32, 1, 1, 0]], &Device::Cpu)?;
/// let batch = TokenBatch { attention_mask: Some(mask), ..TokenBatch::new(ids) };
/// assert!(batch.token_type_ids.is_none());
/// # Ok::<(), candle::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TokenBatch {
    /// Numbers of the tokens in the vocabulary.
    pub input_ids: Tensor,
    /// 0 for padding, which nothing attends to; every token counts if absent.
    pub attention_mask: Option<Tensor>,
    /// Segments of the tokens; all 0 if absent.
    pub token_type_ids: Option<Tensor>,
}

impl TokenBatch {
    /// Sequences of one length, all in the first segment.
    pub fn new(input_ids: Tensor) -> Self {
        Self {
            input_ids,
            attention_mask: None,
            token_type_ids: None,
        }
    }

    fn check(&self, longest: usize) -> Result<()> {
        check_tokens("input_ids", &self.input_ids, longest)?;
        let others = [
            ("attention_mask", &self.attention_mask),
            ("token_type_ids", &self.token_type_ids),
        ];
        for (name, tensor) in others {
            if let Some(tensor) = tensor
                && tensor.dims() != self.input_ids.dims()
            {
                return Err(Error::Shape {
                    name: name.to_owned(),
                    expected: format!("{:?}, that of input_ids", self.input_ids.dims()),
                    found: tensor.dims().to_vec(),
                });
            }
        }
        Ok(())
    }
}

/// The encoder, whose additions are residuals of one's choice.
///
/// ```text
/// h_0     = dropout(norm(word + position + segment))
/// u_l     = norm( residual( h_l, dropout(dense attention(h_l)) ) )
/// h_(l+1) = norm( residual( u_l, dropout(dense activation(dense u_l)) ) )
/// ```
///
/// The result is `(batch, sequence, hidden_size)`. Variables have Hugging Face's names (`embeddings`, `encoder.layer.L`); residuals
/// have none, and in evaluation a model with memoryless ones is a plain BERT.
#[derive(Debug, Clone)]
pub struct Bert {
    config: BertConfig,
    word: Embedding,
    position: Embedding,
    segment: Embedding,
    norm: LayerNorm,
    dropout: Dropout,
    layers: Vec<BertLayer>,
}

impl Bert {
    /// Creates or loads the variables below `vb`; the residuals of layer l draw their random numbers under the indices
    /// 2 l and 2 l + 1.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] for sizes that make no model, or particles of several tokens; a residual's own check of its
    /// settings; a stored variable of another shape.
    pub fn new(config: &BertConfig, residuals: &LayerResiduals, vb: VarBuilder) -> Result<Self> {
        config.validate()?;
        residuals.validate(config.hidden_size)?;
        let vb_embeddings = vb.pp("embeddings");
        let table = |count, name: &str| {
            let sizes = EmbeddingConfig {
                count,
                width: config.hidden_size,
            };
            let init = normal(config.initializer_range);
            Embedding::with_init(&sizes, init, vb_embeddings.pp(name))
        };
        let norm = LayerNormConfig {
            width: config.hidden_size,
            eps: config.layer_norm_eps,
        };
        let layers = (0..config.num_hidden_layers).map(|layer| {
            BertLayer::new(config, residuals, layer, vb.pp("encoder.layer").pp(layer))
        });
        Ok(Self {
            word: table(config.vocab_size, "word_embeddings")?,
            position: table(config.max_position_embeddings, "position_embeddings")?,
            segment: table(config.type_vocab_size, "token_type_embeddings")?,
            norm: LayerNorm::new(&norm, vb_embeddings.pp("LayerNorm"))?,
            dropout: Dropout::new(config.hidden_dropout_prob, EMBEDDING_DROPOUT)?,
            layers: layers.collect::<candle::Result<_>>()?,
            config: config.clone(),
        })
    }

    /// The model's sizes.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// Features of every token, `(batch, sequence, hidden_size)`. Random only where `ctx` says training.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for tensors that don't fit each other or a sequence that is too long; [`Error::Candle`] for a token
    /// or segment that the model doesn't have.
    pub fn forward_t(&self, batch: &TokenBatch, ctx: &Context) -> Result<Tensor> {
        batch.check(self.config.max_position_embeddings)?;
        let ids = &batch.input_ids;
        let word = self.word.forward(ids)?;
        let position = positions(0, ids.dim(1)?, ids.device())?;
        let segment = match &batch.token_type_ids {
            Some(segments) => self.segment.forward(segments)?,
            None => self
                .segment
                .forward(&Tensor::zeros((1, 1), DType::U32, ids.device())?)?,
        };
        let place = segment.broadcast_add(&self.position.forward(&position)?)?;
        let embedded = self.norm.forward(&word.broadcast_add(&place)?)?;
        let mut hidden = self.dropout.forward(&embedded, ctx)?;
        let mask = batch.attention_mask.as_ref();
        let mask = mask
            .map(|mask| additive_mask(mask, hidden.dtype()))
            .transpose()?;
        let mut velocity = None;
        for layer in &self.layers {
            hidden = layer.forward_t(&hidden, mask.as_ref(), &mut velocity, ctx)?;
        }
        Ok(hidden)
    }
}

/// Classification of sequences (or pairs) by the features of their first token.
///
/// ```text
/// y = classifier dropout( tanh( pooler h_L[0] ) )
/// ```
///
/// Results are logits `(batch, num_labels)`. Variables: those of [`Bert`] below `bert`, `bert.pooler.dense`, `classifier`.
///
/// # Example
///
/// ```
/// use candle::{DType, Device, Tensor};
/// use kiti_models::bert::{BertConfig, BertForSequenceClassification, TokenBatch};
/// use kiti_models::transformer::LayerResiduals;
/// use kiti_nn::{Context, VarStore};
///
/// let config = BertConfig {
///     vocab_size: 20, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16, ..BertConfig::default()
/// };
/// let store = VarStore::new(1, DType::F32, &Device::Cpu);
/// let model = BertForSequenceClassification::new(&config, &LayerResiduals::default(), store.builder())?;
/// let batch = TokenBatch::new(Tensor::new(&[[3u32, 1, 4], [1, 5, 9]], &Device::Cpu)?);
/// assert_eq!(model.forward_t(&batch, &Context::evaluate())?.dims(), [2, 2]);
/// assert_eq!(store.parameter_count(), config.parameter_count());
/// # Ok::<(), kiti_models::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BertForSequenceClassification {
    bert: Bert,
    pooler: Linear,
    dropout: Dropout,
    classifier: Linear,
}

impl BertForSequenceClassification {
    /// Creates or loads the variables below `vb`.
    ///
    /// # Errors
    ///
    /// Those of [`Bert::new`].
    pub fn new(config: &BertConfig, residuals: &LayerResiduals, vb: VarBuilder) -> Result<Self> {
        let bert = Bert::new(config, residuals, vb.pp("bert"))?;
        let linear = |outputs, vb| {
            let sizes = [config.hidden_size, outputs];
            normal_linear(sizes, WeightOrder::OutIn, config.initializer_range, vb)
        };
        let dropped = config
            .classifier_dropout
            .unwrap_or(config.hidden_dropout_prob);
        Ok(Self {
            bert,
            pooler: linear(config.hidden_size, vb.pp("bert.pooler.dense"))?,
            dropout: Dropout::new(dropped, CLASSIFIER_DROPOUT)?,
            classifier: linear(config.num_labels, vb.pp("classifier"))?,
        })
    }

    /// The encoder.
    pub fn bert(&self) -> &Bert {
        &self.bert
    }

    /// Logits `(batch, num_labels)`. Random only where `ctx` says training.
    ///
    /// # Errors
    ///
    /// Those of [`Bert::forward_t`].
    pub fn forward_t(&self, batch: &TokenBatch, ctx: &Context) -> Result<Tensor> {
        let hidden = self.bert.forward_t(batch, ctx)?;
        let first = hidden.narrow(1, 0, 1)?.squeeze(1)?;
        let pooled = tanh(&self.pooler.forward(&first)?)?;
        Ok(self
            .classifier
            .forward(&self.dropout.forward(&pooled, ctx)?)?)
    }

    /// Floating-point operations of one pass over `batch` sequences: forward alone, and as part of a training step
    /// (forward and backward, without the optimiser's own work, see [`flops::adam`]).
    pub fn flops(
        config: &BertConfig,
        residuals: &LayerResiduals,
        batch: usize,
        sequence: usize,
    ) -> Flops {
        let hidden = config.hidden_size;
        let elements = batch * sequence * hidden;
        let embeddings = 2 * flops::elementwise(elements) + flops::normalization(elements);
        let head = flops::pointwise(batch, hidden, hidden + config.num_labels);
        config.stack().flops(batch, sequence)
            + residuals.flops(batch, sequence, hidden, config.num_hidden_layers)
            + Flops::layer(embeddings + head)
    }

    /// Bytes of the features that one training pass in single precision keeps for its backward pass: an estimate.
    pub fn kept_bytes(config: &BertConfig, batch: usize, sequence: usize) -> u64 {
        config.stack().kept_bytes(batch, sequence)
    }
}
