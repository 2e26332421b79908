//! A convolution with the batch norm behind it.

use candle::{Module, Result, Tensor};

use super::{Conv2d, sizes};
use crate::activation::relu;
use crate::context::Context;
use crate::cpu::storage;
use crate::norm::BatchNorm;

/// `norm(conv(xs))`, with a ReLU behind it if `activated`: on a CPU one operation, which keeps less in memory than three.
///
/// ```
/// use candle::{DType, Device, Tensor};
/// use kiti_nn::conv::normed_conv2d;
/// use kiti_nn::{BatchNorm, BatchNormConfig, Context, Conv2d, Conv2dConfig, VarStore};
///
/// let store = VarStore::new(0, DType::F32, &Device::Cpu);
/// let config = Conv2dConfig { bias: false, ..Conv2dConfig::new(3, 5, [3, 3]) };
/// let conv = Conv2d::new(&config, store.builder().pp("conv"))?;
/// let norm = BatchNorm::new(&BatchNormConfig::new(5), store.builder().pp("norm"))?;
/// let xs = Tensor::ones((2, 3, 9, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(normed_conv2d(&conv, &norm, true, &xs, &Context::train(0, 0))?.dims(), [2, 5, 7, 6]);
/// # Ok::<(), candle::Error>(())
/// ```
///
/// # Errors
///
/// Those of the convolution and of [`BatchNorm::forward_t`].
pub fn normed_conv2d(
    conv: &Conv2d,
    norm: &BatchNorm,
    activated: bool,
    xs: &Tensor,
    ctx: &Context,
) -> Result<Tensor> {
    if conv.bias().is_none() && storage::supported(xs) && xs.elem_count() > 0 {
        let sizes = sizes(xs, conv.weight(), None, 2, conv.stride_and_padding())?;
        return norm.convolved(xs, conv.weight(), sizes, activated, ctx);
    }
    let ys = norm.forward_t(&conv.forward(xs)?, ctx)?;
    if activated { relu(&ys) } else { Ok(ys) }
}
