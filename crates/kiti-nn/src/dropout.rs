//! Dropout whose mask is a function of seed, step, pass and layer.

use candle::Tensor;
use kiti_kinetics::rng::Philox4x32;
use rayon::prelude::*;

use crate::context::Context;
use crate::cpu::Element;
use crate::error::Error;
use crate::scaling::Factors;

/// Sets values to 0 with probability `p` in training and scales the others by `1 / (1 - p)`; does
/// nothing in evaluation (Srivastava et al., JMLR 15, 2014, inverse scaling).
///
/// `p` is rounded to a multiple of `2^-16`, and the scale is that of the rounded one, so that the
/// expectation of the result is the input.
///
/// ```
/// use candle::{DType, Device, Tensor};
/// use kiti_nn::{Context, Dropout};
///
/// let dropout = Dropout::new(0.5, 0)?;
/// let xs = Tensor::ones((4, 100), DType::F32, &Device::Cpu)?;
/// let dropped = dropout.forward(&xs, &Context::train(7, 0))?;
/// assert!(dropped.flatten_all()?.to_vec1::<f32>()?.iter().all(|&x| x == 0.0 || x == 2.0));
/// # Ok::<(), candle::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dropout {
    /// Values below it, of 65536, are dropped.
    threshold: u16,
    layer: u32,
    stream: &'static str,
}

impl Dropout {
    /// The dropout of the model's layer number `layer`; no two may share a number, or they would
    /// drop the same values.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for a probability outside `[0, 1)`.
    pub fn new(probability: f64, layer: u32) -> candle::Result<Self> {
        Self::named(probability, layer, "dropout")
    }

    /// That of a residual, which draws numbers of its own.
    pub(crate) fn of_residual(probability: f64, layer: u32) -> candle::Result<Self> {
        Self::named(probability, layer, "residual/dropout")
    }

    fn named(probability: f64, layer: u32, stream: &'static str) -> candle::Result<Self> {
        if !(0.0..1.0).contains(&probability) {
            return Err(Error::Parameter {
                name: "dropout probability",
                value: probability,
                expected: "a probability below 1",
            }
            .into());
        }
        let threshold = (probability * 65536.0).round().min(65535.0) as u16;
        Ok(Self {
            threshold,
            layer,
            stream,
        })
    }

    /// Which weights of an attention are dropped in this pass; none where nothing is.
    pub(crate) fn scores(&self, ctx: &Context) -> Option<DroppedScores> {
        (ctx.is_training() && self.threshold > 0).then(|| DroppedScores {
            philox: Philox4x32::from_seed(ctx.stream_seed(self.stream, self.layer)),
            threshold: self.threshold,
        })
    }

    fn kept(threshold: u16) -> f64 {
        1.0 / (1.0 - f64::from(threshold) / 65536.0)
    }

    /// Same shape as the input.
    ///
    /// # Errors
    ///
    /// Those of candle.
    pub fn forward(&self, xs: &Tensor, ctx: &Context) -> candle::Result<Tensor> {
        match self.factors(xs.elem_count(), ctx) {
            Some(factors) => factors.multiply(xs),
            None => Ok(xs.clone()),
        }
    }

    /// The factors of so many values; none where nothing is dropped.
    pub(crate) fn factors(&self, count: usize, ctx: &Context) -> Option<Factors> {
        (ctx.is_training() && self.threshold > 0).then(|| Factors::Bits {
            bits: self.bits(count, ctx),
            kept: Self::kept(self.threshold),
        })
    }

    /// One bit a value, 1 where it is kept; a Philox block decides eight values.
    fn bits(&self, count: usize, ctx: &Context) -> Vec<u8> {
        let philox = Philox4x32::from_seed(ctx.stream_seed(self.stream, self.layer));
        let mut bits = vec![0u8; count.div_ceil(8)];
        bits.par_chunks_mut(1024)
            .enumerate()
            .for_each(|(chunk, bytes)| {
                for (index, byte) in bytes.iter_mut().enumerate() {
                    let block = (chunk * 1024 + index) as u64;
                    let words = philox.block([block as u32, (block >> 32) as u32, 0, 0]);
                    *byte = kept_of_eight(words, self.threshold);
                }
            });
        bits
    }
}

/// One bit a value, the first the lowest, 1 where it is kept.
fn kept_of_eight(words: [u32; 4], threshold: u16) -> u8 {
    let mut byte = 0;
    for (bit, word) in words.into_iter().enumerate() {
        byte |= u8::from(word as u16 >= threshold) << (2 * bit);
        byte |= u8::from((word >> 16) as u16 >= threshold) << (2 * bit + 1);
    }
    byte
}

/// Which weights of an attention are dropped: a function of head (of all heads of a batch), query and key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DroppedScores {
    philox: Philox4x32,
    threshold: u16,
}

impl DroppedScores {
    /// Multiplies the weights of one query from the key `first` on, a multiple of eight, by 0 or one over the probability
    /// to be kept.
    pub(crate) fn apply<T: Element>(
        &self,
        head: usize,
        query: usize,
        first: usize,
        weights: &mut [T],
    ) {
        let factors = [T::default(), T::from_f64(Dropout::kept(self.threshold))];
        for (block, weights) in weights.chunks_mut(8).enumerate() {
            let counter = [first / 8 + block, query, head, 0].map(|index| index as u32);
            let bits = kept_of_eight(self.philox.block(counter), self.threshold);
            for (bit, weight) in weights.iter_mut().enumerate() {
                *weight *= factors[usize::from(bits >> bit & 1)];
            }
        }
    }
}
