//! `sum_i W_ij e_ij`: what the published collisions of a sample add to its velocities.
//!
//! With W constant the sum is linear in the directions, of which there are `n (n-1) / 2` a sample. Autograd
//! would keep them all; this operation draws those of one sample at a time, again for the gradient.

use candle::backend::BackendStorage;
use candle::op::BackpropOp;
use candle::{
    CpuStorage, CudaStorage, CustomOp1, DType, Device, Layout, MetalStorage, Shape, Storage, Tensor,
};
use kiti_kinetics::Real;
use kiti_kinetics::system::{StreamKey, draws};
use rayon::prelude::*;

/// Where the unit vectors `e_ij = -e_ji` come from.
pub enum Directions {
    /// One for every pair.
    Exact(StreamKey),
    /// `(B, D, n (n-1) / 2)`.
    Given(Tensor),
    /// A pool `(P, D)`; `index` and `sign`, both `(B, n, n)`, say which vector, with which sign,
    /// column i adds to row j.
    Pool {
        vectors: Tensor,
        index: Tensor,
        sign: Tensor,
    },
}

/// Weights `(B, n, n)`, symmetric, to `(B, n, D)`. Their gradient may stand in either triangle.
pub struct DirectedSum {
    pub dims: usize,
    pub directions: Directions,
}

/// Accepted pairs of one sample, and their numbers.
struct Pairs {
    first: Vec<u32>,
    second: Vec<u32>,
    numbers: Vec<u32>,
    /// Entry of the weights, row-major.
    entries: Vec<u32>,
}

impl Pairs {
    fn of(weights: &[f64], n: usize) -> Self {
        let mut pairs = Self {
            first: vec![],
            second: vec![],
            numbers: vec![],
            entries: vec![],
        };
        let mut number = 0;
        for i in 0..n {
            for j in i + 1..n {
                if weights[i * n + j] != 0.0 {
                    pairs.first.push(i as u32);
                    pairs.second.push(j as u32);
                    pairs.numbers.push(number);
                    pairs.entries.push((i * n + j) as u32);
                }
                number += 1;
            }
        }
        pairs
    }

    /// `(P, n)`: 1 at the second particle, -1 at the first.
    fn incidence(&self, n: usize, like: &Tensor) -> candle::Result<Tensor> {
        let device = like.device();
        let particles = Tensor::arange(0u32, n as u32, device)?.reshape((1, n))?;
        let at = |indices: &[u32]| {
            Tensor::from_slice(indices, (indices.len(), 1), device)?
                .broadcast_eq(&particles)?
                .to_dtype(like.dtype())
        };
        at(&self.second)? - at(&self.first)?
    }
}

impl DirectedSum {
    pub fn apply(self, weights: &Tensor) -> candle::Result<Tensor> {
        weights.contiguous()?.apply_op1(self)
    }

    fn sum(&self, weights: &Tensor) -> candle::Result<Tensor> {
        let (samples, n, _) = weights.dims3()?;
        if let Directions::Pool {
            vectors,
            index,
            sign,
        } = &self.directions
        {
            let (size, dims) = vectors.dims2()?;
            let buckets = Tensor::zeros((samples, n, size), weights.dtype(), weights.device())?;
            return buckets
                .scatter_add(index, &(weights * sign)?, 2)?
                .reshape((samples * n, size))?
                .matmul(vectors)?
                .reshape((samples, n, dims));
        }
        let sums = self
            .accepted(weights)?
            .into_iter()
            .enumerate()
            .map(|(sample, pairs)| {
                if pairs.first.is_empty() {
                    return Tensor::zeros((n, self.dims), weights.dtype(), weights.device());
                }
                let entries = pairs.entries.len();
                let entries = Tensor::from_slice(&pairs.entries, entries, weights.device())?;
                let chosen = weights
                    .get(sample)?
                    .flatten_all()?
                    .index_select(&entries, 0)?;
                let pushes = self
                    .vectors(sample, &pairs, weights)?
                    .broadcast_mul(&chosen.unsqueeze(1)?)?;
                pairs.incidence(n, weights)?.t()?.matmul(&pushes)
            });
        Tensor::stack(&sums.collect::<candle::Result<Vec<_>>>()?, 0)
    }

    fn gradient(&self, weights: &Tensor, upstream: &Tensor) -> candle::Result<Tensor> {
        let (samples, n, _) = weights.dims3()?;
        if let Directions::Pool {
            vectors,
            index,
            sign,
        } = &self.directions
        {
            let (size, dims) = vectors.dims2()?;
            let by_bucket = upstream
                .reshape((samples * n, dims))?
                .matmul(&vectors.t()?)?
                .reshape((samples, n, size))?;
            return by_bucket.gather(index, 2)? * sign;
        }
        let gradients = self
            .accepted(weights)?
            .into_iter()
            .enumerate()
            .map(|(sample, pairs)| {
                let zeros = Tensor::zeros(n * n, weights.dtype(), weights.device())?;
                if pairs.first.is_empty() {
                    return zeros.reshape((n, n));
                }
                let difference = pairs
                    .incidence(n, weights)?
                    .matmul(&upstream.get(sample)?)?;
                let along = (difference * self.vectors(sample, &pairs, weights)?)?.sum(1)?;
                let entries = pairs.entries.len();
                let entries = Tensor::from_slice(&pairs.entries, entries, weights.device())?;
                zeros.index_add(&entries, &along, 0)?.reshape((n, n))
            });
        Tensor::stack(&gradients.collect::<candle::Result<Vec<_>>>()?, 0)
    }

    fn accepted(&self, weights: &Tensor) -> candle::Result<Vec<Pairs>> {
        let (_, n, _) = weights.dims3()?;
        let values = weights
            .to_device(&Device::Cpu)?
            .to_dtype(DType::F64)?
            .flatten_all()?
            .to_vec1::<f64>()?;
        Ok(values
            .par_chunks(n * n)
            .map(|weights| Pairs::of(weights, n))
            .collect())
    }

    /// Unit vectors `(pairs, D)` of one sample's pairs.
    fn vectors(&self, sample: usize, pairs: &Pairs, like: &Tensor) -> candle::Result<Tensor> {
        let device = like.device();
        match &self.directions {
            Directions::Given(vectors) => {
                let numbers =
                    Tensor::from_slice(&pairs.numbers, pairs.numbers.len(), vectors.device())?;
                vectors
                    .get(sample)?
                    .index_select(&numbers, 1)?
                    .t()?
                    .contiguous()
            }
            Directions::Exact(key) if like.dtype() == DType::F64 => {
                self.drawn::<f64>(*key, sample, pairs, device)
            }
            Directions::Exact(key) => self.drawn::<f32>(*key, sample, pairs, device),
            Directions::Pool { vectors, .. } => Ok(vectors.clone()),
        }
    }

    fn drawn<T: Real + candle::WithDType>(
        &self,
        key: StreamKey,
        sample: usize,
        pairs: &Pairs,
        device: &Device,
    ) -> candle::Result<Tensor> {
        let mut vectors = vec![T::ZERO; pairs.numbers.len() * self.dims];
        vectors
            .par_chunks_mut(self.dims)
            .zip(&pairs.numbers)
            .for_each(|(vector, &number)| {
                draws::direction(key, sample, number as usize, self.dims, vector);
            });
        Tensor::from_vec(vectors, (pairs.numbers.len(), self.dims), device)
    }

    /// The sum as a storage of its own, from a borrowed storage of the weights.
    fn run(&self, weights: Storage, layout: &Layout) -> candle::Result<(Storage, Shape)> {
        let weights = Tensor::from_storage(weights, layout.shape(), BackpropOp::none(), false);
        let sum = self.sum(&weights)?.contiguous()?;
        let (storage, layout) = sum.storage_and_layout();
        Ok((storage.try_clone(layout)?, layout.shape().clone()))
    }
}

const NAME: &str = "directed-sum";

/// The layout, where it covers its storage from the first value on.
fn whole(layout: &Layout) -> candle::Result<&Layout> {
    match layout.contiguous_offsets() {
        Some((0, _)) => Ok(layout),
        _ => Err(candle::Error::RequiresContiguous { op: NAME }),
    }
}

fn foreign() -> candle::Error {
    candle::Error::RequiresContiguous { op: NAME }
}

impl CustomOp1 for DirectedSum {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        weights: &CpuStorage,
        layout: &Layout,
    ) -> candle::Result<(CpuStorage, Shape)> {
        let weights = Storage::Cpu(weights.try_clone(whole(layout)?)?);
        match self.run(weights, layout)? {
            (Storage::Cpu(storage), shape) => Ok((storage, shape)),
            _ => Err(foreign()),
        }
    }

    fn cuda_fwd(
        &self,
        weights: &CudaStorage,
        layout: &Layout,
    ) -> candle::Result<(CudaStorage, Shape)> {
        let weights = Storage::Cuda(weights.try_clone(whole(layout)?)?);
        match self.run(weights, layout)? {
            (Storage::Cuda(storage), shape) => Ok((storage, shape)),
            _ => Err(foreign()),
        }
    }

    fn metal_fwd(
        &self,
        weights: &MetalStorage,
        layout: &Layout,
    ) -> candle::Result<(MetalStorage, Shape)> {
        let weights = Storage::Metal(weights.try_clone(whole(layout)?)?);
        match self.run(weights, layout)? {
            (Storage::Metal(storage), shape) => Ok((storage, shape)),
            _ => Err(foreign()),
        }
    }

    fn bwd(
        &self,
        weights: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> candle::Result<Option<Tensor>> {
        self.gradient(&weights.detach(), &upstream.contiguous()?)
            .map(Some)
    }
}
