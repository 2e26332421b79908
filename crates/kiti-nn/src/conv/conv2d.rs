//! Convolution of grids.

use candle::{Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use super::{compose, sizes};
use crate::cpu::storage;
use crate::{init, ops};

/// Sizes of a [`Conv2d`].
///
/// ```
/// use kiti_nn::Conv2dConfig;
///
/// let config = Conv2dConfig { padding: 1, bias: false, ..Conv2dConfig::new(3, 16, [3, 3]) };
/// assert_eq!(config.stride, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv2dConfig {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Distance of neighbouring windows in either dimension.
    pub stride: usize,
    /// Zeros put around the input on all sides.
    pub padding: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Conv2dConfig {
    /// Stride 1, no padding, with a bias.
    pub fn new(in_channels: usize, out_channels: usize, kernel: [usize; 2]) -> Self {
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

/// Convolution of grids (cross-correlation, as everywhere in deep learning).
///
/// ```text
/// y[b, o, r, c] = bias[o] + sum_{i, k, l} weight[o, i, k, l] x[b, i, stride r + k - padding, stride c + l - padding]
/// ```
///
/// with x zero outside. Input `(batch, in_channels, rows, columns)`, output `(batch, out_channels, ..)` of
/// `(size + 2 padding - kernel) / stride + 1` windows in either dimension, rounded down. Variables: `weight`
/// `(out_channels, in_channels, kernel rows, kernel columns)` and `bias` `(out_channels)`, PyTorch's names; initial values uniform in
/// `+-1/sqrt(in_channels kernel[0] kernel[1])`, its default.
///
/// ```
/// use candle::{DType, Device, Module, Tensor};
/// use kiti_nn::{Conv2d, Conv2dConfig, VarStore};
///
/// let store = VarStore::new(0, DType::F32, &Device::Cpu);
/// let config = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(3, 5, [3, 3]) };
/// let layer = Conv2d::new(&config, store.builder())?;
/// let xs = Tensor::ones((2, 3, 9, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(layer.forward(&xs)?.dims(), [2, 5, 5, 4]);
/// # Ok::<(), candle::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: usize,
    padding: usize,
}

impl Conv2d {
    /// Creates or loads the variables below `vb`.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn new(config: &Conv2dConfig, vb: VarBuilder) -> Result<Self> {
        let fan_in = config.in_channels * config.kernel[0] * config.kernel[1];
        Self::with_init(config, [init::torch_linear(fan_in); 2], vb)
    }

    /// As [`new`](Self::new) with other initial values of weights and bias.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn with_init(
        config: &Conv2dConfig,
        [weight_init, bias_init]: [Init; 2],
        vb: VarBuilder,
    ) -> Result<Self> {
        let Conv2dConfig {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding,
            bias,
        } = *config;
        let shape = (out_channels, in_channels, kernel[0], kernel[1]);
        Ok(Self {
            weight: vb.get_with_hints(shape, "weight", weight_init)?,
            bias: bias
                .then(|| vb.get_with_hints(out_channels, "bias", bias_init))
                .transpose()?,
            stride,
            padding,
        })
    }

    /// The weights `(out_channels, in_channels, kernel rows, kernel columns)`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias `(out_channels)`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}

impl Module for Conv2d {
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        conv2d(
            xs,
            &self.weight,
            self.bias.as_ref(),
            self.stride,
            self.padding,
        )
    }
}

/// [`Conv2d`] with given `weight` and `bias`.
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) (wrapped in candle's error) for shapes that don't fit each other, or an input
/// smaller than the kernel; [`Error::Parameter`](crate::Error::Parameter) for a stride of 0.
pub fn conv2d(
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    stride: usize,
    padding: usize,
) -> Result<Tensor> {
    let sizes = sizes(xs, weight, bias, 2, [stride, padding])?;
    if storage::supported(xs) && xs.elem_count() > 0 {
        let [rows, columns] = sizes.output();
        let shape = vec![sizes.batch, sizes.outputs, rows, columns];
        return ops::convolution(xs, weight, bias, sizes, shape);
    }
    let square = |[rows, columns]: [usize; 2]| rows == columns;
    if square(sizes.size) && square(sizes.kernel) {
        let ys = xs.conv2d(weight, padding, stride, 1, 1)?;
        return match bias {
            Some(bias) => ys.broadcast_add(&bias.reshape((1, (), 1, 1))?),
            None => Ok(ys),
        };
    }
    compose(xs, weight, bias, &sizes)
}
