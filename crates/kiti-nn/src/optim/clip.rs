//! Clipping of gradients by their common norm.

use candle::backprop::GradStore;
use candle::{DType, Result, Var};

/// Scales all gradients so that their common Euclidean norm is at most `max_norm`, and returns the norm
/// they had: `torch.nn.utils.clip_grad_norm_`.
///
/// ```text
/// g <- g min(1, max_norm / (norm + 1e-6))
/// ```
///
/// Variables without a gradient don't count. The norm is summed in double precision in the order of `variables`.
///
/// # Errors
///
/// A failure of the device.
pub fn clip_grad_norm(
    variables: &[(String, Var)],
    gradients: &mut GradStore,
    max_norm: f64,
) -> Result<f64> {
    let mut total = 0.0;
    for (_, variable) in variables {
        if let Some(gradient) = gradients.get(variable) {
            total += gradient
                .to_dtype(DType::F64)?
                .sqr()?
                .sum_all()?
                .to_scalar::<f64>()?;
        }
    }
    let norm = total.sqrt();
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 {
        for (_, variable) in variables {
            if let Some(gradient) = gradients.remove(variable) {
                gradients.insert(variable, gradient.affine(factor, 0.0)?);
            }
        }
    }
    Ok(norm)
}
