//! Layer normalisation as one operation.

use candle::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, WithDType};

use super::rows_at_a_time;
use crate::cpu::layer_norm::{self as kernels, Affine};
use crate::cpu::storage::{filled_parts, for_element, read_all, slice, sum_rows, tensor};

/// Normalises the rows of `xs` `(.., width)`, then scales and shifts them by `scale` and `shift` `(width)`.
pub(crate) fn layer_norm(xs: &Tensor, scale: &Tensor, shift: &Tensor, eps: f64) -> Result<Tensor> {
    let op = LayerNorm {
        width: scale.elem_count(),
        eps,
    };
    xs.contiguous()?
        .apply_op3(&scale.contiguous()?, &shift.contiguous()?, op)
}

struct LayerNorm {
    width: usize,
    eps: f64,
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "kiti-layer-norm"
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
        for_element!(candle::backend::BackendStorage::dtype(s1), T => {
            let (x, scale, shift): (&[T], &[T], &[T]) = (slice(s1, l1)?, slice(s2, l2)?, slice(s3, l3)?);
            let affine = Affine { scale, shift, eps: T::from_f64(self.eps) };
            let part = rows_at_a_time(self.width) * self.width;
            let [y] = filled_parts(x.len().div_ceil(part), [x.len()], [part], |index, [y]| {
                kernels::forward(&x[index * part..][..y.len()], affine, y);
            });
            Ok((T::to_cpu_storage_owned(y), l1.shape().clone()))
        })
    }

    fn bwd(
        &self,
        xs: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let wanted = xs.track_op();
        let width = self.width;
        for_element!(xs.dtype(), T => {
            let tensors = [xs, scale, shift, grad];
            let [x_gradient, partial] = read_all::<T, _, 4>(tensors, |[x, scale, shift, g]| {
                let affine = Affine { scale, shift, eps: T::from_f64(self.eps) };
                let part = rows_at_a_time(width) * width;
                let chunks = x.len().div_ceil(part);
                let totals = [if wanted { x.len() } else { 0 }, chunks * 2 * width];
                Ok(filled_parts(chunks, totals, [part, 2 * width], |index, [x_gradient, sums]| {
                    let range = index * part..((index + 1) * part).min(x.len());
                    let (scale_sums, shift_sums) = sums.split_at_mut(width);
                    let (x, g) = (&x[range.clone()], &g[range]);
                    kernels::backward(x, affine, g, x_gradient, scale_sums, shift_sums);
                }))
            })?;
            let mut scale_gradient = sum_rows(&partial, 2 * width);
            let shift_gradient = scale_gradient.split_off(width);
            Ok((
                wanted.then(|| tensor(x_gradient, xs.shape())).transpose()?,
                Some(tensor(scale_gradient, scale.shape())?),
                Some(tensor(shift_gradient, shift.shape())?),
            ))
        })
    }
}
