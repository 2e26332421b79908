//! Pooling of grids: maxima and averages of windows.

use candle::{Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::cpu::storage;
use crate::error::Error;
use crate::ops;
use crate::ops::{Kind, Pool};

/// Windows of a pooling over grids.
///
/// ```
/// use kiti_nn::PoolConfig;
///
/// let resnet_stem = PoolConfig { stride: 2, padding: 1, ..PoolConfig::new([3, 3]) };
/// assert_eq!(resnet_stem.kernel, [3, 3]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolConfig {
    /// Rows and columns of a window.
    pub kernel: [usize; 2],
    /// Distance of neighbouring windows in either dimension.
    pub stride: usize,
    /// Margin put around the input on all sides, at most half the kernel.
    pub padding: usize,
}

impl PoolConfig {
    /// Stride 1, no margin.
    pub fn new(kernel: [usize; 2]) -> Self {
        Self {
            kernel,
            stride: 1,
            padding: 0,
        }
    }
}

/// The largest value of each window of `(batch, channels, rows, columns)`; the margin never wins.
///
/// Of equal values the first, row by row, gets the gradient. The output has
/// `(size + 2 padding - kernel) / stride + 1` windows in either dimension, rounded down.
///
/// # Errors
///
/// [`Error::Shape`] (wrapped in candle's error) for an input that doesn't have four dimensions or is smaller than the kernel;
/// [`Error::Parameter`] for a stride of 0, or a margin of more than half the kernel.
pub fn max_pool2d(xs: &Tensor, config: &PoolConfig) -> Result<Tensor> {
    pooled(xs, Kind::Max, config)
}

/// The average of each window of `(batch, channels, rows, columns)`, where the margin counts as zeros (PyTorch's
/// `count_include_pad`).
///
/// # Errors
///
/// Those of [`max_pool2d`].
pub fn avg_pool2d(xs: &Tensor, config: &PoolConfig) -> Result<Tensor> {
    pooled(xs, Kind::Average, config)
}

/// The average of each channel of `(batch, channels, d1 .. dN)` over all sites: `(batch, channels)`.
///
/// # Errors
///
/// [`Error::Shape`] (wrapped in candle's error) for an input of less than two dimensions or without sites.
pub fn global_avg_pool(xs: &Tensor) -> Result<Tensor> {
    let refuse = || shape("(batch, channels, d1 .. dN) with at least one site", xs);
    if xs.rank() < 2 || xs.dims()[2..].contains(&0) {
        return Err(refuse());
    }
    let (batch, channels) = (xs.dim(0)?, xs.dim(1)?);
    let sites: usize = xs.dims()[2..].iter().product();
    if !storage::supported(xs) || xs.elem_count() == 0 {
        return xs.reshape((batch, channels, sites))?.mean(2);
    }
    let pool = Pool {
        kind: Kind::Average,
        size: [1, sites],
        kernel: [1, sites],
        stride: [1, 1],
        padding: [0, 0],
    };
    ops::pool(xs, pool, vec![batch, channels])
}

fn shape(expected: &str, found: &Tensor) -> candle::Error {
    let error = Error::Shape {
        operation: "pooling",
        name: "the input",
        expected: expected.to_owned(),
        found: found.dims().to_vec(),
    };
    error.into()
}

fn pooled(xs: &Tensor, kind: Kind, config: &PoolConfig) -> Result<Tensor> {
    let PoolConfig {
        kernel,
        stride,
        padding,
    } = *config;
    let &[batch, channels, rows, columns] = xs.dims() else {
        return Err(shape("(batch, channels, rows, columns)", xs));
    };
    let parameter = |name, value: usize, expected| Error::Parameter {
        name,
        value: value as f64,
        expected,
    };
    if stride == 0 {
        return Err(parameter("stride of a pooling", stride, "at least 1").into());
    }
    if kernel.contains(&0) {
        return Err(parameter("kernel of a pooling", 0, "at least 1").into());
    }
    if kernel.iter().any(|&size| 2 * padding > size) {
        return Err(parameter("padding of a pooling", padding, "at most half the kernel").into());
    }
    let size = [rows, columns];
    if (0..2).any(|d| size[d] + 2 * padding < kernel[d]) {
        let expected = format!("at least the kernel {kernel:?} less a padding of {padding}");
        return Err(shape(&expected, xs));
    }
    let pool = Pool {
        kind,
        size,
        kernel,
        stride: [stride; 2],
        padding: [padding; 2],
    };
    if storage::supported(xs) && xs.elem_count() > 0 {
        let [rows, columns] = pool.output();
        return ops::pool(xs, pool, vec![batch, channels, rows, columns]);
    }
    compose(xs, &pool)
}

pub(crate) fn compose(xs: &Tensor, pool: &Pool) -> Result<Tensor> {
    let margin = match pool.kind {
        Kind::Max => f64::NEG_INFINITY,
        Kind::Average => 0.0,
    };
    let mut padded = xs.clone();
    for dimension in [2, 3] {
        let size = pool.padding[dimension - 2];
        if size > 0 {
            let mut shape = padded.dims().to_vec();
            shape[dimension] = size;
            let margin = Tensor::full(margin as f32, shape, xs.device())?.to_dtype(xs.dtype())?;
            padded = Tensor::cat(&[&margin, &padded, &margin], dimension)?;
        }
    }
    let [rows, columns] = pool.output();
    let every = |first: usize, step: usize, count: usize| {
        let indices = (0..count).map(|index| (first + step * index) as u32);
        Tensor::from_iter(indices, xs.device())
    };
    let mut result: Option<Tensor> = None;
    for row in 0..pool.kernel[0] {
        let window = padded.index_select(&every(row, pool.stride[0], rows)?, 2)?;
        for column in 0..pool.kernel[1] {
            let window = window.index_select(&every(column, pool.stride[1], columns)?, 3)?;
            result = Some(match (result, pool.kind) {
                (None, _) => window,
                (Some(result), Kind::Max) => result.maximum(&window)?,
                (Some(result), Kind::Average) => (result + window)?,
            });
        }
    }
    let Some(result) = result else {
        return Err(shape("a kernel that is not empty", xs));
    };
    match pool.kind {
        Kind::Max => Ok(result),
        Kind::Average => result.affine(1.0 / (pool.kernel[0] * pool.kernel[1]) as f64, 0.0),
    }
}
