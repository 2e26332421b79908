//! A pointwise convolution with its bias as one operation.

use candle::{Result, Shape, Tensor};

use super::operation::{Backward, Operation, apply3};
use super::{batch_channels_sites, with_channels};
use crate::cpu::storage::{filled, read, sum_rows};
use crate::cpu::{Element, Start, Strided, inner_products, product, row_sums, with_scratch};

/// `W x + bias` at each site: x `(batch, inputs, d1 .. dN)`, `weight` `(outputs, inputs, ..)`, `bias` `(outputs)`.
pub(crate) fn pointwise(xs: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let [batch, inputs, sites] = batch_channels_sites(xs)?;
    let outputs = bias.elem_count();
    let shape = with_channels(xs, outputs);
    let op = Pointwise {
        batch,
        inputs,
        outputs,
        sites,
        shape,
    };
    apply3(op, [xs, weight, bias])
}

/// The same for samples `(batch, d1 .. dN, channels)` with the rows `coordinates` `(dims, d1 .. dN)` as further channels.
pub(crate) fn pointwise_channels_last(
    samples: &Tensor,
    coordinates: Option<&Tensor>,
    weight: &Tensor,
    bias: &Tensor,
) -> Result<Tensor> {
    let (last, outputs) = (samples.rank() - 1, bias.elem_count());
    let [batch, channels] = [samples.dim(0)?, samples.dim(last)?];
    let grid = &samples.dims()[1..last];
    let sites = grid.iter().product();
    let mut shape = vec![batch, outputs];
    shape.extend(grid);
    let op = ChannelsLast {
        layer: Pointwise {
            batch,
            inputs: weight.elem_count() / outputs,
            outputs,
            sites,
            shape,
        },
        channels,
        coordinates: coordinates.map(|c| c.detach().contiguous()).transpose()?,
    };
    apply3(op, [samples, weight, bias])
}

struct Pointwise {
    batch: usize,
    inputs: usize,
    outputs: usize,
    sites: usize,
    /// Of the output.
    shape: Vec<usize>,
}

impl Pointwise {
    fn forward_sample<T: Element>(&self, x: &[T], weight: &[T], bias: &[T], y: &mut [T]) {
        let weight = Strided::rows(weight, self.inputs);
        let size = [self.outputs, self.sites, self.inputs];
        product(
            size,
            weight,
            x,
            self.sites,
            y,
            self.sites,
            Start::Rows(bias),
        );
    }

    /// The gradients of the weights `(outputs, inputs)` and of the bias behind them, added to `gradients`.
    fn parameters_sample<T: Element>(&self, x: &[T], gradient: &[T], gradients: &mut [T]) {
        let Self {
            inputs,
            outputs,
            sites,
            ..
        } = *self;
        let (weight, bias) = gradients.split_at_mut(outputs * inputs);
        inner_products(
            [outputs, inputs, sites],
            (gradient, sites),
            (x, sites),
            weight,
            inputs,
        );
        row_sums(gradient, sites, bias);
    }

    /// The sums over the samples, weights and bias apart.
    fn split_parameters<T: Element>(&self, partial: &[T]) -> [Vec<T>; 2] {
        let mut sums = sum_rows(partial, self.outputs * (self.inputs + 1));
        let bias_sums = sums.split_off(self.outputs * self.inputs);
        [sums, bias_sums]
    }
}

impl Operation<3> for Pointwise {
    const NAME: &'static str = "kiti-pointwise";

    fn shape(&self, _: [&Shape; 3]) -> Shape {
        self.shape.clone().into()
    }

    fn forward<T: Element>(&self, [x, weight, bias]: [&[T]; 3]) -> Result<Vec<T>> {
        let sample = self.inputs * self.sites;
        let [y] = filled(self.batch, [self.outputs * self.sites], |index, [y]| {
            self.forward_sample(&x[index * sample..][..sample], weight, bias, y);
        });
        Ok(y)
    }

    fn backward<T: Element>(&self, pass: Backward<'_, T, 3>) -> Result<[Option<Vec<T>>; 3]> {
        let Self {
            batch,
            inputs,
            outputs,
            sites,
            ..
        } = *self;
        let ([x, w, _], g, wanted) = (pass.inputs, pass.gradient, pass.wanted[0]);
        let lengths = [
            if wanted { inputs * sites } else { 0 },
            outputs * (inputs + 1),
        ];
        let [x_gradient, partial] = filled(batch, lengths, |index, [x_gradient, partial]| {
            let x = &x[index * inputs * sites..][..inputs * sites];
            let g = &g[index * outputs * sites..][..outputs * sites];
            if wanted {
                let (weight, size) = (Strided::transposed(w, inputs), [inputs, sites, outputs]);
                product(size, weight, g, sites, x_gradient, sites, Start::Zero);
            }
            self.parameters_sample(x, g, partial);
        });
        let [weight, bias] = self.split_parameters(&partial);
        Ok([wanted.then_some(x_gradient), Some(weight), Some(bias)])
    }
}

struct ChannelsLast {
    layer: Pointwise,
    channels: usize,
    coordinates: Option<Tensor>,
}

impl ChannelsLast {
    /// The rows `(inputs, sites)` of one sample.
    fn fill_rows<T: Element>(&self, sample: &[T], coordinates: &[T], rows: &mut [T]) {
        let (channels, rest) = rows.split_at_mut(sample.len());
        transpose(sample, self.layer.sites, self.channels, channels);
        rest.copy_from_slice(coordinates);
    }

    fn with_coordinates<T: Element, R>(&self, f: impl FnOnce(&[T]) -> Result<R>) -> Result<R> {
        match &self.coordinates {
            Some(coordinates) => read(coordinates, f),
            None => f(&[]),
        }
    }
}

impl Operation<3> for ChannelsLast {
    const NAME: &'static str = "kiti-pointwise-channels-last";

    fn shape(&self, _: [&Shape; 3]) -> Shape {
        self.layer.shape.clone().into()
    }

    fn forward<T: Element>(&self, [x, weight, bias]: [&[T]; 3]) -> Result<Vec<T>> {
        let Pointwise {
            batch,
            outputs,
            sites,
            ..
        } = self.layer;
        let sample = self.channels * sites;
        self.with_coordinates(|coordinates: &[T]| {
            let [y] = filled(batch, [outputs * sites], |index, [y]| {
                with_scratch([self.layer.inputs * sites], |[rows]| {
                    self.fill_rows(&x[index * sample..][..sample], coordinates, rows);
                    self.layer.forward_sample(rows, weight, bias, y);
                });
            });
            Ok(y)
        })
    }

    fn backward<T: Element>(&self, pass: Backward<'_, T, 3>) -> Result<[Option<Vec<T>>; 3]> {
        let Pointwise {
            batch,
            inputs,
            outputs,
            sites,
            ..
        } = self.layer;
        let channels = self.channels;
        let ([x, w, _], g, wanted) = (pass.inputs, pass.gradient, pass.wanted[0]);
        let lengths = [
            if wanted { channels * sites } else { 0 },
            outputs * (inputs + 1),
        ];
        self.with_coordinates(|coordinates: &[T]| {
            let [x_gradient, partial] = filled(batch, lengths, |index, [x_gradient, partial]| {
                let sample = &x[index * channels * sites..][..channels * sites];
                let g = &g[index * outputs * sites..][..outputs * sites];
                with_scratch([inputs * sites], |[rows]| {
                    self.fill_rows(sample, coordinates, rows);
                    self.layer.parameters_sample(rows, g, partial);
                    if wanted {
                        let weight = Strided::transposed(w, inputs);
                        let size = [channels, sites, outputs];
                        product(size, weight, g, sites, rows, sites, Start::Zero);
                        transpose(&rows[..sample.len()], channels, sites, x_gradient);
                    }
                });
            });
            let [weight, bias] = self.layer.split_parameters(&partial);
            Ok([wanted.then_some(x_gradient), Some(weight), Some(bias)])
        })
    }
}

/// The transpose of a matrix of `rows` rows of `columns`.
fn transpose<T: Element>(matrix: &[T], rows: usize, columns: usize, result: &mut [T]) {
    for (column, result) in result.chunks_exact_mut(rows.max(1)).enumerate() {
        for (row, result) in result.iter_mut().enumerate() {
            *result = matrix[row * columns + column];
        }
    }
}
