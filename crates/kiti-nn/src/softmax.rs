//! Softmax over the last dimension.

use candle::{D, Result, Tensor};

use crate::cpu::storage;
use crate::ops;

/// `exp(x_i) / sum_j exp(x_j)` along the last dimension; the shape is unchanged.
///
/// A row whose values are all -inf gives NaN, as in the formula.
///
/// ```
/// use candle::{Device, Tensor};
///
/// let ys = kiti_nn::softmax(&Tensor::new(&[[1f32, 1.0]], &Device::Cpu)?)?;
/// assert_eq!(ys.to_vec2::<f32>()?, [[0.5, 0.5]]);
/// # Ok::<(), candle::Error>(())
/// ```
///
/// # Errors
///
/// A tensor without dimensions, or whose element type is not floating.
pub fn softmax(xs: &Tensor) -> Result<Tensor> {
    if storage::supported(xs) && xs.elem_count() > 0 && xs.rank() > 0 {
        return ops::softmax(xs);
    }
    compose(xs)
}

pub(crate) fn compose(xs: &Tensor) -> Result<Tensor> {
    let shifted = xs.broadcast_sub(&xs.max_keepdim(D::Minus1)?.detach())?;
    let exponentials = shifted.exp()?;
    exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)
}
