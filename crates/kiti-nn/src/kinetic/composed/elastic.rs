//! Elastic collisions of disjoint pairs, gathered and written back.

use candle::{DType, Device, Tensor};
use kiti_kinetics::Real;
use kiti_kinetics::system::{Deflection, StreamKey, draws};
use rayon::prelude::*;

use super::Collided;
use super::distances::{with_values, without_zeros};
use crate::kinetic::operation::{GivenDraws, Operation, Source};

/// Smallest `sin^2` of the angle between `g` and the drawn vector at which grazing has a plane.
const PLANE: f64 = 1e-12;

/// The pairs of a step, `h` a sample (some of them no pair at all).
struct Candidates {
    /// `(B, D, h)`: first and second particle.
    first: Tensor,
    second: Tensor,
    /// `(B, D, n)`: for each particle its place in first, second (+ h), or 2 h if it is in neither.
    place: Tensor,
    /// `(B, D, h)` unit vectors.
    directions: Tensor,
    /// `(B, 1, h)`: given pairs 1 and filling 0, or the numbers that probabilities must exceed.
    chance: Chance,
}

enum Chance {
    Given(Tensor),
    Uniform(Tensor),
}

impl Operation {
    pub(super) fn elastic(
        &self,
        deflection: Deflection,
        source: &Source,
        x: Tensor,
        v: &Tensor,
    ) -> candle::Result<Collided> {
        let candidates = self.candidates(source, v)?;
        let Candidates {
            first,
            second,
            place,
            directions,
            chance,
        } = candidates;
        let difference = |points: &Tensor| points.gather(&first, 2)? - points.gather(&second, 2)?;
        let g = difference(v)?;
        let squares = g.sqr()?.sum_keepdim(1)?;
        let speeds = squares.detach().sqrt()?;
        let accepted = match chance {
            Chance::Given(accepted) => accepted,
            Chance::Uniform(uniform) => {
                let length = self
                    .step
                    .length_scale
                    .unwrap_or((self.layout.dims as f64).sqrt());
                let distances = difference(&x.detach())?.sqr()?.sum_keepdim(1)?.sqrt()?;
                let nearness = (distances.neg()? / length)?.exp()?;
                let p = (speeds.broadcast_div(&speeds.max_keepdim(2)?)? * nearness)?;
                (p * self.step.collision_coefficient)?
                    .gt(&uniform)?
                    .to_dtype(v.dtype())?
            }
        };
        let speed = with_values(&squares, &speeds)?;
        let turned = deflect(deflection, &g, &speed, &directions)?;
        let change = ((turned - g)? * 0.5)?.broadcast_mul(&accepted)?;
        let (samples, dims, _) = v.dims3()?;
        let rest = Tensor::zeros((samples, dims, 1), v.dtype(), v.device())?;
        let changes = Tensor::cat(&[&change, &change.neg()?, &rest], 2)?;
        Ok(Collided {
            x,
            v: (v + changes.gather(&place, 2)?)?,
            candidates: samples * (self.layout.particles / 2),
            accepted: accepted.sum_all()?,
        })
    }

    fn candidates(&self, source: &Source, like: &Tensor) -> candle::Result<Candidates> {
        let samples = self.layout.samples;
        let mut pairs = vec![Vec::new(); samples];
        match source {
            Source::Keyed(key) => {
                pairs
                    .par_iter_mut()
                    .enumerate()
                    .for_each(|(sample, pairs)| {
                        *pairs = draws::matching(*key, sample, self.layout.particles);
                    });
                let h = self.layout.particles / 2;
                let uniforms: Vec<f64> = (0..samples * h)
                    .map(|at| draws::acceptance_uniform(*key, at / h, at % h))
                    .collect();
                let uniforms = on_device(uniforms, (samples, 1, h), like)?;
                let directions = if like.dtype() == DType::F64 {
                    self.drawn::<f64>(*key, h, like)?
                } else {
                    self.drawn::<f32>(*key, h, like)?
                };
                let chance = Chance::Uniform(uniforms);
                self.arrange(&pairs, h, directions, chance, like)
            }
            Source::Given(GivenDraws::Pairs {
                pairs: given,
                directions,
            }) => {
                let mut rows = vec![Vec::new(); samples];
                let n = self.layout.particles;
                let mut taken = vec![false; samples * n];
                for (row, pair) in given.iter().enumerate() {
                    for particle in [pair.first, pair.second] {
                        let place =
                            taken.get_mut(pair.sample.saturating_mul(n).saturating_add(particle));
                        match place {
                            Some(taken) if particle < n && !*taken => *taken = true,
                            _ => return Err(self.wrong_draws()),
                        }
                    }
                    pairs[pair.sample].push((pair.first, pair.second));
                    rows[pair.sample].push(row as u32);
                }
                let h = pairs.iter().map(Vec::len).max().unwrap_or(0).max(1);
                let mut accepted = Vec::with_capacity(samples * h);
                let mut vectors = Vec::with_capacity(samples * h);
                for rows in &rows {
                    accepted.extend((0..h).map(|at| f64::from(at < rows.len())));
                    vectors.extend((0..h).map(|at| rows.get(at).map_or(0, |row| row + 1)));
                }
                let device = like.device();
                let accepted = on_device(accepted, (samples, 1, h), like)?;
                let vectors = Tensor::from_vec(vectors, samples * h, device)?;
                let none = Tensor::zeros((1, self.layout.dims), like.dtype(), device)?;
                let directions = Tensor::cat(&[&none, directions], 0)?
                    .index_select(&vectors, 0)?
                    .reshape((samples, h, self.layout.dims))?
                    .transpose(1, 2)?
                    .contiguous()?;
                let chance = Chance::Given(accepted);
                self.arrange(&pairs, h, directions, chance, like)
            }
            _ => Err(self.wrong_draws()),
        }
    }

    /// Index tensors of up to `h` disjoint pairs a sample.
    fn arrange(
        &self,
        pairs: &[Vec<(usize, usize)>],
        h: usize,
        directions: Tensor,
        chance: Chance,
        like: &Tensor,
    ) -> candle::Result<Candidates> {
        let (samples, n) = (self.layout.samples, self.layout.particles);
        let mut first = vec![0u32; samples * h];
        let mut second = vec![0u32; samples * h];
        let mut place = vec![2 * h as u32; samples * n];
        for (sample, pairs) in pairs.iter().enumerate() {
            for (at, &(i, j)) in pairs.iter().enumerate() {
                (first[sample * h + at], second[sample * h + at]) = (i as u32, j as u32);
                place[sample * n + i] = at as u32;
                place[sample * n + j] = (h + at) as u32;
            }
        }
        let index = |values: Vec<u32>, count: usize| {
            Tensor::from_vec(values, (samples, 1, count), like.device())?
                .broadcast_as((samples, self.layout.dims, count))?
                .contiguous()
        };
        Ok(Candidates {
            first: index(first, h)?,
            second: index(second, h)?,
            place: index(place, n)?,
            directions,
            chance,
        })
    }

    fn drawn<T: Real + candle::WithDType>(
        &self,
        key: StreamKey,
        h: usize,
        like: &Tensor,
    ) -> candle::Result<Tensor> {
        let (samples, dims) = (self.layout.samples, self.layout.dims);
        let mut vectors = vec![T::ZERO; samples * h * dims];
        vectors
            .par_chunks_mut(dims)
            .enumerate()
            .for_each(|(at, vector)| {
                draws::direction(key, at / h, at % h, dims, vector);
            });
        Tensor::from_vec(vectors, (samples, h, dims), like.device())?
            .transpose(1, 2)?
            .contiguous()
    }
}

/// Values with the type of `like`, on its device. Converted on the host: not every device knows `f64`.
fn on_device(
    values: Vec<f64>,
    shape: (usize, usize, usize),
    like: &Tensor,
) -> candle::Result<Tensor> {
    Tensor::from_vec(values, shape, &Device::Cpu)?
        .to_dtype(like.dtype())?
        .to_device(like.device())
}

/// Turned relative velocities `(B, D, h)` from `g` `(B, D, h)`, its speed `(B, 1, h)` and unit vectors.
fn deflect(
    deflection: Deflection,
    g: &Tensor,
    speed: &Tensor,
    directions: &Tensor,
) -> candle::Result<Tensor> {
    match deflection {
        Deflection::Isotropic => directions.broadcast_mul(speed)?.neg(),
        Deflection::Reflection => {
            let along = (g * directions)?.sum_keepdim(1)?;
            g - (directions.broadcast_mul(&along)? * 2.0)?
        }
        Deflection::Grazing { angle } => {
            let (divisor, _) = without_zeros(speed)?;
            let unit = g.broadcast_div(&divisor)?;
            let along = (&unit * directions)?.sum_keepdim(1)?;
            let across = (directions - unit.broadcast_mul(&along)?)?;
            let squares = across.sqr()?.sum_keepdim(1)?;
            let plane = squares.gt(PLANE)?.to_dtype(g.dtype())?;
            let length = with_values(&squares, &squares.detach().sqrt()?)?;
            let (length, _) = without_zeros(&length)?;
            let sideways = across.broadcast_div(&length)?.broadcast_mul(speed)?;
            let change = ((g * (angle.cos() - 1.0))? + (sideways * angle.sin())?)?;
            g + change.broadcast_mul(&plane)?
        }
    }
}
