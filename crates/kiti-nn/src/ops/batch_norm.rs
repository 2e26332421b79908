//! Batch normalisation as one operation.

use std::sync::{Arc, OnceLock};

use candle::{Result, Shape, Tensor};
use rayon::prelude::*;

use super::batch_channels_sites;
use super::operation::{Backward, Operation, apply3};
use crate::cpu::Element;
use crate::cpu::batch_norm::{self as kernels, Moments};
use crate::cpu::storage::scattered;

/// Mean and variance (divided by the number of values) of each channel.
pub(crate) type Statistics = Vec<[f64; 2]>;

/// Normalises the channels of `xs` `(batch, channels, ..)`, then scales and shifts them by `scale` and `shift`
/// `(channels)`. With given statistics they are constants; without, those of the batch are taken, and returned.
pub(crate) fn batch_norm(
    xs: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
    eps: f64,
    given: Option<Statistics>,
) -> Result<(Tensor, Statistics)> {
    let op = BatchNorm(Channels::new(batch_channels_sites(xs)?, eps, given, false));
    let statistics = op.0.statistics.clone();
    let ys = apply3(op, [xs, scale, shift])?;
    Ok((ys, statistics.get().cloned().unwrap_or_default()))
}

/// Normalises channels, with a ReLU behind it if `activated`: `max(x factor + summand, 0)`.
pub(super) struct Channels {
    batch: usize,
    channels: usize,
    sites: usize,
    eps: f64,
    /// Whether the statistics are constants.
    constant: bool,
    activated: bool,
    pub(super) statistics: Arc<OnceLock<Statistics>>,
}

/// Gradients of the values, unless they are not wanted, of the scales and of the shifts.
pub(super) type Gradients<T> = (Option<Vec<T>>, [Vec<T>; 2]);

impl Channels {
    pub(super) fn new(
        [batch, channels, sites]: [usize; 3],
        eps: f64,
        given: Option<Statistics>,
        activated: bool,
    ) -> Self {
        Self {
            batch,
            channels,
            sites,
            eps,
            constant: given.is_some(),
            activated,
            statistics: Arc::new(given.map_or_else(OnceLock::new, OnceLock::from)),
        }
    }

    /// The rows of a channel: one in each sample.
    fn rows(&self, channel: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        let (channels, sites) = (self.channels, self.sites);
        (0..self.batch).map(move |sample| {
            let first = (sample * channels + channel) * sites;
            first..first + sites
        })
    }

    fn length(&self) -> usize {
        self.batch * self.channels * self.sites
    }

    fn channel_statistics<T: Element>(&self, x: &[T]) -> Statistics {
        let channels = (0..self.channels).into_par_iter().map(|channel| {
            let mut moments = Moments::default();
            self.rows(channel).for_each(|row| moments.add(&x[row]));
            [moments.mean, moments.variance()]
        });
        channels.collect()
    }

    fn inverse_deviation(&self, variance: f64) -> f64 {
        1.0 / (variance + self.eps).sqrt()
    }

    /// What a channel's values are multiplied by, and what is added.
    fn affine<T: Element>(&self, [mean, variance]: [f64; 2], [scale, shift]: [T; 2]) -> [f64; 2] {
        let factor = scale.to_f64() * self.inverse_deviation(variance);
        [factor, shift.to_f64() - mean * factor]
    }

    pub(super) fn forward<T: Element>(&self, [x, scale, shift]: [&[T]; 3]) -> Vec<T> {
        let statistics = self.statistics.get_or_init(|| self.channel_statistics(x));
        // SAFETY: each channel takes its rows once.
        unsafe {
            scattered(self.length(), |y| {
                (0..self.channels).into_par_iter().for_each(|channel| {
                    let affine = [scale[channel], shift[channel]];
                    let affine = self.affine(statistics[channel], affine);
                    for row in self.rows(channel) {
                        let (x, y) = (&x[row.clone()], y.zeroed(row));
                        kernels::affine(x, affine, self.activated, y);
                    }
                });
            })
        }
    }

    /// With n values a channel, `x' = (x - mean) inverse` and sums over the channel:
    /// `(g - sum(g) / n - x' sum(g x') / n) scale inverse`, or `g scale inverse` where the statistics are constants. With
    /// a ReLU, g is 0 where that has cut values off.
    pub(super) fn backward<T: Element>(
        &self,
        [x, scales, shifts]: [&[T]; 3],
        g: &[T],
        wanted: bool,
    ) -> Result<Gradients<T>> {
        let Some(statistics) = self.statistics.get() else {
            return Err(candle::Error::BackwardNotSupported {
                op: BatchNorm::NAME,
            });
        };
        let count = (self.batch * self.sites) as f64;
        let mut sums = Vec::new();
        let length = if wanted { self.length() } else { 0 };
        // SAFETY: each channel takes its rows once.
        let x_gradient = unsafe {
            scattered(length, |x_gradient| {
                let channels = (0..self.channels).into_par_iter().map(|channel| {
                    let [mean, variance] = statistics[channel];
                    let inverse = self.inverse_deviation(variance);
                    let affine = [scales[channel], shifts[channel]];
                    let affine = self.affine(statistics[channel], affine);
                    let cut = self.activated.then_some(affine);
                    let (mut plain, mut weighted) = (0.0, 0.0);
                    for row in self.rows(channel) {
                        let (x, g) = (&x[row.clone()], &g[row]);
                        let [a, b] = kernels::gradient_sums(x, g, mean, cut);
                        plain += a;
                        weighted += b * inverse;
                    }
                    let factor = scales[channel].to_f64() * inverse;
                    let coefficients = if self.constant {
                        [factor, 0.0, 0.0]
                    } else {
                        let slope = -factor * weighted / count * inverse;
                        [factor, slope, -factor * plain / count - slope * mean]
                    };
                    if wanted {
                        for row in self.rows(channel) {
                            let (x, g) = (&x[row.clone()], &g[row.clone()]);
                            kernels::combine(x, g, coefficients, cut, x_gradient.zeroed(row));
                        }
                    }
                    [weighted, plain]
                });
                sums = channels.collect::<Vec<_>>();
            })
        };
        let part = |index: usize| sums.iter().map(|sums| T::from_f64(sums[index])).collect();
        Ok((wanted.then_some(x_gradient), [part(0), part(1)]))
    }
}

struct BatchNorm(Channels);

impl Operation<3> for BatchNorm {
    const NAME: &'static str = "kiti-batch-norm";

    fn shape(&self, [xs, ..]: [&Shape; 3]) -> Shape {
        xs.clone()
    }

    fn forward<T: Element>(&self, inputs: [&[T]; 3]) -> Result<Vec<T>> {
        Ok(self.0.forward(inputs))
    }

    fn backward<T: Element>(&self, pass: Backward<'_, T, 3>) -> Result<[Option<Vec<T>>; 3]> {
        let (x, [scale, shift]) = self
            .0
            .backward(pass.inputs, pass.gradient, pass.wanted[0])?;
        Ok([x, Some(scale), Some(shift)])
    }
}
