//! Multiplication by drawn constants, as one operation with its gradient on the CPU.

use candle::backend::BackendStorage;
use candle::{CpuStorage, CustomOp1, DType, Device, Layout, Shape, Tensor, WithDType};
use kiti_kinetics::Real;
use rayon::prelude::*;

/// Factors of a tensor's values, row-major.
#[derive(Debug, Clone)]
pub(crate) enum Factors {
    /// `kept` where the value's bit is set, 0 elsewhere; eight values a byte, lowest bit first.
    Bits {
        /// One bit a value.
        bits: Vec<u8>,
        /// Factor of the kept values.
        kept: f64,
    },
    /// One factor for every sample, the first dimension.
    Samples(Vec<f64>),
}

/// Values that one thread takes at a time; a multiple of eight.
const CHUNK: usize = 8192;

impl Factors {
    /// Multiplies the tensor. The factors are constants: its gradient is multiplied by them too.
    pub fn multiply(self, tensor: &Tensor) -> candle::Result<Tensor> {
        let fused = matches!(tensor.dtype(), DType::F32 | DType::F64);
        if tensor.device().is_cpu() && fused && tensor.elem_count() > 0 {
            return tensor.contiguous()?.apply_op1(self);
        }
        match self {
            Self::Samples(factors) => {
                let mut shape = vec![1; tensor.rank()];
                shape
                    .iter_mut()
                    .take(1)
                    .for_each(|first| *first = factors.len());
                // Converted on the host: not every device knows `f64`.
                let factors = Tensor::from_vec(factors, shape, &Device::Cpu)?;
                let factors = factors.to_dtype(tensor.dtype())?;
                tensor.broadcast_mul(&factors.to_device(tensor.device())?)
            }
            Self::Bits { bits, kept } => {
                let factors: Vec<f32> = (0..tensor.elem_count())
                    .map(|i| {
                        if bits[i / 8] >> (i % 8) & 1 == 1 {
                            kept as f32
                        } else {
                            0.0
                        }
                    })
                    .collect();
                let factors = Tensor::from_vec(factors, tensor.shape(), tensor.device())?;
                tensor * factors.to_dtype(tensor.dtype())?
            }
        }
    }

    fn apply<T: Real>(&self, values: &[T]) -> Vec<T> {
        let mut out = values.to_vec();
        let size = match self {
            Self::Bits { .. } => CHUNK,
            Self::Samples(factors) => values.len() / factors.len(),
        };
        out.par_chunks_mut(size)
            .enumerate()
            .for_each(|(index, values)| self.scale(index, index * size, values));
        out
    }

    /// Multiplies some values of sample number `sample`, of which the first is number `start` of the tensor.
    pub fn scale<T: Real>(&self, sample: usize, start: usize, values: &mut [T]) {
        match self {
            Self::Bits { bits, kept } => {
                let factors = [T::ZERO, T::from_f64(*kept)];
                let factor = |byte: u8, bit: usize| factors[usize::from(byte >> bit & 1)];
                let head = (start.next_multiple_of(8) - start).min(values.len());
                let (head, rest) = values.split_at_mut(head);
                for (k, value) in head.iter_mut().enumerate() {
                    *value *= factor(bits[start / 8], start % 8 + k);
                }
                let bytes = &bits[(start + head.len()) / 8..];
                for (values, &byte) in rest.chunks_mut(8).zip(bytes) {
                    for (bit, value) in values.iter_mut().enumerate() {
                        *value *= factor(byte, bit);
                    }
                }
            }
            Self::Samples(factors) => {
                let factor = T::from_f64(factors[sample]);
                values.iter_mut().for_each(|value| *value *= factor);
            }
        }
    }

    fn apply_storage<T: Real + WithDType>(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle::Result<CpuStorage> {
        let (start, end) = layout
            .contiguous_offsets()
            .ok_or(candle::Error::RequiresContiguous { op: NAME })?;
        let values = &T::cpu_storage_as_slice(storage)?[start..end];
        Ok(T::to_cpu_storage_owned(self.apply(values)))
    }
}

const NAME: &str = "scaling";

impl CustomOp1 for Factors {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle::Result<(CpuStorage, Shape)> {
        let out = match storage.dtype() {
            DType::F64 => self.apply_storage::<f64>(storage, layout)?,
            _ => self.apply_storage::<f32>(storage, layout)?,
        };
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> candle::Result<Option<Tensor>> {
        gradient.contiguous()?.apply_op1_no_bwd(self).map(Some)
    }
}
