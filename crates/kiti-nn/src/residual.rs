//! The one switch between a plain network and a kinetic one.
//!
//! A model adds its branches through [`Residual::forward`] and is built with a [`ResidualConfig`]:
//! baseline, kinetic variants and controls differ in that value and in nothing else. No residual has
//! weights, so a checkpoint of one loads into all others, and in evaluation all of them are `x +
//! branch` (with the one exception of [`Evaluation::MeanField`](crate::kinetic::Evaluation)).

mod controls;
mod cost;
mod variant;

use candle::Tensor;
use serde::{Deserialize, Deserializer, Serialize};

pub use variant::{ArrangementKind, Variant, VariantSettings};

use crate::activation::relu;
use crate::context::Context;
use crate::cpu::storage;
use crate::dropout::Dropout;
use crate::error::{self, Error};
use crate::kinetic::{GivenDraws, KineticResidual, KineticResidualConfig, Within};
use crate::ops;
use crate::scaling::Factors;
use controls::{Langevin, StochasticDepth};

/// Which residual a model is built with.
///
/// As a table it is tagged by `kind`: `{ kind = "additive" }`, `{ kind = "dropout", probability = 0.2 }`,
/// `{ kind = "kinetic", scattering = "elastic", … }` with the keys of [`KineticResidualConfig`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ResidualConfig {
    /// `x + branch`.
    #[default]
    #[serde(deserialize_with = "nothing_else")]
    Additive,
    /// One kinetic step: `x` gives the positions, the branch drives the velocities.
    Kinetic(KineticResidualConfig),
    /// `x + dropout(branch)`: each value is 0 with this probability, the others are scaled by
    /// `1 / (1 - probability)`.
    Dropout {
        /// Probability of a value to be dropped, in `[0, 1)`.
        probability: f64,
    },
    /// The branch of a whole sample is dropped with this probability, and scaled by
    /// `1 / (1 - probability)` otherwise (Huang et al. 2016, arXiv:1603.09382, inverse scaling).
    StochasticDepth {
        /// Probability of a sample's branch to be dropped, in `[0, 1)`.
        probability: f64,
    },
    /// `x + branch + scale * noise` with independent standard normal noise: stochastic, without
    /// collisions.
    Langevin {
        /// Standard deviation of the noise.
        scale: f64,
    },
}

/// A table without further keys.
fn nothing_else<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    Nothing::deserialize(deserializer).map(|Nothing {}| ())
}

impl ResidualConfig {
    /// Checks every value that can be checked without an input.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for a probability outside `[0, 1)` or a noise scale that is negative or
    /// not finite; for a kinetic residual see [`KineticResidualConfig::validate`]. `layer` is named
    /// in messages.
    pub fn validate(&self, layer: u32) -> error::Result<()> {
        let probability = |name, value: f64| {
            if (0.0..1.0).contains(&value) {
                Ok(())
            } else {
                Err(Error::Parameter {
                    name,
                    value,
                    expected: "a probability below 1",
                })
            }
        };
        match self {
            Self::Additive => Ok(()),
            Self::Kinetic(config) => config.validate(layer),
            Self::Dropout { probability: p } => probability("dropout probability", *p),
            Self::StochasticDepth { probability: p } => {
                probability("stochastic-depth probability", *p)
            }
            Self::Langevin { scale } if *scale >= 0.0 && scale.is_finite() => Ok(()),
            Self::Langevin { scale } => Err(Error::Parameter {
                name: "langevin scale",
                value: *scale,
                expected: "a finite number that is not negative",
            }),
        }
    }
}

/// A residual of a model: combines a skip branch `x` and the other branch.
///
/// Both have one shape, which is the shape of the result. Random only in training, as a function of
/// `(seed, step, pass)` of the context and of the layer's index.
///
/// ```
/// use candle::{Device, Tensor};
/// use kiti_nn::{Context, Residual, ResidualConfig};
///
/// let residual = Residual::new(&ResidualConfig::Langevin { scale: 0.1 }, 0)?;
/// let (x, branch) = (Tensor::ones((2, 3, 4), candle::DType::F32, &Device::Cpu)?, Tensor::ones((2, 3, 4), candle::DType::F32, &Device::Cpu)?);
/// let evaluated = residual.forward(&x, &branch, &Context::evaluate())?;
/// assert_eq!(evaluated.flatten_all()?.to_vec1::<f32>()?, vec![2.0; 24]);
/// # Ok::<(), candle::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Residual {
    kind: Kind,
    layer: u32,
}

/// What an operation does with the two branches that it computes.
pub(crate) enum Combination {
    /// Adds them.
    Addition,
    /// Adds them, the spectral one multiplied by constants.
    Scaled(Factors),
    /// Lets them collide.
    Kinetic(Within),
}

#[derive(Debug, Clone)]
enum Kind {
    Additive,
    Kinetic(KineticResidual),
    Dropout(Dropout),
    StochasticDepth(StochasticDepth),
    Langevin(Langevin),
}

impl Residual {
    /// The residual of the model's layer number `layer`; no two residuals of a model may share a
    /// number, or they would draw the same random numbers.
    ///
    /// # Errors
    ///
    /// Those of [`ResidualConfig::validate`].
    pub fn new(config: &ResidualConfig, layer: u32) -> candle::Result<Self> {
        config.validate(layer)?;
        let kind = match config {
            ResidualConfig::Additive => Kind::Additive,
            ResidualConfig::Kinetic(config) => {
                Kind::Kinetic(KineticResidual::new(config.clone(), layer)?)
            }
            ResidualConfig::Dropout { probability } => {
                Kind::Dropout(Dropout::of_residual(*probability, layer)?)
            }
            ResidualConfig::StochasticDepth { probability } => {
                Kind::StochasticDepth(StochasticDepth {
                    probability: *probability,
                    layer,
                })
            }
            ResidualConfig::Langevin { scale } => Kind::Langevin(Langevin {
                scale: *scale,
                layer,
            }),
        };
        Ok(Self { kind, layer })
    }

    /// Combines the branches.
    ///
    /// # Errors
    ///
    /// [`Error::BranchShape`] where the shapes differ; for a kinetic residual those of
    /// [`KineticResidual::forward`].
    pub fn forward(&self, x: &Tensor, branch: &Tensor, ctx: &Context) -> candle::Result<Tensor> {
        if x.dims() != branch.dims() {
            return Err(Error::BranchShape {
                layer: self.layer,
                name: "branch",
                expected: x.dims().to_vec(),
                found: branch.dims().to_vec(),
            }
            .into());
        }
        match &self.kind {
            Kind::Kinetic(residual) => residual.forward(x, branch, ctx),
            _ if !ctx.is_training() => x + branch,
            _ => x + self.velocity(branch, ctx)?,
        }
    }

    /// Combines the branches, with a velocity that is carried from layer to layer.
    ///
    /// Returns the new positions and the velocity that led to them. Only an inertial kinetic residual
    /// reads the incoming velocity (`None` is rest); every other one starts from rest.
    ///
    /// # Errors
    ///
    /// Those of [`forward`](Self::forward); a velocity whose shape is not that of `x`.
    pub fn forward_with_velocity(
        &self,
        x: &Tensor,
        branch: &Tensor,
        velocity: Option<&Tensor>,
        ctx: &Context,
    ) -> candle::Result<(Tensor, Tensor)> {
        match &self.kind {
            Kind::Kinetic(residual) => residual.forward_with_velocity(x, branch, velocity, ctx),
            _ => {
                let velocity = self.velocity(branch, ctx)?;
                Ok(((x + &velocity)?, velocity))
            }
        }
    }

    /// Combines the branches of one layer of a chain, through which an inertial residual carries its velocity;
    /// for any other it is [`forward`](Self::forward). `carried` is `None` before the first layer. Where the features change
    /// their shape, the particles are new ones and start from rest.
    ///
    /// # Errors
    ///
    /// Those of [`forward`](Self::forward).
    pub fn forward_carrying(
        &self,
        x: &Tensor,
        branch: &Tensor,
        carried: &mut Option<Tensor>,
        ctx: &Context,
    ) -> candle::Result<Tensor> {
        if !self.carries_velocity() {
            return self.forward(x, branch, ctx);
        }
        let velocity = carried.take().filter(|v| v.dims() == x.dims());
        let (moved, velocity) = self.forward_with_velocity(x, branch, velocity.as_ref(), ctx)?;
        *carried = Some(velocity);
        Ok(moved)
    }

    /// The ReLU of [`forward_carrying`](Self::forward_carrying): on a CPU one operation where the residual is a plain addition.
    ///
    /// # Errors
    ///
    /// Those of [`forward`](Self::forward).
    pub fn forward_relu(
        &self,
        x: &Tensor,
        branch: &Tensor,
        carried: &mut Option<Tensor>,
        ctx: &Context,
    ) -> candle::Result<Tensor> {
        let fused = storage::supported(x) && x.elem_count() > 0 && x.dims() == branch.dims();
        if fused && self.is_addition(ctx) {
            return ops::add_relu(x, branch);
        }
        relu(&self.forward_carrying(x, branch, carried, ctx)?)
    }

    /// Combines the branches with given collision directions, unit vectors `(B, D, n (n-1) / 2)` of
    /// the pairs (0,1), (0,2) … (1,2) …, in place of drawn ones: replays a recorded run.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for anything but a kinetic residual with published scattering.
    pub fn forward_with_directions(
        &self,
        x: &Tensor,
        branch: &Tensor,
        directions: &Tensor,
        ctx: &Context,
    ) -> candle::Result<Tensor> {
        match &self.kind {
            Kind::Kinetic(residual) => {
                let draws = GivenDraws::Directions(directions.clone());
                Ok(residual.replay(x, branch, None, &draws, ctx)?.0)
            }
            _ => Err(Error::Unsupported {
                layer: self.layer,
                asked: "given collision directions",
                only: "a kinetic residual with published scattering can replay them",
            }
            .into()),
        }
    }

    /// Whether velocities are carried from layer to layer, so that a model should call
    /// [`forward_with_velocity`](Self::forward_with_velocity).
    pub fn carries_velocity(&self) -> bool {
        match &self.kind {
            Kind::Kinetic(residual) => residual.carries_velocity(),
            _ => false,
        }
    }

    /// Whether in this context the combined branches are `x + branch` and nothing else: a model may then compute both branches
    /// and their sum in one operation.
    pub fn is_addition(&self, ctx: &Context) -> bool {
        match &self.kind {
            Kind::Additive => true,
            Kind::Kinetic(residual) => residual.is_addition(ctx),
            Kind::Dropout(_) | Kind::StochasticDepth(_) | Kind::Langevin(_) => !ctx.is_training(),
        }
    }

    /// How an operation that computes both branches of this shape itself may combine them; none where only
    /// [`forward_carrying`](Self::forward_carrying) can.
    pub(crate) fn combination(
        &self,
        shape: &[usize],
        ctx: &Context,
    ) -> candle::Result<Option<Combination>> {
        if self.is_addition(ctx) {
            return Ok(Some(Combination::Addition));
        }
        match &self.kind {
            Kind::Kinetic(residual) => Ok(residual.within(shape, ctx)?.map(Combination::Kinetic)),
            Kind::Dropout(dropout) => {
                let factors = dropout.factors(shape.iter().product(), ctx);
                Ok(Some(
                    factors.map_or(Combination::Addition, Combination::Scaled),
                ))
            }
            Kind::StochasticDepth(depth) => {
                Ok(Some(Combination::Scaled(depth.factors(shape[0], ctx))))
            }
            Kind::Additive | Kind::Langevin(_) => Ok(None),
        }
    }

    /// Index of the layer whose random numbers are drawn.
    pub fn layer(&self) -> u32 {
        self.layer
    }

    /// What is added to `x`, of a residual that is not kinetic.
    fn velocity(&self, branch: &Tensor, ctx: &Context) -> candle::Result<Tensor> {
        match &self.kind {
            _ if !ctx.is_training() => Ok(branch.clone()),
            Kind::Additive | Kind::Kinetic(_) => Ok(branch.clone()),
            Kind::Dropout(dropout) => dropout.forward(branch, ctx),
            Kind::StochasticDepth(depth) => depth.forward(branch, ctx),
            Kind::Langevin(langevin) => langevin.forward(branch, ctx),
        }
    }
}
