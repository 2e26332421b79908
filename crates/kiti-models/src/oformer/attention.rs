//! Attention without softmax, linear in the number of points.

use candle::{Module, Result, Tensor};
use candle_nn::VarBuilder;
use kiti_nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};

use super::rotary::Rotation;

/// Galerkin-type attention (Cao, arXiv:2105.14995, equation 10) between points with positions.
///
/// ```text
/// o(x) = W_o concat_h  R(x) q_h(x) . ( 1/n sum_y  R(y) norm k_h(y)  norm v_h(y)^T )
/// ```
///
/// where q are linear maps of the features at the asking points x, k and v of those at the n points y of the function,
/// R are rotations by position (see [`Rotation`]) and `norm` normalises each head's vector. The sum is a Monte Carlo
/// integral over the points, so that their number and order do not matter; asking points do not see each other.
#[derive(Debug, Clone)]
pub(super) struct GalerkinAttention {
    heads: usize,
    query: Linear,
    key: Linear,
    value: Linear,
    key_norm: LayerNorm,
    value_norm: LayerNorm,
    out: Linear,
}

impl GalerkinAttention {
    pub(super) fn new(width: usize, heads: usize, vb: VarBuilder) -> Result<Self> {
        let plain = LinearConfig {
            bias: false,
            ..LinearConfig::new(width, width)
        };
        let norm = LayerNormConfig::new(width / heads);
        Ok(Self {
            heads,
            query: Linear::new(&plain, vb.pp("query"))?,
            key: Linear::new(&plain, vb.pp("key"))?,
            value: Linear::new(&plain, vb.pp("value"))?,
            key_norm: LayerNorm::new(&norm, vb.pp("key_norm"))?,
            value_norm: LayerNorm::new(&norm, vb.pp("value_norm"))?,
            out: Linear::new(&LinearConfig::new(width, width), vb.pp("out"))?,
        })
    }

    /// `asking` `(batch, m, width)` and `function` `(batch, n, width)` to `(batch, m, width)`.
    pub(super) fn forward(
        &self,
        asking: &Tensor,
        asking_rotation: &Rotation,
        function: &Tensor,
        function_rotation: &Rotation,
    ) -> Result<Tensor> {
        let (batch, points, width) = function.dims3()?;
        let heads = |features: Tensor| {
            let count = features.dim(1)?;
            features.reshape((batch, count, self.heads, width / self.heads))
        };
        let by_head = |features: Tensor| features.transpose(1, 2)?.contiguous();
        let query = asking_rotation.apply(&heads(self.query.forward(asking)?)?)?;
        let key = self
            .key_norm
            .forward(&heads(self.key.forward(function)?)?)?;
        let key = function_rotation.apply(&key)?;
        let value = self
            .value_norm
            .forward(&heads(self.value.forward(function)?)?)?;
        // (batch, heads, d, n) (batch, heads, n, d): the integral, once for all who ask.
        let key = key.permute((0, 2, 3, 1))?.contiguous()?;
        let integral = key.matmul(&by_head(value)?)?;
        let integral = integral.affine(1.0 / points as f64, 0.0)?;
        let answer = by_head(query)?.matmul(&integral)?;
        let answer = by_head(answer)?.reshape((batch, asking.dim(1)?, width))?;
        self.out.forward(&answer)
    }
}
