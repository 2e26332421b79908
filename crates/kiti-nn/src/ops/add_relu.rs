//! A sum and the ReLU behind it as one operation.

use candle::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, WithDType};

use crate::cpu::storage::{for_element, mapped, read_all, slice, tensor};
use crate::cpu::{activation as kernels, add_relu as add_and_cut};

/// Elements handled at a time.
const CHUNK: usize = 1 << 14;

/// `max(a + b, 0)` for tensors of one shape.
pub(crate) fn add_relu(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    a.contiguous()?.apply_op2(&b.contiguous()?, AddRelu)
}

/// Not an [`Operation`](super::operation::Operation): both gradients are one tensor.
struct AddRelu;

impl CustomOp2 for AddRelu {
    fn name(&self) -> &'static str {
        "kiti-add-relu"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        for_element!(candle::backend::BackendStorage::dtype(s1), T => {
            let (a, b): (&[T], &[T]) = (slice(s1, l1)?, slice(s2, l2)?);
            let output = mapped(a.len(), CHUNK, |range, output| {
                add_and_cut(&a[range.clone()], &b[range], output);
            });
            Ok((T::to_cpu_storage_owned(output), l1.shape().clone()))
        })
    }

    fn bwd(
        &self,
        a: &Tensor,
        _: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        for_element!(a.dtype(), T => read_all::<T, _, 2>([output, gradient], |[y, g]| {
            // The derivative at y is that at the sum.
            let result = mapped(y.len(), CHUNK, |range, result| {
                kernels::backward(crate::Activation::Relu, &y[range.clone()], &g[range], result);
            });
            let result = tensor(result, a.shape())?;
            Ok((Some(result.clone()), Some(result)))
        }))
    }
}
