//! Convolution layers over sequences and grids.

use candle::{Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use super::{compose, sizes};
use crate::cpu::storage;
use crate::{init, ops};

/// Sizes of a [`Conv`] over `DIMS` dimensions, one or two.
///
/// ```
/// use kiti_nn::Conv2dConfig;
///
/// let config = Conv2dConfig { padding: 1, bias: false, ..Conv2dConfig::new(3, 16, [3, 3]) };
/// assert_eq!(config.stride, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "[usize; DIMS]: Serialize",
    deserialize = "[usize; DIMS]: Deserialize<'de>"
))]
pub struct ConvConfig<const DIMS: usize> {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Size of the kernel: its length, or its rows and columns.
    pub kernel: [usize; DIMS],
    /// Distance of neighbouring windows in every dimension.
    pub stride: usize,
    /// Zeros put around the input on all sides.
    pub padding: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

/// Sizes of a [`Conv1d`].
pub type Conv1dConfig = ConvConfig<1>;
/// Sizes of a [`Conv2d`].
pub type Conv2dConfig = ConvConfig<2>;

impl<const DIMS: usize> ConvConfig<DIMS> {
    /// Stride 1, no padding, with a bias.
    pub fn new(in_channels: usize, out_channels: usize, kernel: [usize; DIMS]) -> Self {
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

/// Convolution (cross-correlation, as everywhere in deep learning) over `DIMS` dimensions: of sequences, [`Conv1d`], or of
/// grids, [`Conv2d`].
///
/// ```text
/// y[b, o, r, c] = bias[o] + sum_{i, k, l} weight[o, i, k, l] x[b, i, stride r + k - padding, stride c + l - padding]
/// ```
///
/// with x zero outside; of sequences without r and k. Input `(batch, in_channels, rows, columns)`, output
/// `(batch, out_channels, ..)` of `(size + 2 padding - kernel) / stride + 1` windows in every dimension, rounded down.
/// Variables: `weight` `(out_channels, in_channels, kernel ..)` and `bias` `(out_channels)`, PyTorch's names; initial values
/// uniform in `+-1/sqrt(in_channels kernel ..)`, its default.
///
/// ```
/// use candle::{DType, Device, Module, Tensor};
/// use kiti_nn::{Conv1d, Conv1dConfig, Conv2d, Conv2dConfig, VarStore};
///
/// let store = VarStore::new(0, DType::F32, &Device::Cpu);
/// let config = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(3, 5, [3, 3]) };
/// let layer = Conv2d::new(&config, store.builder().pp("grids"))?;
/// let grids = Tensor::ones((2, 3, 9, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(layer.forward(&grids)?.dims(), [2, 5, 5, 4]);
///
/// let layer = Conv1d::new(&Conv1dConfig::new(3, 5, [2]), store.builder().pp("sequences"))?;
/// let sequences = Tensor::ones((2, 3, 9), DType::F32, &Device::Cpu)?;
/// assert_eq!(layer.forward(&sequences)?.dims(), [2, 5, 8]);
/// # Ok::<(), candle::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Conv<const DIMS: usize> {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: usize,
    padding: usize,
}

/// Convolution of sequences `(batch, channels, length)`.
pub type Conv1d = Conv<1>;
/// Convolution of grids `(batch, channels, rows, columns)`.
pub type Conv2d = Conv<2>;

impl<const DIMS: usize> Conv<DIMS> {
    /// Creates or loads the variables below `vb`.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn new(config: &ConvConfig<DIMS>, vb: VarBuilder) -> Result<Self> {
        let fan_in = config.in_channels * config.kernel.iter().product::<usize>();
        Self::with_init(config, [init::torch_linear(fan_in); 2], vb)
    }

    /// As [`new`](Self::new) with other initial values of weights and bias.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn with_init(
        config: &ConvConfig<DIMS>,
        [weight, bias]: [Init; 2],
        vb: VarBuilder,
    ) -> Result<Self> {
        let mut shape = vec![config.out_channels, config.in_channels];
        shape.extend(config.kernel);
        Ok(Self {
            weight: vb.get_with_hints(shape, "weight", weight)?,
            bias: config
                .bias
                .then(|| vb.get_with_hints(config.out_channels, "bias", bias))
                .transpose()?,
            stride: config.stride,
            padding: config.padding,
        })
    }

    /// The weights `(out_channels, in_channels, kernel ..)`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias `(out_channels)`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    pub(super) fn stride_and_padding(&self) -> [usize; 2] {
        [self.stride, self.padding]
    }
}

impl<const DIMS: usize> Module for Conv<DIMS> {
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        let bias = self.bias.as_ref();
        convolve::<DIMS>(xs, &self.weight, bias, self.stride_and_padding())
    }
}

/// [`Conv1d`] with given `weight` and `bias`.
///
/// # Errors
///
/// Those of [`conv2d`].
pub fn conv1d(
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    stride: usize,
    padding: usize,
) -> Result<Tensor> {
    convolve::<1>(xs, weight, bias, [stride, padding])
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
    convolve::<2>(xs, weight, bias, [stride, padding])
}

fn convolve<const DIMS: usize>(
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    [stride, padding]: [usize; 2],
) -> Result<Tensor> {
    let sizes = sizes(xs, weight, bias, DIMS, [stride, padding])?;
    let mut shape = vec![sizes.batch, sizes.outputs];
    shape.extend(&sizes.output()[2 - DIMS..]);
    if storage::supported(xs) && xs.elem_count() > 0 {
        return ops::convolution(xs, weight, bias, sizes, shape);
    }
    let square = |[rows, columns]: [usize; 2]| rows == columns;
    if DIMS == 2 && square(sizes.size) && square(sizes.kernel) {
        let ys = xs.conv2d(weight, padding, stride, 1, 1)?;
        return match bias {
            Some(bias) => ys.broadcast_add(&bias.reshape((1, (), 1, 1))?),
            None => Ok(ys),
        };
    }
    compose(xs, weight, bias, &sizes)?.reshape(shape)
}
