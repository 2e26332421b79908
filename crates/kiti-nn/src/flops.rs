//! Counted floating-point operations, a multiplication and an addition counting as two.
//!
//! Functions give the forward pass of one layer from its sizes; models add them up. What is counted is
//! the algorithm that runs: spectral convolutions count their truncated transforms as the matrix products
//! they are. Transcendental functions count as one operation an element.

use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

/// Operations of a model's pass over one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flops {
    /// Inference: one forward pass.
    pub forward: u64,
    /// Training: forward and backward pass, and the optimiser.
    pub training_step: u64,
}

impl Flops {
    /// A linear layer or activation: its backward pass costs twice its forward pass, a product each
    /// for the gradients of its input and of its weights.
    pub fn layer(forward: u64) -> Self {
        Self {
            forward,
            training_step: 3 * forward,
        }
    }

    /// Work that only training does, given in total.
    pub fn training_only(training_step: u64) -> Self {
        Self {
            forward: 0,
            training_step,
        }
    }
}

impl Add for Flops {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            forward: self.forward + other.forward,
            training_step: self.training_step + other.training_step,
        }
    }
}

impl Sum for Flops {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

/// A linear map with bias from `inputs` to `outputs` channels at `sites` places (batch included).
pub fn pointwise(sites: usize, inputs: usize, outputs: usize) -> u64 {
    (2 * sites * inputs * outputs + sites * outputs) as u64
}

/// One operation for each of `elements`: an activation, an addition of two tensors.
pub fn elementwise(elements: usize) -> u64 {
    elements as u64
}

/// A spectral convolution in one dimension: transforms of `inputs` and `outputs` channels of
/// `points` points, and a complex matrix for each mode.
pub fn spectral_1d(
    batch: usize,
    points: usize,
    modes: usize,
    inputs: usize,
    outputs: usize,
) -> u64 {
    let transforms = 4 * batch * (inputs + outputs) * points * modes;
    (transforms + 8 * batch * inputs * outputs * modes) as u64
}

/// A spectral convolution in two dimensions with `2 m1 m2` modes: along the first dimension the cosine and
/// sine sums of `m1 + 1` and `m1` wave numbers, along the second those of `m2`.
pub fn spectral_2d(
    batch: usize,
    grid: [usize; 2],
    modes: [usize; 2],
    inputs: usize,
    outputs: usize,
) -> u64 {
    let [n1, n2] = grid;
    let [m1, m2] = modes;
    let rows = 2 * m1 + 1;
    let transform = 2 * rows * n1 * n2 + 4 * rows * n2 * m2;
    let mixing = 8 * inputs * outputs * 2 * m1 * m2;
    (batch * ((inputs + outputs) * transform + mixing)) as u64
}

/// A convolution from `inputs` to `outputs` channels whose kernel has `kernel` elements, at `sites` places of the output
/// (batch included), without bias.
pub fn convolution(sites: usize, inputs: usize, outputs: usize, kernel: usize) -> u64 {
    (2 * sites * inputs * kernel * outputs) as u64
}

/// A layer norm or batch norm of `elements`: mean, variance, scale and shift, seven operations each.
pub fn normalization(elements: usize) -> u64 {
    7 * elements as u64
}

/// Attention of all heads: two products of `hidden` columns, and five operations for each of the
/// `heads queries keys` scores (scale, maximum, difference, exponential, sum). A causal one counts as the full one.
pub fn attention(batch: usize, queries: usize, keys: usize, heads: usize, hidden: usize) -> u64 {
    (batch * queries * keys * (4 * hidden + 5 * heads)) as u64
}

/// Adam or AdamW on `parameters` numbers: twelve operations each.
pub fn adam(parameters: usize) -> u64 {
    12 * parameters as u64
}

/// SGD with momentum on `parameters` numbers: four operations each.
pub fn sgd(parameters: usize) -> u64 {
    4 * parameters as u64
}
