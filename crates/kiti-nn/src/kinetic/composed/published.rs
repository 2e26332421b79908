//! Published collisions as matrix products.

use candle::{DType, Tensor};
use kiti_kinetics::Real;
use kiti_kinetics::system::{Directions, Positions, StreamKey, draws};
use rayon::prelude::*;

use super::Collided;
use super::directed_sum::{self, DirectedSum};
use super::distances::{centred, differentiable, distances};
use crate::kinetic::operation::{GivenDraws, Operation, Source};

impl Operation {
    pub(super) fn published(
        &self,
        positions: Positions,
        directions: Directions,
        source: &Source,
        x: Tensor,
        v: &Tensor,
    ) -> candle::Result<Collided> {
        let n = self.layout.particles;
        let speeds = distances(v)?;
        let largest = speeds.flatten_from(1)?.max_keepdim(1)?.unsqueeze(2)?;
        let length = self.step.length_scale.unwrap_or(1.0);
        let nearness = (distances(&x)?.neg()? / length)?.exp()?;
        let p = (speeds.broadcast_div(&largest)? * nearness)?;
        let mask = p
            .gt(1.0 - self.step.collision_coefficient)?
            .to_dtype(v.dtype())?;
        let degree = mask.sum_keepdim(1)?;

        let relative = centred(v)?;
        let towards = (relative.broadcast_mul(&degree)? - relative.matmul(&mask)?)?;
        let weights = (&mask * differentiable(v, &speeds)?)?;
        let sum = DirectedSum {
            dims: self.layout.dims,
            directions: self.directions(directions, source, v)?,
        };
        let pushes = sum.apply(&weights)?.transpose(1, 2)?.contiguous()?;
        let v = ((v + (towards * 0.5)?)? + pushes)?;
        let x = match positions {
            Positions::Free => x,
            Positions::Merged => {
                let midpoints = (x.matmul(&mask)? + x.broadcast_mul(&degree)?)?;
                (x + (midpoints * 0.5)?)?.broadcast_div(&(degree + 1.0)?)?
            }
        };
        Ok(Collided {
            x,
            v,
            candidates: self.layout.samples * (n * (n - 1) / 2),
            accepted: (mask.sum_all()? * 0.5)?,
        })
    }

    fn directions(
        &self,
        directions: Directions,
        source: &Source,
        like: &Tensor,
    ) -> candle::Result<directed_sum::Directions> {
        Ok(match (source, directions) {
            (Source::Given(GivenDraws::Directions(directions)), _) => {
                directed_sum::Directions::Given(directions.clone())
            }
            (Source::Keyed(key), Directions::Exact) => directed_sum::Directions::Exact(*key),
            (Source::Keyed(key), Directions::Pool { size }) if like.dtype() == DType::F64 => {
                self.pool::<f64>(*key, size, like)?
            }
            (Source::Keyed(key), Directions::Pool { size }) => {
                self.pool::<f32>(*key, size, like)?
            }
            (Source::Given(GivenDraws::Pairs { .. }) | Source::MeanField, _) => {
                return Err(self.wrong_draws());
            }
        })
    }

    fn pool<T: Real + candle::WithDType>(
        &self,
        key: StreamKey,
        size: usize,
        like: &Tensor,
    ) -> candle::Result<directed_sum::Directions> {
        let (samples, n) = (self.layout.samples, self.layout.particles);
        let device = like.device();
        let vectors = draws::pool_directions::<T>(key, size, self.layout.dims);
        let mut index = vec![0u32; samples * n * n];
        let mut sign = vec![T::ZERO; samples * n * n];
        let matrices = index.par_chunks_mut(n * n).zip(sign.par_chunks_mut(n * n));
        matrices.enumerate().for_each(|(sample, (index, sign))| {
            for i in 0..n {
                for j in i + 1..n {
                    let (vector, i_on_j) = draws::pool_choice(key, sample, i, j, size);
                    let i_on_j = <T as Real>::from_f64(i_on_j.into());
                    (index[j * n + i], sign[j * n + i]) = (vector as u32, i_on_j);
                    (index[i * n + j], sign[i * n + j]) = (vector as u32, -i_on_j);
                }
            }
        });
        Ok(directed_sum::Directions::Pool {
            vectors: Tensor::from_vec(vectors, (size, self.layout.dims), device)?,
            index: Tensor::from_vec(index, (samples, n, n), device)?,
            sign: Tensor::from_vec(sign, (samples, n, n), device)?,
        })
    }
}
