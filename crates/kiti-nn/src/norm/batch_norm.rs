//! Batch normalisation.

use candle::{DType, Device, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::cpu::storage;
use crate::error::Error;
use crate::ops;

/// Settings of a [`BatchNorm`].
///
/// ```
/// use kiti_nn::BatchNormConfig;
///
/// assert_eq!(BatchNormConfig::new(64).momentum, 0.1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BatchNormConfig {
    /// Channels of the input.
    pub channels: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Share of the batch's statistics in the new running ones.
    pub momentum: f64,
    /// Initial value of the weights: 1, or 0 for a branch that begins as nothing.
    pub initial_weight: f64,
}

impl BatchNormConfig {
    /// PyTorch's `eps` of 1e-5, momentum of 0.1 and initial weight of 1.
    pub fn new(channels: usize) -> Self {
        Self {
            channels,
            eps: 1e-5,
            momentum: 0.1,
            initial_weight: 1.0,
        }
    }
}

/// Normalises each channel over the batch and all sites (Ioffe & Szegedy, arXiv:1502.03167, algorithm 1).
///
/// ```text
/// y = (x - m_c) / sqrt(v_c + eps) weight_c + bias_c
/// ```
///
/// In training m and v are mean and variance (divided by the number of values) of channel c in this batch, and the running
/// ones move towards them: `running = (1 - momentum) running + momentum batch`, the variance in its unbiased form (divided by
/// one less). In evaluation m and v are the running ones. Input and output `(batch, channels, d1 .. dN)` with any number
/// of grid dimensions.
///
/// Variables: `weight`, initially 1 unless configured otherwise, and `bias`, initially 0; buffers `running_mean`, initially 0, and `running_var`,
/// initially 1, all `(channels)`: PyTorch's names. The buffers are saved and loaded with the variables, but never get a gradient
/// ([`is_buffer`]).
///
/// ```
/// use candle::{DType, Device, Tensor};
/// use kiti_nn::{BatchNorm, BatchNormConfig, Context, VarStore};
///
/// let store = VarStore::new(0, DType::F32, &Device::Cpu);
/// let norm = BatchNorm::new(&BatchNormConfig::new(1), store.builder())?;
/// let xs = Tensor::new(&[[[1f32, 3.0]]], &Device::Cpu)?;
/// let ys = norm.forward_t(&xs, &Context::train(0, 0))?;
/// assert!((ys.to_vec3::<f32>()?[0][0][1] - 1.0).abs() < 1e-4);
/// let mean = store.tensors()["running_mean"].to_vec1::<f32>()?;
/// assert!((mean[0] - 0.2).abs() < 1e-6); // 0.9 * 0 + 0.1 * 2
/// # Ok::<(), candle::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    eps: f64,
    momentum: f64,
}

impl BatchNorm {
    /// Creates or loads the variables and buffers below `vb`.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn new(config: &BatchNormConfig, vb: VarBuilder) -> Result<Self> {
        let get = |name, value| vb.get_with_hints(config.channels, name, Init::Const(value));
        Ok(Self {
            weight: get("weight", config.initial_weight)?,
            bias: get("bias", 0.0)?,
            running_mean: get("running_mean", 0.0)?,
            running_var: get("running_var", 1.0)?,
            eps: config.eps,
            momentum: config.momentum,
        })
    }

    /// Applies the layer to `(batch, channels, d1 .. dN)`; in training it moves the running statistics.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] (wrapped in candle's error) for another number of channels, or in training for less than two values a
    /// channel, which have no variance.
    pub fn forward_t(&self, xs: &Tensor, ctx: &Context) -> Result<Tensor> {
        self.check(xs.dims(), ctx)?;
        let fused = storage::supported(xs) && xs.elem_count() > 0;
        if !fused && !ctx.is_training() {
            let (mean, variance) = (&self.running_mean, &self.running_var);
            return self.normalize(xs, &mean.detach(), &variance.detach());
        }
        self.with_statistics(xs.elem_count(), ctx, |given| {
            if fused {
                ops::batch_norm(xs, &self.weight, &self.bias, self.eps, given)
            } else {
                self.compose(xs)
            }
        })
    }

    /// The layer behind a convolution without bias, and a ReLU behind it if `activated`, as one operation of the CPU.
    pub(crate) fn convolved(
        &self,
        xs: &Tensor,
        weight: &Tensor,
        sizes: ops::Convolution,
        activated: bool,
        ctx: &Context,
    ) -> Result<Tensor> {
        let [rows, columns] = sizes.output();
        let dims = [sizes.batch, sizes.outputs, rows, columns];
        self.check(&dims, ctx)?;
        self.with_statistics(dims.iter().product(), ctx, |given| {
            let parameters = [weight, &self.weight, &self.bias];
            ops::normed_convolution(xs, parameters, sizes, (self.eps, given), activated)
        })
    }

    fn check(&self, dims: &[usize], ctx: &Context) -> Result<()> {
        let channels = self.weight.elem_count();
        let refuse = |expected| {
            Err(Error::Shape {
                operation: "batch norm",
                name: "the input",
                expected,
                found: dims.to_vec(),
            }
            .into())
        };
        if dims.get(1) != Some(&channels) {
            return refuse(format!("(batch, {channels}, ..)"));
        }
        let count = dims.iter().product::<usize>() / channels.max(1);
        if ctx.is_training() && count < 2 {
            return refuse("at least two values a channel in training".to_owned());
        }
        Ok(())
    }

    /// Normalises with the running statistics, or in training with those of the batch, by which the running ones move.
    fn with_statistics(
        &self,
        elements: usize,
        ctx: &Context,
        normalize: impl FnOnce(Option<ops::Statistics>) -> Result<(Tensor, ops::Statistics)>,
    ) -> Result<Tensor> {
        if !ctx.is_training() {
            return Ok(normalize(Some(self.running()?))?.0);
        }
        let (ys, statistics) = normalize(None)?;
        let count = elements / self.weight.elem_count().max(1);
        self.update(&statistics, count as f64)?;
        Ok(ys)
    }

    /// Running mean and variance of each channel.
    fn running(&self) -> Result<ops::Statistics> {
        let values = |tensor: &Tensor| {
            let tensor = tensor.detach().to_device(&Device::Cpu)?;
            tensor.to_dtype(DType::F64)?.to_vec1::<f64>()
        };
        let (mean, variance) = (values(&self.running_mean)?, values(&self.running_var)?);
        let pairs = mean.into_iter().zip(variance);
        Ok(pairs.map(|(mean, variance)| [mean, variance]).collect())
    }

    fn update(&self, batch: &ops::Statistics, count: f64) -> Result<()> {
        let running = self.running()?;
        let unbiased = count / (count - 1.0);
        for (index, buffer) in [&self.running_mean, &self.running_var].iter().enumerate() {
            let correction = if index == 1 { unbiased } else { 1.0 };
            let pairs = running.iter().zip(batch);
            let values = pairs.map(|(old, new)| {
                (1.0 - self.momentum) * old[index] + self.momentum * correction * new[index]
            });
            let values: Vec<f64> = values.collect();
            let values = Tensor::from_vec(values, buffer.shape(), &Device::Cpu)?;
            let values = values
                .to_dtype(buffer.dtype())?
                .to_device(buffer.device())?;
            buffer.slice_set(&values, 0, 0)?;
        }
        Ok(())
    }

    fn normalize(&self, xs: &Tensor, mean: &Tensor, variance: &Tensor) -> Result<Tensor> {
        let mut shape = vec![1; xs.rank()];
        shape[1] = self.weight.elem_count();
        let deviation = variance.affine(1.0, self.eps)?.sqrt()?;
        xs.broadcast_sub(&mean.reshape(shape.clone())?)?
            .broadcast_div(&deviation.reshape(shape.clone())?)?
            .broadcast_mul(&self.weight.reshape(shape.clone())?)?
            .broadcast_add(&self.bias.reshape(shape)?)
    }

    /// The layer in training, and the batch's statistics.
    pub(crate) fn compose(&self, xs: &Tensor) -> Result<(Tensor, ops::Statistics)> {
        let channels = self.weight.elem_count();
        let rows = xs.transpose(0, 1)?.contiguous()?.reshape((channels, ()))?;
        let mean = rows.mean_keepdim(1)?;
        let variance = rows.broadcast_sub(&mean)?.sqr()?.mean_keepdim(1)?;
        let ys = self.normalize(xs, &mean, &variance)?;
        let statistics = Tensor::cat(&[&mean, &variance], 1)?.detach();
        let statistics = statistics.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
        let statistics = statistics.to_vec2::<f64>()?;
        Ok((
            ys,
            statistics.iter().map(|pair| [pair[0], pair[1]]).collect(),
        ))
    }
}

/// Whether a variable of this name is a buffer of a [`BatchNorm`]: part of a checkpoint, but not trained.
pub fn is_buffer(name: &str) -> bool {
    matches!(
        name.rsplit('.').next(),
        Some("running_mean" | "running_var")
    )
}
