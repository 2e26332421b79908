//! What a kinetic step does: its scattering rule and coefficients.

use crate::{Error, Result};

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

/// One time step of a particle system.
///
/// [`KineticStep::forward`] takes it; see the [module](super) for the formulas.
#[derive(Debug, Clone, PartialEq)]
pub struct KineticStep {
    /// The collision operator.
    pub scattering: Scattering,
    /// Collision coefficient `alpha` in `[0, 1]`; 0 means that nothing collides.
    pub collision_coefficient: f64,
    /// Length scale `l` of `exp(-r / l)`; none means 1 for `Published` and `sqrt(D)` for `Elastic`.
    pub length_scale: Option<f64>,
    /// Time step.
    pub dt: f64,
}

impl KineticStep {
    /// Checks that every coefficient lies in its range.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for a collision coefficient outside `[0, 1]`, a length scale or time
    /// step that is not positive and finite, a grazing angle outside `[0, pi]` or an empty pool.
    pub fn validate(&self) -> Result<()> {
        let check = |name, value: f64, holds: bool, expected| {
            if holds {
                Ok(())
            } else {
                Err(Error::Parameter {
                    name,
                    value,
                    expected,
                })
            }
        };
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let alpha = self.collision_coefficient;
        let unit = (0.0..=1.0).contains(&alpha);
        check("collision_coefficient", alpha, unit, "a number from 0 to 1")?;
        check("dt", self.dt, positive(self.dt), "a positive finite number")?;
        if let Some(length) = self.length_scale {
            check(
                "length_scale",
                length,
                positive(length),
                "a positive finite number, or none",
            )?;
        }
        match self.scattering {
            Scattering::Published {
                directions: Directions::Pool { size: 0 },
                ..
            } => check("pool size", 0.0, false, "at least one vector"),
            Scattering::Elastic {
                deflection: Deflection::Grazing { angle },
            } => {
                let range = (0.0..=std::f64::consts::PI).contains(&angle);
                check("grazing angle", angle, range, "radians from 0 to pi")
            }
            _ => Ok(()),
        }
    }

    /// The length scale `l` for particles of `dims` coordinates.
    pub(crate) fn length_scale(&self, dims: usize) -> f64 {
        self.length_scale.unwrap_or(match self.scattering {
            Scattering::Published { .. } => 1.0,
            Scattering::Elastic { .. } => (dims as f64).sqrt(),
        })
    }
}

/// A collision operator.
#[derive(Debug, Clone, PartialEq)]
pub enum Scattering {
    /// All pairs whose acceptance exceeds `1 - alpha`, as published.
    Published {
        /// What happens to the positions of colliding particles.
        positions: Positions,
        /// Where directions come from.
        directions: Directions,
    },
    /// Disjoint pairs, energy and momentum conserved.
    Elastic {
        /// How the relative velocity is turned.
        deflection: Deflection,
    },
}

/// What a published collision does to positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum Positions {
    /// Unchanged.
    Free,
    /// The mean of the midpoints with every partner and itself.
    Merged,
}

/// Where the unit vectors of `Published` come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum Directions {
    /// A fresh, isotropic vector for every accepted pair, drawn again in the adjoint, never stored.
    Exact,
    /// `size` isotropic vectors drawn anew every step and shared by all samples; a pair takes one of
    /// them with a random sign. Each particle's scattering sum keeps its mean and variance, and is a
    /// matrix product: several times faster than `Exact`, the more so the more particles there are.
    Pool {
        /// Vectors in the pool.
        size: usize,
    },
}

/// How an elastic collision turns the relative velocity `g` into `g'`; `|g'| = |g|` for all.
///
/// The mean of `g'` over directions is `kappa g`: what a colliding pair keeps, on average, of its
/// relative velocity, and with it of the gradient that passes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum Deflection {
    /// `g' = -|g| e` with `e` uniform on the sphere: hard spheres. `kappa = 0`; only the length of `g`
    /// passes gradient.
    Isotropic,
    /// `g' = g - 2 (g.k) k` with `k` uniform on the sphere. `kappa = 1 - 2/D`; a linear map, so the whole
    /// gradient passes. (Uniform `k` is not isotropic scattering.)
    Reflection,
    /// `g' = cos chi g + sin chi |g| w`, where `w` is the direction of the part of a uniform vector that
    /// is orthogonal to `g`. `kappa = cos chi`. On a line (`D = 1`) nothing is orthogonal and the pair
    /// stays as it is. The adjoint differentiates `w` too.
    Grazing {
        /// `chi` in radians.
        angle: f64,
    },
}

/// How the collision coefficient changes over training.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
pub enum CoefficientSchedule {
    /// Always the same.
    #[default]
    Constant,
    /// Falls linearly to 0 at the fraction `end` of training.
    Linear {
        /// Fraction of training at which it reaches 0.
        end: f64,
    },
    /// Falls along a half cosine to 0 at the fraction `end` of training.
    Cosine {
        /// Fraction of training at which it reaches 0.
        end: f64,
    },
}

impl CoefficientSchedule {
    /// The factor in `[0, 1]` of the collision coefficient at `progress` (0 at the start of
    /// training, 1 at its end; values outside are taken as the nearer of the two).
    ///
    /// With `s = progress / end`, at most 1: `1`, `1 - s` or `(1 + cos(pi s)) / 2`. An `end` that is
    /// not positive means no collisions from the start.
    pub fn factor(&self, progress: f64) -> f64 {
        let fraction = |end: f64| {
            if end > 0.0 {
                (progress / end).clamp(0.0, 1.0)
            } else {
                1.0
            }
        };
        match *self {
            Self::Constant => 1.0,
            Self::Linear { end } => 1.0 - fraction(end),
            Self::Cosine { end } if fraction(end) >= 1.0 => 0.0,
            Self::Cosine { end } => (1.0 + (std::f64::consts::PI * fraction(end)).cos()) / 2.0,
        }
    }
}
