//! Random media of two materials in the unit square.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use kiti_kinetics::rng::Stream;

use super::super::settings::{require, require_positive};
use super::half_waves::HalfWaves;
use crate::Result;

/// The law of a medium with two coefficients: `high` where a Gaussian random function `g` is not
/// negative and `low` elsewhere, both with probability one half.
///
/// `g` is drawn from `N(0, (-Laplace + tau^2)^(-alpha))` on the unit square with no flux through
/// its boundary and without its mean,
///
/// ```text
/// g(x, y) = sum_kl sqrt(n_k n_l) (pi^2 (k^2 + l^2) + tau^2)^(-alpha/2) z_kl cos(pi k x) cos(pi l y)
/// ```
///
/// over `k, l >= 0` without `k = l = 0`, where `z_kl` are independent standard normals, `n_0 = 1`
/// and `n_k = 2` otherwise. Source: Li et al. (2021), arXiv:2010.08895, appendix A.3.2.
///
/// A grid of `N` points an axis shows the terms with `k, l < N - 1`. They are drawn in an order
/// that does not depend on `N`: the same stream gives the *same medium* on every grid, seen with
/// more or fewer modes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BinaryMedium {
    /// Coefficient where `g < 0`.
    pub low: f64,
    /// Coefficient where `g >= 0`.
    pub high: f64,
    /// Smoothness of `g`: the power `alpha > 1` of the inverse operator.
    pub alpha: f64,
    /// Inverse length scale of `g`, in radians per unit length.
    pub tau: f64,
}

impl Default for BinaryMedium {
    /// Coefficients 3 and 12, `alpha = 2`, `tau = 3`.
    fn default() -> Self {
        Self {
            low: 3.,
            high: 12.,
            alpha: 2.,
            tau: 3.,
        }
    }
}

impl BinaryMedium {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting).
    pub fn validate(&self) -> Result<()> {
        require_positive("low", self.low)?;
        require_positive("high", self.high)?;
        require_positive("tau", self.tau)?;
        require(
            self.alpha.is_finite() && self.alpha > 1.,
            "alpha",
            self.alpha,
            "a number above 1, for a function of finite variance",
        )
    }

    /// Standard deviation of the term of `cos(pi k x) cos(pi l y)`, 0 for the mean.
    fn deviation(&self, k: usize, l: usize) -> f64 {
        if (k, l) == (0, 0) {
            return 0.;
        }
        let norm = if k > 0 { 2. } else { 1. } * if l > 0 { 2. } else { 1. };
        let eigenvalue = PI.powi(2) * (k * k + l * l) as f64 + self.tau.powi(2);
        f64::sqrt(norm) * eigenvalue.powf(-self.alpha / 2.)
    }

    /// Writes the coefficient at the points `(i, j)/(N - 1)`, row-major.
    pub(super) fn sample(&self, cosines: &Cosines, stream: &mut Stream, values: &mut [f64]) {
        let extent = cosines.points;
        values.fill(0.);
        for shell in 1..extent - 1 {
            let corner = (0..=shell).map(|l| (shell, l));
            for (k, l) in corner.chain((0..shell).map(|k| (k, shell))) {
                values[k * extent + l] = self.deviation(k, l) * stream.normal();
            }
        }
        cosines.sum(values);
        for value in values {
            *value = if *value >= 0. { self.high } else { self.low };
        }
    }
}

/// Sums cosine series on a square grid that includes the boundary.
#[derive(Clone, Debug)]
pub(super) struct Cosines {
    points: usize,
    waves: HalfWaves,
}

impl Cosines {
    /// For a grid of `points` along each axis.
    pub(super) fn new(points: usize) -> Self {
        Self {
            points,
            waves: HalfWaves::new(points),
        }
    }

    /// Replaces the coefficients `c[k, l]` by `sum_kl c[k, l] cos(pi k i/M) cos(pi l j/M)` with
    /// `M = points - 1`.
    fn sum(&self, grid: &mut [f64]) {
        let mut scratch = self.waves.scratch();
        for _ in 0..2 {
            for row in grid.chunks_exact_mut(self.points) {
                self.waves.cosines(row, &mut scratch);
            }
            transpose(grid, self.points);
        }
    }
}

fn transpose(grid: &mut [f64], extent: usize) {
    for row in 0..extent {
        for column in 0..row {
            grid.swap(row * extent + column, column * extent + row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_series_are_summed() {
        let points = 6;
        let mut grid = vec![0.; 36];
        for k in 0..5 {
            for l in 0..5 {
                grid[k * 6 + l] = ((3 * k + 5 * l) % 7) as f64 - 3.;
            }
        }
        let coefficients = grid.clone();
        Cosines::new(points).sum(&mut grid);
        for i in 0..6 {
            for j in 0..6 {
                let expected: f64 = (0..36)
                    .map(|place| {
                        let (k, l) = (place / 6, place % 6);
                        let cosine = |k: usize, i: usize| (PI * (k * i) as f64 / 5.).cos();
                        coefficients[place] * cosine(k, i) * cosine(l, j)
                    })
                    .sum();
                assert!((grid[i * 6 + j] - expected).abs() < 1e-12);
            }
        }
    }

    /// Both materials are alike, and two points are of the same one with the probability
    /// `1/2 + asin(rho)/pi` of two normals with the correlation `rho` of `g` there.
    #[test]
    fn materials_are_as_probable_as_stated() {
        let (medium, points, samples) = (BinaryMedium::default(), 17, 4000_u32);
        let cosines = Cosines::new(points);
        let mut values = vec![0.; points * points];
        let (a, b) = ((4, 8), (6, 8));
        let (mut high, mut same) = (0., 0.);
        for sample in 0..samples {
            medium.sample(&cosines, &mut Stream::new(3, [sample, 0, 0]), &mut values);
            let (at_a, at_b) = (values[a.0 * points + a.1], values[b.0 * points + b.1]);
            assert!([3., 12.].contains(&at_a));
            high += f64::from(at_a == 12.);
            same += f64::from(at_a == at_b);
        }
        let mut covariance = [0.; 3];
        for k in 0..points - 1 {
            for l in 0..points - 1 {
                let wave = |(i, j): (usize, usize)| {
                    (PI * (k * i) as f64 / 16.).cos() * (PI * (l * j) as f64 / 16.).cos()
                };
                let variance = medium.deviation(k, l).powi(2);
                covariance[0] += variance * wave(a) * wave(a);
                covariance[1] += variance * wave(b) * wave(b);
                covariance[2] += variance * wave(a) * wave(b);
            }
        }
        let correlation = covariance[2] / (covariance[0] * covariance[1]).sqrt();
        let alike = 0.5 + correlation.asin() / PI;
        assert!((0.55..0.95).contains(&alike), "a telling distance: {alike}");
        let count = f64::from(samples);
        for (found, expected) in [(high / count, 0.5), (same / count, alike)] {
            let standard_error = (expected * (1. - expected) / count).sqrt();
            assert!(
                (found - expected).abs() < 4. * standard_error,
                "{found} {expected}"
            );
        }
    }

    #[test]
    fn parameters_are_checked() {
        let good = BinaryMedium::default();
        assert!(good.validate().is_ok());
        for bad in [
            BinaryMedium { low: 0., ..good },
            BinaryMedium {
                high: f64::INFINITY,
                ..good
            },
            BinaryMedium { alpha: 1., ..good },
            BinaryMedium { tau: -1., ..good },
        ] {
            assert!(bad.validate().is_err());
        }
    }
}
