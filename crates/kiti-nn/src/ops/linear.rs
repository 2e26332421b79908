//! A linear layer with its bias as one operation.

use candle::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, WithDType};

use super::rows_at_a_time;
use crate::cpu::storage::{filled_parts, for_element, read_all, slice, sum_rows, tensor};
use crate::cpu::{Element, Strided, add_in_place, general_product};
use crate::linear::WeightOrder;

/// `x W^T + bias` for each row of `xs` `(.., inputs)`; `weight` of outputs and inputs in this `order`, `bias` `(outputs)`.
pub(crate) fn linear(
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    order: WeightOrder,
) -> Result<Tensor> {
    let (rows, columns) = weight.dims2()?;
    let [outputs, inputs] = order.shape(rows, columns);
    let mut shape = xs.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = outputs;
    }
    let bias = match bias {
        Some(bias) => bias.contiguous()?,
        None => Tensor::zeros(outputs, xs.dtype(), xs.device())?,
    };
    let op = Linear {
        inputs,
        outputs,
        rows: xs.dims()[..xs.rank() - 1].iter().product(),
        order,
        shape,
    };
    xs.contiguous()?.apply_op3(&weight.contiguous()?, &bias, op)
}

struct Linear {
    rows: usize,
    inputs: usize,
    outputs: usize,
    order: WeightOrder,
    /// Of the output.
    shape: Vec<usize>,
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "kiti-linear"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Self {
            rows,
            inputs,
            outputs,
            ..
        } = *self;
        for_element!(candle::backend::BackendStorage::dtype(s1), T => {
            let (x, weight, bias): (&[T], &[T], &[T]) = (slice(s1, l1)?, slice(s2, l2)?, slice(s3, l3)?);
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
            general_product([rows, outputs, inputs], Strided::rows(x, inputs), weight, &mut y, true);
            Ok((T::to_cpu_storage_owned(y), Shape::from(self.shape.clone())))
        })
    }

    fn bwd(
        &self,
        xs: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Self {
            rows,
            inputs,
            outputs,
            ..
        } = *self;
        for_element!(xs.dtype(), T => {
            read_all::<T, _, 3>([xs, weight, grad], |[x, w, g]| {
                let input = xs.track_op().then(|| {
                    let mut gradient = fresh(rows, inputs);
                    let w = match self.order {
                        WeightOrder::OutIn => Strided::rows(w, inputs),
                        WeightOrder::InOut => Strided::transposed(w, outputs),
                    };
                    let g = Strided::rows(g, outputs);
                    general_product([rows, inputs, outputs], g, w, &mut gradient, false);
                    tensor(gradient, xs.shape())
                });
                let weights = weight.track_op().then(|| {
                    let [height, width] = self.order.shape(outputs, inputs);
                    let mut gradient = fresh(height, width);
                    let (left, right) = match self.order {
                        WeightOrder::OutIn => (Strided::transposed(g, outputs), Strided::rows(x, inputs)),
                        WeightOrder::InOut => (Strided::transposed(x, inputs), Strided::rows(g, outputs)),
                    };
                    general_product([height, width, rows], left, right, &mut gradient, false);
                    tensor(gradient, weight.shape())
                });
                let bias = bias.track_op().then(|| tensor(column_sums(g, outputs), bias.shape()));
                Ok((input.transpose()?, weights.transpose()?, bias.transpose()?))
            })
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
