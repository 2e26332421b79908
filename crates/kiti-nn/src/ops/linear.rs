//! A linear layer with its bias, and perhaps an activation behind it, as one operation.

use std::sync::OnceLock;

use candle::{Result, Shape, Tensor};

use super::operation::{Backward, Operation, apply3};
use super::rows_at_a_time;
use crate::activation::Activation;
use crate::cpu::activation as activations;
use crate::cpu::storage::{filled_parts, mapped, read, sum_rows, tensor};
use crate::cpu::{Element, Strided, add_in_place, general_product};
use crate::linear::WeightOrder;

/// Elements of an activation that one thread handles at a time.
const CHUNK: usize = 1 << 14;

/// `activation(x W^T + bias)` for each row of `xs` `(.., inputs)`; `weight` of outputs and inputs in this `order`,
/// `bias` `(outputs)`.
pub(crate) fn linear(
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    order: WeightOrder,
    activation: Option<Activation>,
) -> Result<Tensor> {
    let (rows, columns) = weight.dims2()?;
    let [outputs, inputs] = order.shape(rows, columns);
    let none;
    let bias = match bias {
        Some(bias) => bias,
        None => {
            none = Tensor::zeros(outputs, xs.dtype(), xs.device())?;
            &none
        }
    };
    let op = Linear {
        inputs,
        outputs,
        rows: xs.dims()[..xs.rank() - 1].iter().product(),
        order,
        activation: activation.map(|function| (function, OnceLock::new())),
    };
    apply3(op, [xs, weight, bias])
}

struct Linear {
    rows: usize,
    inputs: usize,
    outputs: usize,
    order: WeightOrder,
    /// With the values that it was applied to.
    activation: Option<(Activation, OnceLock<Tensor>)>,
}

impl Linear {
    /// The gradients by input, weights and bias, given that by `x W^T + bias`.
    fn gradients<T: Element>(
        &self,
        [x, weight]: [&[T]; 2],
        gradient: &[T],
        wanted: [bool; 3],
    ) -> [Option<Vec<T>>; 3] {
        let Self {
            rows,
            inputs,
            outputs,
            order,
            ..
        } = *self;
        let input = || {
            let mut result = fresh(rows, inputs);
            let weight = match order {
                WeightOrder::OutIn => Strided::rows(weight, inputs),
                WeightOrder::InOut => Strided::transposed(weight, outputs),
            };
            let gradient = Strided::rows(gradient, outputs);
            let size = [rows, inputs, outputs];
            general_product(size, gradient, weight, &mut result, false);
            result
        };
        let weights = || {
            let [height, width] = order.shape(outputs, inputs);
            let mut result = fresh(height, width);
            let [left, right] = match order {
                WeightOrder::OutIn => [
                    Strided::transposed(gradient, outputs),
                    Strided::rows(x, inputs),
                ],
                WeightOrder::InOut => [
                    Strided::transposed(x, inputs),
                    Strided::rows(gradient, outputs),
                ],
            };
            general_product([height, width, rows], left, right, &mut result, false);
            result
        };
        [
            wanted[0].then(input),
            wanted[1].then(weights),
            wanted[2].then(|| column_sums(gradient, outputs)),
        ]
    }
}

impl Operation<3> for Linear {
    const NAME: &'static str = "kiti-linear";

    fn shape(&self, [xs, _, _]: [&Shape; 3]) -> Shape {
        let mut dims = xs.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = self.outputs;
        }
        dims.into()
    }

    fn forward<T: Element>(&self, [x, weight, bias]: [&[T]; 3]) -> Result<Vec<T>> {
        let Self {
            rows,
            inputs,
            outputs,
            ..
        } = *self;
        let part = rows_at_a_time(outputs);
        let (total, length) = (rows * outputs, part * outputs);
        let [mut y] = filled_parts(rows.div_ceil(part), [total], [length], |_, [y]| {
            for y in y.chunks_exact_mut(outputs.max(1)) {
                y.copy_from_slice(bias);
            }
        });
        let weight = match self.order {
            WeightOrder::OutIn => Strided::transposed(weight, inputs),
            WeightOrder::InOut => Strided::rows(weight, outputs),
        };
        let size = [rows, outputs, inputs];
        general_product(size, Strided::rows(x, inputs), weight, &mut y, true);
        let Some((activation, argument)) = &self.activation else {
            return Ok(y);
        };
        let result = mapped(total, CHUNK, |range, result| {
            activations::forward(*activation, &y[range], result);
        });
        // Set once: an operation runs forward once.
        let _ = argument.set(tensor(y, total)?);
        Ok(result)
    }

    fn backward<T: Element>(&self, pass: Backward<'_, T, 3>) -> Result<[Option<Vec<T>>; 3]> {
        let ([x, weight, _], gradient) = (pass.inputs, pass.gradient);
        let Some((activation, argument)) = &self.activation else {
            return Ok(self.gradients([x, weight], gradient, pass.wanted));
        };
        let argument = argument
            .get()
            .ok_or(candle::Error::BackwardNotSupported { op: Self::NAME })?;
        read::<T, _>(argument, |argument| {
            let slopes = mapped(gradient.len(), CHUNK, |range, slopes| {
                let (argument, gradient) = (&argument[range.clone()], &gradient[range]);
                activations::backward(*activation, argument, gradient, slopes);
            });
            Ok(self.gradients([x, weight], &slopes, pass.wanted))
        })
    }
}

/// Zeros whose pages have been touched by all threads.
fn fresh<T: Element>(rows: usize, width: usize) -> Vec<T> {
    let part = rows_at_a_time(width);
    let [values] = filled_parts(
        rows.div_ceil(part),
        [rows * width],
        [part * width],
        |_, _| {},
    );
    values
}

/// Sum of the rows of `width` values.
fn column_sums<T: Element>(values: &[T], width: usize) -> Vec<T> {
    let part = rows_at_a_time(width) * width.max(1);
    let chunks = values.len().div_ceil(part);
    let [partial] = filled_parts(chunks, [chunks * width], [width], |index, [sums]| {
        let rows = &values[index * part..((index + 1) * part).min(values.len())];
        for row in rows.chunks_exact(width.max(1)) {
            add_in_place(sums, row);
        }
    });
    sum_rows(&partial, width)
}
