//! The expected elastic step: relaxation towards the partners' mean.

use candle::Tensor;
use kiti_kinetics::system::Deflection;

use super::Collided;
use super::distances::{centred, differentiable, distances, without_zeros};
use crate::kinetic::operation::Operation;

impl Operation {
    /// `v_i <- v_i + sum_j c p_ij (v_j - v_i)` with `c = alpha (1 - kappa) / (2 partners)`, kappa the
    /// share of the relative velocity that a collision keeps on average. Probabilities are
    /// differentiated.
    pub(super) fn mean_field(
        &self,
        deflection: Deflection,
        x: Tensor,
        v: &Tensor,
    ) -> candle::Result<Collided> {
        let (dims, n) = (self.layout.dims, self.layout.particles);
        let kept = match deflection {
            Deflection::Isotropic => 0.0,
            Deflection::Reflection => 1.0 - 2.0 / dims as f64,
            Deflection::Grazing { .. } if dims == 1 => 1.0,
            Deflection::Grazing { angle } => angle.cos(),
        };
        // With an odd number one particle stays alone.
        let partners = if n.is_multiple_of(2) { n - 1 } else { n };
        let rate = self.step.collision_coefficient * (1.0 - kept) / 2.0 / partners as f64;

        let speeds = differentiable(v, &distances(v)?)?;
        let flat = speeds.flatten_from(1)?;
        let largest = flat
            .gather(&flat.detach().argmax_keepdim(1)?, 1)?
            .unsqueeze(2)?;
        let (largest, _) = without_zeros(&largest)?;
        let separations = differentiable(&x, &distances(&x)?)?;
        let length = self.step.length_scale.unwrap_or((dims as f64).sqrt());
        let p = (speeds.broadcast_div(&largest)? * (separations.neg()? / length)?.exp()?)?;
        let relative = centred(v)?;
        let towards = (relative.matmul(&p)? - relative.broadcast_mul(&p.sum_keepdim(1)?)?)?;
        Ok(Collided {
            v: (v + (towards * rate)?)?,
            candidates: 0,
            accepted: Tensor::zeros((), x.dtype(), x.device())?,
            x,
        })
    }
}
