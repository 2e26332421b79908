//! GPT-2 (Radford et al. 2019, "Language models are unsupervised multitask learners"): transformer decoders of text.

mod block;
mod cache;
mod config;

use candle::{Module, Tensor};
use candle_nn::VarBuilder;
use kiti_nn::context::Context;
use kiti_nn::dropout::Dropout;
use kiti_nn::embedding::{Embedding, EmbeddingConfig};
use kiti_nn::flops::{self, Flops};
use kiti_nn::linear::linear;
use kiti_nn::loss::linear_cross_entropy;
use kiti_nn::norm::{LayerNorm, LayerNormConfig};

pub use cache::KeyValueCache;
pub use config::Gpt2Config;

use crate::transformer::{LayerResiduals, check_tokens, normal, positions};
use crate::{Error, Result};
use block::Block;
use cache::LayerCache;

/// Number of the embeddings' dropout.
const EMBEDDING_DROPOUT: u32 = 0;

/// A language model whose additions are residuals of one's choice.
///
/// ```text
/// h_0     = dropout(token + position)
/// u_l     = residual( h_l, dropout(c_proj attention(norm h_l)) )
/// h_(l+1) = residual( u_l, dropout(c_proj activation(c_fc norm u_l)) )
/// y       = norm(h_L) E^T
/// ```
///
/// where E is the embedding of tokens, and the attention of a token sees those up to itself: no position depends on
/// later ones, with any residual. Inputs are token numbers `(batch, sequence)`, outputs logits `(batch, sequence, vocab_size)`. Variables have
/// Hugging Face's names (`transformer.wte`, `transformer.h.L`); residuals have none, and in evaluation a model with memoryless
/// ones is a plain GPT-2.
///
/// # Example
///
/// ```
/// use candle::{DType, Device, Tensor};
/// use kiti_models::gpt2::{Gpt2, Gpt2Config, KeyValueCache};
/// use kiti_models::transformer::LayerResiduals;
/// use kiti_nn::{Context, VarStore};
///
/// let config = Gpt2Config { vocab_size: 20, n_positions: 16, n_embd: 8, n_layer: 1, n_head: 2, ..Gpt2Config::default() };
/// let store = VarStore::new(1, DType::F32, &Device::Cpu);
/// let model = Gpt2::new(&config, &LayerResiduals::default(), store.builder())?;
/// let ids = Tensor::new(&[[3u32, 1, 4]], &Device::Cpu)?;
/// assert_eq!(model.forward_t(&ids, &Context::evaluate())?.dims(), [1, 3, 20]);
///
/// // The same token by token: (batch, vocab_size) for the last of them.
/// let mut cache = KeyValueCache::new();
/// model.forward_cached(&ids, &mut cache)?;
/// let next = model.forward_cached(&Tensor::new(&[[1u32]], &Device::Cpu)?, &mut cache)?;
/// assert_eq!((next.dims(), cache.length()), (&[1, 20][..], 4));
/// # Ok::<(), kiti_models::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gpt2 {
    config: Gpt2Config,
    wte: Embedding,
    wpe: Embedding,
    dropout: Dropout,
    blocks: Vec<Block>,
    ln_f: LayerNorm,
}

impl Gpt2 {
    /// Creates or loads the variables below `vb`; the residuals of layer l draw their random numbers under the indices
    /// 2 l and 2 l + 1.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] for sizes that make no model, or particles of several tokens; a residual's own check of its
    /// settings; a stored variable of another shape.
    pub fn new(config: &Gpt2Config, residuals: &LayerResiduals, vb: VarBuilder) -> Result<Self> {
        config.validate()?;
        residuals.validate(config.n_embd)?;
        let vb = vb.pp("transformer");
        let table = |count, name: &str| {
            let sizes = EmbeddingConfig {
                count,
                width: config.n_embd,
            };
            Embedding::with_init(&sizes, normal(config.initializer_range), vb.pp(name))
        };
        let norm = LayerNormConfig {
            width: config.n_embd,
            eps: config.layer_norm_epsilon,
        };
        let blocks = (0..config.n_layer)
            .map(|layer| Block::new(config, residuals, layer, vb.pp("h").pp(layer)));
        Ok(Self {
            wte: table(config.vocab_size, "wte")?,
            wpe: table(config.n_positions, "wpe")?,
            dropout: Dropout::new(config.embd_pdrop, EMBEDDING_DROPOUT)?,
            blocks: blocks.collect::<candle::Result<_>>()?,
            ln_f: LayerNorm::new(&norm, vb.pp("ln_f"))?,
            config: config.clone(),
        })
    }

    /// The model's sizes.
    pub fn config(&self) -> &Gpt2Config {
        &self.config
    }

    /// Token numbers `(batch, sequence)` to logits `(batch, sequence, vocab_size)`. Random only where `ctx` says training.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for a sequence that is empty or too long; [`Error::Candle`] for a token that the model doesn't have.
    pub fn forward_t(&self, ids: &Tensor, ctx: &Context) -> Result<Tensor> {
        let hidden = self.hidden(ids, None, ctx)?;
        Ok(linear(&hidden, self.wte.weight(), None)?)
    }

    /// The cross entropy of the predictions of `targets` `(batch, sequence)`, the tokens that follow, averaged over those that
    /// are not negative: that of [`forward_t`](Self::forward_t)'s logits, without keeping them
    /// ([`linear_cross_entropy`]).
    ///
    /// # Errors
    ///
    /// Those of [`forward_t`](Self::forward_t), and of the loss.
    pub fn loss_t(&self, ids: &Tensor, targets: &Tensor, ctx: &Context) -> Result<Tensor> {
        let hidden = self.hidden(ids, None, ctx)?;
        Ok(linear_cross_entropy(&hidden, self.wte.weight(), targets)?)
    }

    /// Evaluates the next tokens `(batch, sequence)` of a generation: logits `(batch, vocab_size)` of what follows the
    /// last of them, given all tokens that the cache has seen, which it then holds too.
    ///
    /// # Errors
    ///
    /// Those of [`forward_t`](Self::forward_t), where the tokens so far count as part of the sequence; a cache of another model or batch.
    /// The cache must not be used after an error.
    pub fn forward_cached(&self, ids: &Tensor, cache: &mut KeyValueCache) -> Result<Tensor> {
        let hidden = self.hidden(ids, Some(cache), &Context::evaluate())?;
        let last = hidden.narrow(1, hidden.dim(1)? - 1, 1)?.squeeze(1)?;
        Ok(linear(&last, self.wte.weight(), None)?)
    }

    fn hidden(
        &self,
        ids: &Tensor,
        mut cache: Option<&mut KeyValueCache>,
        ctx: &Context,
    ) -> Result<Tensor> {
        let before = cache.as_ref().map_or(0, |cache| cache.length);
        let room = self.config.n_positions.saturating_sub(before);
        let [_, sequence] = check_tokens("input_ids", ids, room)?;
        if let Some(cache) = cache.as_deref_mut() {
            if cache.layers.is_empty() {
                cache
                    .layers
                    .resize_with(self.blocks.len(), LayerCache::default);
            }
            if cache.layers.len() != self.blocks.len() {
                return Err(Error::Shape {
                    name: "key-value cache".to_owned(),
                    expected: format!("{} layers", self.blocks.len()),
                    found: vec![cache.layers.len()],
                });
            }
            cache.length += sequence;
        }
        let positions = self
            .wpe
            .forward(&positions(before, sequence, ids.device())?)?;
        let embedded = self.wte.forward(ids)?.broadcast_add(&positions)?;
        let mut hidden = self.dropout.forward(&embedded, ctx)?;
        let mut velocity = None;
        for (layer, block) in self.blocks.iter().enumerate() {
            let cache = cache.as_deref_mut().map(|cache| &mut cache.layers[layer]);
            hidden = block.forward_t(&hidden, cache, &mut velocity, ctx)?;
        }
        Ok(self.ln_f.forward(&hidden)?)
    }

    /// Floating-point operations of one pass over `batch` sequences: forward alone, and as part of a training step
    /// (forward and backward, without the optimiser's own work, see [`flops::adam`]).
    pub fn flops(
        config: &Gpt2Config,
        residuals: &LayerResiduals,
        batch: usize,
        sequence: usize,
    ) -> Flops {
        let (hidden, tokens) = (config.n_embd, batch * sequence);
        let ends = flops::elementwise(tokens * hidden) + flops::normalization(tokens * hidden);
        let logits = 2 * (tokens * hidden * config.vocab_size) as u64;
        config.stack().flops(batch, sequence)
            + residuals.flops(batch, sequence, hidden, config.n_layer)
            + Flops::layer(ends + logits)
    }

    /// Bytes of the features that one training pass in single precision keeps for its backward pass, logits included: an
    /// estimate.
    pub fn kept_bytes(config: &Gpt2Config, batch: usize, sequence: usize) -> u64 {
        let logits = 4 * (batch * sequence * config.vocab_size) as u64;
        config.stack().kept_bytes(batch, sequence) + logits
    }
}
