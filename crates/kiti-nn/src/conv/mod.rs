//! Convolutions of sequences ([`Conv1d`]) and of grids ([`Conv2d`]).

mod layer;
mod normed;

pub use layer::{Conv, Conv1d, Conv1dConfig, Conv2d, Conv2dConfig, ConvConfig, conv1d, conv2d};
pub use normed::normed_conv2d;

use candle::{Result, Tensor};

use crate::error::Error;
use crate::ops::Convolution;

fn shape(name: &'static str, expected: String, found: &Tensor) -> candle::Error {
    let error = Error::Shape {
        operation: "convolution",
        name,
        expected,
        found: found.dims().to_vec(),
    };
    error.into()
}

/// Checks what a convolution of `dims` dimensions, `(rows, columns)` or `columns` alone, needs.
pub(crate) fn sizes(
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    dims: usize,
    [stride, padding]: [usize; 2],
) -> Result<Convolution> {
    let (found, kernel) = (xs.dims(), weight.dims());
    if kernel.len() != 2 + dims || kernel.contains(&0) {
        let expected = format!("(out_channels, in_channels) and {dims} more, none of them 0");
        return Err(shape("the weight", expected, weight));
    }
    if found.len() != 2 + dims || found[1] != kernel[1] {
        let expected = format!("(batch, {}) and {dims} more", kernel[1]);
        return Err(shape("the input", expected, xs));
    }
    if let Some(bias) = bias.filter(|bias| bias.dims() != [kernel[0]]) {
        return Err(shape("the bias", format!("({})", kernel[0]), bias));
    }
    if stride == 0 {
        return Err(Error::Parameter {
            name: "stride of a convolution",
            value: 0.0,
            expected: "at least 1",
        }
        .into());
    }
    if (2..2 + dims).any(|d| found[d] + 2 * padding < kernel[d]) {
        let expected = format!(
            "at least the kernel {:?} less a padding of {padding}",
            &kernel[2..]
        );
        return Err(shape("the input", expected, xs));
    }
    let two = |values: &[usize], one: usize| match *values {
        [rows, columns] => [rows, columns],
        [columns] => [one, columns],
        _ => [one, one],
    };
    Ok(Convolution {
        batch: found[0],
        inputs: kernel[1],
        outputs: kernel[0],
        size: two(&found[2..], 1),
        kernel: two(&kernel[2..], 1),
        stride: two(&vec![stride; dims], 1),
        padding: two(&vec![padding; dims], 0),
    })
}

/// The convolution as one product for each element of the kernel; `(batch, outputs, rows, columns)`.
///
/// Not candle's own: its gradients are wrong for one dimension, and for grids whose sides differ.
pub(crate) fn compose(
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    sizes: &Convolution,
) -> Result<Tensor> {
    let Convolution {
        batch,
        inputs,
        outputs,
        size,
        kernel,
        stride,
        padding,
    } = *sizes;
    let [rows, columns] = sizes.output();
    let padded = xs
        .reshape((batch, inputs, size[0], size[1]))?
        .pad_with_zeros(2, padding[0], padding[0])?
        .pad_with_zeros(3, padding[1], padding[1])?;
    let weight = weight.reshape((outputs, inputs, kernel[0] * kernel[1]))?;
    let every = |first: usize, step: usize, count: usize| {
        let indices = (0..count).map(|index| (first + step * index) as u32);
        Tensor::from_iter(indices, xs.device())
    };
    let mut sum: Option<Tensor> = None;
    for row in 0..kernel[0] {
        let window = padded.index_select(&every(row, stride[0], rows)?, 2)?;
        for column in 0..kernel[1] {
            let window = window.index_select(&every(column, stride[1], columns)?, 3)?;
            let window = window.reshape((batch, inputs, rows * columns))?;
            let weight = weight.narrow(2, row * kernel[1] + column, 1)?;
            let weight = weight.reshape((1, outputs, inputs))?;
            let product = weight.broadcast_matmul(&window)?;
            sum = Some(match sum {
                Some(sum) => (sum + product)?,
                None => product,
            });
        }
    }
    let Some(sum) = sum else {
        return Err(shape(
            "the weight",
            "a kernel that is not empty".into(),
            &weight,
        ));
    };
    let ys = sum.reshape((batch, outputs, rows, columns))?;
    match bias {
        Some(bias) => ys.broadcast_add(&bias.reshape((1, outputs, 1, 1))?),
        None => Ok(ys),
    }
}
