//! An activation as one operation.

use candle::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, WithDType};

use crate::activation::Activation;
use crate::backward::hand_over;
use crate::cpu::storage::{for_element, read, slice, tensor};
use crate::cpu::{activation as kernels, storage};

/// Elements handled at a time.
const CHUNK: usize = 1 << 14;

/// Applies `activation` to a tensor of the CPU.
pub(crate) fn activation(activation: Activation, xs: &Tensor) -> Result<Tensor> {
    xs.contiguous()?.apply_op1(ActivationOp(activation))
}

struct ActivationOp(Activation);

impl CustomOp1 for ActivationOp {
    fn name(&self) -> &'static str {
        "kiti-activation"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let dtype = candle::backend::BackendStorage::dtype(storage);
        for_element!(dtype, T => {
            let input: &[T] = slice(storage, layout)?;
            let output = storage::mapped(input.len(), CHUNK, |range, output| {
                kernels::forward(self.0, &input[range], output);
            });
            Ok((T::to_cpu_storage_owned(output), layout.shape().clone()))
        })
    }

    fn bwd(&self, arg: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        for_element!(arg.dtype(), T => read::<T, _>(arg, |input| {
            read::<T, _>(grad, |gradient| {
                let output = storage::mapped(input.len(), CHUNK, |range, output| {
                    kernels::backward(self.0, &input[range.clone()], &gradient[range], output);
                });
                hand_over(arg, tensor(output, arg.shape())?)
            })
        }))
    }
}
