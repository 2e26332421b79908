//! The kinetic step as a composition of candle's tensor operations, for devices that have no fused
//! one. It follows the same draws, which come from the host, and candle's autograd differentiates it.
//!
//! Temporary memory is `O(B n^2 + B n D)`; differences of all pairs, `(D, n, n)` a sample, exist for a
//! few samples at a time.

mod directed_sum;
mod distances;
mod elastic;
mod mean_field;
mod published;

use candle::{DType, Device, Tensor};
use kiti_kinetics::system::{Diagnostics, Scattering};

use super::operation::{Operation, Source};

/// State after the collisions, and who collided.
struct Collided {
    x: Tensor,
    v: Tensor,
    /// Pairs that could have collided and those that did (a sum that stays on the device).
    candidates: usize,
    accepted: Tensor,
}

impl Operation {
    /// What [`Operation::apply`] computes, on any device.
    pub fn compose(&self, x: &Tensor, a: &Tensor, v: Option<&Tensor>) -> candle::Result<Tensor> {
        let particles = (self.layout.samples, self.layout.dims, self.layout.particles);
        let dt = self.step.dt;
        let positions = x.reshape(particles)?.contiguous()?;
        let kick = (a.reshape(particles)?.contiguous()? * dt)?;
        let kicked = match v {
            Some(v) => (v.reshape(particles)? + kick)?,
            None => kick,
        };
        let collided = if self.layout.is_empty() || self.layout.particles < 2 {
            Collided {
                x: positions,
                v: kicked.clone(),
                candidates: 0,
                accepted: Tensor::zeros((), x.dtype(), x.device())?,
            }
        } else {
            match (&self.source, &self.step.scattering) {
                (Source::MeanField, Scattering::Elastic { deflection }) => {
                    self.mean_field(*deflection, positions, &kicked)?
                }
                (source, Scattering::Elastic { deflection }) => {
                    self.elastic(*deflection, source, positions, &kicked)?
                }
                (
                    source,
                    Scattering::Published {
                        positions: rule,
                        directions,
                    },
                ) => self.published(*rule, *directions, source, positions, &kicked)?,
            }
        };
        self.record(&kicked, &collided)?;
        let x_out = (&collided.x + (&collided.v * dt)?)?.reshape(x.shape())?;
        if self.packed {
            Tensor::stack(&[x_out, collided.v.reshape(x.shape())?], 0)
        } else {
            Ok(x_out)
        }
    }

    /// Records what the collisions did, where somebody listens: it costs a synchronisation.
    fn record(&self, kicked: &Tensor, collided: &Collided) -> candle::Result<()> {
        let Some(layers) = self
            .diagnostics
            .as_ref()
            .filter(|_| !self.source.is_mean_field())
        else {
            return Ok(());
        };
        let scalar = |tensor: &Tensor| {
            let tensor = tensor.to_device(&Device::Cpu)?;
            tensor.to_dtype(DType::F64)?.to_scalar::<f64>()
        };
        let (before, after) = (kicked.detach(), collided.v.detach());
        let norms = |tensor: Tensor, dim: usize| tensor.sqr()?.sum(dim)?.sqrt();
        let drift = norms((&after - &before)?.sum(2)?, 1)?;
        let speeds = norms(before.clone(), 1)?.sum(1)?;
        let zero = speeds.eq(0.0)?.to_dtype(speeds.dtype())?;
        let momentum = if self.layout.is_empty() {
            0.0
        } else {
            scalar(&(drift / (speeds + zero)?)?.max(0)?)?
        };
        layers.record(
            self.layer,
            &Diagnostics {
                candidates: collided.candidates as u64,
                accepted: scalar(&collided.accepted)?.round() as u64,
                energy_before: scalar(&before.sqr()?.sum_all()?)?,
                energy_after: scalar(&after.sqr()?.sum_all()?)?,
                momentum_error: momentum,
            },
        );
        Ok(())
    }
}
