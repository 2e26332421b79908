//! A pointwise convolution with its bias as one operation.

use candle::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, WithDType};

use super::{batch_channels_sites, with_channels};
use crate::cpu::storage::{filled, for_element, read, slice, sum_rows, tensor};
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
    xs.contiguous()?
        .apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)
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
    samples
        .contiguous()?
        .apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)
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

    fn split_parameters<T: Element>(
        &self,
        partial: &[T],
        weight: &Tensor,
        bias: &Tensor,
    ) -> Result<[Tensor; 2]> {
        let mut sums = sum_rows(partial, self.outputs * (self.inputs + 1));
        let bias_sums = sums.split_off(self.outputs * self.inputs);
        Ok([
            tensor(sums, weight.shape())?,
            tensor(bias_sums, bias.shape())?,
        ])
    }
}

impl CustomOp3 for Pointwise {
    fn name(&self) -> &'static str {
        "kiti-pointwise"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        for_element!(candle::backend::BackendStorage::dtype(s1), T => {
            let (x, weight, bias): (&[T], &[T], &[T]) = (slice(s1, l1)?, slice(s2, l2)?, slice(s3, l3)?);
            let sample = self.inputs * self.sites;
            let [y] = filled(self.batch, [self.outputs * self.sites], |index, [y]| {
                self.forward_sample(&x[index * sample..][..sample], weight, bias, y);
            });
            Ok((T::to_cpu_storage_owned(y), Shape::from(self.shape.clone())))
        })
    }

    fn bwd(
        &self,
        xs: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Self {
            batch,
            inputs,
            outputs,
            sites,
            ..
        } = *self;
        let wanted = xs.track_op();
        for_element!(xs.dtype(), T => read::<T, _>(xs, |x| read::<T, _>(weight, |w| read::<T, _>(grad, |g| {
            let lengths = [if wanted { inputs * sites } else { 0 }, outputs * (inputs + 1)];
            let [x_gradient, partial] = filled(batch, lengths, |index, [x_gradient, partial]| {
                let x = &x[index * inputs * sites..][..inputs * sites];
                let g = &g[index * outputs * sites..][..outputs * sites];
                if wanted {
                    let weight = Strided::transposed(w, inputs);
                    product([inputs, sites, outputs], weight, g, sites, x_gradient, sites, Start::Zero);
                }
                self.parameters_sample(x, g, partial);
            });
            let [weight, bias] = self.split_parameters(&partial, weight, bias)?;
            let x_gradient = wanted.then(|| tensor(x_gradient, xs.shape())).transpose()?;
            Ok((x_gradient, Some(weight), Some(bias)))
        }))))
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

impl CustomOp3 for ChannelsLast {
    fn name(&self) -> &'static str {
        "kiti-pointwise-channels-last"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        for_element!(candle::backend::BackendStorage::dtype(s1), T => {
            let (x, weight, bias): (&[T], &[T], &[T]) = (slice(s1, l1)?, slice(s2, l2)?, slice(s3, l3)?);
            let Pointwise { batch, outputs, sites, .. } = self.layer;
            let sample = self.channels * sites;
            let [y] = self.with_coordinates(|coordinates: &[T]| {
                Ok(filled(batch, [outputs * sites], |index, [y]| {
                    with_scratch([self.layer.inputs * sites], |[rows]| {
                        self.fill_rows(&x[index * sample..][..sample], coordinates, rows);
                        self.layer.forward_sample(rows, weight, bias, y);
                    });
                }))
            })?;
            Ok((T::to_cpu_storage_owned(y), Shape::from(self.layer.shape.clone())))
        })
    }

    fn bwd(
        &self,
        samples: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Pointwise {
            batch,
            inputs,
            outputs,
            sites,
            ..
        } = self.layer;
        let channels = self.channels;
        let wanted = samples.track_op();
        for_element!(samples.dtype(), T => read::<T, _>(samples, |x| read::<T, _>(weight, |w| {
            read::<T, _>(grad, |g| self.with_coordinates(|coordinates: &[T]| {
                let lengths = [if wanted { channels * sites } else { 0 }, outputs * (inputs + 1)];
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
                let [weight, bias] = self.layer.split_parameters(&partial, weight, bias)?;
                let x_gradient = wanted.then(|| tensor(x_gradient, samples.shape())).transpose()?;
                Ok((x_gradient, Some(weight), Some(bias)))
            }))
        })))
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
