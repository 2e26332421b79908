//! What the forward step hands to its adjoint.

use super::elastic::Collision;
use super::{Diagnostics, Layout};
use crate::Real;

/// The collisions of one forward step: what the adjoint needs to follow the same ones.
///
/// `Published` keeps the relative speed of every pair, `B n (n-1) / 2` values; `Elastic` keeps twelve
/// bytes for each of the `B n / 2` candidates.
#[derive(Debug, Clone)]
pub struct Collisions<T> {
    pub(super) diagnostics: Diagnostics,
    pub(super) record: Record<T>,
}

#[derive(Debug, Clone)]
pub(super) enum Record<T> {
    /// Nothing could collide.
    None,
    /// For every sample and pair the relative speed, which is positive, or 0 where it did not
    /// collide.
    Published { particles: usize, speeds: Vec<T> },
    /// `n / 2` places for every sample, and how many of them are taken.
    Elastic {
        particles: usize,
        collisions: Vec<Collision>,
        counts: Vec<usize>,
    },
}

/// One sample's part of a [`Record`].
pub(super) enum SampleRecord<'a, T> {
    None,
    Published(&'a [T]),
    Elastic(&'a [Collision]),
}

impl<T> Record<T> {
    /// The collisions of one sample of the layout that the record is of.
    pub fn sample(&self, layout: Layout, sample: usize) -> SampleRecord<'_, T> {
        let n = layout.particles;
        match self {
            Self::None => SampleRecord::None,
            Self::Published { speeds, .. } => {
                let pairs = n * (n - 1) / 2;
                SampleRecord::Published(&speeds[sample * pairs..(sample + 1) * pairs])
            }
            Self::Elastic {
                collisions, counts, ..
            } => SampleRecord::Elastic(&collisions[sample * (n / 2)..][..counts[sample]]),
        }
    }
}

impl<T: Real> Collisions<T> {
    /// What the collisions did.
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }

    /// The pairs of a sample that collided, as particle numbers; empty for a sample that is not there.
    pub fn accepted(&self, sample: usize) -> Vec<(usize, usize)> {
        match &self.record {
            Record::None => Vec::new(),
            Record::Published {
                particles: n,
                speeds,
            } => {
                let pairs = n * (n - 1) / 2;
                let speeds = speeds.chunks(pairs.max(1)).nth(sample).unwrap_or(&[]);
                (0..*n)
                    .flat_map(|i| (i + 1..*n).map(move |j| (i, j)))
                    .zip(speeds)
                    .filter(|&(_, &speed)| speed != T::ZERO)
                    .map(|(pair, _)| pair)
                    .collect()
            }
            Record::Elastic {
                particles,
                collisions,
                counts,
            } => {
                let count = counts.get(sample).copied().unwrap_or(0);
                collisions
                    .iter()
                    .skip(sample.saturating_mul(particles / 2))
                    .take(count)
                    .map(|c| (c.first as usize, c.second as usize))
                    .collect()
            }
        }
    }
}
