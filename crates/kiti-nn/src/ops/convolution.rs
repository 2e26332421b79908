//! A convolution with its bias as one operation.

use candle::{Result, Shape, Tensor};
use rayon::prelude::*;

use super::operation::{Backward, Operation, apply3};
use crate::cpu::convolution::{Gather, Placement, gather, weight_gradient};
use crate::cpu::storage::{filled, scattered, sum_rows, zeros};
use crate::cpu::{Element, row_sums};

/// Sizes of a convolution over rows and columns; one of a sequence has one row.
#[derive(Debug, Clone)]
pub(crate) struct Convolution {
    pub(crate) batch: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) size: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
}

/// `sum_{i, k} weight[o, i, k] x[b, i, stride y + k - padding] + bias[o]`, in the shape `shape`.
pub(crate) fn convolution(
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    sizes: Convolution,
    shape: Vec<usize>,
) -> Result<Tensor> {
    let none;
    let bias = match bias {
        Some(bias) => bias,
        None => {
            none = Tensor::zeros(sizes.outputs, xs.dtype(), xs.device())?;
            &none
        }
    };
    apply3(ConvolutionOp { sizes, shape }, [xs, weight, bias])
}

impl Convolution {
    /// Rows and columns of the output; the caller has checked that the kernel fits.
    pub(crate) fn output(&self) -> [usize; 2] {
        std::array::from_fn(|d| {
            (self.size[d] + 2 * self.padding[d] - self.kernel[d]) / self.stride[d] + 1
        })
    }

    /// The output as sums over the input.
    fn forward(&self) -> Gather {
        let [rows, columns] = self.kernel;
        let tap = |row: usize, column: usize| {
            [
                row as isize - self.padding[0] as isize,
                column as isize - self.padding[1] as isize,
            ]
        };
        Gather {
            channels: self.inputs,
            source: self.size,
            step: self.stride,
            taps: (0..rows)
                .flat_map(|row| (0..columns).map(move |column| tap(row, column)))
                .collect(),
            positions: self.output(),
        }
    }

    /// The input's gradient as sums over the output's, one for each remainder of row and column modulo the stride,
    /// each with the kernel elements that its taps use.
    fn backward(&self) -> impl Iterator<Item = (Gather, Placement, Vec<usize>)> {
        let phases = (0..self.stride[0].min(self.size[0]))
            .flat_map(|row| (0..self.stride[1].min(self.size[1])).map(move |column| [row, column]));
        phases.map(|offset| {
            // Element k of the kernel brings the output's row y to the input's row stride y + k - padding.
            let taps = |d: usize| {
                let (first, stride) = (offset[d] + self.padding[d], self.stride[d] as isize);
                (0..self.kernel[d]).filter_map(move |k| {
                    let distance = first as isize - k as isize;
                    (distance % stride == 0).then_some((k, distance / stride))
                })
            };
            let both = || taps(0).flat_map(|row| taps(1).map(move |column| (row, column)));
            let count = |d: usize| (self.size[d] - offset[d]).div_ceil(self.stride[d]);
            let gather = Gather {
                channels: self.outputs,
                source: self.output(),
                step: [1, 1],
                taps: both().map(|(row, column)| [row.1, column.1]).collect(),
                positions: [count(0), count(1)],
            };
            let placement = Placement {
                size: self.size,
                step: self.stride,
                offset,
            };
            let elements = both().map(|(row, column)| row.0 * self.kernel[1] + column.0);
            (gather, placement, elements.collect())
        })
    }

    pub(super) fn output_gathered<T: Element>(
        &self,
        x: &[T],
        weight: &[T],
        bias: Option<&[T]>,
    ) -> Vec<T> {
        let [rows, columns] = self.output();
        let placement = Placement {
            size: [rows, columns],
            step: [1, 1],
            offset: [0, 0],
        };
        let sizes = [self.batch, self.outputs];
        // SAFETY: the gather takes each element of the output once.
        unsafe {
            scattered(self.batch * self.outputs * rows * columns, |output| {
                gather(&self.forward(), sizes, x, weight, bias, placement, output);
            })
        }
    }

    pub(super) fn input_gradient<T: Element>(&self, weight: &[T], gradient: &[T]) -> Vec<T> {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let area = self.kernel[0] * self.kernel[1];
        let length = self.batch * inputs * self.size[0] * self.size[1];
        // SAFETY: the phases, and the positions of each, take each element of the input once.
        unsafe {
            scattered(length, |output| {
                for (sums, placement, elements) in self.backward() {
                    let terms = elements.len();
                    // (inputs, outputs, terms) of the weights (outputs, inputs, area).
                    let mut matrix = zeros(inputs * outputs * terms);
                    if terms > 0 {
                        matrix
                            .par_chunks_exact_mut(outputs * terms)
                            .enumerate()
                            .for_each(|(i, matrix)| {
                                for (o, matrix) in matrix.chunks_exact_mut(terms).enumerate() {
                                    let weight = &weight[(o * inputs + i) * area..][..area];
                                    for (value, &element) in matrix.iter_mut().zip(&elements) {
                                        *value = weight[element];
                                    }
                                }
                            });
                    }
                    let sizes = [self.batch, inputs];
                    gather(&sums, sizes, gradient, &matrix, None, placement, output);
                }
            })
        }
    }

    pub(super) fn weight_gradient<T: Element>(&self, x: &[T], gradient: &[T]) -> Vec<T> {
        weight_gradient(&self.forward(), [self.batch, self.outputs], x, gradient)
    }

    fn bias_gradient<T: Element>(&self, gradient: &[T]) -> Vec<T> {
        let [rows, columns] = self.output();
        let (outputs, sites) = (self.outputs, rows * columns);
        let [partial] = filled(self.batch, [outputs], |index, [sums]| {
            let sample = &gradient[index * outputs * sites..][..outputs * sites];
            row_sums(sample, sites, sums);
        });
        sum_rows(&partial, outputs)
    }
}

struct ConvolutionOp {
    sizes: Convolution,
    /// Of the output.
    shape: Vec<usize>,
}

impl Operation<3> for ConvolutionOp {
    const NAME: &'static str = "kiti-convolution";

    fn shape(&self, _: [&Shape; 3]) -> Shape {
        self.shape.clone().into()
    }

    fn forward<T: Element>(&self, [x, weight, bias]: [&[T]; 3]) -> Result<Vec<T>> {
        Ok(self.sizes.output_gathered(x, weight, Some(bias)))
    }

    fn backward<T: Element>(&self, pass: Backward<'_, T, 3>) -> Result<[Option<Vec<T>>; 3]> {
        let ([x, weight, _], gradient) = (pass.inputs, pass.gradient);
        let [input, weights, bias] = pass.wanted;
        let sizes = &self.sizes;
        Ok([
            input.then(|| sizes.input_gradient(weight, gradient)),
            weights.then(|| sizes.weight_gradient(x, gradient)),
            bias.then(|| sizes.bias_gradient(gradient)),
        ])
    }
}
