//! Settings of a kinetic residual, as a value and as a table of a recipe.

use kiti_kinetics::system::{
    CoefficientSchedule, Deflection, Directions, KineticStep, Positions, Scattering,
};
use serde::{Deserialize, Serialize};

use crate::{Error, error::Result};

/// What happens to velocities between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Velocity {
    /// `v = a dt`: every layer starts from rest.
    #[default]
    Memoryless,
    /// `v = v + a dt`: the velocity is carried from layer to layer.
    Inertial,
}

/// How features are read as particles. A reshape: no data moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Arrangement {
    /// Fields `(B, C, *S)`: each channel's sites, row-major, are cut into `divisions` contiguous
    /// runs; with `N` sites a sample is `N / divisions` particles of `C divisions` coordinates.
    Grid {
        /// Runs of a channel (the papers' division); must divide the number of sites.
        divisions: usize,
    },
    /// Tokens `(*, W)`: every token is a system of its own with `W / dims` particles of `dims`
    /// coordinates, so that nothing crosses tokens.
    Tokens {
        /// Coordinates of a particle; must divide the width.
        dims: usize,
    },
}

impl Default for Arrangement {
    fn default() -> Self {
        Self::Grid { divisions: 8 }
    }
}

/// What a kinetic residual does in evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evaluation {
    /// Nothing collides: memoryless with `dt = 1`, exactly `x + branch`.
    #[default]
    Residual,
    /// The expectation of the step over its collisions, deterministic; elastic scattering only. The
    /// network is then not the plain one.
    MeanField,
}

/// Settings of a [`KineticResidual`](crate::kinetic::KineticResidual).
///
/// Default: elastic scattering by reflection, collision coefficient 0.9, `dt` 1, memoryless, a grid
/// cut into 8 divisions, constant schedule, plain evaluation.
///
/// # As a table
///
/// Flat, every key optional, unknown keys refused:
///
/// | key | values | default |
/// | --- | --- | --- |
/// | `scattering` | `"published"`, `"elastic"` | `"elastic"` |
/// | `positions` | published only: `"free"`, `"merged"` | `"free"` |
/// | `directions` | published only: `"exact"`, `{ pool = { size = 256 } }` | pool of 256 |
/// | `deflection` | elastic only: `"isotropic"`, `"reflection"`, `{ grazing = { angle = 0.3 } }` | `"reflection"` |
/// | `collision_coefficient` | 0 to 1 | 0.9 |
/// | `length_scale` | positive | 1 published, sqrt(D) elastic |
/// | `dt` | positive | 1 |
/// | `velocity` | `"memoryless"`, `"inertial"` | `"memoryless"` |
/// | `arrangement` | `{ grid = { divisions = 8 } }`, `{ tokens = { dims = 16 } }` | grid, 8 |
/// | `schedule` | `{ kind = "constant" }`, `{ kind = "linear", end = 0.8 }`, `{ kind = "cosine", end = 0.8 }` | constant |
/// | `evaluation` | `"residual"`, `"mean-field"` | `"residual"` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Table", into = "Table")]
pub struct KineticResidualConfig {
    /// Scattering rule, collision coefficient, length scale and time step.
    pub step: KineticStep,
    /// Memoryless or inertial.
    pub velocity: Velocity,
    /// How features are read as particles.
    pub arrangement: Arrangement,
    /// How the collision coefficient changes over training.
    pub schedule: CoefficientSchedule,
    /// What happens in evaluation.
    pub evaluation: Evaluation,
}

/// Collision coefficient that the published code uses for partial differential equations.
pub(crate) const DEFAULT_COLLISION_COEFFICIENT: f64 = 0.9;

/// Pooled directions of published scattering in networks.
pub(crate) const DEFAULT_DIRECTIONS: Directions = Directions::Pool { size: 256 };

impl Default for KineticResidualConfig {
    fn default() -> Self {
        Self {
            step: KineticStep {
                scattering: Scattering::Elastic {
                    deflection: Deflection::Reflection,
                },
                collision_coefficient: DEFAULT_COLLISION_COEFFICIENT,
                length_scale: None,
                dt: 1.0,
            },
            velocity: Velocity::default(),
            arrangement: Arrangement::default(),
            schedule: CoefficientSchedule::default(),
            evaluation: Evaluation::default(),
        }
    }
}

impl KineticResidualConfig {
    /// Checks every value that can be checked without an input.
    ///
    /// # Errors
    ///
    /// [`Error::Kinetics`] for a coefficient out of range (`layer` names whose), and
    /// [`Error::KineticSettings`] for mean-field evaluation of published scattering or a schedule
    /// whose end is not positive.
    pub fn validate(&self, layer: u32) -> Result<()> {
        self.step
            .validate()
            .map_err(|source| Error::Kinetics { layer, source })?;
        let published = matches!(self.step.scattering, Scattering::Published { .. });
        if published && self.evaluation == Evaluation::MeanField {
            return Err(Error::KineticSettings {
                key: "evaluation",
                message: "\"mean-field\" has a closed form for elastic scattering only; use \
                          \"residual\"",
            });
        }
        match self.schedule {
            CoefficientSchedule::Linear { end } | CoefficientSchedule::Cosine { end }
                if !(end > 0.0 && end.is_finite()) =>
            {
                Err(Error::Parameter {
                    name: "schedule end",
                    value: end,
                    expected: "a positive fraction of the training",
                })
            }
            _ => Ok(()),
        }
    }
}

/// The flat form.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    scattering: Rule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    positions: Option<Positions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    directions: Option<Directions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deflection: Option<Deflection>,
    #[serde(default = "default_collision_coefficient")]
    collision_coefficient: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    length_scale: Option<f64>,
    #[serde(default = "default_dt")]
    dt: f64,
    #[serde(default)]
    velocity: Velocity,
    #[serde(default)]
    arrangement: Arrangement,
    #[serde(default)]
    schedule: CoefficientSchedule,
    #[serde(default)]
    evaluation: Evaluation,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Rule {
    Published,
    #[default]
    Elastic,
}

fn default_collision_coefficient() -> f64 {
    DEFAULT_COLLISION_COEFFICIENT
}

fn default_dt() -> f64 {
    1.0
}

impl TryFrom<Table> for KineticResidualConfig {
    type Error = Error;

    fn try_from(table: Table) -> Result<Self> {
        let misplaced = |key, message| Err(Error::KineticSettings { key, message });
        const PUBLISHED_ONLY: &str = "only published scattering has it; remove it or set \
                                      scattering = \"published\"";
        let scattering = match table.scattering {
            Rule::Published if table.deflection.is_some() => {
                return misplaced(
                    "deflection",
                    "only elastic scattering has it; remove it or set scattering = \"elastic\"",
                );
            }
            Rule::Elastic if table.positions.is_some() => {
                return misplaced("positions", PUBLISHED_ONLY);
            }
            Rule::Elastic if table.directions.is_some() => {
                return misplaced("directions", PUBLISHED_ONLY);
            }
            Rule::Published => Scattering::Published {
                positions: table.positions.unwrap_or(Positions::Free),
                directions: table.directions.unwrap_or(DEFAULT_DIRECTIONS),
            },
            Rule::Elastic => Scattering::Elastic {
                deflection: table.deflection.unwrap_or(Deflection::Reflection),
            },
        };
        Ok(Self {
            step: KineticStep {
                scattering,
                collision_coefficient: table.collision_coefficient,
                length_scale: table.length_scale,
                dt: table.dt,
            },
            velocity: table.velocity,
            arrangement: table.arrangement,
            schedule: table.schedule,
            evaluation: table.evaluation,
        })
    }
}

impl From<KineticResidualConfig> for Table {
    fn from(config: KineticResidualConfig) -> Self {
        let KineticStep {
            scattering,
            collision_coefficient,
            length_scale,
            dt,
        } = config.step;
        let (scattering, positions, directions, deflection) = match scattering {
            Scattering::Published {
                positions,
                directions,
            } => (Rule::Published, Some(positions), Some(directions), None),
            Scattering::Elastic { deflection } => (Rule::Elastic, None, None, Some(deflection)),
        };
        Self {
            scattering,
            positions,
            directions,
            deflection,
            collision_coefficient,
            length_scale,
            dt,
            velocity: config.velocity,
            arrangement: config.arrangement,
            schedule: config.schedule,
            evaluation: config.evaluation,
        }
    }
}
