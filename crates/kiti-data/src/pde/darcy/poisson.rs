//! A direct solver for the discrete Poisson equation, which preconditions the one with a
//! coefficient.

use std::f64::consts::PI;

use super::half_waves::{HalfWaveScratch, HalfWaves};

/// Solves `4 p[i, j] - p[i-1, j] - p[i+1, j] - p[i, j-1] - p[i, j+1] = r[i, j]` on the interior of
/// a square grid, `p = 0` on its boundary: sine transforms along the rows, then a tridiagonal
/// system for each sine wave.
#[derive(Clone, Debug)]
pub(super) struct PoissonSolver {
    points: usize,
    waves: HalfWaves,
    /// Reciprocal pivots of the tridiagonal systems, row by row, one column a sine wave.
    pivots: Vec<f64>,
}

impl PoissonSolver {
    /// For a grid of `points` along each axis, boundary included, at least 3.
    pub(super) fn new(points: usize) -> Self {
        let inner = points - 2;
        let mut pivots = vec![0.; points * points];
        for wave in 1..=inner {
            let diagonal = 4. - 2. * (PI * wave as f64 / (inner + 1) as f64).cos();
            let mut pivot = 0.;
            for row in 1..=inner {
                pivot = 1. / (diagonal - pivot);
                pivots[row * points + wave] = pivot;
            }
        }
        Self {
            points,
            waves: HalfWaves::new(points),
            pivots,
        }
    }

    pub(super) fn scratch(&self) -> HalfWaveScratch {
        self.waves.scratch()
    }

    /// Replaces the right-hand side by the solution; both include the boundary, which is zero.
    pub(super) fn solve(&self, grid: &mut [f64], scratch: &mut HalfWaveScratch) {
        let points = self.points;
        self.transform_rows(grid, scratch);
        for row in 1..points - 1 {
            let (before, from_row) = grid.split_at_mut(row * points);
            let above = &before[(row - 1) * points..];
            let pivots = &self.pivots[row * points..][..points];
            for ((value, above), pivot) in from_row.iter_mut().zip(above).zip(pivots) {
                *value = (*value + above) * pivot;
            }
        }
        for row in (1..points - 1).rev() {
            let (to_row, below) = grid.split_at_mut((row + 1) * points);
            let pivots = &self.pivots[row * points..][..points];
            for ((value, below), pivot) in to_row[row * points..].iter_mut().zip(below).zip(pivots)
            {
                *value += *below * pivot;
            }
        }
        self.transform_rows(grid, scratch);
        let scale = 2. / (points - 1) as f64;
        grid.iter_mut().for_each(|value| *value *= scale);
    }

    fn transform_rows(&self, grid: &mut [f64], scratch: &mut HalfWaveScratch) {
        let rows = grid.chunks_exact_mut(self.points);
        for row in rows.skip(1).take(self.points - 2) {
            self.waves.sines(row, scratch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_inverts_the_five_point_stencil() {
        for points in [3, 4, 9, 16, 43] {
            let solver = PoissonSolver::new(points);
            let inside = |i: usize| (1..points - 1).contains(&i);
            let right_hand_side: Vec<_> = (0..points * points)
                .map(|place| {
                    let (i, j) = (place / points, place % points);
                    if inside(i) && inside(j) {
                        ((7 * place) % 11) as f64 - 5.
                    } else {
                        0.
                    }
                })
                .collect();
            let mut p = right_hand_side.clone();
            solver.solve(&mut p, &mut solver.scratch());
            for i in 0..points {
                for j in 0..points {
                    let at = i * points + j;
                    if inside(i) && inside(j) {
                        let neighbours = p[at - 1] + p[at + 1] + p[at - points] + p[at + points];
                        assert!((4. * p[at] - neighbours - right_hand_side[at]).abs() < 1e-11);
                    } else {
                        assert_eq!(p[at], 0.);
                    }
                }
            }
        }
    }
}
