//! Softmax over the last dimension as one operation.

use candle::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, WithDType};

use super::rows_at_a_time;
use crate::backward::hand_over;
use crate::cpu::softmax as kernels;
use crate::cpu::storage::{filled_parts, for_element, read_all, slice, tensor};

/// Softmax of each row of `xs` `(.., width)`.
pub(crate) fn softmax(xs: &Tensor) -> Result<Tensor> {
    let width = xs.dims().last().copied().unwrap_or(1);
    xs.contiguous()?.apply_op1(Softmax { width })
}

struct Softmax {
    width: usize,
}

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "kiti-softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        for_element!(candle::backend::BackendStorage::dtype(storage), T => {
            let x: &[T] = slice(storage, layout)?;
            let part = rows_at_a_time(self.width) * self.width;
            let [y] = filled_parts(x.len().div_ceil(part), [x.len()], [part], |index, [y]| {
                kernels::forward(self.width, &x[index * part..][..y.len()], y);
            });
            Ok((T::to_cpu_storage_owned(y), layout.shape().clone()))
        })
    }

    fn bwd(&self, xs: &Tensor, result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        for_element!(result.dtype(), T => read_all::<T, _, 2>([result, grad], |[y, g]| {
            let part = rows_at_a_time(self.width) * self.width;
            let chunks = y.len().div_ceil(part);
            let [x_gradient] = filled_parts(chunks, [y.len()], [part], |index, [x_gradient]| {
                let [y, g] = [y, g].map(|rows| &rows[index * part..][..x_gradient.len()]);
                kernels::backward(self.width, y, g, x_gradient);
            });
            hand_over(xs, tensor(x_gradient, result.shape())?)
        }))
    }
}
