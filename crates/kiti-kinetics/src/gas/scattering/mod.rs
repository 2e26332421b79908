//! One binary collision: how the relative velocity is turned.

mod bound;
mod components;
mod deflection;
mod vectors;

use super::draws::BATCH;

pub(super) use components::Components;
pub(super) use vectors::Vectors;

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
    /// hardly ever pass, see [`bound::cell_bound`].
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

#[cfg(test)]
mod tests {
    use super::deflection::turned;
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
