//! Two pointwise convolutions with an activation between them as one operation.

use candle::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, WithDType};

use super::parameters::{Parameters, token_gradient};
use super::{batch_channels_sites, with_channels};
use crate::activation::Activation;
use crate::cpu::storage::{filled, for_element, read_all, slice, sum_rows, tensor};
use crate::cpu::{
    Element, Start, Strided, activation as kernels, inner_products, product, row_sums, with_scratch,
};

/// Sites handled at a time: few enough that their hidden channels stay in the second-level cache.
const SITES: usize = 512;

/// `second(activation(first(x)))` at each site, each layer given as `[weight, bias]`.
pub(crate) fn pointwise_head(
    xs: &Tensor,
    first: [&Tensor; 2],
    activation: Activation,
    second: [&Tensor; 2],
) -> Result<Tensor> {
    let [batch, inputs, sites] = batch_channels_sites(xs)?;
    let (hidden, outputs) = (first[1].elem_count(), second[1].elem_count());
    let shape = with_channels(xs, outputs);
    let (parameters, token) = Parameters::new(&[first[0], first[1], second[0], second[1]])?;
    let op = Head {
        batch,
        inputs,
        hidden,
        outputs,
        sites,
        activation,
        shape,
        parameters,
    };
    xs.contiguous()?.apply_op2(&token, op)
}

struct Head {
    batch: usize,
    inputs: usize,
    hidden: usize,
    outputs: usize,
    sites: usize,
    activation: Activation,
    /// Of the output.
    shape: Vec<usize>,
    /// Weight and bias of the first layer, then of the second.
    parameters: Parameters,
}

/// Weight and bias of one of the two layers.
type Layer<'a, T> = [&'a [T]; 2];

impl Head {
    fn all(&self) -> [&Tensor; 4] {
        std::array::from_fn(|index| self.parameters.get(index))
    }

    fn tiles(&self) -> impl Iterator<Item = (usize, usize)> {
        let sites = self.sites;
        (0..sites)
            .step_by(SITES)
            .map(move |start| (start, (sites - start).min(SITES)))
    }

    /// Hidden channels before the activation, `(hidden, width)`, of the sites from `start` on.
    fn hidden_tile<T: Element>(
        &self,
        x: &[T],
        [weight, bias]: Layer<'_, T>,
        (start, width): (usize, usize),
        hidden: &mut [T],
    ) {
        let weight = Strided::rows(weight, self.inputs);
        let size = [self.hidden, width, self.inputs];
        product(
            size,
            weight,
            &x[start..],
            self.sites,
            hidden,
            width,
            Start::Rows(bias),
        );
    }

    fn forward_sample<T: Element>(
        &self,
        x: &[T],
        first: Layer<'_, T>,
        [weight, bias]: Layer<'_, T>,
        y: &mut [T],
    ) {
        with_scratch([self.hidden * SITES.min(self.sites)], |[hidden]| {
            for (start, width) in self.tiles() {
                let hidden = &mut hidden[..self.hidden * width];
                self.hidden_tile(x, first, (start, width), hidden);
                kernels::forward_in_place(self.activation, hidden);
                let weight = Strided::rows(weight, self.hidden);
                let size = [self.outputs, width, self.hidden];
                let y = &mut y[start..];
                product(
                    size,
                    weight,
                    hidden,
                    width,
                    y,
                    self.sites,
                    Start::Rows(bias),
                );
            }
        });
    }

    /// Writes the gradient of x unless `x_gradient` is empty, and adds the parameters' to `gradients`: weight and bias of the
    /// first layer, then of the second.
    fn backward_sample<T: Element>(
        &self,
        [x, g]: [&[T]; 2],
        first: Layer<'_, T>,
        second: &[T],
        x_gradient: &mut [T],
        gradients: &mut [T],
    ) {
        let Self {
            inputs,
            hidden,
            outputs,
            sites,
            ..
        } = *self;
        let tile = hidden * SITES.min(sites);
        with_scratch([tile, tile], |[values, upstream]| {
            let (first_gradient, second_gradient) = gradients.split_at_mut(hidden * (inputs + 1));
            let (weight1, bias1) = first_gradient.split_at_mut(hidden * inputs);
            let (weight2, bias2) = second_gradient.split_at_mut(outputs * hidden);
            row_sums(g, sites, bias2);
            for (start, width) in self.tiles() {
                let length = hidden * width;
                let (values, upstream) = (&mut values[..length], &mut upstream[..length]);
                self.hidden_tile(x, first, (start, width), values);
                let weight = Strided::transposed(second, hidden);
                let size = [hidden, width, outputs];
                product(
                    size,
                    weight,
                    &g[start..],
                    sites,
                    upstream,
                    width,
                    Start::Zero,
                );
                kernels::forward_and_backward(self.activation, values, upstream);
                let size = [outputs, hidden, width];
                inner_products(size, (&g[start..], sites), (values, width), weight2, hidden);
                let size = [hidden, inputs, width];
                inner_products(
                    size,
                    (upstream, width),
                    (&x[start..], sites),
                    weight1,
                    inputs,
                );
                row_sums(upstream, width, bias1);
                if !x_gradient.is_empty() {
                    let weight = Strided::transposed(first[0], inputs);
                    let size = [inputs, width, hidden];
                    let x_gradient = &mut x_gradient[start..];
                    product(
                        size,
                        weight,
                        upstream,
                        width,
                        x_gradient,
                        sites,
                        Start::Zero,
                    );
                }
            }
        });
    }
}

impl CustomOp2 for Head {
    fn name(&self) -> &'static str {
        "kiti-pointwise-head"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        for_element!(candle::backend::BackendStorage::dtype(s1), T => {
            let x: &[T] = slice(s1, l1)?;
            let sample = self.inputs * self.sites;
            let y = read_all(self.all(), |[w1, b1, w2, b2]| {
                let [y] = filled(self.batch, [self.outputs * self.sites], |index, [y]| {
                    self.forward_sample(&x[index * sample..][..sample], [w1, b1], [w2, b2], y);
                });
                Ok(y)
            })?;
            Ok((T::to_cpu_storage_owned(y), Shape::from(self.shape.clone())))
        })
    }

    fn bwd(
        &self,
        xs: &Tensor,
        token: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Self {
            batch,
            inputs,
            outputs,
            sites,
            ..
        } = *self;
        let wanted = xs.track_op();
        let [w1, b1, w2, b2] = self.all();
        let count: usize = self
            .all()
            .iter()
            .map(|parameter| parameter.elem_count())
            .sum();
        let lengths = [if wanted { inputs * sites } else { 0 }, count];
        for_element!(xs.dtype(), T => {
            let [x_gradient, partial] =
                read_all::<T, _, _>([xs, grad, w1, b1, w2], |[x, g, w1, b1, w2]| {
                    Ok(filled(batch, lengths, |index, [x_gradient, partial]| {
                        let x = &x[index * inputs * sites..][..inputs * sites];
                        let g = &g[index * outputs * sites..][..outputs * sites];
                        self.backward_sample([x, g], [w1, b1], w2, x_gradient, partial);
                    }))
                })?;
            let mut rest = sum_rows(&partial, count);
            let mut gradients = Vec::with_capacity(4);
            for parameter in [w1, b1, w2, b2] {
                let tail = rest.split_off(parameter.elem_count());
                gradients.push(tensor(rest, parameter.shape())?);
                rest = tail;
            }
            self.parameters.give(gradients);
            let x_gradient = wanted.then(|| tensor(x_gradient, xs.shape())).transpose()?;
            Ok((x_gradient, Some(token_gradient(token)?)))
        })
    }
}
