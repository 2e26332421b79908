//! Candle operations of the CPU: one for each layer, with its backward pass.
//!
//! Each computes what the layer's composition of tensor operations computes, in one pass over each sample.
//! Candle adds every gradient that an operation returns to a tensor of zeros, so few operations matter as
//! much as fast ones.

mod activation;
mod fourier_layer;
mod parameters;
mod pointwise;
mod pointwise_head;
mod spectral;

pub(crate) use activation::activation;
pub(crate) use fourier_layer::fourier_layer;
pub(crate) use pointwise::{pointwise, pointwise_channels_last};
pub(crate) use pointwise_head::pointwise_head;
pub(crate) use spectral::{spectral_1d, spectral_2d};

use candle::Tensor;

/// `(batch, channels, sites)` of a tensor `(batch, channels, d1 .. dN)`.
fn batch_channels_sites(xs: &Tensor) -> candle::Result<[usize; 3]> {
    let (batch, channels) = (xs.dim(0)?, xs.dim(1)?);
    Ok([batch, channels, xs.dims()[2..].iter().product()])
}

/// The shape of `xs` with another number of channels.
fn with_channels(xs: &Tensor, channels: usize) -> Vec<usize> {
    let mut shape = xs.dims().to_vec();
    shape[1] = channels;
    shape
}

#[cfg(test)]
mod tests;
