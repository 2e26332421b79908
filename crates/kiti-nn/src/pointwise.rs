//! Pointwise convolution: the same linear map of the channels at every site of a grid.

use candle::{Result, Shape, Tensor};
use candle_nn::VarBuilder;

use crate::activation::Activation;
use crate::cpu::storage;
use crate::{init, ops};

/// A convolution with a kernel of one site.
///
/// ```text
/// y[b, o, s] = sum_i W[o, i] x[b, i, s] + bias[o]
/// ```
///
/// where s runs over all sites of a grid of any number of dimensions: input `(batch, in_channels, d1 .. dN)`,
/// output `(batch, out_channels, d1 .. dN)`. Variables: `weight` in the shape `(out_channels, in_channels, 1 .. 1)`
/// with as many trailing ones as `kernel_dims` says (those of the convolution whose checkpoints it
/// reads; 0 for a linear layer's), and `bias` `(out_channels)`. Initial values of both uniform in
/// `+-1/sqrt(in_channels)`, PyTorch's default.
#[derive(Debug, Clone)]
pub struct PointwiseConv {
    weight: Tensor,
    bias: Tensor,
    in_channels: usize,
    out_channels: usize,
}

impl PointwiseConv {
    /// Creates or loads the variables `weight` and `bias` below `vb`.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        kernel_dims: usize,
        vb: VarBuilder,
    ) -> Result<Self> {
        let mut shape = vec![out_channels, in_channels];
        shape.resize(2 + kernel_dims, 1);
        let uniform = init::torch_linear(in_channels);
        let weight = vb.get_with_hints(Shape::from(shape), "weight", uniform)?;
        let bias = vb.get_with_hints(out_channels, "bias", uniform)?;
        Ok(Self {
            weight,
            bias,
            in_channels,
            out_channels,
        })
    }

    /// Applies the layer to `(batch, in_channels, d1 .. dN)`.
    ///
    /// # Errors
    ///
    /// An input with another number of channels, or fewer than two dimensions.
    pub fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        self.check_channels(xs.dim(1)?)?;
        if storage::supported(xs) {
            return ops::pointwise(xs, &self.weight, &self.bias);
        }
        self.compose(xs)
    }

    fn check_channels(&self, found: usize) -> Result<()> {
        if found != self.in_channels {
            return Err(candle::Error::wrap(ChannelsError {
                expected: self.in_channels,
                found,
            }));
        }
        Ok(())
    }

    /// Refuses other numbers of channels.
    pub(crate) fn check_sizes(&self, inputs: usize, outputs: usize) -> Result<()> {
        self.check_channels(inputs)?;
        if self.out_channels != outputs {
            let error = ChannelsError {
                expected: outputs,
                found: self.out_channels,
            };
            return Err(candle::Error::wrap(error));
        }
        Ok(())
    }

    pub(crate) fn compose(&self, xs: &Tensor) -> Result<Tensor> {
        let batch = xs.dim(0)?;
        let sites: usize = xs.dims()[2..].iter().product();
        let mut shape = xs.dims().to_vec();
        shape[1] = self.out_channels;
        let flat = xs.reshape((batch, self.in_channels, sites))?.contiguous()?;
        let weight = self
            .weight
            .reshape((1, self.out_channels, self.in_channels))?;
        let bias = self.bias.reshape((1, self.out_channels, 1))?;
        weight
            .broadcast_as((batch, self.out_channels, self.in_channels))?
            .contiguous()?
            .matmul(&flat)?
            .broadcast_add(&bias)?
            .reshape(shape)
    }

    /// Applies the layer to channels-last samples with coordinates appended to their channels.
    ///
    /// `samples` is `(batch, d1 .. dN, channels)`, `coordinates` `(dims, d1 .. dN)` the same for every
    /// sample, and `in_channels = channels + dims`; the result is `(batch, out_channels, d1 .. dN)`. Equal to
    /// concatenating, moving the channels to the front and calling [`forward`](Self::forward),
    /// without making the intermediate tensors. No gradient flows to the coordinates.
    ///
    /// # Errors
    ///
    /// Channels that do not add up to `in_channels`, or grids that differ.
    pub fn forward_channels_last(
        &self,
        samples: &Tensor,
        coordinates: Option<&Tensor>,
    ) -> Result<Tensor> {
        let last = samples.rank().saturating_sub(1);
        let dims = match coordinates {
            Some(coordinates) => {
                let (expected, found) = (&samples.dims()[1..last.max(1)], coordinates.dims());
                if found.len() != expected.len() + 1 || found[1..] != *expected {
                    return Err(candle::Error::ShapeMismatchBinaryOp {
                        lhs: samples.shape().clone(),
                        rhs: coordinates.shape().clone(),
                        op: "coordinates of a pointwise convolution",
                    });
                }
                found[0]
            }
            None => 0,
        };
        self.check_channels(samples.dim(last)? + dims)?;
        if storage::supported(samples) {
            let (weight, bias) = (&self.weight, &self.bias);
            return ops::pointwise_channels_last(samples, coordinates, weight, bias);
        }
        self.compose_channels_last(samples, coordinates)
    }

    pub(crate) fn compose_channels_last(
        &self,
        samples: &Tensor,
        coordinates: Option<&Tensor>,
    ) -> Result<Tensor> {
        let last = samples.rank() - 1;
        let mut order: Vec<usize> = (0..last).collect();
        order.insert(1, last);
        let first = samples.permute(order)?;
        let Some(coordinates) = coordinates else {
            return self.compose(&first);
        };
        let mut shape = vec![samples.dim(0)?];
        shape.extend(coordinates.dims());
        let coordinates = coordinates.detach().unsqueeze(0)?.broadcast_as(shape)?;
        self.compose(&Tensor::cat(&[&first, &coordinates], 1)?)
    }

    /// The weights `(out_channels, in_channels, 1 .. 1)`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias `(out_channels)`.
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// Channels of the input.
    pub fn in_channels(&self) -> usize {
        self.in_channels
    }

    /// Channels of the output.
    pub fn out_channels(&self) -> usize {
        self.out_channels
    }
}

/// `second(activation(first(x)))`: the two-layer network at each site that ends a Fourier neural
/// operator.
///
/// `(batch, first.in_channels, d1 .. dN)` to `(batch, second.out_channels, d1 .. dN)`. On a CPU the wide
/// tensor in between is never stored: both directions compute it for a few sites at a time.
///
/// # Errors
///
/// Layers that do not fit each other or the input.
pub fn pointwise_head(
    first: &PointwiseConv,
    activation: Activation,
    second: &PointwiseConv,
    xs: &Tensor,
) -> Result<Tensor> {
    first.check_channels(xs.dim(1)?)?;
    second.check_channels(first.out_channels)?;
    if storage::supported(xs) {
        let layers = [[&first.weight, &first.bias], [&second.weight, &second.bias]];
        return ops::pointwise_head(xs, layers[0], activation, layers[1]);
    }
    second.forward(&activation.forward(&first.forward(xs)?)?)
}

/// An input with another number of channels than the layer has. Layers return it wrapped in
/// candle's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("pointwise convolution: expected {expected} channels, found {found}")]
pub struct ChannelsError {
    /// Channels of the layer's input.
    pub expected: usize,
    /// Channels found, coordinates included.
    pub found: usize,
}
