//! Sizes of an operator transformer.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What an [`OFormer`](super::OFormer) is built from; the defaults are close to those published for the Burgers equation
/// (arXiv:2205.13671 and its code).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OFormerConfig {
    /// Dimensions of space: 1, 2 or 3.
    pub dims: usize,
    /// Channels of the input at each point, without its coordinates.
    pub in_channels: usize,
    /// Channels of the output at each point.
    pub out_channels: usize,
    /// Width of a token, of encoder and decoder.
    pub width: usize,
    /// Layers of the encoder.
    pub layers: usize,
    /// Heads of each attention; `width / heads` is a multiple of `2 dims`.
    pub heads: usize,
    /// Hidden width of the feed-forward networks.
    pub feed_forward: usize,
    /// Layers of the propagator, applied once a step of time.
    pub propagator_layers: usize,
    /// Angle that the fastest pair of a rotary embedding turns by over a unit of length, in radians.
    pub rotary_frequency: f64,
    /// Standard deviation of the wavenumbers that a query point is first described by, in waves over a unit of length.
    pub query_wavenumber: f64,
    /// Whether grids are periodic, with points `i/N`; otherwise `i/(N - 1)`, the walls included.
    pub periodic: bool,
}

impl Default for OFormerConfig {
    fn default() -> Self {
        Self {
            dims: 1,
            in_channels: 1,
            out_channels: 1,
            width: 96,
            layers: 4,
            heads: 4,
            feed_forward: 192,
            propagator_layers: 1,
            rotary_frequency: 64.0,
            query_wavenumber: 8.0,
            periodic: true,
        }
    }
}

impl OFormerConfig {
    /// Width of a head.
    pub fn head_width(&self) -> usize {
        self.width / self.heads.max(1)
    }

    /// Residual additions of the model: two a layer of the encoder, two of the decoder, one a layer of the propagator.
    pub fn residuals(&self) -> usize {
        2 * self.layers + 2 + self.propagator_layers
    }

    /// Trainable numbers of the model.
    pub fn parameter_count(&self) -> usize {
        let Self {
            dims,
            width,
            feed_forward,
            ..
        } = *self;
        let linear = |inputs: usize, outputs: usize| inputs * outputs + outputs;
        let norm = 2 * width;
        // Queries, keys and values without a bias, norms of keys and values, the way out.
        let attention = 3 * width * width + 4 * self.head_width() + linear(width, width);
        let feed = linear(width, feed_forward) + linear(feed_forward, width);
        let layer = attention + feed + 2 * norm;
        let encoder = linear(self.in_channels + dims, width) + self.layers * layer + norm;
        // One norm of the queries, one before the feed-forward network.
        let decoder = linear(width, width) + layer;
        let propagator = norm + linear(width + dims, width) + linear(width, width);
        let head = norm + linear(width, width) + linear(width, self.out_channels);
        encoder + decoder + self.propagator_layers * propagator + head
    }

    /// Refuses sizes that make no model.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] with the key, its value and what it must be.
    pub fn validate(&self) -> Result<()> {
        let refuse = |key, found: String, expected| {
            Err(Error::ModelConfig {
                key,
                found,
                expected,
            })
        };
        if !(1..=3).contains(&self.dims) {
            return refuse("dims", self.dims.to_string(), "1, 2 or 3");
        }
        for (key, count) in [
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("width", self.width),
            ("layers", self.layers),
            ("heads", self.heads),
            ("feed_forward", self.feed_forward),
            ("propagator_layers", self.propagator_layers),
        ] {
            if count == 0 || count > 1 << 16 {
                return refuse(key, count.to_string(), "a number from 1 to 65536");
            }
        }
        let pairs = self.width.is_multiple_of(self.heads)
            && self.head_width().is_multiple_of(2 * self.dims);
        if !pairs {
            let expected = "heads that share the width equally, each with a multiple of 2 dims";
            return refuse("heads", self.heads.to_string(), expected);
        }
        for (key, value) in [
            ("rotary_frequency", self.rotary_frequency),
            ("query_wavenumber", self.query_wavenumber),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return refuse(key, value.to_string(), "a positive number");
            }
        }
        Ok(())
    }

    /// Refuses grids of other dimensions.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`].
    pub fn check_grid(&self, grid: &[usize]) -> Result<()> {
        if grid.len() == self.dims && !grid.contains(&0) {
            return Ok(());
        }
        Err(Error::Shape {
            name: "grid".to_owned(),
            expected: format!("{} dimensions", self.dims),
            found: grid.to_vec(),
        })
    }
}
