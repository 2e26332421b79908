//! Spectral convolution in one dimension.

use candle::{Result, Tensor};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::{TruncatedDft, check_modes, multiply_modes};
use crate::activation::Activation;
use crate::context::Context;
use crate::cpu::storage;
use crate::pointwise::PointwiseConv;
use crate::residual::Residual;
use crate::{init, ops};

/// Sizes of a [`SpectralConv1d`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpectralConv1dConfig {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Fourier modes kept, `0 .. modes-1` of the real transform.
    pub modes: usize,
}

/// Convolution by multiplying Fourier modes with learned complex matrices.
///
/// ```text
/// y = irfft( sum_i W[i, o, k] rfft(x)[b, i, k] ),   k = 0 .. modes-1, other modes 0
/// ```
///
/// Input `(batch, in_channels, n)`, output `(batch, out_channels, n)`, for any `n` with at least
/// `modes` modes (`n / 2 + 1 >= modes`). The complex weights are stored as real numbers under the name
/// `weight.0` in the shape `(in_channels, out_channels, modes, 2)`, last dimension real and imaginary part;
/// initial values uniform in `[0, 1) / (in_channels out_channels)`.
#[derive(Debug, Clone)]
pub struct SpectralConv1d {
    weight: Tensor,
    config: SpectralConv1dConfig,
}

impl SpectralConv1d {
    /// Creates or loads the layer's variable `weight.0` below `vb`.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn new(config: &SpectralConv1dConfig, vb: VarBuilder) -> Result<Self> {
        let SpectralConv1dConfig {
            in_channels,
            out_channels,
            modes,
        } = *config;
        let weight = vb.get_with_hints(
            (in_channels, out_channels, modes, 2),
            "weight.0",
            init::spectral(in_channels, out_channels),
        )?;
        Ok(Self {
            weight,
            config: config.clone(),
        })
    }

    /// Applies the layer to `(batch, in_channels, n)`.
    ///
    /// # Errors
    ///
    /// A grid with fewer modes than the layer ([`super::SpectralError`]), or another number of
    /// channels or dimensions.
    pub fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        self.check_grid(xs.dims3()?.2)?;
        super::check_channels(xs, self.config.in_channels)?;
        if storage::supported(xs) {
            return ops::spectral_1d(xs, &self.weight);
        }
        self.compose(xs)
    }

    /// `activation(residual(skip(xs), self(xs)))`, a layer of a Fourier neural operator; without an activation the residual's
    /// result. An inertial residual starts from rest.
    ///
    /// On a CPU one operation where the residual is an addition or a kinetic step, which saves most of the memory traffic of
    /// the separate ones; to the bit it is what they give.
    ///
    /// # Errors
    ///
    /// As [`forward`](Self::forward), a skip connection with other numbers of channels, and those of
    /// [`Residual::forward`].
    pub fn forward_with_skip(
        &self,
        xs: &Tensor,
        skip: &PointwiseConv,
        residual: &Residual,
        activation: Option<Activation>,
        ctx: &Context,
    ) -> Result<Tensor> {
        self.check_grid(xs.dims3()?.2)?;
        super::check_channels(xs, self.config.in_channels)?;
        skip.check_sizes(self.config.in_channels, self.config.out_channels)?;
        let shape = ops::with_channels(xs, self.config.out_channels);
        if storage::supported(xs)
            && let Some(combination) = residual.combination(&shape, ctx)?
        {
            let skip = [skip.weight(), skip.bias()];
            return ops::fourier_layer(xs, &[&self.weight], skip, combination, activation);
        }
        let moved = residual.forward(&skip.forward(xs)?, &self.forward(xs)?, ctx)?;
        activation.map_or(Ok(moved.clone()), |activation| activation.forward(&moved))
    }

    pub(crate) fn compose(&self, xs: &Tensor) -> Result<Tensor> {
        let points = xs.dim(2)?;
        let dft = TruncatedDft::cached(points, self.config.modes, xs.dtype(), xs.device())?;
        let (re, im) = dft.forward(xs)?;
        let (re, im) = multiply_modes(&re, &im, &self.weight)?;
        dft.inverse(&re, &im)
    }

    /// Says whether a grid of `points` points has the layer's modes.
    ///
    /// # Errors
    ///
    /// [`super::SpectralError::Modes`], which names both numbers.
    pub fn check_grid(&self, points: usize) -> Result<()> {
        check_modes(0, points, self.config.modes, points / 2 + 1)
    }

    /// The weights `(in_channels, out_channels, modes, 2)`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The layer's sizes.
    pub fn config(&self) -> &SpectralConv1dConfig {
        &self.config
    }
}
