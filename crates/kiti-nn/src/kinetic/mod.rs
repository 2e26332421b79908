//! The kinetic residual: one time step of a particle system in place of a residual addition.
//!
//! ```text
//! kick      v  <- a dt            (memoryless)   or   v <- v + a dt   (inertial)
//! collide   (x, v) <- collision operator         (training only)
//! drift     x' <- x + v dt,  v' <- v
//! ```
//!
//! where x is the skip branch (positions), a the other branch (accelerations), v the velocities and
//! dt the time step. The physics is [`kiti_kinetics::system`]; here it becomes a candle operation
//! with a gradient: fused on the CPU, composed of tensor operations on other devices.

mod composed;
mod config;
mod operation;
mod record;
mod within;

use std::sync::OnceLock;

use candle::{DType, Tensor};
use kiti_kinetics::system::{Diagnostics, Layout};

pub use config::{Arrangement, Evaluation, KineticResidualConfig, Velocity};
pub(crate) use config::{DEFAULT_COLLISION_COEFFICIENT, DEFAULT_DIRECTIONS};
pub use operation::GivenDraws;
pub(crate) use record::Scalar;
pub(crate) use within::Within;

use crate::context::Context;
use crate::error::Error;
use operation::{Operation, Source};

/// One kinetic step as a residual.
///
/// Takes the two branches in one shape and returns that shape: `(B, C, *S)` for
/// [`Arrangement::Grid`], `(*, W)` for [`Arrangement::Tokens`]. `f32` and `f64` are computed as they
/// are, other types in `f32`. It has no weights.
///
/// *Randomness*: in training, of `(seed, step, pass)` of the context and the layer's index; in
/// evaluation none, and with [`Evaluation::Residual`], memoryless and `dt = 1`, the result is
/// `x + branch` to the bit.
///
/// *Gradient*: who collides and in which direction is constant; relative speeds are differentiated.
///
/// *Source*: Feng et al. 2025, arXiv:2505.17919; elastic scattering after Bird, *Molecular Gas
/// Dynamics and the Direct Simulation of Gas Flows*, 1994.
///
/// ```
/// use candle::{Device, Tensor};
/// use kiti_nn::kinetic::{KineticResidual, KineticResidualConfig};
/// use kiti_nn::Context;
///
/// let residual = KineticResidual::new(KineticResidualConfig::default(), 0)?;
/// let x = Tensor::arange(0f32, 128., &Device::Cpu)?.reshape((2, 4, 16))?;
/// let branch = x.sin()?;
/// let trained = residual.forward(&x, &branch, &Context::train(42, 0))?;
/// assert_eq!(trained.dims(), [2, 4, 16]);
/// # Ok::<(), candle::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KineticResidual {
    config: KineticResidualConfig,
    layer: u32,
    composed: bool,
}

/// What an application is asked for beside the positions.
struct Task<'a> {
    source: Source,
    /// Collision coefficient times the schedule's factor.
    coefficient: f64,
    packed: bool,
    ctx: &'a Context,
}

impl KineticResidual {
    /// The residual of the model's layer number `layer`; no two residuals of a model may share a
    /// number, or they would draw the same collisions.
    ///
    /// # Errors
    ///
    /// Those of [`KineticResidualConfig::validate`].
    pub fn new(config: KineticResidualConfig, layer: u32) -> candle::Result<Self> {
        config.validate(layer)?;
        Ok(Self {
            config,
            layer,
            composed: false,
        })
    }

    /// The same residual, computed on the CPU by the tensor operations that other devices use; slow,
    /// for comparison.
    pub fn composed(mut self) -> Self {
        self.composed = true;
        self
    }

    /// Combines the branches; an inertial residual starts from rest.
    ///
    /// # Errors
    ///
    /// [`Error::BranchShape`] where the shapes differ; where particles collide, [`Error::Rank`] and
    /// [`Error::Kinetics`] for a shape that the arrangement does not divide.
    pub fn forward(&self, x: &Tensor, branch: &Tensor, ctx: &Context) -> candle::Result<Tensor> {
        self.check_shapes(x, &[("branch", Some(branch))])?;
        match self.task(ctx, false) {
            Some(task) => self.collide(x, branch, None, task),
            None => Ok(self.drift(x, branch, None)?.0),
        }
    }

    /// Combines the branches, and returns the velocities too. `velocity`, which only an inertial
    /// residual reads, is the previous layer's; none is rest.
    ///
    /// # Errors
    ///
    /// Those of [`forward`](Self::forward).
    pub fn forward_with_velocity(
        &self,
        x: &Tensor,
        branch: &Tensor,
        velocity: Option<&Tensor>,
        ctx: &Context,
    ) -> candle::Result<(Tensor, Tensor)> {
        let velocity = velocity.filter(|_| self.carries_velocity());
        self.check_shapes(x, &[("branch", Some(branch)), ("velocity", velocity)])?;
        match self.task(ctx, true) {
            Some(task) => {
                let packed = self.collide(x, branch, velocity, task)?;
                Ok((packed.get(0)?, packed.get(1)?))
            }
            None => self.drift(x, branch, velocity),
        }
    }

    /// The training step with given instead of drawn collisions; positions and velocities.
    ///
    /// # Errors
    ///
    /// Those of [`forward`](Self::forward); draws that do not fit the scattering rule or the shape.
    pub fn replay(
        &self,
        x: &Tensor,
        branch: &Tensor,
        velocity: Option<&Tensor>,
        draws: &GivenDraws,
        ctx: &Context,
    ) -> candle::Result<(Tensor, Tensor)> {
        let velocity = velocity.filter(|_| self.carries_velocity());
        self.check_shapes(x, &[("branch", Some(branch)), ("velocity", velocity)])?;
        let Some(task) = self.task(ctx, true) else {
            return self.drift(x, branch, velocity);
        };
        let source = Source::Given(self.check_draws(x, draws)?);
        let packed = self.collide(x, branch, velocity, Task { source, ..task })?;
        Ok((packed.get(0)?, packed.get(1)?))
    }

    /// The settings.
    pub fn config(&self) -> &KineticResidualConfig {
        &self.config
    }

    /// Whether in this context the combined branches are `x + branch` and nothing else.
    pub fn is_addition(&self, ctx: &Context) -> bool {
        !ctx.is_training()
            && self.config.evaluation == Evaluation::Residual
            && self.config.step.dt == 1.0
            && !self.carries_velocity()
    }

    /// Whether velocities are carried from layer to layer.
    pub fn carries_velocity(&self) -> bool {
        self.config.velocity == Velocity::Inertial
    }

    /// How an input of this shape is read as particles.
    ///
    /// # Errors
    ///
    /// [`Error::Rank`]; [`Error::Kinetics`] where the arrangement does not divide the shape.
    pub fn layout(&self, shape: &[usize]) -> candle::Result<Layout> {
        let rank = |arrangement| Error::Rank {
            layer: self.layer,
            arrangement,
            found: shape.to_vec(),
        };
        let layout = match (self.config.arrangement, shape) {
            (Arrangement::Grid { divisions }, [batch, channels, sites @ ..]) => {
                Layout::from_grid(*batch, *channels, sites.iter().product(), divisions)
            }
            (Arrangement::Tokens { dims }, [tokens @ .., width]) => {
                Layout::from_tokens(tokens.iter().product(), *width, dims)
            }
            (Arrangement::Grid { .. }, _) => {
                return Err(rank("a grid (batch, channels, sites …)").into());
            }
            (Arrangement::Tokens { .. }, _) => {
                return Err(rank("tokens (…, width)").into());
            }
        };
        layout.map_err(|source| {
            Error::Kinetics {
                layer: self.layer,
                source,
            }
            .into()
        })
    }

    /// The step for an operation that computes the branches itself, of `f32` or `f64` on the CPU in this shape; none where
    /// nothing is drawn, or velocities are carried.
    pub(crate) fn within(&self, shape: &[usize], ctx: &Context) -> candle::Result<Option<Within>> {
        let coefficient = self.coefficient(ctx);
        if !ctx.is_training() || coefficient == 0.0 || self.carries_velocity() || self.composed {
            return Ok(None);
        }
        let mut step = self.config.step.clone();
        step.collision_coefficient = coefficient;
        Ok(Some(Within {
            step,
            layout: self.layout(shape)?,
            key: ctx.stream_key(self.layer),
            layer: self.layer,
            diagnostics: ctx.diagnostics.clone(),
            collisions: OnceLock::new(),
        }))
    }

    /// Collision coefficient times the schedule's factor.
    fn coefficient(&self, ctx: &Context) -> f64 {
        self.config.step.collision_coefficient * self.config.schedule.factor(ctx.progress)
    }

    /// What to do about collisions in this context; none where nothing collides.
    fn task<'a>(&self, ctx: &'a Context, packed: bool) -> Option<Task<'a>> {
        let coefficient = self.coefficient(ctx);
        let source = match (ctx.is_training(), self.config.evaluation) {
            (true, _) => Source::Keyed(ctx.stream_key(self.layer)),
            (false, Evaluation::MeanField) => Source::MeanField,
            (false, Evaluation::Residual) => return None,
        };
        if coefficient > 0.0 {
            return Some(Task {
                source,
                coefficient,
                packed,
                ctx,
            });
        }
        if let Some(layers) = ctx.diagnostics.as_ref().filter(|_| ctx.is_training()) {
            layers.record(self.layer, &Diagnostics::default());
        }
        None
    }

    /// Kick and drift without collisions.
    fn drift(
        &self,
        x: &Tensor,
        branch: &Tensor,
        velocity: Option<&Tensor>,
    ) -> candle::Result<(Tensor, Tensor)> {
        let dt = self.config.step.dt;
        let scaled = |tensor: &Tensor| {
            if dt == 1.0 {
                Ok(tensor.clone())
            } else {
                tensor * dt
            }
        };
        let kick = scaled(branch)?;
        let v = match velocity {
            Some(velocity) => (velocity + kick)?,
            None => kick,
        };
        Ok(((x + scaled(&v)?)?, v))
    }

    fn collide(
        &self,
        x: &Tensor,
        branch: &Tensor,
        velocity: Option<&Tensor>,
        task: Task<'_>,
    ) -> candle::Result<Tensor> {
        let dtype = x.dtype();
        if !matches!(dtype, DType::F32 | DType::F64) {
            let wide = |tensor: &Tensor| tensor.to_dtype(DType::F32);
            let velocity = velocity.map(wide).transpose()?;
            return self
                .collide(&wide(x)?, &wide(branch)?, velocity.as_ref(), task)?
                .to_dtype(dtype);
        }
        let layout = self.layout(x.dims())?;
        let mut step = self.config.step.clone();
        step.collision_coefficient = task.coefficient;
        let operation = Operation {
            step,
            layout,
            source: task.source,
            packed: task.packed,
            layer: self.layer,
            diagnostics: task.ctx.diagnostics.clone(),
            collisions: OnceLock::new(),
        };
        if self.composed || !x.device().is_cpu() {
            operation.compose(x, branch, velocity)
        } else {
            operation.apply(x, branch, velocity)
        }
    }

    fn check_shapes(
        &self,
        x: &Tensor,
        others: &[(&'static str, Option<&Tensor>)],
    ) -> candle::Result<()> {
        for (name, tensor) in others {
            if let Some(tensor) = tensor
                && tensor.dims() != x.dims()
            {
                return Err(Error::BranchShape {
                    layer: self.layer,
                    name,
                    expected: x.dims().to_vec(),
                    found: tensor.dims().to_vec(),
                }
                .into());
            }
        }
        Ok(())
    }

    /// The given draws with the type of `x`, where their shape fits it.
    fn check_draws(&self, x: &Tensor, draws: &GivenDraws) -> candle::Result<GivenDraws> {
        let layout = self.layout(x.dims())?;
        let fit = |directions: &Tensor, expected: Vec<usize>| {
            if directions.dims() != expected {
                let found = directions.dims().to_vec();
                return Err(Error::DirectionShape {
                    layer: self.layer,
                    expected,
                    found,
                }
                .into());
            }
            let dtype = if x.dtype() == DType::F64 {
                DType::F64
            } else {
                DType::F32
            };
            directions
                .detach()
                .to_dtype(dtype)?
                .to_device(x.device())?
                .contiguous()
        };
        let n = layout.particles;
        Ok(match draws {
            GivenDraws::Directions(directions) => {
                let pairs = n * n.saturating_sub(1) / 2;
                GivenDraws::Directions(fit(directions, vec![layout.samples, layout.dims, pairs])?)
            }
            GivenDraws::Pairs { pairs, directions } => GivenDraws::Pairs {
                pairs: pairs.clone(),
                directions: fit(directions, vec![pairs.len(), layout.dims])?,
            },
        })
    }
}
