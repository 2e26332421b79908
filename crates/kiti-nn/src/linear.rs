//! Linear layers: an affine map of the last dimension.

use candle::{Module, Result, Tensor};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::cpu::storage;
use crate::error::Error;
use crate::{init, ops};

/// Sizes of a [`Linear`] layer.
///
/// ```
/// use kiti_nn::LinearConfig;
///
/// let config = LinearConfig { bias: false, ..LinearConfig::new(3, 5) };
/// assert_eq!(config.out_features, 5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinearConfig {
    /// Width of the input.
    pub in_features: usize,
    /// Width of the output.
    pub out_features: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl LinearConfig {
    /// A layer with a bias.
    pub fn new(in_features: usize, out_features: usize) -> Self {
        Self {
            in_features,
            out_features,
            bias: true,
        }
    }
}

/// An affine map of the last dimension.
///
/// ```text
/// y = x W^T + bias
/// ```
///
/// Input `(.., in_features)`, output `(.., out_features)`, with any leading dimensions. Variables: `weight`
/// `(out_features, in_features)` and `bias` `(out_features)`, PyTorch's names; initial values uniform in
/// `+-1/sqrt(in_features)`, its default.
///
/// ```
/// use candle::{DType, Device, Module, Tensor};
/// use kiti_nn::{Linear, LinearConfig, VarStore};
///
/// let store = VarStore::new(0, DType::F32, &Device::Cpu);
/// let layer = Linear::new(&LinearConfig::new(4, 6), store.builder())?;
/// let xs = Tensor::ones((2, 3, 4), DType::F32, &Device::Cpu)?;
/// assert_eq!(layer.forward(&xs)?.dims(), [2, 3, 6]);
/// # Ok::<(), candle::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Creates or loads the variables below `vb`.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn new(config: &LinearConfig, vb: VarBuilder) -> Result<Self> {
        let uniform = init::torch_linear(config.in_features);
        let shape = (config.out_features, config.in_features);
        Ok(Self {
            weight: vb.get_with_hints(shape, "weight", uniform)?,
            bias: config
                .bias
                .then(|| vb.get_with_hints(config.out_features, "bias", uniform))
                .transpose()?,
        })
    }

    /// A layer of given weights `(out_features, in_features)`, for instance those of an embedding, and bias
    /// `(out_features)`.
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// The weights `(out_features, in_features)`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias `(out_features)`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}

impl Module for Linear {
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        linear(xs, &self.weight, self.bias.as_ref())
    }
}

/// `x W^T + bias` for `xs` `(.., in_features)`, `weight` `(out_features, in_features)`, `bias` `(out_features)`.
///
/// # Errors
///
/// [`Error::Shape`] (wrapped in candle's error) for shapes that don't fit each other.
pub fn linear(xs: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let shape = |name, expected: String, found: &Tensor| Error::Shape {
        operation: "linear layer",
        name,
        expected,
        found: found.dims().to_vec(),
    };
    let &[outputs, inputs] = weight.dims() else {
        let expected = "(out_features, in_features)".to_owned();
        return Err(shape("the weight", expected, weight).into());
    };
    if xs.dims().last() != Some(&inputs) {
        return Err(shape("the input", format!("(.., {inputs})"), xs).into());
    }
    if let Some(bias) = bias.filter(|bias| bias.dims() != [outputs]) {
        return Err(shape("the bias", format!("({outputs})"), bias).into());
    }
    if storage::supported(xs) {
        return ops::linear(xs, weight, bias);
    }
    compose(xs, weight, bias)
}

pub(crate) fn compose(xs: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (outputs, inputs) = weight.dims2()?;
    let mut shape = xs.dims().to_vec();
    shape.pop();
    shape.push(outputs);
    let rows: usize = shape[..shape.len() - 1].iter().product();
    let y = xs.reshape((rows, inputs))?.matmul(&weight.t()?)?;
    match bias {
        Some(bias) => y.broadcast_add(bias)?.reshape(shape),
        None => y.reshape(shape),
    }
}
