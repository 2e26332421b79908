//! Operators between fields: the models of this crate that learn a differential equation's solution.

use candle::Tensor;
use kiti_data::transform::unit_gaussian::UnitGaussianNormalizer;
use kiti_nn::context::Context;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::fno::Fno;
use crate::rollout::feed_back;

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

    /// The first place of an application whose result is not finite; none if all are.
    ///
    /// # Errors
    ///
    /// Those of [`forward_t`](Self::forward_t).
    fn first_not_finite(&self, xs: &Tensor, ctx: &Context) -> Result<Option<String>>;

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

    fn first_not_finite(&self, xs: &Tensor, ctx: &Context) -> Result<Option<String>> {
        Fno::first_not_finite(self, xs, ctx)
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

    fn first_not_finite(&self, xs: &Tensor, ctx: &Context) -> Result<Option<String>> {
        self.network().first_not_finite(&self.encode(xs)?, ctx)
    }
}
