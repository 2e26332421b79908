//! Updates of variables in one pass over memory.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{Element, dispatch};
use crate::optim::{AdamConfig, SgdConfig};

/// Elements updated at a time.
const CHUNK: usize = 1 << 14;

/// One step of Adam or AdamW, its scalars computed in double precision as PyTorch does.
#[derive(Clone, Copy)]
pub(crate) struct AdamStep<T> {
    /// Factor of the old value: 1, or 1 - lr weight_decay.
    keep: T,
    /// Coefficient of the value in the gradient.
    penalty: T,
    beta2: T,
    /// 1 - beta1 and 1 - beta2.
    rest: [T; 2],
    /// -lr / (1 - beta1^t).
    step: T,
    /// sqrt(1 - beta2^t).
    correction: T,
    eps: T,
}

impl<T: Element> AdamStep<T> {
    pub(crate) fn new(config: &AdamConfig, decoupled: bool, updates: u64, rate: f64) -> Self {
        let (decay, times) = (config.weight_decay, updates as f64);
        let step = -rate / (1.0 - config.beta1.powf(times));
        let keep = if decoupled { 1.0 - rate * decay } else { 1.0 };
        Self {
            keep: T::from_f64(keep),
            penalty: T::from_f64(if decoupled { 0.0 } else { decay }),
            beta2: T::from_f64(config.beta2),
            rest: [
                T::from_f64(1.0 - config.beta1),
                T::from_f64(1.0 - config.beta2),
            ],
            step: T::from_f64(step),
            correction: T::from_f64((1.0 - config.beta2.powf(times)).sqrt()),
            eps: T::from_f64(config.eps),
        }
    }

    /// Updates the values and both moments, all of the gradient's length.
    pub(crate) fn apply(self, values: &mut [T], first: &mut [T], second: &mut [T], gradient: &[T]) {
        values
            .par_chunks_mut(CHUNK)
            .zip(first.par_chunks_mut(CHUNK))
            .zip(second.par_chunks_mut(CHUNK))
            .zip(gradient.par_chunks(CHUNK))
            .for_each(|(((values, first), second), gradient)| {
                dispatch(Adam {
                    step: self,
                    values,
                    first,
                    second,
                    gradient,
                });
            });
    }
}

struct Adam<'a, T> {
    step: AdamStep<T>,
    values: &'a mut [T],
    first: &'a mut [T],
    second: &'a mut [T],
    gradient: &'a [T],
}

impl<T: Element> WithSimd for Adam<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let AdamStep {
            keep,
            penalty,
            beta2,
            rest,
            step,
            correction,
            eps,
        } = self.step;
        let memory = self.first.iter_mut().zip(self.second.iter_mut());
        for ((value, (first, second)), gradient) in
            self.values.iter_mut().zip(memory).zip(self.gradient)
        {
            let gradient = *gradient + penalty * *value;
            *first += rest[0] * (gradient - *first);
            *second = beta2 * *second + rest[1] * gradient * gradient;
            let root = T::sqrt(*second) / correction + eps;
            *value = keep * *value + step * (*first / root);
        }
    }
}

/// One step of stochastic gradient descent.
#[derive(Clone, Copy)]
pub(crate) struct SgdStep<T> {
    rate: T,
    momentum: T,
    penalty: T,
    nesterov: bool,
}

impl<T: Element> SgdStep<T> {
    pub(crate) fn new(config: &SgdConfig, rate: f64) -> Self {
        Self {
            rate: T::from_f64(rate),
            momentum: T::from_f64(config.momentum),
            penalty: T::from_f64(config.weight_decay),
            nesterov: config.nesterov,
        }
    }

    /// Updates the values and the momentum, which is empty where there is none.
    pub(crate) fn apply(self, values: &mut [T], momentum: &mut [T], gradient: &[T]) {
        let chunks = values.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
        if momentum.is_empty() {
            chunks.for_each(|(values, gradient)| {
                dispatch(Sgd {
                    step: self,
                    values,
                    momentum: &mut [],
                    gradient,
                });
            });
        } else {
            chunks.zip(momentum.par_chunks_mut(CHUNK)).for_each(
                |((values, gradient), momentum)| {
                    dispatch(Sgd {
                        step: self,
                        values,
                        momentum,
                        gradient,
                    });
                },
            );
        }
    }
}

struct Sgd<'a, T> {
    step: SgdStep<T>,
    values: &'a mut [T],
    momentum: &'a mut [T],
    gradient: &'a [T],
}

impl<T: Element> WithSimd for Sgd<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let SgdStep {
            rate,
            momentum,
            penalty,
            nesterov,
        } = self.step;
        let pairs = self.values.iter_mut().zip(self.gradient);
        if self.momentum.is_empty() {
            for (value, gradient) in pairs {
                *value -= rate * (*gradient + penalty * *value);
            }
            return;
        }
        for ((value, gradient), memory) in pairs.zip(self.momentum) {
            let gradient = *gradient + penalty * *value;
            *memory = momentum * *memory + gradient;
            let change = if nesterov {
                gradient + momentum * *memory
            } else {
                *memory
            };
            *value -= rate * change;
        }
    }
}
