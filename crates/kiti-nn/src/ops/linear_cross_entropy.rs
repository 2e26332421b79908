//! A linear map to classes and the cross entropy of its results as one operation.
//!
//! The logits of some rows at a time become their gradient in place, and the gradients of both arguments are computed with
//! the loss, of which they are a multiple: of a large vocabulary neither logits nor their gradient are kept.

use std::sync::{Mutex, PoisonError};

use candle::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, WithDType};
use rayon::prelude::*;

use crate::backward::hand_over;
use crate::cpu::softmax as kernels;
use crate::cpu::storage::{for_element, modify, read, slice, tensor, zeros};
use crate::cpu::{Element, Strided, general_product};

/// Logits of a block, about: as many as one product can use well.
const LOGITS: usize = 1 << 26;

/// `-log softmax(weight x)[target]` averaged over the rows of `xs` `(.., width)` that have a target; `weight`
/// `(classes, width)`. The caller has checked that there is one target a row, below the number of classes.
pub(crate) fn linear_cross_entropy(
    xs: &Tensor,
    weight: &Tensor,
    targets: Vec<Option<u32>>,
) -> Result<Tensor> {
    let (classes, width) = weight.dims2()?;
    let op = LinearCrossEntropy {
        classes,
        width,
        counted: targets.iter().flatten().count() as f64,
        targets,
        tracked: xs.track_op() || weight.track_op(),
        gradients: Mutex::new(None),
    };
    xs.contiguous()?.apply_op2(&weight.contiguous()?, op)
}

struct LinearCrossEntropy {
    classes: usize,
    width: usize,
    /// `None` for rows that don't count.
    targets: Vec<Option<u32>>,
    counted: f64,
    tracked: bool,
    /// Of the loss by both arguments.
    gradients: Mutex<Option<[Tensor; 2]>>,
}

impl LinearCrossEntropy {
    /// The sum of the losses, and the gradients of their average.
    fn forward<T: Element>(&self, x: &[T], weight: &[T]) -> (f64, [Vec<T>; 2]) {
        let Self {
            classes,
            width,
            tracked,
            ..
        } = *self;
        let rows = self.targets.len();
        let zeros = |length| zeros(if tracked { length } else { 0 });
        let [mut x_gradient, mut w_gradient] = [zeros(rows * width), zeros(classes * width)];
        let at_once = (LOGITS / classes.max(1)).clamp(1, rows.max(1));
        let mut logits = vec![T::default(); at_once * classes];
        let factor = T::from_f64(1.0 / self.counted);
        let mut loss = 0.0;
        for (index, targets) in self.targets.chunks(at_once).enumerate() {
            let count = targets.len();
            let range = index * at_once * width..(index * at_once + count) * width;
            let (x, logits) = (&x[range.clone()], &mut logits[..count * classes]);
            let transposed = Strided::transposed(weight, width);
            let size = [count, classes, width];
            general_product(size, Strided::rows(x, width), transposed, logits, false);
            let losses = logits.par_chunks_mut(classes).zip(targets);
            let losses: Vec<f64> = losses
                .map(|(row, target)| row_loss(row, *target, tracked.then_some(factor)))
                .collect();
            loss += losses.iter().sum::<f64>();
            if tracked {
                let size = [count, width, classes];
                let (rows, weight) = (Strided::rows(logits, classes), Strided::rows(weight, width));
                general_product(size, rows, weight, &mut x_gradient[range], false);
                let size = [classes, width, count];
                let columns = Strided::transposed(logits, classes);
                let x = Strided::rows(x, width);
                general_product(size, columns, x, &mut w_gradient, index > 0);
            }
        }
        (loss, [x_gradient, w_gradient])
    }
}

/// The loss of a row of logits, which become `factor` times their gradient if there is one.
fn row_loss<T: Element>(row: &mut [T], target: Option<u32>, factor: Option<T>) -> f64 {
    let Some(target) = target else {
        row.fill(T::default());
        return 0.0;
    };
    let normalizer = kernels::log_sum_exp(row);
    let loss = normalizer - row[target as usize];
    if let Some(factor) = factor {
        kernels::exponentials_in_place(row, normalizer);
        kernels::scale(row, factor);
        row[target as usize] -= factor;
    }
    loss.to_f64()
}

impl CustomOp2 for LinearCrossEntropy {
    fn name(&self) -> &'static str {
        "kiti-linear-cross-entropy"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        for_element!(candle::backend::BackendStorage::dtype(s1), T => {
            let (loss, [x, weight]) = self.forward::<T>(slice(s1, l1)?, slice(s2, l2)?);
            if self.tracked {
                let gradients = [tensor(x, l1.shape())?, tensor(weight, l2.shape())?];
                *self.gradients.lock().unwrap_or_else(PoisonError::into_inner) = Some(gradients);
            }
            let loss = T::from_f64(loss / self.counted);
            Ok((T::to_cpu_storage_owned(vec![loss]), Shape::from(())))
        })
    }

    fn bwd(
        &self,
        xs: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let kept = self
            .gradients
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some([x_gradient, w_gradient]) = kept else {
            return Err(candle::Error::BackwardNotSupported {
                op: "kiti-linear-cross-entropy, twice",
            });
        };
        for_element!(xs.dtype(), T => {
            let factor = read::<T, _>(grad, |grad| Ok(grad[0]))?;
            let scaled = |of: &Tensor, gradient: Tensor| {
                if !of.track_op() {
                    return Ok(None);
                }
                if factor != T::from_f64(1.0) {
                    modify::<T>(&gradient, |values| {
                        values.par_chunks_mut(1 << 14).for_each(|part| kernels::scale(part, factor));
                        Ok(())
                    })?;
                }
                hand_over(of, gradient)
            };
            Ok((scaled(xs, x_gradient)?, scaled(weight, w_gradient)?))
        })
    }
}
