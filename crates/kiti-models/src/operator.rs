//! Operators between fields: the models of this crate that learn a differential equation's solution.

use candle::Tensor;
use kiti_data::transform::unit_gaussian::UnitGaussianNormalizer;
use kiti_nn::context::Context;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::fno::Fno;
use crate::oformer::OFormer;
use crate::rollout::{feed_back, window};

/// A model from fields to fields, `(batch, d1 .. dN, in_channels)` to `(batch, d1 .. dN, out_channels)`.
pub trait Operator {
    /// Dimensions of space.
    fn dims(&self) -> usize;

    /// Channels of the input.
    fn in_channels(&self) -> usize;

    /// Channels of one application's output.
    fn out_channels(&self) -> usize;

    /// Refuses grids that the model cannot be applied on.
    ///
    /// # Errors
    ///
    /// [`Error::GridTooSmall`](crate::Error::GridTooSmall), [`Error::Shape`](crate::Error::Shape).
    fn check_grid(&self, grid: &[usize]) -> Result<()>;

    /// One application.
    ///
    /// # Errors
    ///
    /// An input that does not fit.
    fn forward_t(&self, xs: &Tensor, ctx: &Context) -> Result<Tensor>;

    /// Where a roll-out first leaves the finite numbers, as `PLACE (roll-out step K)`; none if it never does.
    ///
    /// # Errors
    ///
    /// Those of [`roll_out`](Self::roll_out).
    fn first_not_finite(
        &self,
        history: &Tensor,
        steps: usize,
        ctx: &Context,
    ) -> Result<Option<String>>;

    /// Predicts `steps` times `out_channels` channels after `history`, each `(batch, d1 .. dN, out_channels)`. Unless
    /// a model has its own way in time, each prediction becomes an input of the next.
    ///
    /// # Errors
    ///
    /// Those of [`forward_t`](Self::forward_t).
    fn roll_out(&self, history: &Tensor, steps: usize, ctx: &Context) -> Result<Vec<Tensor>> {
        feed_back(self, history, steps, ctx)
    }
}

impl Operator for Fno {
    fn dims(&self) -> usize {
        self.config().dims()
    }

    fn in_channels(&self) -> usize {
        self.config().in_channels
    }

    fn out_channels(&self) -> usize {
        self.config().out_channels
    }

    fn check_grid(&self, grid: &[usize]) -> Result<()> {
        self.config().check_grid(grid)
    }

    fn forward_t(&self, xs: &Tensor, ctx: &Context) -> Result<Tensor> {
        Fno::forward_t(self, xs, ctx)
    }

    fn first_not_finite(
        &self,
        history: &Tensor,
        steps: usize,
        ctx: &Context,
    ) -> Result<Option<String>> {
        let mut predictions: Vec<Tensor> = Vec::with_capacity(steps);
        for step in 0..steps {
            let window = window(self, history, &predictions)?;
            let ctx = ctx.clone().with_pass(step as u32);
            if let Some(place) = Fno::first_not_finite(self, &window, &ctx)? {
                return Ok(Some(format!("{place} (roll-out step {})", step + 1)));
            }
            predictions.push(Fno::forward_t(self, &window, &ctx)?);
        }
        Ok(None)
    }
}

/// Scales of inputs and targets, part of a trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalization {
    /// Of the inputs.
    pub inputs: UnitGaussianNormalizer,
    /// Of the targets.
    pub targets: UnitGaussianNormalizer,
}

/// A network between fields, and the scales it works in.
#[derive(Debug, Clone)]
pub struct FieldOperator {
    network: Network,
    normalization: Option<Normalization>,
}

#[derive(Debug, Clone)]
pub(crate) enum Network {
    Fno(Fno),
    OFormer(Box<OFormer>),
}

impl FieldOperator {
    pub(crate) fn new(network: Network, normalization: Option<Normalization>) -> Self {
        Self {
            network,
            normalization,
        }
    }

    /// The network, which works in scaled values.
    pub fn network(&self) -> &dyn Operator {
        match &self.network {
            Network::Fno(fno) => fno,
            Network::OFormer(oformer) => oformer.as_ref(),
        }
    }

    fn encode(&self, xs: &Tensor) -> Result<Tensor> {
        Ok(match &self.normalization {
            Some(scales) => scales.inputs.encode_tensor(xs)?,
            None => xs.clone(),
        })
    }

    fn decode(&self, ys: &Tensor) -> Result<Tensor> {
        Ok(match &self.normalization {
            Some(scales) => scales.targets.decode_tensor(ys)?,
            None => ys.clone(),
        })
    }
}

impl Operator for FieldOperator {
    fn dims(&self) -> usize {
        self.network().dims()
    }

    fn in_channels(&self) -> usize {
        self.network().in_channels()
    }

    fn out_channels(&self) -> usize {
        self.network().out_channels()
    }

    fn check_grid(&self, grid: &[usize]) -> Result<()> {
        self.network().check_grid(grid)
    }

    fn forward_t(&self, xs: &Tensor, ctx: &Context) -> Result<Tensor> {
        self.decode(&self.network().forward_t(&self.encode(xs)?, ctx)?)
    }

    fn first_not_finite(
        &self,
        history: &Tensor,
        steps: usize,
        ctx: &Context,
    ) -> Result<Option<String>> {
        self.network()
            .first_not_finite(&self.encode(history)?, steps, ctx)
    }

    fn roll_out(&self, history: &Tensor, steps: usize, ctx: &Context) -> Result<Vec<Tensor>> {
        match &self.network {
            // Its predictions become inputs, in the units of both.
            Network::Fno(_) => feed_back(self, history, steps, ctx),
            Network::OFormer(oformer) => oformer
                .roll_out(&self.encode(history)?, steps, ctx)?
                .iter()
                .map(|prediction| self.decode(prediction))
                .collect(),
        }
    }
}
