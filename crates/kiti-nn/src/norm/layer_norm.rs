//! Layer normalisation.

use candle::{D, Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use crate::cpu::storage;
use crate::error::Error;
use crate::ops;

/// Settings of a [`LayerNorm`].
///
/// ```
/// use kiti_nn::LayerNormConfig;
///
/// let bert = LayerNormConfig { eps: 1e-12, ..LayerNormConfig::new(384) };
/// assert_eq!(bert.width, 384);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LayerNormConfig {
    /// Size of the last dimension.
    pub width: usize,
    /// Added to the variance.
    pub eps: f64,
}

impl LayerNormConfig {
    /// PyTorch's `eps` of 1e-5.
    pub fn new(width: usize) -> Self {
        Self { width, eps: 1e-5 }
    }
}

/// Normalises the last dimension (Ba, Kiros & Hinton, arXiv:1607.06450, equation 4).
///
/// ```text
/// y_i = (x_i - m) / sqrt(v + eps) weight_i + bias_i
/// ```
///
/// where m is the mean and v the variance (divided by the number of values) of the values x along the last dimension.
/// Input and output `(.., width)`. Variables: `weight`, initially 1, and `bias`, initially 0, both `(width)`.
///
/// ```
/// use candle::{DType, Device, Module, Tensor};
/// use kiti_nn::{LayerNorm, LayerNormConfig, VarStore};
///
/// let store = VarStore::new(0, DType::F32, &Device::Cpu);
/// let norm = LayerNorm::new(&LayerNormConfig::new(2), store.builder())?;
/// let ys = norm.forward(&Tensor::new(&[[1f32, 3.0]], &Device::Cpu)?)?;
/// assert!((ys.to_vec2::<f32>()?[0][1] - 1.0).abs() < 1e-4);
/// # Ok::<(), candle::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// Creates or loads the variables below `vb`.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn new(config: &LayerNormConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            weight: vb.get_with_hints(config.width, "weight", Init::Const(1.0))?,
            bias: vb.get_with_hints(config.width, "bias", Init::Const(0.0))?,
            eps: config.eps,
        })
    }
}

impl Module for LayerNorm {
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        layer_norm(xs, &self.weight, &self.bias, self.eps)
    }
}

/// [`LayerNorm`] with given `weight` and `bias` `(width)`, for `xs` `(.., width)`.
///
/// # Errors
///
/// [`Error::Shape`] (wrapped in candle's error) for shapes that don't fit each other.
pub fn layer_norm(xs: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    let width = weight.elem_count();
    let check = |name, tensor: &Tensor, fits: bool, expected: String| {
        if fits {
            return Ok(());
        }
        Err(Error::Shape {
            operation: "layer norm",
            name,
            expected,
            found: tensor.dims().to_vec(),
        })
    };
    check("the weight", weight, weight.rank() == 1, "(width)".into())?;
    check(
        "the bias",
        bias,
        bias.dims() == [width],
        format!("({width})"),
    )?;
    let fits = xs.dims().last() == Some(&width);
    check("the input", xs, fits, format!("(.., {width})"))?;
    if storage::supported(xs) && xs.elem_count() > 0 {
        return ops::layer_norm(xs, weight, bias, eps);
    }
    compose(xs, weight, bias, eps)
}

pub(crate) fn compose(xs: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    let centred = xs.broadcast_sub(&xs.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let deviation = variance.affine(1.0, eps)?.sqrt()?;
    centred
        .broadcast_div(&deviation)?
        .broadcast_mul(weight)?
        .broadcast_add(bias)
}
