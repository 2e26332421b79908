//! A convolution without bias, a batch norm and a ReLU as one operation.
//!
//! Of the three results only the first and the last are kept, and one gradient goes back in place of three.

use std::sync::OnceLock;

use candle::{Result, Shape, Tensor};

use super::batch_norm::{Channels, Statistics};
use super::convolution::Convolution;
use super::operation::{Backward, Operation, apply4};
use crate::cpu::Element;
use crate::cpu::storage::{read, tensor};

/// `norm(weight * xs)`, with a ReLU behind it if `activated`; the norm as in [`batch_norm`](super::batch_norm).
pub(crate) fn normed_convolution(
    xs: &Tensor,
    [weight, scale, shift]: [&Tensor; 3],
    sizes: Convolution,
    (eps, given): (f64, Option<Statistics>),
    activated: bool,
) -> Result<(Tensor, Statistics)> {
    let [rows, columns] = sizes.output();
    let shape = [sizes.batch, sizes.outputs, rows * columns];
    let channels = Channels::new(shape, eps, given, activated);
    let statistics = channels.statistics.clone();
    let op = NormedConvolution {
        shape: vec![sizes.batch, sizes.outputs, rows, columns],
        sizes,
        channels,
        convolved: OnceLock::new(),
    };
    let ys = apply4(op, xs, [weight, scale, shift])?;
    Ok((ys, statistics.get().cloned().unwrap_or_default()))
}

struct NormedConvolution {
    sizes: Convolution,
    channels: Channels,
    /// Of the output.
    shape: Vec<usize>,
    /// The convolution's result.
    convolved: OnceLock<Tensor>,
}

impl Operation<4> for NormedConvolution {
    const NAME: &'static str = "kiti-normed-convolution";

    fn shape(&self, _: [&Shape; 4]) -> Shape {
        self.shape.clone().into()
    }

    fn forward<T: Element>(&self, [x, weight, scale, shift]: [&[T]; 4]) -> Result<Vec<T>> {
        let convolved = self.sizes.output_gathered(x, weight, None);
        let y = self.channels.forward([&convolved, scale, shift]);
        // Set once: an operation runs forward once.
        let _ = self.convolved.set(tensor(convolved, &self.shape[..])?);
        Ok(y)
    }

    fn backward<T: Element>(&self, pass: Backward<'_, T, 4>) -> Result<[Option<Vec<T>>; 4]> {
        let [x, weight, scale, shift] = pass.inputs;
        let [input, weights, ..] = pass.wanted;
        let convolved = self
            .convolved
            .get()
            .ok_or(candle::Error::BackwardNotSupported { op: Self::NAME })?;
        let (inner, [scale, shift]) = read::<T, _>(convolved, |convolved| {
            let inputs = [convolved, scale, shift];
            self.channels
                .backward(inputs, pass.gradient, input || weights)
        })?;
        let inner = inner.unwrap_or_default();
        Ok([
            input.then(|| self.sizes.input_gradient(weight, &inner)),
            weights.then(|| self.sizes.weight_gradient(x, &inner)),
            Some(scale),
            Some(shift),
        ])
    }
}
