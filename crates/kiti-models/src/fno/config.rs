//! Sizes of a Fourier neural operator.

use kiti_nn::activation::Activation;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a [`Fno`](super::Fno) is built from; the defaults are those of the two-dimensional operator
/// published for the Navier-Stokes equation (arXiv:2010.08895, section 5.3 and its code).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FnoConfig {
    /// Fourier modes kept along each dimension of the grid: one number or two.
    pub modes: Vec<usize>,
    /// Channels of the hidden features.
    pub width: usize,
    /// Fourier layers.
    pub layers: usize,
    /// Channels of the input, without the coordinates that the model appends.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Channels between the two last linear maps.
    pub projection: usize,
    /// Non-linearity after every layer but the last, and between the two last linear maps.
    pub activation: Activation,
    /// Coordinate of the last grid point: the coordinates are `linspace(0, grid_end, N)`, end included.
    pub grid_end: f64,
}

impl Default for FnoConfig {
    fn default() -> Self {
        Self {
            modes: vec![12, 12],
            width: 20,
            layers: 4,
            in_channels: 10,
            out_channels: 1,
            projection: 128,
            activation: Activation::Gelu,
            grid_end: 1.0,
        }
    }
}

impl FnoConfig {
    /// Dimensions of the grid: 1 or 2.
    pub fn dims(&self) -> usize {
        self.modes.len()
    }

    /// Trainable numbers of the model.
    pub fn parameter_count(&self) -> usize {
        let Self {
            width,
            layers,
            in_channels,
            out_channels,
            projection,
            ..
        } = *self;
        // Two blocks of complex weights in two dimensions, one block in one.
        let spectral = 2 * self.dims() * width * width * self.modes.iter().product::<usize>();
        let skip = width * width + width;
        let lift = (in_channels + self.dims()) * width + width;
        let project = width * projection + projection + projection * out_channels + out_channels;
        lift + layers * (spectral + skip) + project
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
        if !matches!(self.dims(), 1 | 2) || self.modes.contains(&0) {
            let expected = "one or two numbers of modes, each at least 1";
            return refuse("modes", format!("{:?}", self.modes), expected);
        }
        let counts = [
            ("width", self.width),
            ("layers", self.layers),
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("projection", self.projection),
        ];
        for (key, count) in counts {
            if count == 0 || count > 1 << 20 {
                return refuse(key, count.to_string(), "a number from 1 to 1048576");
            }
        }
        if self.modes.iter().any(|modes| *modes > 1 << 20) {
            return refuse(
                "modes",
                format!("{:?}", self.modes),
                "at most 1048576 modes",
            );
        }
        if !self.grid_end.is_finite() || self.grid_end <= 0.0 {
            return refuse("grid_end", self.grid_end.to_string(), "a positive number");
        }
        Ok(())
    }

    /// Says whether a grid carries the model's Fourier modes: the real transform of the last
    /// dimension has `N/2 + 1`, another dimension has N.
    ///
    /// # Errors
    ///
    /// [`Error::GridTooSmall`] with the dimension and the smallest grid that would do;
    /// [`Error::Shape`] for a grid of another number of dimensions.
    pub fn check_grid(&self, grid: &[usize]) -> Result<()> {
        if grid.len() != self.dims() {
            return Err(Error::Shape {
                name: "grid".to_owned(),
                expected: format!("{} dimensions", self.dims()),
                found: grid.to_vec(),
            });
        }
        for (dimension, (&extent, &modes)) in grid.iter().zip(&self.modes).enumerate() {
            let last = dimension + 1 == self.dims();
            let needed = if last {
                (2 * (modes - 1)).max(1)
            } else {
                modes
            };
            if extent < needed {
                return Err(Error::GridTooSmall {
                    dimension,
                    extent,
                    modes,
                    needed,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_smaller_than_the_modes_is_refused() {
        let config = FnoConfig {
            modes: vec![12, 5],
            ..FnoConfig::default()
        };
        assert!(config.check_grid(&[12, 8]).is_ok());
        let error = config.check_grid(&[12, 7]).unwrap_err();
        assert!(
            matches!(
                error,
                Error::GridTooSmall {
                    dimension: 1,
                    extent: 7,
                    modes: 5,
                    needed: 8
                }
            ),
            "{error}"
        );
        assert!(matches!(config.check_grid(&[64]), Err(Error::Shape { .. })));
    }

    #[test]
    fn sizes_of_zero_are_refused_by_name() {
        for (config, key) in [
            (
                FnoConfig {
                    modes: vec![],
                    ..FnoConfig::default()
                },
                "modes",
            ),
            (
                FnoConfig {
                    modes: vec![3, 0],
                    ..FnoConfig::default()
                },
                "modes",
            ),
            (
                FnoConfig {
                    width: 0,
                    ..FnoConfig::default()
                },
                "width",
            ),
            (
                FnoConfig {
                    grid_end: f64::NAN,
                    ..FnoConfig::default()
                },
                "grid_end",
            ),
        ] {
            assert!(config.validate().unwrap_err().to_string().contains(key));
        }
    }

    /// The published model with these sizes has 926,357 parameters, complex ones counted twice.
    #[test]
    fn the_parameters_are_those_of_the_published_model() {
        assert_eq!(FnoConfig::default().parameter_count(), 926_357);
    }
}
