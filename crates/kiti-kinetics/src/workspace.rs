//! Scratch memory that a thread keeps from sample to sample and from step to step.

use crate::system::coupling::Scratch;

/// Values that start on a cache line.
#[derive(Debug, Default)]
pub struct Buffer<T> {
    values: Vec<T>,
}

impl<T: Copy + Default> Buffer<T> {
    /// `length` values, whatever they were last time; grows where needed.
    pub(crate) fn take(&mut self, length: usize) -> &mut [T] {
        let line = 64 / size_of::<T>();
        if self.values.len() < length + line {
            self.values.resize(length + line, T::default());
        }
        let offset = self.values.as_ptr().align_offset(64).min(line);
        &mut self.values[offset..offset + length]
    }
}

/// The scratch of one sample; every field is described where it is used.
#[derive(Debug, Default)]
pub struct Workspace<T> {
    pub(crate) positions: Buffer<T>,
    pub(crate) velocities: Buffer<T>,
    pub(crate) upstream: Buffer<T>,
    pub(crate) change: Buffer<T>,
    pub(crate) merged: Buffer<T>,
    pub(crate) speeds: Buffer<T>,
    pub(crate) distances: Buffer<T>,
    pub(crate) probabilities: Buffer<T>,
    pub(crate) coupling: Scratch<T>,
    pub(crate) weights: Buffer<T>,
    pub(crate) columns: [Buffer<T>; 5],
    pub(crate) rows: [Buffer<T>; 2],
    pub(crate) drawing: Drawing<T>,
}

/// What drawing and using directions needs.
#[derive(Debug, Default)]
pub struct Drawing<T> {
    pub(crate) prefix: Buffer<u32>,
    pub(crate) words: Buffer<u32>,
    pub(crate) normals: Buffer<T>,
    pub(crate) buckets: Buffer<T>,
    pub(crate) sums: Buffer<T>,
    pub(crate) panel: Buffer<T>,
}
