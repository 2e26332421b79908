//! Bounds of the collision rate in a cell.

use super::PairSelection;
use super::binary::{Binary, Law};
use crate::gas::scattering::Velocities;

/// What bounds `F sigma g dt / V` in the cells.
#[derive(Debug, Clone, Copy)]
pub(super) enum Majorant {
    /// One bound for all cells: more attempts, but no search in every cell.
    Common(f64),
    OfEveryCell,
}

impl Majorant {
    /// Attempts of a particle up to which a common bound costs less than a search in every cell.
    const WORTH: f64 = 0.25;

    #[inline(always)]
    pub fn new<V: Velocities>(binary: &Binary, offsets: &[u32], velocities: &V) -> Self {
        if let Law::Maxwell = binary.law {
            return Self::Common(binary.coefficient);
        }
        match binary.selection {
            PairSelection::NoTimeCounter | PairSelection::MajorantFrequency => {}
            // They need none.
            PairSelection::SimplifiedBernoulliTrials | PairSelection::DisjointPairs => {
                return Self::OfEveryCell;
            }
        }
        let square = velocities.bound_square();
        if square == f64::INFINITY {
            return Self::OfEveryCell;
        }
        let largest = binary.expected(square);
        let pairs: f64 = offsets
            .windows(2)
            .map(|range| {
                let n = f64::from(range[1] - range[0]);
                n * (n - 1.0)
            })
            .sum();
        let particles = f64::from(offsets[offsets.len() - 1]);
        if 0.5 * pairs * largest <= Self::WORTH * particles {
            Self::Common(largest)
        } else {
            Self::OfEveryCell
        }
    }
}
