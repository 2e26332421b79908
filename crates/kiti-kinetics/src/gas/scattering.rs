//! One binary collision: how the relative velocity is turned.

use super::draws::{BATCH, StepDraws};
use super::elementary::{power, sine_cosine_of_turn};

/// The random choices of one collision.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scatter {
    /// Uniform in (0, 1): gives the deflection.
    pub deflection: f64,
    /// Word that gives the azimuth.
    pub azimuth: u32,
    /// Number of the trial in its cell, and the cell.
    pub name: [u32; 2],
}

/// Pairs that are tried together.
pub(super) type Pairs = [[u32; BATCH]; 2];

/// The random choices of as many collisions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scatters {
    pub deflections: [f64; BATCH],
    pub azimuths: [u32; BATCH],
    pub trials: [u32; BATCH],
    pub cells: [u32; BATCH],
}

impl Scatters {
    #[inline(always)]
    pub fn get(&self, k: usize) -> Scatter {
        Scatter {
            deflection: self.deflections[k],
            azimuth: self.azimuths[k],
            name: [self.trials[k], self.cells[k]],
        }
    }
}

/// Velocities of many particles, of which two can collide.
pub(super) trait Velocities {
    /// What [`turn`](Velocities::turn) hands to [`apply`](Velocities::apply).
    type Changes;

    /// `|v_i - v_j|^2`.
    fn relative_square(&self, i: usize, j: usize) -> f64;
    /// An upper bound of the relative squares of all particles.
    fn bound_square(&self) -> f64;
    /// An upper bound of the relative squares of the named particles, which further collisions among them
    /// hardly ever pass, see [`cell_bound`].
    fn bound_square_of(&self, particles: &[u32]) -> f64;
    /// Turns the relative velocity, whose square is `square`.
    fn scatter(&mut self, i: usize, j: usize, square: f64, scatter: Scatter);

    /// The relative squares of many pairs.
    #[inline(always)]
    fn relative_squares(&self, [i, j]: &Pairs) -> [f64; BATCH] {
        let mut squares = [0.0; BATCH];
        for k in 0..BATCH {
            squares[k] = self.relative_square(i[k] as usize, j[k] as usize);
        }
        squares
    }
    /// What collisions of many pairs would change, each on its own.
    fn turn(&self, pairs: &Pairs, squares: &[f64; BATCH], scatters: &Scatters) -> Self::Changes;
    /// Makes the change of pair `k`, whose velocities are still those that it was computed from.
    fn apply(
        &mut self,
        pairs: &Pairs,
        k: usize,
        square: f64,
        scatter: Scatter,
        changes: &Self::Changes,
    );
}

/// The relative velocity `g` turned by the deflection of variable soft spheres,
/// `cos chi = 2 U^(1/alpha) - 1` (Koura and Matsumoto 1991; Bird 1994, 2.22).
#[inline(always)]
pub(super) fn turned(g: [f64; 3], square: f64, inverse_alpha: f64, scatter: Scatter) -> [f64; 3] {
    let turn = sine_cosine_of_turn(scatter.azimuth);
    if inverse_alpha == 1.0 {
        isotropic(square.sqrt(), scatter.deflection, turn)
    } else {
        let u = power(scatter.deflection, inverse_alpha);
        soft(g, square.sqrt(), u, turn)
    }
}

/// A vector of length `speed` in the direction `cos chi = 2 u - 1` from the x axis.
#[inline(always)]
fn isotropic(speed: f64, u: f64, (sine, cosine): (f64, f64)) -> [f64; 3] {
    let across = speed * 2.0 * (u * (1.0 - u)).sqrt();
    [speed * (2.0 * u - 1.0), across * cosine, across * sine]
}

/// `g`, of length `speed`, turned by `cos chi = 2 u - 1`.
#[inline(always)]
fn soft(g: [f64; 3], speed: f64, u: f64, (sine, cosine): (f64, f64)) -> [f64; 3] {
    let along = 2.0 * u - 1.0;
    let rest = u * (1.0 - u);
    let across = 2.0 * (if rest > 0.0 { rest } else { 0.0 }).sqrt();
    let [x, y, z] = g;
    // Where g lies along x, any small z tells the two directions across it.
    let z = if y * y + z * z > 1e-200 { z } else { 1e-100 };
    let d = (y * y + z * z).sqrt();
    let (a, b) = (across * sine, across / d);
    [
        along * x + a * d,
        along * y + b * (speed * z * cosine - x * y * sine),
        along * z - b * (speed * y * cosine + x * z * sine),
    ]
}

/// An upper bound of relative squares in a cell: twice the square of the diagonal of the smallest box
/// around its velocities, or twice their energy `sum c^2` about the mean where that is less. The former is
/// sqrt 2 more than a relative speed can be before the first collision; the latter holds after any
/// number of collisions, because a pair has the highest relative speed where it has all the energy.
#[inline(always)]
fn cell_bound(diagonal_square: f64, energy: f64) -> f64 {
    let bound = if energy < diagonal_square {
        energy
    } else {
        diagonal_square
    };
    2.0 * bound
}

/// Largest less smallest of some values, and their square sum about the mean.
#[inline(always)]
fn spread(values: impl ExactSizeIterator<Item = f64>) -> (f64, f64) {
    let count = values.len() as f64;
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let (mut sum, mut squares) = (0.0, 0.0);
    // About the first value, so that a common drift takes no digits away.
    let mut origin = None;
    for value in values {
        let v = value - *origin.get_or_insert(value);
        low = if v < low { v } else { low };
        high = if v > high { v } else { high };
        sum += v;
        squares += v * v;
    }
    (high - low, squares - sum * sum / count)
}

/// Three arrays of components.
pub(super) struct Components<'a> {
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

#[inline(always)]
fn square_of_difference<const D: usize>(values: &[f64], i: usize, j: usize) -> f64 {
    let (vectors, _) = values.as_chunks::<D>();
    let (a, b) = (&vectors[i], &vectors[j]);
    (0..D).map(|k| (a[k] - b[k]) * (a[k] - b[k])).sum()
}

/// Velocities of any dimension, one particle after the other; scattering is isotropic unless `D = 3`.
pub(super) struct Vectors<'a> {
    pub dims: usize,
    pub inverse_alpha: f64,
    pub values: &'a mut [f64],
    /// Room for one relative velocity.
    pub turned: &'a mut [f64],
    pub draws: StepDraws,
    /// Names the group of cells in the random numbers.
    pub group: u32,
}

impl Velocities for Vectors<'_> {
    type Changes = ();

    fn relative_square(&self, i: usize, j: usize) -> f64 {
        // Loops of a length that is known.
        match self.dims {
            2 => square_of_difference::<2>(self.values, i, j),
            3 => square_of_difference::<3>(self.values, i, j),
            dims => {
                let a = &self.values[i * dims..(i + 1) * dims];
                let b = &self.values[j * dims..(j + 1) * dims];
                a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
            }
        }
    }

    fn bound_square(&self) -> f64 {
        // Cells are seen one by one.
        f64::INFINITY
    }

    fn turn(&self, _: &Pairs, _: &[f64; BATCH], _: &Scatters) {}

    fn apply(&mut self, [i, j]: &Pairs, k: usize, square: f64, scatter: Scatter, (): &()) {
        Velocities::scatter(self, i[k] as usize, j[k] as usize, square, scatter);
    }

    fn bound_square_of(&self, particles: &[u32]) -> f64 {
        let (mut diagonal, mut energy) = (0.0, 0.0);
        for axis in 0..self.dims {
            let place = |&k: &u32| self.values[k as usize * self.dims + axis];
            let (width, square) = spread(particles.iter().map(place));
            diagonal += width * width;
            energy += square;
        }
        cell_bound(diagonal, energy)
    }

    fn scatter(&mut self, i: usize, j: usize, square: f64, scatter: Scatter) {
        let (i, j) = (i * self.dims, j * self.dims);
        let speed = square.sqrt();
        match self.dims {
            2 => {
                let (sine, cosine) = sine_cosine_of_turn(scatter.azimuth);
                self.turned.copy_from_slice(&[speed * cosine, speed * sine]);
            }
            3 => {
                let g = std::array::from_fn(|axis| self.values[i + axis] - self.values[j + axis]);
                let h = turned(g, square, self.inverse_alpha, scatter);
                self.turned.copy_from_slice(&h);
            }
            _ => {
                let [trial, cell] = scatter.name;
                let mut stream = self.draws.direction(trial, cell, self.group);
                stream.direction(self.turned);
                self.turned.iter_mut().for_each(|e| *e *= speed);
            }
        }
        for axis in 0..self.dims {
            let (a, b) = (i + axis, j + axis);
            let d = 0.5 * (self.values[a] - self.values[b] - self.turned[axis]);
            self.values[a] -= d;
            self.values[b] += d;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    fn scatters(stream: &mut Stream) -> Scatters {
        Scatters {
            deflections: std::array::from_fn(|_| stream.uniform().max(1e-12)),
            azimuths: std::array::from_fn(|_| stream.next_u32()),
            trials: [0; BATCH],
            cells: [0; BATCH],
        }
    }

    /// Together or one by one, the same bits; and the relative speed keeps its length to 4 units in the
    /// last place of itself and of the velocities, whose rounding it inherits; also where `g` lies along an axis.
    #[test]
    fn batches_are_single_collisions() {
        let mut stream = Stream::new(2, [0; 3]);
        for inverse_alpha in [1.0, 1.0 / 1.4, 0.5] {
            for round in 0..200 {
                let mut v: [Vec<f64>; 3] = std::array::from_fn(|axis| {
                    let mut draw = || {
                        if round % 4 == 1 && axis > 0 {
                            0.5
                        } else {
                            stream.normal()
                        }
                    };
                    (0..2 * BATCH).map(|_| draw()).collect()
                });
                let mut w = v.clone();
                let pairs: Pairs = [
                    std::array::from_fn(|k| k as u32),
                    std::array::from_fn(|k| (2 * BATCH - 1 - k) as u32),
                ];
                let scatters = scatters(&mut stream);
                let [x, y, z] = &mut v;
                let mut together = Components {
                    v: [x, y, z],
                    inverse_alpha,
                };
                let squares = together.relative_squares(&pairs);
                let changes = together.turn(&pairs, &squares, &scatters);
                let [x, y, z] = &mut w;
                let mut single = Components {
                    v: [x, y, z],
                    inverse_alpha,
                };
                for k in 0..BATCH {
                    let (i, j) = (pairs[0][k] as usize, pairs[1][k] as usize);
                    let square = |i: usize| single.v.iter().map(|v| v[i] * v[i]).sum::<f64>();
                    let scale = squares[k] + square(i) + square(j);
                    together.apply(&pairs, k, squares[k], scatters.get(k), &changes);
                    single.scatter(i, j, squares[k], scatters.get(k));
                    let after = single.relative_square(i, j);
                    assert!((after - squares[k]).abs() <= 4.0 * f64::EPSILON * scale);
                }
                assert_eq!(v, w);
            }
        }
    }

    /// Moments of the direction of `g'` within five standard errors: isotropic where `alpha = 1`; for
    /// soft spheres `<cos chi> = (alpha - 1) / (alpha + 1)` about `g`.
    #[test]
    fn directions() {
        let count = 400_000;
        let bound = |variance: f64| 5.0 * (variance / f64::from(count)).sqrt();
        let mut stream = Stream::new(3, [0; 3]);
        let g = [1.0 / 3.0, -2.0 / 3.0, 2.0 / 3.0];
        for alpha in [1.0, 1.4] {
            let mut mean = [0.0; 3];
            let mut squares = [[0.0; 3]; 3];
            let (mut fourth, mut along) = (0.0, 0.0);
            for _ in 0..count {
                let scatter = Scatter {
                    deflection: stream.uniform(),
                    azimuth: stream.next_u32(),
                    name: [0; 2],
                };
                let e = turned(g, 1.0, 1.0 / alpha, scatter);
                for i in 0..3 {
                    mean[i] += e[i] / f64::from(count);
                    for j in 0..3 {
                        squares[i][j] += e[i] * e[j] / f64::from(count);
                    }
                }
                fourth += e[0].powi(4) / f64::from(count);
                along += (0..3).map(|i| e[i] * g[i]).sum::<f64>() / f64::from(count);
            }
            if alpha == 1.0 {
                for i in 0..3 {
                    assert!(mean[i].abs() < bound(1.0 / 3.0));
                    for j in 0..3 {
                        let expected = if i == j { 1.0 / 3.0 } else { 0.0 };
                        assert!((squares[i][j] - expected).abs() < bound(4.0 / 45.0));
                    }
                }
                assert!((fourth - 0.2).abs() < bound(1.0 / 9.0 - 0.04));
            }
            let expected = (alpha - 1.0) / (alpha + 1.0);
            assert!(
                (along - expected).abs() < bound(1.0 / 3.0),
                "{along} {expected}"
            );
            // Nothing prefers a side of g: the mean direction is along g.
            for i in 0..3 {
                assert!((mean[i] - expected * g[i]).abs() < bound(1.0 / 3.0));
            }
        }
    }
}
