//! A whole layer of a Fourier neural operator as one operation:
//! `activation(residual(skip(x), spectral(x)))`, where the residual is an addition or a kinetic step.
//!
//! The sums are taken in the same order as by the separate operations, so both give the same bits.

use std::sync::OnceLock;

use candle::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, WithDType};

use super::parameters::{Parameters, token_gradient};
use super::spectral::Sizes;
use super::with_channels;
use crate::activation::Activation;
use crate::cpu::storage::{filled, for_element, read_all, slice, sum_rows, tensor};
use crate::cpu::{
    Element, Start, Strided, activation as kernels, add_in_place, inner_products, modes, multiply,
    product, row_sums, spectral, with_scratch,
};
use crate::kinetic::{Scalar, Within};
use crate::residual::Combination;
use crate::scaling::Factors;

const NAME: &str = "kiti-fourier-layer";

/// x `(batch, inputs, grid)`; one or two blocks of spectral weights; weight and bias of the skip connection.
pub(crate) fn fourier_layer(
    xs: &Tensor,
    spectral_weights: &[&Tensor],
    [weight, bias]: [&Tensor; 2],
    combination: Combination,
    activation: Option<Activation>,
) -> Result<Tensor> {
    let shape = match (spectral_weights, xs.dims()) {
        ([weight], &[_, _, points]) => {
            let modes = weight.dim(2)?;
            spectral::Shape::One { points, modes }
        }
        ([weight, _], &[_, _, n1, n2]) => {
            let modes = [weight.dim(2)?, weight.dim(3)?];
            let grid = [n1, n2];
            spectral::Shape::Two { grid, modes }
        }
        _ => {
            return Err(candle::Error::msg(
                "fourier layer: weights and grid don't match",
            ));
        }
    };
    let sizes = Sizes::new(xs, spectral_weights[0], shape, spectral_weights.len())?;
    let all: Vec<&Tensor> = [weight, bias]
        .into_iter()
        .chain(spectral_weights.iter().copied())
        .collect();
    let (parameters, token) = Parameters::new(&all)?;
    let op = FourierLayer {
        shape: with_channels(xs, sizes.outputs),
        sizes,
        combination,
        activation,
        keep: xs.track_op() || parameters.tracked(),
        parameters,
        kept: OnceLock::new(),
    };
    xs.contiguous()?.apply_op2(&token, op)
}

struct FourierLayer {
    sizes: Sizes,
    /// Of the output.
    shape: Vec<usize>,
    combination: Combination,
    activation: Option<Activation>,
    /// Weight and bias of the skip connection, then the blocks of spectral weights.
    parameters: Parameters,
    /// Whether a backward pass may follow.
    keep: bool,
    /// Spectra of the inputs, the activation's derivative at each element of the output, and the spectral branch where
    /// collisions need it.
    kept: OnceLock<[Tensor; 3]>,
}

/// A layer's parameters as slices: the spectral weights in planes.
struct Slices<'a, T> {
    weight: &'a [T],
    bias: &'a [T],
    planes: Vec<T>,
}

impl FourierLayer {
    fn with_parameters<T: Element, R>(
        &self,
        f: impl FnOnce(Slices<'_, T>) -> Result<R>,
    ) -> Result<R> {
        let get = |index| self.parameters.get(index);
        if self.sizes.blocks.blocks == 1 {
            read_all([get(0), get(1), get(2)], |[weight, bias, first]| {
                let planes = self.sizes.blocks.planes(&[first])?;
                f(Slices {
                    weight,
                    bias,
                    planes,
                })
            })
        } else {
            read_all(
                [get(0), get(1), get(2), get(3)],
                |[weight, bias, first, second]| {
                    let planes = self.sizes.blocks.planes(&[first, second])?;
                    f(Slices {
                        weight,
                        bias,
                        planes,
                    })
                },
            )
        }
    }

    fn factors(&self) -> Option<&Factors> {
        match &self.combination {
            Combination::Scaled(factors) => Some(factors),
            _ => None,
        }
    }

    fn kinetic(&self) -> Option<&Within> {
        match &self.combination {
            Combination::Addition | Combination::Scaled(_) => None,
            Combination::Kinetic(within) => Some(within),
        }
    }

    fn forward<T: Scalar>(&self, x: &[T], parameters: &Slices<'_, T>) -> Result<Vec<T>> {
        let Sizes {
            batch,
            inputs,
            outputs,
            sites,
            ..
        } = self.sizes;
        let (transform, spectrum) = (self.sizes.transform::<T>(), self.sizes.spectrum());
        let Slices {
            weight,
            bias,
            planes,
        } = parameters;
        let (kinetic, factors) = (self.kinetic(), self.factors());
        let step = kinetic.map(Within::by_sample::<T>).transpose()?;
        let collisions: Vec<OnceLock<_>> = (0..batch).map(|_| OnceLock::new()).collect();
        let kept_where = |wanted: bool| {
            if self.keep && wanted {
                outputs * sites
            } else {
                0
            }
        };
        let lengths = [
            outputs * sites,
            inputs * spectrum,
            kept_where(self.activation.is_some()),
            kept_where(kinetic.is_some_and(Within::reads_branch)),
        ];
        let scratch = [
            outputs * spectrum,
            outputs * sites - lengths[3],
            if kinetic.is_some() {
                outputs * sites
            } else {
                0
            },
        ];
        let [y, spectra, derivatives, branches] = filled(
            batch,
            lengths,
            |index, [y, spectra, derivatives, kept_branch]| {
                let x = &x[index * inputs * sites..][..inputs * sites];
                let size = [outputs, sites, inputs];
                let matrix = Strided::rows(weight, inputs);
                let skip_into = |out: &mut [T]| {
                    product(size, matrix, x, sites, out, sites, Start::Rows(bias));
                };
                transform.forward(x, spectra);
                with_scratch(scratch, |[products, branch, skip]| {
                    modes::multiply(self.sizes.channels(), spectra, planes, products);
                    let branch = if kept_branch.is_empty() {
                        branch.fill(T::default());
                        branch
                    } else {
                        kept_branch
                    };
                    transform.inverse(products, branch);
                    if let Some(factors) = factors {
                        factors.scale(index, index * outputs * sites, branch);
                    }
                    match &step {
                        None => {
                            skip_into(y);
                            add_in_place(y, branch);
                        }
                        Some(step) => {
                            skip_into(skip);
                            let _ = collisions[index].set(step.forward(index, skip, branch, y));
                        }
                    }
                });
                match self.activation {
                    Some(activation) if self.keep => {
                        kernels::forward_with_derivative(activation, y, derivatives);
                    }
                    Some(activation) => kernels::forward_in_place(activation, y),
                    None => {}
                }
            },
        );
        if let Some(kinetic) = kinetic {
            let collisions = collisions
                .into_iter()
                .filter_map(OnceLock::into_inner)
                .collect::<kiti_kinetics::Result<_>>()
                .map_err(|error| kinetic.error(error))?;
            kinetic.keep::<T>(collisions);
        }
        if self.keep {
            let kept = |values: Vec<T>| {
                let length = values.len();
                tensor(values, length)
            };
            let kept = [kept(spectra)?, kept(derivatives)?, kept(branches)?];
            self.kept.get_or_init(|| kept);
        }
        Ok(y)
    }

    /// Gradients of x (empty unless wanted), of the skip connection's weight and bias in one, and of
    /// the stored spectral weights, block after block.
    fn backward<T: Scalar>(
        &self,
        x: &[T],
        parameters: &Slices<'_, T>,
        [spectra, derivatives, branches, g]: [&[T]; 4],
        wanted: bool,
    ) -> Result<[Vec<T>; 3]> {
        let Sizes {
            batch,
            inputs,
            outputs,
            sites,
            ..
        } = self.sizes;
        let (transform, spectrum) = (self.sizes.transform::<T>(), self.sizes.spectrum());
        let lengths = [
            if wanted { inputs * sites } else { 0 },
            outputs * spectrum,
            outputs * (inputs + 1),
        ];
        let kinetic = match self.kinetic() {
            None => None,
            Some(within) => {
                let not_kept = candle::Error::BackwardNotSupported { op: NAME };
                Some((
                    within,
                    within.by_sample::<T>()?,
                    within.kept::<T>().ok_or(not_kept)?,
                ))
            }
        };
        let factors = self.factors();
        let merged = kinetic
            .as_ref()
            .is_some_and(|(within, ..)| !within.passes_gradient());
        let room = |needed: bool| if needed { outputs * sites } else { 0 };
        let scratch = [
            room(!derivatives.is_empty()),
            room(kinetic.is_some() || factors.is_some()),
            room(merged),
        ];
        let failure = OnceLock::new();
        let [x_gradient, gradients, partial] =
            filled(batch, lengths, |index, [x_gradient, gradients, partial]| {
                let x = &x[index * inputs * sites..][..inputs * sites];
                let range = index * outputs * sites..(index + 1) * outputs * sites;
                with_scratch(scratch, |[before, by_branch, by_skip]| {
                    let g = if derivatives.is_empty() {
                        &g[range.clone()]
                    } else {
                        multiply(&derivatives[range.clone()], &g[range.clone()], before);
                        before
                    };
                    let (by_skip, by_branch): (&[T], &[T]) = match (&kinetic, factors) {
                        (None, None) => (g, g),
                        (None, Some(factors)) => {
                            by_branch.copy_from_slice(g);
                            factors.scale(index, range.start, by_branch);
                            (g, by_branch)
                        }
                        (Some((_, step, collisions)), _) => {
                            let branch = branches.get(range);
                            let by_x = merged.then_some(&mut *by_skip);
                            let met = &collisions[index];
                            if let Err(error) = step.adjoint(index, branch, met, g, by_x, by_branch)
                            {
                                let _ = failure.set(error);
                            }
                            (if merged { by_skip } else { g }, by_branch)
                        }
                    };
                    transform.inverse_adjoint(by_branch, gradients);
                    let (weight, bias) = partial.split_at_mut(outputs * inputs);
                    let size = [outputs, inputs, sites];
                    inner_products(size, (by_skip, sites), (x, sites), weight, inputs);
                    row_sums(by_skip, sites, bias);
                    if wanted {
                        self.input_gradient(&transform, by_skip, gradients, parameters, x_gradient);
                    }
                });
            });
        if let (Some(error), Some((within, ..))) = (failure.into_inner(), &kinetic) {
            return Err(within.error(error));
        }
        let planes = self.sizes.weight_gradient(spectra, &gradients);
        let skip = sum_rows(&partial, outputs * (inputs + 1));
        Ok([x_gradient, skip, self.sizes.blocks.stored(&planes)])
    }

    fn input_gradient<T: Element>(
        &self,
        transform: &spectral::Transform<T>,
        g: &[T],
        gradients: &[T],
        parameters: &Slices<'_, T>,
        x_gradient: &mut [T],
    ) {
        let Sizes {
            inputs,
            outputs,
            sites,
            ..
        } = self.sizes;
        let skip = Strided::transposed(parameters.weight, inputs);
        product(
            [inputs, sites, outputs],
            skip,
            g,
            sites,
            x_gradient,
            sites,
            Start::Zero,
        );
        let lengths = [inputs * self.sizes.spectrum(), inputs * sites];
        with_scratch(lengths, |[products, branch]| {
            let channels = self.sizes.channels();
            modes::multiply_adjoint(channels, gradients, &parameters.planes, products);
            branch.fill(T::default());
            transform.forward_adjoint(products, branch);
            add_in_place(x_gradient, branch);
        });
    }
}

impl CustomOp2 for FourierLayer {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        for_element!(candle::backend::BackendStorage::dtype(s1), T => {
            let y = self.with_parameters(|parameters| {
                self.forward::<T>(slice(s1, l1)?, &parameters)
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
        let Some([spectra, derivatives, branches]) = self.kept.get() else {
            return Err(candle::Error::BackwardNotSupported { op: NAME });
        };
        let wanted = xs.track_op();
        for_element!(xs.dtype(), T => {
            let [x_gradient, mut weight, mut blocks] = self.with_parameters(|parameters| {
                read_all::<T, _, _>([xs, spectra, derivatives, branches, grad], |[x, kept @ ..]| {
                    self.backward(x, &parameters, kept, wanted)
                })
            })?;
            let get = |index| self.parameters.get(index).shape();
            let bias = weight.split_off(self.parameters.get(0).elem_count());
            let mut gradients = vec![tensor(weight, get(0))?, tensor(bias, get(1))?];
            if self.sizes.blocks.blocks > 1 {
                let second = blocks.split_off(self.sizes.blocks.block_length());
                gradients.extend([tensor(blocks, get(2))?, tensor(second, get(3))?]);
            } else {
                gradients.push(tensor(blocks, get(2))?);
            }
            self.parameters.give(gradients);
            let x_gradient = wanted.then(|| tensor(x_gradient, xs.shape())).transpose()?;
            Ok((x_gradient, Some(token_gradient(token)?)))
        })
    }
}
