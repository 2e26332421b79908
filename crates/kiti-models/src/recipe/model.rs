//! What learns: sizes and costs, whatever the kind of model.

use kiti_nn::flops::Flops;
use kiti_nn::kinetic::{Arrangement, KineticResidual};
use kiti_nn::residual::ResidualConfig;
use serde::{Deserialize, Serialize};

use crate::fno::{Fno, FnoConfig};
use crate::oformer::{OFormer, OFormerConfig};
use crate::{Error, Result};

/// What learns. A kind is told by its key `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ModelSection {
    /// A Fourier neural operator.
    Fno(FnoConfig),
    /// An operator transformer.
    Oformer(OFormerConfig),
}

impl ModelSection {
    /// Every kind with its default values.
    pub fn examples() -> Vec<Self> {
        vec![
            Self::Fno(FnoConfig::default()),
            Self::Oformer(OFormerConfig::default()),
        ]
    }

    /// Refuses sizes that make no model.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`].
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Fno(config) => config.validate(),
            Self::Oformer(config) => config.validate(),
        }
    }

    /// Dimensions of space of an operator's fields.
    pub fn dims(&self) -> usize {
        match self {
            Self::Fno(config) => config.dims(),
            Self::Oformer(config) => config.dims,
        }
    }

    /// Channels of an operator's input.
    pub fn in_channels(&self) -> usize {
        match self {
            Self::Fno(config) => config.in_channels,
            Self::Oformer(config) => config.in_channels,
        }
    }

    /// Channels of an operator's output.
    pub fn out_channels(&self) -> usize {
        match self {
            Self::Fno(config) => config.out_channels,
            Self::Oformer(config) => config.out_channels,
        }
    }

    /// Refuses grids that an operator cannot be applied on.
    ///
    /// # Errors
    ///
    /// [`Error::GridTooSmall`], [`Error::Shape`].
    pub fn check_grid(&self, grid: &[usize]) -> Result<()> {
        match self {
            Self::Fno(config) => config.check_grid(grid),
            Self::Oformer(config) => config.check_grid(grid),
        }
    }

    /// Refuses a residual whose particles cannot be cut from an operator's features on `grid`.
    ///
    /// # Errors
    ///
    /// [`Error::Candle`] with the two numbers that do not divide.
    pub fn check_residual(&self, residual: &ResidualConfig, grid: &[usize]) -> Result<()> {
        let ResidualConfig::Kinetic(kinetic) = residual else {
            return Ok(());
        };
        let shape = match self {
            Self::Fno(config) => [&[1, config.width], grid].concat(),
            Self::Oformer(config) => {
                if !matches!(kinetic.arrangement, Arrangement::Tokens { .. }) {
                    return Err(Error::ModelConfig {
                        key: "residual.arrangement",
                        found: "\"grid\"".to_owned(),
                        expected: "\"tokens\": this model has no grid inside",
                    });
                }
                vec![1, grid.iter().product(), config.width]
            }
        };
        KineticResidual::new(kinetic.clone(), 0)
            .and_then(|residual| residual.layout(&shape))
            .map_err(Error::from)?;
        Ok(())
    }

    /// Trainable numbers.
    pub fn parameter_count(&self) -> usize {
        match self {
            Self::Fno(config) => config.parameter_count(),
            Self::Oformer(config) => config.parameter_count(),
        }
    }

    /// Operations of `steps` predictions of an operator on `batch` fields.
    pub fn flops(
        &self,
        residual: &ResidualConfig,
        batch: usize,
        grid: &[usize],
        steps: usize,
    ) -> Flops {
        match self {
            Self::Fno(config) => {
                let pass = Fno::flops(config, residual, batch, grid);
                std::iter::repeat_n(pass, steps).sum()
            }
            Self::Oformer(config) => {
                OFormer::flops(config, residual, batch, grid.iter().product(), steps)
            }
        }
    }

    /// Bytes of the features that a training pass of `steps` predictions keeps: an estimate.
    pub fn kept_bytes(&self, batch: usize, grid: &[usize], steps: usize) -> u64 {
        match self {
            Self::Fno(config) => Fno::kept_bytes(config, batch, grid) * steps as u64,
            Self::Oformer(config) => {
                OFormer::kept_bytes(config, batch, grid.iter().product(), steps)
            }
        }
    }
}
