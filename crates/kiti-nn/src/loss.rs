//! Losses: of operator learning, and of classification.

use candle::{D, DType, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::cpu::storage;
use crate::error::Error;
use crate::linear::linear;
use crate::ops;

/// How the errors of a batch's samples become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// Average over the samples.
    #[default]
    Mean,
    /// Sum over the samples.
    Sum,
}

/// Relative error in the Euclidean norm, sample by sample, then averaged or summed.
///
/// ```text
/// e_b = ||p_b - t_b|| / ||t_b||
/// ```
///
/// where p_b and t_b are all values of sample b of `prediction` and `target`, both `(batch, ...)`. The
/// result is a scalar without dimensions. The gradient at p = t, where the norm has none, is 0.
/// No gradient flows to the target.
///
/// # Errors
///
/// Shapes that differ. A sample whose target is all zero gives an infinite or undefined error, as in
/// the formula.
pub fn relative_l2(prediction: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let target = target.detach();
    let batch = prediction.dim(0)?;
    let square = |t: &Tensor| t.reshape((batch, ()))?.sqr()?.sum(1);
    let difference = square(&(prediction - &target)?)?;
    // sqrt has an infinite derivative at 0; the smallest positive number makes it finite there.
    let difference = difference.maximum(f64::from(f32::MIN_POSITIVE))?.sqrt()?;
    let errors = (difference / square(&target)?.sqrt()?)?;
    match reduction {
        Reduction::Mean => errors.mean_all(),
        Reduction::Sum => errors.sum_all(),
    }
}

/// Cross entropy of logits and class numbers, averaged over the rows that count.
///
/// ```text
/// L = -1/N sum_r log softmax(x_r)[t_r],   r over the N rows with t_r >= 0
/// ```
///
/// where x are the `logits` `(rows, classes)` of a floating type and t the `targets` `(rows)` of an integer type.
/// Rows with a negative target (PyTorch's `ignore_index` is -100) are left out and get no gradient. The result is a
/// scalar without dimensions. On a CPU the probabilities are never stored.
///
/// ```
/// use candle::{Device, Tensor};
///
/// let logits = Tensor::new(&[[0f32, 0.0], [5.0, 1.0]], &Device::Cpu)?;
/// let loss = kiti_nn::cross_entropy(&logits, &Tensor::new(&[1i64, -100], &Device::Cpu)?)?;
/// assert!((loss.to_scalar::<f32>()? - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), candle::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Shape`] for other shapes, [`Error::Index`] for a class that doesn't exist, [`Error::NoTargets`] if no
/// row counts (wrapped in candle's error).
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let &[rows, classes] = logits.dims() else {
        return Err(shape("the logits", "(rows, classes)", logits).into());
    };
    let targets = counted_targets([rows, classes], targets)?;
    if storage::supported(logits) {
        return ops::cross_entropy(logits, targets);
    }
    compose_cross_entropy(logits, &targets)
}

/// [`cross_entropy`] of the logits `xs weight^T`, for `xs` `(.., width)`, `weight` `(classes, width)` and one target for each
/// row of `xs`, in a tensor of any shape. On a CPU neither the logits nor their gradient are kept, which a large vocabulary
/// would fill the memory with.
///
/// ```
/// use candle::{Device, Tensor};
///
/// let (xs, weight) = (Tensor::new(&[[[1f32, 0.0]]], &Device::Cpu)?, Tensor::new(&[[2f32, 0.0], [2.0, 1.0]], &Device::Cpu)?);
/// let loss = kiti_nn::linear_cross_entropy(&xs, &weight, &Tensor::new(&[[1u32]], &Device::Cpu)?)?;
/// assert!((loss.to_scalar::<f32>()? - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), candle::Error>(())
/// ```
///
/// # Errors
///
/// Those of [`cross_entropy`], and of [`linear`](crate::linear::linear). The backward pass can run once only.
pub fn linear_cross_entropy(xs: &Tensor, weight: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let targets = targets.flatten_all()?;
    let fits = xs.rank() > 0 && weight.rank() == 2 && xs.dims().last() == weight.dims().last();
    if fits && storage::supported(xs) && xs.elem_count() > 0 {
        let rows = xs.elem_count() / weight.dim(1)?;
        let targets = counted_targets([rows, weight.dim(0)?], &targets)?;
        return ops::linear_cross_entropy(xs, weight, targets);
    }
    let logits = linear(xs, weight, None)?;
    cross_entropy(&logits.reshape(((), weight.dim(0)?))?, &targets)
}

const CROSS_ENTROPY: &str = "cross entropy";

fn shape(name: &'static str, expected: &str, found: &Tensor) -> Error {
    Error::Shape {
        operation: CROSS_ENTROPY,
        name,
        expected: expected.to_owned(),
        found: found.dims().to_vec(),
    }
}

fn counted_targets([rows, classes]: [usize; 2], targets: &Tensor) -> Result<Vec<Option<u32>>> {
    if targets.dims() != [rows] {
        return Err(shape("the targets", &format!("({rows})"), targets).into());
    }
    let targets = targets.to_dtype(DType::I64)?.to_vec1::<i64>()?;
    let checked = targets.iter().enumerate().map(|(position, &found)| {
        if found >= classes as i64 {
            return Err(Error::Index {
                operation: CROSS_ENTROPY,
                name: "class",
                position,
                found,
                count: classes,
            });
        }
        Ok(u32::try_from(found).ok())
    });
    let targets = checked.collect::<crate::error::Result<Vec<_>>>()?;
    if targets.iter().all(Option::is_none) {
        return Err(Error::NoTargets {
            operation: CROSS_ENTROPY,
            rows,
        }
        .into());
    }
    Ok(targets)
}

pub(crate) fn compose_cross_entropy(logits: &Tensor, targets: &[Option<u32>]) -> Result<Tensor> {
    let positions: Vec<u32> = (0u32..)
        .zip(targets)
        .filter_map(|(row, target)| target.map(|_| row))
        .collect();
    let classes: Vec<u32> = targets.iter().flatten().copied().collect();
    let count = classes.len();
    let device = logits.device();
    let rows = logits.index_select(&Tensor::from_vec(positions, count, device)?, 0)?;
    let shifted = rows.broadcast_sub(&rows.max_keepdim(D::Minus1)?.detach())?;
    let normalizers = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
    let chosen = shifted.gather(&Tensor::from_vec(classes, (count, 1), device)?, 1)?;
    (normalizers - chosen)?.mean_all()
}
