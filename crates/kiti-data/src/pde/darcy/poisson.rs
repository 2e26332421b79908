//! A direct solver for the discrete Poisson equation, which preconditions the one with a
//! coefficient.

use std::f64::consts::PI;
use std::fmt;
use std::sync::Arc;

use rustdct::{DctPlanner, Dst1};

/// Solves `4 p[i, j] - p[i-1, j] - p[i+1, j] - p[i, j-1] - p[i, j+1] = r[i, j]` on the interior of
/// a square grid, `p = 0` on its boundary: sine transforms along the rows, then a tridiagonal
/// system for each sine wave.
#[derive(Clone)]
pub(super) struct PoissonSolver {
    points: usize,
    sines: Arc<dyn Dst1<f64>>,
    /// Reciprocal pivots of the tridiagonal systems, row by row, one column a sine wave.
    pivots: Vec<f64>,
}

impl fmt::Debug for PoissonSolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoissonSolver")
            .field("points", &self.points)
            .finish_non_exhaustive()
    }
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
            sines: DctPlanner::new().plan_dst1(inner),
            pivots,
        }
    }

    /// Number of elements that `solve` needs as its scratch.
    pub(super) fn scratch_len(&self) -> usize {
        self.sines.get_scratch_len()
    }

    /// Replaces the right-hand side by the solution; both include the boundary, which is zero.
    pub(super) fn solve(&self, grid: &mut [f64], scratch: &mut [f64]) {
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

    fn transform_rows(&self, grid: &mut [f64], scratch: &mut [f64]) {
        for row in grid
            .chunks_exact_mut(self.points)
            .skip(1)
            .take(self.points - 2)
        {
            self.sines
                .process_dst1_with_scratch(&mut row[1..self.points - 1], scratch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_inverts_the_five_point_stencil() {
        for points in [3, 4, 9, 16] {
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
            solver.solve(&mut p, &mut vec![0.; solver.scratch_len()]);
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
