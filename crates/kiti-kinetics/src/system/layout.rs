//! How features are read as particles: `(B, D, n)`, a reshape that moves no data.

use crate::{Error, Result};

/// Shape of a batch of particle systems, row-major `(samples, dims, particles)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Independent systems, `B`.
    pub samples: usize,
    /// Coordinates of a particle, `D`.
    pub dims: usize,
    /// Particles of a system, `n`.
    pub particles: usize,
}

impl Layout {
    /// Fields `(batch, channels, sites)`: each channel is cut into `divisions` contiguous runs,
    /// every run is one coordinate of the `sites / divisions` particles.
    pub fn from_grid(
        batch: usize,
        channels: usize,
        sites: usize,
        divisions: usize,
    ) -> Result<Self> {
        if divisions == 0 || !sites.is_multiple_of(divisions) {
            return Err(Error::Divisions { sites, divisions });
        }
        Ok(Self {
            samples: batch,
            dims: channels * divisions,
            particles: sites / divisions,
        })
    }

    /// Tokens `(tokens, width)`: every token is a system of its own with `width / dims` particles.
    pub fn from_tokens(tokens: usize, width: usize, dims: usize) -> Result<Self> {
        if dims == 0 || !width.is_multiple_of(dims) {
            return Err(Error::ParticleDimension { width, dims });
        }
        Ok(Self {
            samples: tokens,
            dims,
            particles: width / dims,
        })
    }

    /// Values of one `(B, D, n)` array.
    pub fn len(&self) -> usize {
        self.samples
            .saturating_mul(self.dims)
            .saturating_mul(self.particles)
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} samples x {} dimensions x {} particles",
            self.samples, self.dims, self.particles
        )
    }
}
