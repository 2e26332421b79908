//! Batch normalisation as one operation.

use std::sync::{Arc, OnceLock};

use candle::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, WithDType};
use rayon::prelude::*;

use super::batch_channels_sites;
use crate::cpu::Element;
use crate::cpu::batch_norm::{self as kernels, Moments};
use crate::cpu::storage::{for_element, read_all, scattered, slice, tensor};

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
    let [batch, channels, sites] = batch_channels_sites(xs)?;
    let constant = given.is_some();
    let statistics = Arc::new(OnceLock::new());
    if let Some(given) = given {
        let _ = statistics.set(given);
    }
    let op = BatchNorm {
        batch,
        channels,
        sites,
        eps,
        constant,
        statistics: statistics.clone(),
    };
    let xs = xs.contiguous()?;
    let ys = xs.apply_op3(&scale.contiguous()?, &shift.contiguous()?, op)?;
    Ok((ys, statistics.get().cloned().unwrap_or_default()))
}

struct BatchNorm {
    batch: usize,
    channels: usize,
    sites: usize,
    eps: f64,
    /// Whether the statistics are constants.
    constant: bool,
    statistics: Arc<OnceLock<Statistics>>,
}

impl BatchNorm {
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
}

impl CustomOp3 for BatchNorm {
    fn name(&self) -> &'static str {
        "kiti-batch-norm"
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
            let (x, scale, shift): (&[T], &[T], &[T]) = (slice(s1, l1)?, slice(s2, l2)?, slice(s3, l3)?);
            let statistics = self.statistics.get_or_init(|| self.channel_statistics(x));
            // SAFETY: each channel takes its rows once.
            let y = unsafe {
                scattered(self.length(), |y| {
                    (0..self.channels).into_par_iter().for_each(|channel| {
                        let [mean, variance] = statistics[channel];
                        let factor = scale[channel].to_f64() * self.inverse_deviation(variance);
                        let summand = shift[channel].to_f64() - mean * factor;
                        for row in self.rows(channel) {
                            kernels::affine(&x[row.clone()], [factor, summand], y.zeroed(row));
                        }
                    });
                })
            };
            Ok((T::to_cpu_storage_owned(y), l1.shape().clone()))
        })
    }

    /// With n values a channel, `x' = (x - mean) inverse` and sums over the channel:
    /// `(g - sum(g) / n - x' sum(g x') / n) scale inverse`, or `g scale inverse` where the statistics are constants.
    fn bwd(
        &self,
        xs: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(statistics) = self.statistics.get() else {
            return Err(candle::Error::BackwardNotSupported {
                op: "kiti-batch-norm",
            });
        };
        let wanted = xs.track_op();
        let count = (self.batch * self.sites) as f64;
        for_element!(xs.dtype(), T => read_all::<T, _, 3>([xs, scale, grad], |[x, scales, g]| {
            let mut sums = Vec::new();
            let length = if wanted { self.length() } else { 0 };
            // SAFETY: each channel takes its rows once.
            let x_gradient = unsafe {
                scattered(length, |x_gradient| {
                    let channels = (0..self.channels).into_par_iter().map(|channel| {
                        let [mean, variance] = statistics[channel];
                        let inverse = self.inverse_deviation(variance);
                        let (mut plain, mut weighted) = (0.0, 0.0);
                        for row in self.rows(channel) {
                            let [a, b] = kernels::gradient_sums(&x[row.clone()], &g[row], mean);
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
                                kernels::combine(x, g, coefficients, x_gradient.zeroed(row));
                            }
                        }
                        [weighted, plain]
                    });
                    sums = channels.collect::<Vec<_>>();
                })
            };
            let part = |index: usize| sums.iter().map(|sums| T::from_f64(sums[index])).collect();
            Ok((
                wanted.then(|| tensor(x_gradient, xs.shape())).transpose()?,
                Some(tensor::<T>(part(0), scale.shape())?),
                Some(tensor::<T>(part(1), shift.shape())?),
            ))
        }))
    }
}
