//! The residuals that are compared, by name.

use std::str::FromStr;

use kiti_kinetics::system::{
    CoefficientSchedule, Deflection, Directions, KineticStep, Positions, Scattering,
};
use serde::{Deserialize, Serialize};

use super::ResidualConfig;
use crate::error::Error;
use crate::kinetic::{
    Arrangement, DEFAULT_COLLISION_COEFFICIENT, DEFAULT_DIRECTIONS, Evaluation,
    KineticResidualConfig, Velocity,
};

macro_rules! variants {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A residual by name: what experiments compare.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[derive(Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum Variant {
            $($(#[$doc])* $variant,)*
        }

        impl Variant {
            /// Every variant, the baseline first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The variant's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

variants! {
    /// `x + branch`: the baseline.
    #[default]
    Additive = "additive",
    /// Published scattering, positions unchanged.
    PublishedFree = "published-free",
    /// Published scattering, positions merged with those of partners.
    PublishedMerged = "published-merged",
    /// Disjoint elastic collisions, isotropic deflection.
    Elastic = "elastic",
    /// Disjoint elastic collisions, relative velocity reflected at a random plane.
    Reflection = "reflection",
    /// Disjoint elastic collisions by a small angle.
    Grazing = "grazing",
    /// [`Variant::PublishedFree`], the collision coefficient falling to 0.
    PublishedFreeAnnealed = "published-free-annealed",
    /// [`Variant::PublishedMerged`], the collision coefficient falling to 0.
    PublishedMergedAnnealed = "published-merged-annealed",
    /// [`Variant::Elastic`], the collision coefficient falling to 0.
    ElasticAnnealed = "elastic-annealed",
    /// [`Variant::Reflection`], the collision coefficient falling to 0.
    ReflectionAnnealed = "reflection-annealed",
    /// [`Variant::Grazing`], the collision coefficient falling to 0.
    GrazingAnnealed = "grazing-annealed",
    /// `x + dropout(branch)`: a control that needs no particles.
    Dropout = "dropout",
    /// The branch of a whole sample dropped at random.
    StochasticDepth = "stochastic-depth",
    /// Noise added: stochastic, without collisions.
    Langevin = "langevin",
}

impl Variant {
    /// The residual that this name and these settings mean; settings of other variants are not read.
    pub fn config(self, settings: &VariantSettings) -> ResidualConfig {
        let published = |positions| Scattering::Published {
            positions,
            directions: settings.directions,
        };
        let elastic = |deflection| Scattering::Elastic { deflection };
        let scattering = match self {
            Self::Additive => return ResidualConfig::Additive,
            Self::Dropout => {
                return ResidualConfig::Dropout {
                    probability: settings.dropout_probability,
                };
            }
            Self::StochasticDepth => {
                return ResidualConfig::StochasticDepth {
                    probability: settings.depth_probability,
                };
            }
            Self::Langevin => {
                return ResidualConfig::Langevin {
                    scale: settings.langevin_scale,
                };
            }
            Self::PublishedFree | Self::PublishedFreeAnnealed => published(Positions::Free),
            Self::PublishedMerged | Self::PublishedMergedAnnealed => published(Positions::Merged),
            Self::Elastic | Self::ElasticAnnealed => elastic(Deflection::Isotropic),
            Self::Reflection | Self::ReflectionAnnealed => elastic(Deflection::Reflection),
            Self::Grazing | Self::GrazingAnnealed => elastic(Deflection::Grazing {
                angle: settings.grazing_angle,
            }),
        };
        ResidualConfig::Kinetic(KineticResidualConfig {
            step: KineticStep {
                scattering,
                collision_coefficient: settings.collision_coefficient,
                length_scale: settings.length_scale,
                dt: settings.dt,
            },
            velocity: settings.velocity,
            arrangement: settings.arrangement(),
            schedule: if self.is_annealed() {
                CoefficientSchedule::Linear {
                    end: settings.anneal_end,
                }
            } else {
                CoefficientSchedule::Constant
            },
            evaluation: settings.evaluation,
        })
    }

    /// Whether particles collide in training.
    pub fn is_kinetic(self) -> bool {
        !matches!(
            self,
            Self::Additive | Self::Dropout | Self::StochasticDepth | Self::Langevin
        )
    }

    /// Whether the collision coefficient falls to 0 during training.
    pub fn is_annealed(self) -> bool {
        self.name().ends_with("-annealed")
    }
}

impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Variant {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        if let Some(&variant) = Self::ALL.iter().find(|variant| variant.name() == name) {
            return Ok(variant);
        }
        let names: Vec<&'static str> = Self::ALL.iter().map(|variant| variant.name()).collect();
        let nearest = names
            .iter()
            .copied()
            .min_by_key(|known| strsim::damerau_levenshtein(name, known))
            .unwrap_or_default();
        Err(Error::UnknownVariant {
            found: name.to_owned(),
            nearest,
            known: names.join(", "),
        })
    }
}

impl TryFrom<String> for Variant {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<Variant> for String {
    fn from(variant: Variant) -> Self {
        variant.name().to_owned()
    }
}

/// Which of [`VariantSettings::divisions`] and [`VariantSettings::token_dims`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArrangementKind {
    /// Fields: [`Arrangement::Grid`].
    #[default]
    Grid,
    /// Tokens: [`Arrangement::Tokens`].
    Tokens,
}

/// What [`Variant::config`] makes a residual of: one table for all variants of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VariantSettings {
    /// Whether features are a grid (default) or tokens.
    pub arrangement: ArrangementKind,
    /// Runs that each channel of a grid is cut into: 8 in the published heat experiment.
    pub divisions: usize,
    /// Coordinates of a token's particles: 16.
    pub token_dims: usize,
    /// Collision coefficient: 0.9, as the published code has it for partial differential equations
    /// (0.5 for images).
    pub collision_coefficient: f64,
    /// Length scale of acceptance; none means 1 for published scattering and sqrt(D) for elastic.
    pub length_scale: Option<f64>,
    /// Time step: 1, with which evaluation is exactly `x + branch`.
    pub dt: f64,
    /// Memoryless (default) or inertial.
    pub velocity: Velocity,
    /// Directions of published scattering: a pool of 256.
    pub directions: Directions,
    /// Deflection angle of grazing collisions: 0.3 rad.
    pub grazing_angle: f64,
    /// Fraction of the training at which annealed coefficients reach 0: 0.8.
    pub anneal_end: f64,
    /// Plain evaluation (default) or the mean field (elastic variants only).
    pub evaluation: Evaluation,
    /// Probability of dropout: 0.2.
    pub dropout_probability: f64,
    /// Probability of stochastic depth: 0.1.
    pub depth_probability: f64,
    /// Standard deviation of the Langevin noise: 0.05.
    pub langevin_scale: f64,
}

impl Default for VariantSettings {
    fn default() -> Self {
        Self {
            arrangement: ArrangementKind::Grid,
            divisions: 8,
            token_dims: 16,
            collision_coefficient: DEFAULT_COLLISION_COEFFICIENT,
            length_scale: None,
            dt: 1.0,
            velocity: Velocity::Memoryless,
            directions: DEFAULT_DIRECTIONS,
            grazing_angle: 0.3,
            anneal_end: 0.8,
            evaluation: Evaluation::Residual,
            dropout_probability: 0.2,
            depth_probability: 0.1,
            langevin_scale: 0.05,
        }
    }
}

impl VariantSettings {
    /// How features are read as particles.
    pub fn arrangement(&self) -> Arrangement {
        match self.arrangement {
            ArrangementKind::Grid => Arrangement::Grid {
                divisions: self.divisions,
            },
            ArrangementKind::Tokens => Arrangement::Tokens {
                dims: self.token_dims,
            },
        }
    }
}
