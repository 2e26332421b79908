//! Stochastic residuals without particles: what kinetic ones are compared with.

use candle::Tensor;
use kiti_kinetics::rng::{Philox4x32, Stream};
use rayon::prelude::*;

use crate::context::Context;
use crate::scaling::Factors;

/// Drops the branch of whole samples.
#[derive(Debug, Clone)]
pub(super) struct StochasticDepth {
    pub probability: f64,
    pub layer: u32,
}

impl StochasticDepth {
    pub fn forward(&self, branch: &Tensor, ctx: &Context) -> candle::Result<Tensor> {
        let samples = branch.dims().first().copied().unwrap_or(1);
        self.factors(samples, ctx).multiply(branch)
    }

    /// One factor a sample.
    pub fn factors(&self, samples: usize, ctx: &Context) -> Factors {
        let kept = 1.0 / (1.0 - self.probability);
        let mut stream = Stream::new(
            ctx.stream_seed("residual/stochastic-depth", self.layer),
            [0; 3],
        );
        let factors: Vec<f64> = (0..samples)
            .map(|_| {
                if stream.uniform() < self.probability {
                    0.0
                } else {
                    kept
                }
            })
            .collect();
        Factors::Samples(factors)
    }
}

/// Adds normal noise.
#[derive(Debug, Clone)]
pub(super) struct Langevin {
    pub scale: f64,
    pub layer: u32,
}

/// Philox blocks that one thread takes at a time, four numbers each.
const CHUNK: usize = 1024;

impl Langevin {
    pub fn forward(&self, branch: &Tensor, ctx: &Context) -> candle::Result<Tensor> {
        let philox = Philox4x32::from_seed(ctx.stream_seed("residual/langevin", self.layer));
        let scale = self.scale as f32;
        let mut noise = vec![0f32; branch.elem_count()];
        noise
            .par_chunks_mut(4 * CHUNK)
            .enumerate()
            .for_each(|(chunk, values)| {
                for (index, values) in values.chunks_mut(4).enumerate() {
                    let block = (chunk * CHUNK + index) as u64;
                    let words = philox.block([block as u32, (block >> 32) as u32, 0, 0]);
                    for (value, normal) in values.iter_mut().zip(normals(words)) {
                        *value = scale * normal;
                    }
                }
            });
        let noise = Tensor::from_vec(noise, branch.shape(), branch.device())?;
        branch + noise.to_dtype(branch.dtype())?
    }
}

/// Four standard normals (Box and Muller 1958), of which none exceeds 6.7.
fn normals(words: [u32; 4]) -> [f32; 4] {
    const UNIT: f32 = 1.0 / 4_294_967_296.0;
    let pair = |first: u32, second: u32| {
        let radius = (-2.0 * ((first as f32 + 0.5) * UNIT).ln()).sqrt();
        let (sine, cosine) = (std::f32::consts::TAU * UNIT * second as f32).sin_cos();
        [radius * cosine, radius * sine]
    };
    let [first, second] = pair(words[0], words[1]);
    let [third, fourth] = pair(words[2], words[3]);
    [first, second, third, fourth]
}
