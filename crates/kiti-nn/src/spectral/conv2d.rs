//! Spectral convolution in two dimensions.

use candle::{Result, Tensor};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::dft::SignedDft;
use super::{TruncatedDft, check_modes, multiply_modes};
use crate::activation::Activation;
use crate::context::Context;
use crate::cpu::storage;
use crate::pointwise::PointwiseConv;
use crate::residual::Residual;
use crate::{init, ops};

/// Sizes of a [`SpectralConv2d`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpectralConv2dConfig {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Fourier modes kept: `m1` of either sign along the first grid dimension, `m2` of the real
    /// transform along the second.
    pub modes: [usize; 2],
}

/// Convolution by multiplying Fourier modes with learned complex matrices.
///
/// ```text
/// Y[:m1,  :m2] = sum_i W0[i, o] X[:m1,  :m2]        X = rfft2(x[b, i]),  y = irfft2(Y),
/// Y[-m1:, :m2] = sum_i W1[i, o] X[-m1:, :m2]        other modes 0
/// ```
///
/// Input `(batch, in_channels, n1, n2)`, output `(batch, out_channels, n1, n2)`, for any grid with
/// `n1 >= m1` and `n2 / 2 + 1 >= m2`. Where `n1 < 2 m1` the two blocks overlap and the second one counts, as in the
/// published code. The complex weights are stored as real numbers under the names `weight.0` and `weight.1`, each
/// `(in_channels, out_channels, m1, m2, 2)`, last dimension real and imaginary part; initial values uniform
/// in `[0, 1) / (in_channels out_channels)`.
#[derive(Debug, Clone)]
pub struct SpectralConv2d {
    weights: [Tensor; 2],
    config: SpectralConv2dConfig,
}

impl SpectralConv2d {
    /// Creates or loads the layer's variables `weight.0` and `weight.1` below `vb`.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn new(config: &SpectralConv2dConfig, vb: VarBuilder) -> Result<Self> {
        let SpectralConv2dConfig {
            in_channels,
            out_channels,
            modes: [m1, m2],
        } = *config;
        let weight = |name| {
            vb.get_with_hints(
                (in_channels, out_channels, m1, m2, 2),
                name,
                init::spectral(in_channels, out_channels),
            )
        };
        Ok(Self {
            weights: [weight("weight.0")?, weight("weight.1")?],
            config: config.clone(),
        })
    }

    /// Applies the layer to `(batch, in_channels, n1, n2)`.
    ///
    /// # Errors
    ///
    /// A grid with fewer modes than the layer ([`super::SpectralError`]), or another number of
    /// channels or dimensions.
    pub fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        let (_, _, n1, n2) = xs.dims4()?;
        self.check_grid([n1, n2])?;
        super::check_channels(xs, self.config.in_channels)?;
        if storage::supported(xs) {
            return ops::spectral_2d(xs, [&self.weights[0], &self.weights[1]]);
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
        let (_, _, n1, n2) = xs.dims4()?;
        self.check_grid([n1, n2])?;
        super::check_channels(xs, self.config.in_channels)?;
        skip.check_sizes(self.config.in_channels, self.config.out_channels)?;
        let shape = ops::with_channels(xs, self.config.out_channels);
        if storage::supported(xs)
            && let Some(combination) = residual.combination(&shape, ctx)?
        {
            let skip = [skip.weight(), skip.bias()];
            return ops::fourier_layer(
                xs,
                &[&self.weights[0], &self.weights[1]],
                skip,
                combination,
                activation,
            );
        }
        let moved = residual.forward(&skip.forward(xs)?, &self.forward(xs)?, ctx)?;
        activation.map_or(Ok(moved.clone()), |activation| activation.forward(&moved))
    }

    pub(crate) fn compose(&self, xs: &Tensor) -> Result<Tensor> {
        let (batch, channels, n1, n2) = xs.dims4()?;
        let [m1, m2] = self.config.modes;
        let out_channels = self.config.out_channels;
        let second = TruncatedDft::cached(n2, m2, xs.dtype(), xs.device())?;
        let first = SignedDft::new(n1, m1, xs.dtype(), xs.device())?;

        let swap = |t: &Tensor| t.transpose(2, 3);
        let (re, im) = second.forward(xs)?;
        let (re, im) = first.forward(&swap(&re)?, &swap(&im)?)?;
        let flat = |t: Tensor| t.reshape((batch, channels, 2 * m1 * m2));
        let weight = Tensor::cat(&self.weights, 2)?.transpose(2, 3)?.reshape((
            channels,
            out_channels,
            2 * m1 * m2,
            2,
        ))?;
        let (re, im) = multiply_modes(&flat(re)?, &flat(im)?, &weight)?;
        let unflat = |t: Tensor| t.reshape((batch, out_channels, m2, 2 * m1));
        let (re, im) = first.inverse(&unflat(re)?, &unflat(im)?)?;
        second.inverse(&swap(&re)?, &swap(&im)?)
    }

    /// Says whether a grid has the layer's modes.
    ///
    /// # Errors
    ///
    /// [`super::SpectralError::Modes`], which names the dimension and both numbers.
    pub fn check_grid(&self, grid: [usize; 2]) -> Result<()> {
        let [m1, m2] = self.config.modes;
        check_modes(0, grid[0], m1, grid[0])?;
        check_modes(1, grid[1], m2, grid[1] / 2 + 1)
    }

    /// The weights of the blocks `[:m1, :m2]` and `[-m1:, :m2]`, each `(in, out, m1, m2, 2)`.
    pub fn weights(&self) -> &[Tensor; 2] {
        &self.weights
    }

    /// The layer's sizes.
    pub fn config(&self) -> &SpectralConv2dConfig {
        &self.config
    }
}
