//! Linear layers: an affine map of the last dimension.

use candle::{Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
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
    order: WeightOrder,
}

/// How a linear layer's weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WeightOrder {
    /// `(out_features, in_features)`: PyTorch's linear layers.
    #[default]
    OutIn,
    /// `(in_features, out_features)`: the layers that GPT-2 calls `Conv1D`.
    InOut,
}

impl WeightOrder {
    /// Rows and columns of the weights.
    pub(crate) fn shape(self, outputs: usize, inputs: usize) -> [usize; 2] {
        match self {
            Self::OutIn => [outputs, inputs],
            Self::InOut => [inputs, outputs],
        }
    }
}

impl Linear {
    /// Creates or loads the variables below `vb`.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn new(config: &LinearConfig, vb: VarBuilder) -> Result<Self> {
        let uniform = init::torch_linear(config.in_features);
        Self::with_init(config, WeightOrder::OutIn, [uniform; 2], vb)
    }

    /// As [`new`](Self::new) with weights stored in this `order`, and other initial values of weights and bias.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn with_init(
        config: &LinearConfig,
        order: WeightOrder,
        [weight, bias]: [Init; 2],
        vb: VarBuilder,
    ) -> Result<Self> {
        let shape = order.shape(config.out_features, config.in_features);
        Ok(Self {
            weight: vb.get_with_hints(&shape[..], "weight", weight)?,
            bias: config
                .bias
                .then(|| vb.get_with_hints(config.out_features, "bias", bias))
                .transpose()?,
            order,
        })
    }

    /// A layer of given weights `(out_features, in_features)`, for instance those of an embedding, and bias
    /// `(out_features)`.
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self {
            weight,
            bias,
            order: WeightOrder::OutIn,
        }
    }

    /// The weights, `(out_features, in_features)` unless the layer was made with another [order](WeightOrder).
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias `(out_features)`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}

impl Linear {
    /// `activation` of the layer's result: on a CPU one operation.
    ///
    /// # Errors
    ///
    /// Those of [`linear`].
    pub fn forward_activated(&self, xs: &Tensor, activation: Activation) -> Result<Tensor> {
        let bias = self.bias.as_ref();
        affine(xs, &self.weight, bias, self.order, Some(activation))
    }
}

impl Module for Linear {
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        affine(xs, &self.weight, self.bias.as_ref(), self.order, None)
    }
}

/// `x W^T + bias` for `xs` `(.., in_features)`, `weight` `(out_features, in_features)`, `bias` `(out_features)`.
///
/// # Errors
///
/// [`Error::Shape`] (wrapped in candle's error) for shapes that don't fit each other.
pub fn linear(xs: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    affine(xs, weight, bias, WeightOrder::OutIn, None)
}

fn affine(
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    order: WeightOrder,
    activation: Option<Activation>,
) -> Result<Tensor> {
    let shape = |name, expected: String, found: &Tensor| Error::Shape {
        operation: "linear layer",
        name,
        expected,
        found: found.dims().to_vec(),
    };
    let (outputs, inputs) = match (weight.dims(), order) {
        (&[outputs, inputs], WeightOrder::OutIn) => (outputs, inputs),
        (&[inputs, outputs], WeightOrder::InOut) => (outputs, inputs),
        _ => {
            let expected = "two dimensions, those of outputs and inputs".to_owned();
            return Err(shape("the weight", expected, weight).into());
        }
    };
    if xs.dims().last() != Some(&inputs) {
        return Err(shape("the input", format!("(.., {inputs})"), xs).into());
    }
    if let Some(bias) = bias.filter(|bias| bias.dims() != [outputs]) {
        return Err(shape("the bias", format!("({outputs})"), bias).into());
    }
    if storage::supported(xs) {
        return ops::linear(xs, weight, bias, order, activation);
    }
    let ys = compose(xs, weight, bias, order)?;
    match activation {
        Some(activation) => activation.compose(&ys),
        None => Ok(ys),
    }
}

pub(crate) fn compose(
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    order: WeightOrder,
) -> Result<Tensor> {
    let weight = match order {
        WeightOrder::OutIn => weight.t()?,
        WeightOrder::InOut => weight.clone(),
    };
    let (inputs, outputs) = weight.dims2()?;
    let mut shape = xs.dims().to_vec();
    shape.pop();
    shape.push(outputs);
    let rows: usize = shape[..shape.len() - 1].iter().product();
    let y = xs.reshape((rows, inputs))?.matmul(&weight)?;
    match bias {
        Some(bias) => y.broadcast_add(bias)?.reshape(shape),
        None => y.reshape(shape),
    }
}
