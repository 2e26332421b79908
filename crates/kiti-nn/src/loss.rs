//! Losses of operator learning.

use candle::{Result, Tensor};
use serde::{Deserialize, Serialize};

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
