//! Spectral convolution: a learned complex matrix for each kept Fourier mode (Li et al.,
//! arXiv:2010.08895, section 4).

mod conv1d;
mod conv2d;
mod dft;

pub use conv1d::{SpectralConv1d, SpectralConv1dConfig};
pub use conv2d::{SpectralConv2d, SpectralConv2dConfig};
pub use dft::TruncatedDft;
pub(crate) use dft::{cos_sin, multiplicity};

use candle::{Result, Tensor};

/// What can be wrong with the grid or the weights of a spectral convolution. Layers return it
/// wrapped in candle's error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpectralError {
    /// The grid does not have as many Fourier modes as are asked for.
    #[error(
        "grid dimension {dimension}: {points} points have {available} modes, {modes} are asked \
         for; use a finer grid or fewer modes"
    )]
    Modes {
        /// Dimension of the grid, counted from 0.
        dimension: usize,
        /// Points along it.
        points: usize,
        /// Modes that so many points have.
        available: usize,
        /// Modes of the layer.
        modes: usize,
    },
    /// The input has another number of channels than the layer.
    #[error("spectral convolution: expected {expected} channels, found {found}")]
    Channels {
        /// Channels of the layer's input.
        expected: usize,
        /// Channels found.
        found: usize,
    },
}

/// Refuses a number of modes of 0 or above what the grid dimension has.
pub(crate) fn check_modes(
    dimension: usize,
    points: usize,
    modes: usize,
    available: usize,
) -> Result<()> {
    if modes == 0 || modes > available || points == 0 {
        return Err(candle::Error::wrap(SpectralError::Modes {
            dimension,
            points,
            available,
            modes,
        }));
    }
    Ok(())
}

/// Refuses an input with another number of channels.
pub(crate) fn check_channels(xs: &Tensor, expected: usize) -> Result<()> {
    let found = xs.dim(1)?;
    if found != expected {
        return Err(candle::Error::wrap(SpectralError::Channels {
            expected,
            found,
        }));
    }
    Ok(())
}

/// For each mode k the complex product `sum_i X[b,i,k] W[i,o,k]`: spectra `(B, I, M)` as real and
/// imaginary part, weights `(I, O, M, 2)`, result `(B, O, M)`.
pub(crate) fn multiply_modes(
    re: &Tensor,
    im: &Tensor,
    weight: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let by_mode = |t: &Tensor| t.permute((2, 0, 1))?.contiguous();
    let weight_part = |part: usize| {
        weight
            .narrow(3, part, 1)?
            .squeeze(3)?
            .permute((2, 0, 1))?
            .contiguous()
    };
    let (re, im) = (by_mode(re)?, by_mode(im)?);
    let (weight_re, weight_im) = (weight_part(0)?, weight_part(1)?);
    let out_re = (re.matmul(&weight_re)? - im.matmul(&weight_im)?)?;
    let out_im = (re.matmul(&weight_im)? + im.matmul(&weight_re)?)?;
    Ok((out_re.permute((1, 2, 0))?, out_im.permute((1, 2, 0))?))
}
