//! Convolution of sequences.

use candle::{Module, Result, Tensor};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::{compose, sizes};
use crate::cpu::storage;
use crate::{init, ops};

/// Sizes of a [`Conv1d`].
///
/// ```
/// use kiti_nn::Conv1dConfig;
///
/// let config = Conv1dConfig { padding: 1, bias: false, ..Conv1dConfig::new(3, 16, 3) };
/// assert_eq!(config.stride, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv1dConfig {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Length of the kernel.
    pub kernel: usize,
    /// Distance of neighbouring windows.
    pub stride: usize,
    /// Zeros put around the input on both sides.
    pub padding: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Conv1dConfig {
    /// Stride 1, no padding, with a bias.
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel,
            stride: 1,
            padding: 0,
            bias: true,
        }
    }
}

/// Convolution of sequences (cross-correlation, as everywhere in deep learning).
///
/// ```text
/// y[b, o, j] = bias[o] + sum_{i, k} weight[o, i, k] x[b, i, stride j + k - padding]
/// ```
///
/// with x zero outside. Input `(batch, in_channels, length)`, output `(batch, out_channels, windows)` of
/// `(size + 2 padding - kernel) / stride + 1` windows, rounded down. Variables: `weight`
/// `(out_channels, in_channels, kernel)` and `bias` `(out_channels)`, PyTorch's names; initial values uniform in
/// `+-1/sqrt(in_channels kernel)`, its default.
///
/// ```
/// use candle::{DType, Device, Module, Tensor};
/// use kiti_nn::{Conv1d, Conv1dConfig, VarStore};
///
/// let store = VarStore::new(0, DType::F32, &Device::Cpu);
/// let config = Conv1dConfig { stride: 2, padding: 1, ..Conv1dConfig::new(3, 5, 3) };
/// let layer = Conv1d::new(&config, store.builder())?;
/// let xs = Tensor::ones((2, 3, 9), DType::F32, &Device::Cpu)?;
/// assert_eq!(layer.forward(&xs)?.dims(), [2, 5, 5]);
/// # Ok::<(), candle::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Conv1d {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: usize,
    padding: usize,
}

impl Conv1d {
    /// Creates or loads the variables below `vb`.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn new(config: &Conv1dConfig, vb: VarBuilder) -> Result<Self> {
        let Conv1dConfig {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding,
            bias,
        } = *config;
        let uniform = init::torch_linear(in_channels * kernel);
        let shape = (out_channels, in_channels, kernel);
        Ok(Self {
            weight: vb.get_with_hints(shape, "weight", uniform)?,
            bias: bias
                .then(|| vb.get_with_hints(out_channels, "bias", uniform))
                .transpose()?,
            stride,
            padding,
        })
    }

    /// The weights `(out_channels, in_channels, kernel)`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias `(out_channels)`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}

impl Module for Conv1d {
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        conv1d(
            xs,
            &self.weight,
            self.bias.as_ref(),
            self.stride,
            self.padding,
        )
    }
}

/// [`Conv1d`] with given `weight` and `bias`.
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) (wrapped in candle's error) for shapes that don't fit each other, or an input
/// smaller than the kernel; [`Error::Parameter`](crate::Error::Parameter) for a stride of 0.
pub fn conv1d(
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    stride: usize,
    padding: usize,
) -> Result<Tensor> {
    let sizes = sizes(xs, weight, bias, 1, [stride, padding])?;
    if storage::supported(xs) && xs.elem_count() > 0 {
        let [_, columns] = sizes.output();
        let shape = vec![sizes.batch, sizes.outputs, columns];
        return ops::convolution(xs, weight, bias, sizes, shape);
    }
    compose(xs, weight, bias, &sizes)?.squeeze(2)
}
