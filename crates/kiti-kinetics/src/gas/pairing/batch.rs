//! Trials that are run together.

use super::PairSelection;
use super::binary::Binary;
use crate::gas::draws::{BATCH, choose, unit};
use crate::gas::scattering::{Pairs, Scatters, Velocities};
use crate::gas::statistics::Statistics;

/// Trials that are computed together, so that divisions and roots overlap.
pub(super) struct Batch {
    length: usize,
    pub trials: [u32; BATCH],
    pub cells: [u32; BATCH],
    factors: [f64; BATCH],
    pairs: Pairs,
}

impl Batch {
    #[inline(always)]
    pub fn new(trials: &[u32], cells: &[u32], factors: &[f64]) -> Self {
        let mut batch = Self {
            length: trials.len(),
            trials: [0; BATCH],
            cells: [0; BATCH],
            factors: [0.0; BATCH],
            pairs: [[0; BATCH]; 2],
        };
        batch.trials[..trials.len()].copy_from_slice(trials);
        batch.cells[..cells.len()].copy_from_slice(cells);
        batch.factors[..factors.len()].copy_from_slice(factors);
        batch
    }

    /// Finds the pairs.
    #[inline(always)]
    pub fn choose(
        &mut self,
        selection: PairSelection,
        words: &[[u32; BATCH]; 4],
        offsets: &[u32],
        order: &[u32],
    ) {
        for k in 0..self.length {
            let (trial, cell) = (self.trials[k], self.cells[k] as usize);
            let start = offsets[cell];
            let n = offsets[cell + 1] - start;
            let (i, j) = match selection {
                PairSelection::NoTimeCounter | PairSelection::MajorantFrequency => {
                    let i = choose(words[0][k], n);
                    let j = choose(words[1][k], n - 1);
                    (i, j + u32::from(j >= i))
                }
                PairSelection::SimplifiedBernoulliTrials => {
                    let behind = n - 1 - trial;
                    self.factors[k] = f64::from(behind);
                    (trial, trial + 1 + choose(words[0][k], behind))
                }
                PairSelection::DisjointPairs => (2 * trial, 2 * trial + 1),
            };
            self.pairs[0][k] = order[(start + i) as usize];
            self.pairs[1][k] = order[(start + j) as usize];
        }
    }

    /// Whether one of the pair's particles has collided in an earlier pair; `collided` has a bit for each.
    #[inline(always)]
    fn depends(&self, k: usize, mut collided: u32) -> bool {
        let [i, j] = &self.pairs;
        while collided != 0 {
            let e = collided.ilog2() as usize;
            // Trials stand in the order of their cells.
            if self.cells[e] != self.cells[k] {
                return false;
            }
            if i[e] == i[k] || i[e] == j[k] || j[e] == i[k] || j[e] == j[k] {
                return true;
            }
            collided &= !(1 << e);
        }
        false
    }

    /// Tries all pairs as if one after the other.
    #[inline(always)]
    pub fn run<V: Velocities>(
        &self,
        binary: &Binary,
        words: &[[u32; BATCH]; 4],
        velocities: &mut V,
        statistics: &mut Statistics,
    ) {
        let squares = velocities.relative_squares(&self.pairs);
        let mut probabilities = binary.expected_of(&squares);
        let mut scatters = Scatters {
            deflections: [0.5; BATCH],
            azimuths: words[3],
            trials: self.trials,
            cells: self.cells,
        };
        for k in 0..BATCH {
            probabilities[k] *= self.factors[k];
            // Below its threshold a uniform number is uniform again.
            scatters.deflections[k] = deflection(unit(words[2][k]), probabilities[k]);
        }
        let changes = velocities.turn(&self.pairs, &squares, &scatters);
        let mut collided = 0u32;
        for k in 0..self.length {
            let u = unit(words[2][k]);
            let mut probability = probabilities[k];
            if self.depends(k, collided) {
                let (i, j) = (self.pairs[0][k] as usize, self.pairs[1][k] as usize);
                let square = velocities.relative_square(i, j);
                probability = self.factors[k] * binary.expected(square);
                if u < probability {
                    let mut scatter = scatters.get(k);
                    scatter.deflection = deflection(u, probability);
                    velocities.scatter(i, j, square, scatter);
                }
            } else if u < probability {
                velocities.apply(&self.pairs, k, squares[k], scatters.get(k), &changes);
            }
            collided |= u32::from(u < probability) << k;
            statistics.majorant_violations += u64::from(probability > 1.0 + 1e-9);
        }
        statistics.collisions += u64::from(collided.count_ones());
    }
}

/// `u / p`, a uniform number where `u < p`; below 1 in any case.
#[inline(always)]
fn deflection(u: f64, probability: f64) -> f64 {
    let p = if probability < 1.0 { probability } else { 1.0 };
    let ratio = u / p;
    if ratio < 1.0 { ratio } else { 0.5 }
}
