//! The parts of an operator transformer.

use candle::{D, Module, Result, Tensor};
use candle_nn::VarBuilder;
use kiti_nn::activation::gelu;
use kiti_nn::context::Context;
use kiti_nn::residual::{Residual, ResidualConfig};
use kiti_nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};

use super::OFormerConfig;
use super::attention::GalerkinAttention;
use super::rotary::Rotation;

/// Two linear maps with a GELU between them.
#[derive(Debug, Clone)]
struct FeedForward {
    inner: Linear,
    outer: Linear,
}

impl FeedForward {
    fn new(inputs: usize, hidden: usize, outputs: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            inner: Linear::new(&LinearConfig::new(inputs, hidden), vb.pp("inner"))?,
            outer: Linear::new(&LinearConfig::new(hidden, outputs), vb.pp("outer"))?,
        })
    }

    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        self.outer.forward(&gelu(&self.inner.forward(xs)?)?)
    }
}

/// Attention and a feed-forward network, each added to what it was computed from.
///
/// ```text
/// x <- residual(x, attention(norm x, function)),   x <- residual(x, feed_forward(norm x))
/// ```
///
/// The function is what the points themselves hold in the encoder, and the encoder's result in the decoder.
#[derive(Debug, Clone)]
pub(super) struct Block {
    attention_norm: LayerNorm,
    attention: GalerkinAttention,
    attention_residual: Residual,
    feed_norm: LayerNorm,
    feed_forward: FeedForward,
    feed_residual: Residual,
}

impl Block {
    /// Its residuals draw under the indices `first` and `first + 1`.
    pub(super) fn new(
        config: &OFormerConfig,
        residual: &ResidualConfig,
        first: u32,
        vb: VarBuilder,
    ) -> Result<Self> {
        let norm = LayerNormConfig::new(config.width);
        let (width, hidden) = (config.width, config.feed_forward);
        Ok(Self {
            attention_norm: LayerNorm::new(&norm, vb.pp("attention_norm"))?,
            attention: GalerkinAttention::new(width, config.heads, vb.pp("attention"))?,
            attention_residual: Residual::new(residual, first)?,
            feed_norm: LayerNorm::new(&norm, vb.pp("feed_norm"))?,
            feed_forward: FeedForward::new(width, hidden, width, vb.pp("feed_forward"))?,
            feed_residual: Residual::new(residual, first + 1)?,
        })
    }

    /// Points that look at each other.
    pub(super) fn self_attend(
        &self,
        xs: &Tensor,
        rotation: &Rotation,
        ctx: &Context,
    ) -> Result<Tensor> {
        let normed = self.attention_norm.forward(xs)?;
        let branch = self
            .attention
            .forward(&normed, rotation, &normed, rotation)?;
        self.feed(&self.attention_residual.forward(xs, &branch, ctx)?, ctx)
    }

    /// Points that look at a function.
    pub(super) fn cross_attend(
        &self,
        xs: &Tensor,
        rotation: &Rotation,
        function: &Tensor,
        function_rotation: &Rotation,
        ctx: &Context,
    ) -> Result<Tensor> {
        let normed = self.attention_norm.forward(xs)?;
        let branch = self
            .attention
            .forward(&normed, rotation, function, function_rotation)?;
        self.feed(&self.attention_residual.forward(xs, &branch, ctx)?, ctx)
    }

    fn feed(&self, xs: &Tensor, ctx: &Context) -> Result<Tensor> {
        let branch = self.feed_forward.forward(&self.feed_norm.forward(xs)?)?;
        self.feed_residual.forward(xs, &branch, ctx)
    }
}

/// A step of time of one point: `z <- residual(z, feed_forward [norm z, x])`.
#[derive(Debug, Clone)]
pub(super) struct PropagatorLayer {
    norm: LayerNorm,
    feed_forward: FeedForward,
    residual: Residual,
}

impl PropagatorLayer {
    pub(super) fn new(
        config: &OFormerConfig,
        residual: &ResidualConfig,
        index: u32,
        vb: VarBuilder,
    ) -> Result<Self> {
        let width = config.width;
        Ok(Self {
            norm: LayerNorm::new(&LayerNormConfig::new(width), vb.pp("norm"))?,
            feed_forward: FeedForward::new(
                width + config.dims,
                width,
                width,
                vb.pp("feed_forward"),
            )?,
            residual: Residual::new(residual, index)?,
        })
    }

    /// `z` `(batch, m, width)` and `positions` `(batch, m, dims)`.
    pub(super) fn forward(&self, z: &Tensor, positions: &Tensor, ctx: &Context) -> Result<Tensor> {
        let placed = Tensor::cat(&[&self.norm.forward(z)?, positions], D::Minus1)?;
        let branch = self.feed_forward.forward(&placed)?;
        self.residual.forward(z, &branch, ctx)
    }
}

/// What a latent state at a point shows: `feed_forward norm z`.
#[derive(Debug, Clone)]
pub(super) struct Head {
    norm: LayerNorm,
    feed_forward: FeedForward,
}

impl Head {
    pub(super) fn new(config: &OFormerConfig, vb: VarBuilder) -> Result<Self> {
        let (width, outputs) = (config.width, config.out_channels);
        Ok(Self {
            norm: LayerNorm::new(&LayerNormConfig::new(width), vb.pp("norm"))?,
            feed_forward: FeedForward::new(width, width, outputs, vb.pp("feed_forward"))?,
        })
    }

    pub(super) fn forward(&self, z: &Tensor) -> Result<Tensor> {
        self.feed_forward.forward(&self.norm.forward(z)?)
    }
}
