//! Velocities in three dimensions, an array for each component: those of the solver.

use super::bound::{cell_bound, spread};
use super::deflection::{isotropic, soft, turned};
use super::{Pairs, Scatter, Scatters, Velocities};
use crate::gas::draws::BATCH;
use crate::gas::elementary::{power, sine_cosine_of_turn};

/// Three arrays of components.
pub struct Components<'a> {
    pub v: [&'a mut [f64]; 3],
    pub inverse_alpha: f64,
}

impl Components<'_> {
    #[inline(always)]
    fn difference(&self, i: usize, j: usize) -> [f64; 3] {
        std::array::from_fn(|axis| self.v[axis][i] - self.v[axis][j])
    }
}

impl Velocities for Components<'_> {
    /// Half of `g - g'`.
    type Changes = [[f64; BATCH]; 3];

    #[inline(always)]
    fn relative_square(&self, i: usize, j: usize) -> f64 {
        let g = self.difference(i, j);
        g[0] * g[0] + g[1] * g[1] + g[2] * g[2]
    }

    /// Twice the largest speed about the mean velocity, squared.
    #[inline(always)]
    fn bound_square(&self) -> f64 {
        const LANES: usize = 8;
        let [x, y, z] = &self.v;
        let mean = [x, y, z].map(|v| {
            let mut sums = [0.0; LANES];
            let chunks = v.chunks_exact(LANES);
            let rest: f64 = chunks.remainder().iter().sum();
            for chunk in chunks {
                for lane in 0..LANES {
                    sums[lane] += chunk[lane];
                }
            }
            (sums.iter().sum::<f64>() + rest) / v.len().max(1) as f64
        });
        let mut largest = [0.0; LANES];
        let square = |x: f64, y: f64, z: f64| {
            let (x, y, z) = (x - mean[0], y - mean[1], z - mean[2]);
            x * x + y * y + z * z
        };
        let (x, y, z) = (
            x.chunks_exact(LANES),
            y.chunks_exact(LANES),
            z.chunks_exact(LANES),
        );
        let rest = x.remainder().iter().zip(y.remainder()).zip(z.remainder());
        for (((&x, &y), &z), largest) in rest.zip(&mut largest) {
            *largest = square(x, y, z);
        }
        for ((x, y), z) in x.zip(y).zip(z) {
            for lane in 0..LANES {
                let value = square(x[lane], y[lane], z[lane]);
                largest[lane] = if value > largest[lane] {
                    value
                } else {
                    largest[lane]
                };
            }
        }
        4.0 * largest.into_iter().fold(0.0, f64::max)
    }

    #[inline(always)]
    fn bound_square_of(&self, particles: &[u32]) -> f64 {
        let (mut diagonal, mut energy) = (0.0, 0.0);
        for values in &self.v {
            let values = particles.iter().map(|&k| values[k as usize]);
            let (width, square) = spread(values);
            diagonal += width * width;
            energy += square;
        }
        cell_bound(diagonal, energy)
    }

    #[inline(always)]
    fn scatter(&mut self, i: usize, j: usize, square: f64, scatter: Scatter) {
        let g = self.difference(i, j);
        let h = turned(g, square, self.inverse_alpha, scatter);
        for axis in 0..3 {
            let d = 0.5 * (g[axis] - h[axis]);
            self.v[axis][i] -= d;
            self.v[axis][j] += d;
        }
    }

    #[inline(always)]
    fn turn(
        &self,
        [i, j]: &Pairs,
        squares: &[f64; BATCH],
        scatters: &Scatters,
    ) -> [[f64; BATCH]; 3] {
        // Short loops of one thing each: they run in vectors.
        let mut g = [[0.0; BATCH]; 3];
        for axis in 0..3 {
            let v = &*self.v[axis];
            for k in 0..BATCH {
                g[axis][k] = v[i[k] as usize] - v[j[k] as usize];
            }
        }
        let mut sines = [0.0; BATCH];
        let mut cosines = [0.0; BATCH];
        let mut changes = [[0.0; BATCH]; 3];
        for k in 0..BATCH {
            (sines[k], cosines[k]) = sine_cosine_of_turn(scatters.azimuths[k]);
        }
        let mut deflections = scatters.deflections;
        if self.inverse_alpha == 1.0 {
            for k in 0..BATCH {
                let turn = (sines[k], cosines[k]);
                let h = isotropic(squares[k].sqrt(), deflections[k], turn);
                for axis in 0..3 {
                    changes[axis][k] = 0.5 * (g[axis][k] - h[axis]);
                }
            }
            return changes;
        }
        for u in &mut deflections {
            *u = power(*u, self.inverse_alpha);
        }
        for k in 0..BATCH {
            let turn = (sines[k], cosines[k]);
            let pair = [g[0][k], g[1][k], g[2][k]];
            let h = soft(pair, squares[k].sqrt(), deflections[k], turn);
            for axis in 0..3 {
                changes[axis][k] = 0.5 * (pair[axis] - h[axis]);
            }
        }
        changes
    }

    #[inline(always)]
    fn apply(&mut self, [i, j]: &Pairs, k: usize, _: f64, _: Scatter, changes: &[[f64; BATCH]; 3]) {
        for axis in 0..3 {
            self.v[axis][i[k] as usize] -= changes[axis][k];
            self.v[axis][j[k] as usize] += changes[axis][k];
        }
    }
}
