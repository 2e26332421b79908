//! Candle operations of the CPU: one for each layer, with its backward pass.
//!
//! Each computes what the layer's composition of tensor operations computes, in one pass over each sample.
//! Candle adds every gradient that an operation returns to a tensor of zeros, so few operations matter as
//! much as fast ones.

mod activation;
mod add_relu;
mod attention;
mod batch_norm;
mod convolution;
mod cross_entropy;
mod embedding;
mod fourier_layer;
mod layer_norm;
mod linear;
mod linear_cross_entropy;
mod normed_convolution;
mod operation;
mod parameters;
mod pointwise;
mod pointwise_head;
mod pooling;
mod softmax;
mod spectral;

pub(crate) use activation::activation;
pub(crate) use add_relu::add_relu;
pub(crate) use attention::{Scores, attention, self_attention};
pub(crate) use batch_norm::{Statistics, batch_norm};
pub(crate) use convolution::{Convolution, convolution};
pub(crate) use cross_entropy::cross_entropy;
pub(crate) use embedding::embedding;
pub(crate) use fourier_layer::fourier_layer;
pub(crate) use layer_norm::layer_norm;
pub(crate) use linear::linear;
pub(crate) use linear_cross_entropy::linear_cross_entropy;
pub(crate) use normed_convolution::normed_convolution;
pub(crate) use pointwise::{pointwise, pointwise_channels_last};
pub(crate) use pointwise_head::pointwise_head;
pub(crate) use pooling::{Kind, Pool, pool};
pub(crate) use softmax::softmax;
pub(crate) use spectral::{spectral_1d, spectral_2d};

use candle::Tensor;

/// `(batch, channels, sites)` of a tensor `(batch, channels, d1 .. dN)`.
fn batch_channels_sites(xs: &Tensor) -> candle::Result<[usize; 3]> {
    let (batch, channels) = (xs.dim(0)?, xs.dim(1)?);
    Ok([batch, channels, xs.dims()[2..].iter().product()])
}

/// Rows of this width that one thread handles at a time: some ten thousand elements.
fn rows_at_a_time(width: usize) -> usize {
    ((1 << 14) / width.max(1)).max(1)
}

/// The shape of `xs` with another number of channels.
pub(crate) fn with_channels(xs: &Tensor, channels: usize) -> Vec<usize> {
    let mut shape = xs.dims().to_vec();
    shape[1] = channels;
    shape
}

#[cfg(test)]
mod tests;
