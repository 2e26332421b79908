//! One layer of BERT: attention and feed-forward layers, each with its residual and a norm behind it.

use candle::{Module, Tensor};
use candle_nn::VarBuilder;
use kiti_nn::activation::Activation;
use kiti_nn::attention::{Attention, AttentionConfig};
use kiti_nn::context::Context;
use kiti_nn::dropout::Dropout;
use kiti_nn::linear::{Linear, WeightOrder};
use kiti_nn::norm::{LayerNorm, LayerNormConfig};
use kiti_nn::residual::Residual;

use super::BertConfig;
use crate::transformer::{LayerResiduals, normal_linear};

/// The dropouts of layer l have the numbers `FIRST_DROPOUT + 3 l ..`; those before are the model's own.
const FIRST_DROPOUT: usize = 2;

#[derive(Debug, Clone)]
pub(super) struct BertLayer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention: Attention,
    attention_end: BranchEnd,
    intermediate: Linear,
    activation: Activation,
    output_end: BranchEnd,
}

/// `norm(residual(x, dropout(dense(branch))))`.
#[derive(Debug, Clone)]
struct BranchEnd {
    dense: Linear,
    dropout: Dropout,
    residual: Residual,
    norm: LayerNorm,
}

impl BranchEnd {
    fn forward(
        &self,
        xs: &Tensor,
        branch: &Tensor,
        velocity: &mut Option<Tensor>,
        ctx: &Context,
    ) -> candle::Result<Tensor> {
        let branch = self.dropout.forward(&self.dense.forward(branch)?, ctx)?;
        let moved = self.residual.forward_carrying(xs, &branch, velocity, ctx)?;
        self.norm.forward(&moved)
    }
}

impl BertLayer {
    pub fn new(
        config: &BertConfig,
        residuals: &LayerResiduals,
        layer: usize,
        vb: VarBuilder,
    ) -> candle::Result<Self> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let linear = |sizes, vb: VarBuilder| {
            normal_linear(sizes, WeightOrder::OutIn, config.initializer_range, vb)
        };
        let dropout = |probability, index| {
            Dropout::new(probability, (FIRST_DROPOUT + 3 * layer + index) as u32)
        };
        let norm = LayerNormConfig {
            width: hidden,
            eps: config.layer_norm_eps,
        };
        let end = |inputs, index, residual, vb: VarBuilder| {
            Ok::<_, candle::Error>(BranchEnd {
                dense: linear([inputs, hidden], vb.pp("dense"))?,
                dropout: dropout(config.hidden_dropout_prob, index)?,
                residual,
                norm: LayerNorm::new(&norm, vb.pp("LayerNorm"))?,
            })
        };
        let [around_attention, around_output] = residuals.build(layer, config.num_hidden_layers)?;
        let vb_self = vb.pp("attention.self");
        let dropped = dropout(config.attention_probs_dropout_prob, 0)?;
        Ok(Self {
            query: linear([hidden, hidden], vb_self.pp("query"))?,
            key: linear([hidden, hidden], vb_self.pp("key"))?,
            value: linear([hidden, hidden], vb_self.pp("value"))?,
            attention: Attention::new(AttentionConfig::new(config.num_attention_heads), dropped),
            attention_end: end(hidden, 1, around_attention, vb.pp("attention.output"))?,
            intermediate: linear([hidden, wide], vb.pp("intermediate.dense"))?,
            activation: config.hidden_act.activation(),
            output_end: end(wide, 2, around_output, vb.pp("output"))?,
        })
    }

    /// `mask` is added to the scores of attention.
    pub fn forward_t(
        &self,
        xs: &Tensor,
        mask: Option<&Tensor>,
        velocity: &mut Option<Tensor>,
        ctx: &Context,
    ) -> candle::Result<Tensor> {
        let query = self.query.forward(xs)?;
        let (key, value) = (self.key.forward(xs)?, self.value.forward(xs)?);
        let attended = self.attention.forward_t(&query, &key, &value, mask, ctx)?;
        let xs = self.attention_end.forward(xs, &attended, velocity, ctx)?;
        let wide = self.intermediate.forward_activated(&xs, self.activation)?;
        self.output_end.forward(&xs, &wide, velocity, ctx)
    }
}
