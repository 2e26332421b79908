//! A spectral convolution as one operation.

use std::sync::{Arc, OnceLock};

use candle::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use super::with_channels;
use crate::backward::hand_over;
use crate::cpu::modes::{self, Channels};
use crate::cpu::spectral::{self, Transform};
use crate::cpu::storage::{filled, for_element, read, slice, tensor};
use crate::cpu::weights::Blocks;
use crate::cpu::{Element, with_scratch};

/// The one-dimensional layer: x `(batch, inputs, n)`, weight `(inputs, outputs, modes, 2)`.
pub(crate) fn spectral_1d(xs: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (_, _, points) = xs.dims3()?;
    let (_, _, modes, _) = weight.dims4()?;
    let shape = spectral::Shape::One { points, modes };
    let op = Spectral::new(xs, weight, shape, 1, xs.track_op() || weight.track_op())?;
    xs.contiguous()?.apply_op2(&weight.contiguous()?, op)
}

/// The two-dimensional layer: x `(batch, inputs, n1, n2)`, weights `(inputs, outputs, m1, m2, 2)`.
pub(crate) fn spectral_2d(xs: &Tensor, weights: [&Tensor; 2]) -> Result<Tensor> {
    let (_, _, n1, n2) = xs.dims4()?;
    let (_, _, m1, m2, _) = weights[0].dims5()?;
    let shape = spectral::Shape::Two {
        grid: [n1, n2],
        modes: [m1, m2],
    };
    let tracked = xs.track_op() || weights.iter().any(|weight| weight.track_op());
    let op = Spectral::new(xs, weights[0], shape, 2, tracked)?;
    xs.contiguous()?
        .apply_op3(&weights[0].contiguous()?, &weights[1].contiguous()?, op)
}

/// Sizes of a spectral convolution over a batch.
#[derive(Clone)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) sites: usize,
    pub(super) shape: spectral::Shape,
    pub(super) blocks: Blocks,
}

impl Sizes {
    pub(super) fn new(
        xs: &Tensor,
        weight: &Tensor,
        shape: spectral::Shape,
        blocks: usize,
    ) -> Result<Self> {
        let (inputs, outputs) = (weight.dim(0)?, weight.dim(1)?);
        let modes = weight.dims()[2..weight.rank() - 1].iter().product();
        Ok(Self {
            batch: xs.dim(0)?,
            inputs,
            outputs,
            sites: xs.dims()[2..].iter().product(),
            shape,
            blocks: Blocks {
                pairs: inputs * outputs,
                blocks,
                modes,
            },
        })
    }

    pub(super) fn transform<T: Element>(&self) -> Arc<Transform<T>> {
        Transform::cached(self.shape)
    }

    /// Numbers of one channel's spectrum.
    pub(super) fn spectrum(&self) -> usize {
        2 * self.blocks.stride()
    }

    pub(super) fn channels(&self) -> Channels {
        let stride = self.blocks.stride();
        Channels {
            inputs: self.inputs,
            outputs: self.outputs,
            stride,
        }
    }

    /// Planes `(inputs, outputs, 2, stride)` of the weights' gradient from the spectra of the inputs and of the outputs' gradients.
    pub(super) fn weight_gradient<T: Element>(&self, x: &[T], g: &[T]) -> Vec<T> {
        let Self {
            batch,
            inputs,
            outputs,
            ..
        } = *self;
        let (spectrum, stride) = (self.spectrum(), self.blocks.stride());
        let [planes] = filled(inputs, [outputs * spectrum], |input, [planes]| {
            let x = (&x[input * spectrum..], inputs * spectrum);
            let g = (g, outputs * spectrum);
            modes::weight_gradient([batch, outputs, stride], x, g, planes);
        });
        planes
    }
}

struct Spectral {
    sizes: Sizes,
    /// Of the output.
    shape: Vec<usize>,
    /// Whether a backward pass may follow.
    keep: bool,
    /// Spectra of the inputs, `(batch, inputs, 2, stride)`.
    spectra: OnceLock<Tensor>,
}

impl Spectral {
    fn new(
        xs: &Tensor,
        weight: &Tensor,
        shape: spectral::Shape,
        blocks: usize,
        keep: bool,
    ) -> Result<Self> {
        let sizes = Sizes::new(xs, weight, shape, blocks)?;
        let shape = with_channels(xs, sizes.outputs);
        Ok(Self {
            sizes,
            shape,
            keep,
            spectra: OnceLock::new(),
        })
    }

    fn forward<T: Element>(&self, x: &[T], weights: &[&[T]]) -> Result<(CpuStorage, Shape)> {
        let Sizes {
            batch,
            inputs,
            outputs,
            sites,
            ..
        } = self.sizes;
        let (transform, spectrum) = (self.sizes.transform::<T>(), self.sizes.spectrum());
        let weights = self.sizes.blocks.planes(weights)?;
        let lengths = [outputs * sites, inputs * spectrum];
        let [y, spectra] = filled(batch, lengths, |index, [y, spectra]| {
            transform.forward(&x[index * inputs * sites..][..inputs * sites], spectra);
            with_scratch([outputs * spectrum], |[products]| {
                modes::multiply(self.sizes.channels(), spectra, &weights, products);
                transform.inverse(products, y);
            });
        });
        if self.keep {
            let length = spectra.len();
            self.spectra.get_or_init(|| {
                tensor(spectra, length)
                    .unwrap_or_else(|_| unreachable!("the length is the vector's"))
            });
        }
        Ok((T::to_cpu_storage_owned(y), Shape::from(self.shape.clone())))
    }

    /// Gradients of x, if wanted, and of the stored weights, block after block.
    fn backward<T: Element>(
        &self,
        xs: &Tensor,
        weights: &[&[T]],
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Vec<T>)> {
        let Sizes {
            batch,
            inputs,
            outputs,
            sites,
            ..
        } = self.sizes;
        let (transform, spectrum) = (self.sizes.transform::<T>(), self.sizes.spectrum());
        let weights = self.sizes.blocks.planes(weights)?;
        let wanted = xs.track_op();
        let [x_gradient, gradients] = read::<T, _>(grad, |g| {
            let lengths = [if wanted { inputs * sites } else { 0 }, outputs * spectrum];
            Ok(filled(batch, lengths, |index, [x_gradient, gradients]| {
                let g = &g[index * outputs * sites..][..outputs * sites];
                transform.inverse_adjoint(g, gradients);
                if wanted {
                    with_scratch([inputs * spectrum], |[products]| {
                        let channels = self.sizes.channels();
                        modes::multiply_adjoint(channels, gradients, &weights, products);
                        transform.forward_adjoint(products, x_gradient);
                    });
                }
            }))
        })?;
        let Some(spectra) = self.spectra.get() else {
            return Err(candle::Error::BackwardNotSupported {
                op: "kiti-spectral",
            });
        };
        let planes = read::<T, _>(spectra, |spectra| {
            Ok(self.sizes.weight_gradient(spectra, &gradients))
        })?;
        let x_gradient = wanted.then(|| tensor(x_gradient, xs.shape())).transpose()?;
        Ok((x_gradient, self.sizes.blocks.stored(&planes)))
    }
}

impl CustomOp2 for Spectral {
    fn name(&self) -> &'static str {
        "kiti-spectral-1d"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        for_element!(candle::backend::BackendStorage::dtype(s1), T => {
            self.forward::<T>(slice(s1, l1)?, &[slice(s2, l2)?])
        })
    }

    fn bwd(
        &self,
        xs: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        for_element!(xs.dtype(), T => read::<T, _>(weight, |w| {
            let (x_gradient, weights) = self.backward::<T>(xs, &[w], grad)?;
            Ok((x_gradient, hand_over(weight, tensor(weights, weight.shape())?)?))
        }))
    }
}

impl CustomOp3 for Spectral {
    fn name(&self) -> &'static str {
        "kiti-spectral-2d"
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
            self.forward::<T>(slice(s1, l1)?, &[slice(s2, l2)?, slice(s3, l3)?])
        })
    }

    fn bwd(
        &self,
        xs: &Tensor,
        first: &Tensor,
        second: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        for_element!(xs.dtype(), T => read::<T, _>(first, |w0| read::<T, _>(second, |w1| {
            let (x_gradient, mut weights) = self.backward::<T>(xs, &[w0, w1], grad)?;
            let second_weights = weights.split_off(first.elem_count());
            Ok((
                x_gradient,
                hand_over(first, tensor(weights, first.shape())?)?,
                hand_over(second, tensor(second_weights, second.shape())?)?,
            ))
        })))
    }
}
