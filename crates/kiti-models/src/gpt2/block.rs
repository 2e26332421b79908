//! One layer of GPT-2: attention and feed-forward layers, each behind a norm and within a residual.

use candle::{D, Module, Tensor};
use candle_nn::VarBuilder;
use kiti_nn::activation::Activation;
use kiti_nn::attention::{Attention, AttentionConfig};
use kiti_nn::context::Context;
use kiti_nn::dropout::Dropout;
use kiti_nn::linear::{Linear, WeightOrder};
use kiti_nn::norm::{LayerNorm, LayerNormConfig};
use kiti_nn::residual::Residual;

use super::Gpt2Config;
use super::cache::LayerCache;
use crate::transformer::{LayerResiduals, normal_linear};

/// The dropouts of layer l have the numbers `FIRST_DROPOUT + 3 l ..`; the one before is that of the embeddings.
const FIRST_DROPOUT: usize = 1;

#[derive(Debug, Clone)]
pub(super) struct Block {
    ln_1: LayerNorm,
    c_attn: Linear,
    attention: Attention,
    attention_end: BranchEnd,
    ln_2: LayerNorm,
    c_fc: Linear,
    activation: Activation,
    mlp_end: BranchEnd,
}

/// `residual(x, dropout(c_proj branch))`.
#[derive(Debug, Clone)]
struct BranchEnd {
    c_proj: Linear,
    dropout: Dropout,
    residual: Residual,
}

impl BranchEnd {
    fn forward(
        &self,
        xs: &Tensor,
        branch: &Tensor,
        velocity: &mut Option<Tensor>,
        ctx: &Context,
    ) -> candle::Result<Tensor> {
        let branch = self.dropout.forward(&self.c_proj.forward(branch)?, ctx)?;
        self.residual.forward_carrying(xs, &branch, velocity, ctx)
    }
}

impl Block {
    pub fn new(
        config: &Gpt2Config,
        residuals: &LayerResiduals,
        layer: usize,
        vb: VarBuilder,
    ) -> candle::Result<Self> {
        let hidden = config.n_embd;
        let range = config.initializer_range;
        // Radford et al. 2019, section 2.3: the sum of all branches should not grow with their number.
        let end_range = range / (2.0 * config.n_layer as f64).sqrt();
        let linear =
            |sizes, range, vb: VarBuilder| normal_linear(sizes, WeightOrder::InOut, range, vb);
        let dropout = |probability, index| {
            Dropout::new(probability, (FIRST_DROPOUT + 3 * layer + index) as u32)
        };
        let norm = LayerNormConfig {
            width: hidden,
            eps: config.layer_norm_epsilon,
        };
        let end = |inputs, index, residual, vb: VarBuilder| {
            Ok::<_, candle::Error>(BranchEnd {
                c_proj: linear([inputs, hidden], end_range, vb.pp("c_proj"))?,
                dropout: dropout(config.resid_pdrop, index)?,
                residual,
            })
        };
        let attention = AttentionConfig {
            causal: true,
            ..AttentionConfig::new(config.n_head)
        };
        let [around_attention, around_mlp] = residuals.build(layer, config.n_layer)?;
        Ok(Self {
            ln_1: LayerNorm::new(&norm, vb.pp("ln_1"))?,
            c_attn: linear([hidden, 3 * hidden], range, vb.pp("attn.c_attn"))?,
            attention: Attention::new(attention, dropout(config.attn_pdrop, 0)?),
            attention_end: end(hidden, 1, around_attention, vb.pp("attn"))?,
            ln_2: LayerNorm::new(&norm, vb.pp("ln_2"))?,
            c_fc: linear([hidden, config.inner()], range, vb.pp("mlp.c_fc"))?,
            activation: config.activation_function.activation(),
            mlp_end: end(config.inner(), 2, around_mlp, vb.pp("mlp"))?,
        })
    }

    /// With a cache, `xs` are the tokens behind those whose keys and values it holds.
    pub fn forward_t(
        &self,
        xs: &Tensor,
        cache: Option<&mut LayerCache>,
        velocity: &mut Option<Tensor>,
        ctx: &Context,
    ) -> candle::Result<Tensor> {
        let packed = self.c_attn.forward(&self.ln_1.forward(xs)?)?;
        let attended = match cache {
            None => self.attention.packed_t(&packed, None, ctx)?,
            Some(cache) => {
                let hidden = xs.dim(D::Minus1)?;
                let part = |index: usize| packed.narrow(D::Minus1, index * hidden, hidden);
                let (key, value) = cache.extend(part(1)?, part(2)?)?;
                self.attention
                    .forward_t(&part(0)?, &key, &value, None, ctx)?
            }
        };
        let xs = self.attention_end.forward(xs, &attended, velocity, ctx)?;
        let normed = self.ln_2.forward(&xs)?;
        let wide = self.c_fc.forward_activated(&normed, self.activation)?;
        self.mlp_end.forward(&xs, &wide, velocity, ctx)
    }
}
