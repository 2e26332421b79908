//! Cross entropy of logits and class numbers as one operation.

use std::sync::OnceLock;

use candle::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, WithDType};

use crate::backward::hand_over;
use crate::cpu::softmax as kernels;
use crate::cpu::storage::{filled, for_element, read, read_all, slice, tensor};

/// `-log softmax(logits)[target]` averaged over the rows that have a target; `logits` `(rows, classes)`.
///
/// The caller has checked that there is one target a row, below the number of classes.
pub(crate) fn cross_entropy(logits: &Tensor, targets: Vec<Option<u32>>) -> Result<Tensor> {
    let op = CrossEntropy {
        classes: logits.dim(1)?,
        counted: targets.iter().flatten().count() as f64,
        targets,
        normalizers: OnceLock::new(),
    };
    logits.contiguous()?.apply_op1(op)
}

struct CrossEntropy {
    classes: usize,
    /// `None` for rows that don't count.
    targets: Vec<Option<u32>>,
    counted: f64,
    /// The log of the sum of exponentials of each row.
    normalizers: OnceLock<Tensor>,
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "kiti-cross-entropy"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        for_element!(candle::backend::BackendStorage::dtype(storage), T => {
            let x: &[T] = slice(storage, layout)?;
            let row = |index: usize| &x[index * self.classes..][..self.classes];
            let [normalizers] = filled(self.targets.len(), [1], |index, [normalizer]| {
                if self.targets[index].is_some() {
                    normalizer[0] = kernels::log_sum_exp(row(index));
                }
            });
            // In double precision: many rows are added up.
            let losses = self.targets.iter().enumerate().filter_map(|(index, target)| {
                let logit = row(index)[(*target)? as usize];
                Some((normalizers[index] - logit).to_f64())
            });
            let loss = losses.sum::<f64>() / self.counted;
            let normalizers = tensor(normalizers, self.targets.len())?;
            // Set once: an operation runs forward once.
            let _ = self.normalizers.set(normalizers);
            Ok((T::to_cpu_storage_owned(vec![T::from_f64(loss)]), Shape::from(())))
        })
    }

    fn bwd(&self, logits: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let Some(normalizers) = self.normalizers.get() else {
            return Err(candle::Error::BackwardNotSupported {
                op: "kiti-cross-entropy",
            });
        };
        for_element!(logits.dtype(), T => {
            let factor = read::<T, _>(grad, |grad| Ok(grad[0].to_f64()))? / self.counted;
            let factor = T::from_f64(factor);
            read_all::<T, _, 2>([logits, normalizers], |[x, normalizers]| {
                let [gradient] = filled(self.targets.len(), [self.classes], |index, [gradient]| {
                    let Some(target) = self.targets[index] else {
                        return;
                    };
                    let x = &x[index * self.classes..][..self.classes];
                    kernels::exponentials(x, normalizers[index], gradient);
                    kernels::scale(gradient, factor);
                    gradient[target as usize] -= factor;
                });
                hand_over(logits, tensor(gradient, logits.shape())?)
            })
        })
    }
}
