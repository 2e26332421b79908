//! Spectral weights between their stored form and the planes that the kernels use.

use candle::Result;
use rayon::prelude::*;

use super::Element;
use super::modes::stride;

/// Sizes of the weights: pairs of channels, and the modes of each stored block.
#[derive(Debug, Clone)]
pub(crate) struct Blocks {
    pub(crate) pairs: usize,
    pub(crate) blocks: usize,
    pub(crate) modes: usize,
}

impl Blocks {
    /// Length of a plane.
    pub(crate) fn stride(&self) -> usize {
        stride(self.blocks * self.modes)
    }

    /// Numbers of one stored block.
    pub(crate) fn block_length(&self) -> usize {
        self.pairs * self.modes * 2
    }

    /// Planes `(pairs, 2, stride)` of the stored blocks, each `(pairs, modes, 2)`.
    pub(crate) fn planes<T: Element>(&self, stored: &[&[T]]) -> Result<Vec<T>> {
        if stored
            .iter()
            .any(|block| block.len() != self.block_length())
            || stored.len() != self.blocks
        {
            return Err(candle::Error::msg("spectral weights of unexpected shape"));
        }
        let stride = self.stride();
        let mut planes = vec![T::default(); self.pairs * 2 * stride];
        planes
            .par_chunks_mut(2 * stride)
            .enumerate()
            .with_min_len(16)
            .for_each(|(pair, planes)| {
                let (re, im) = planes.split_at_mut(stride);
                for (index, block) in stored.iter().enumerate() {
                    let values = &block[pair * self.modes * 2..][..self.modes * 2];
                    let range = index * self.modes..(index + 1) * self.modes;
                    let parts = re[range.clone()].iter_mut().zip(&mut im[range]);
                    for ((re, im), value) in parts.zip(values.chunks_exact(2)) {
                        (*re, *im) = (value[0], value[1]);
                    }
                }
            });
        Ok(planes)
    }

    /// The stored blocks, one after the other, of planes `(pairs, 2, stride)`.
    pub(crate) fn stored<T: Element>(&self, planes: &[T]) -> Vec<T> {
        let stride = self.stride();
        let mut stored = vec![T::default(); self.blocks * self.block_length()];
        stored
            .par_chunks_mut(self.modes * 2)
            .enumerate()
            .with_min_len(16)
            .for_each(|(index, values)| {
                let (block, pair) = (index / self.pairs, index % self.pairs);
                let planes = &planes[pair * 2 * stride..][..2 * stride];
                let (re, im) = planes.split_at(stride);
                let range = block * self.modes..(block + 1) * self.modes;
                let parts = re[range.clone()].iter().zip(&im[range]);
                for (value, (re, im)) in values.chunks_exact_mut(2).zip(parts) {
                    (value[0], value[1]) = (*re, *im);
                }
            });
        stored
    }
}
