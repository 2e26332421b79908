//! Gaussian random fields on the unit torus.

use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use kiti_kinetics::rng::Stream;

use super::fourier::SquareFourier;
use crate::{Error, Result};

/// The centred Gaussian measure `N(0, tau^(2 alpha - 2) (-Laplace + tau^2)^(-alpha))` on
/// functions of the two-dimensional unit torus, without their mean.
///
/// A sample is `u(x) = sum_k c_k exp(2 pi i k.x)` over `k` in `Z^2` without 0, with
/// `c_(-k) = conj(c_k)`, otherwise independent and
///
/// ```text
/// E |c_k|^2 = tau^(2 alpha - 2) (4 pi^2 |k|^2 + tau^2)^(-alpha)
/// ```
///
/// half of it in the real and half in the imaginary part. The widely used generator of the
/// Fourier neural operator's authors multiplies unit complex noise `z_k` (`E |z_k|^2 = 1`) by
/// `N^2 sqrt(2) tau^(alpha - 1) (4 pi^2 |k|^2 + tau^2)^(-alpha/2)` and takes the real part of
/// the inverse transform (which divides by `N^2`): the real part averages `c_k` with
/// `conj(c_(-k))`, which halves the variance, and the factor `sqrt(2)` restores it. Both are
/// this measure. (With noise whose real and imaginary parts *each* have variance 1, as its
/// oldest version draws it, fields come out `sqrt(2)` times larger.)
///
/// On a grid of `N` points an axis the sample is the part of the function with
/// `|k_1|, |k_2| < N/2`. The coefficients are drawn in an order that does not depend on `N`, so
/// the same stream gives the *same function* on every grid, seen with more or fewer modes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GaussianRandomField {
    /// Smoothness: the power `alpha > 1` of the inverse operator.
    pub alpha: f64,
    /// Inverse length scale `tau > 0`, in radians per unit length.
    pub tau: f64,
}

impl Default for GaussianRandomField {
    /// `alpha = 2.5`, `tau = 7`.
    fn default() -> Self {
        Self {
            alpha: 2.5,
            tau: 7.,
        }
    }
}

impl GaussianRandomField {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<()> {
        let in_range = |value: f64, least: f64| value.is_finite() && value > least;
        if !in_range(self.alpha, 1.) {
            return Err(Error::Setting {
                key: "alpha",
                found: self.alpha.to_string(),
                expected: "a number above 1, for a field of finite variance",
            });
        }
        if !in_range(self.tau, 0.) {
            return Err(Error::Setting {
                key: "tau",
                found: self.tau.to_string(),
                expected: "a positive number",
            });
        }
        Ok(())
    }

    /// `E |c_k|^2` of the wavenumber `k = (k_1, k_2)`, 0 for the mean.
    pub fn variance(&self, k_1: i64, k_2: i64) -> f64 {
        if (k_1, k_2) == (0, 0) {
            return 0.;
        }
        let square = (k_1 * k_1 + k_2 * k_2) as f64;
        let eigenvalue = 4. * std::f64::consts::PI.powi(2) * square + self.tau.powi(2);
        self.tau.powf(2. * self.alpha - 2.) * eigenvalue.powf(-self.alpha)
    }

    /// Draws the coefficients of a sample, row-major in the order of a transform of `resolution`
    /// points an axis; those with `|k| = resolution/2` on an axis are 0.
    ///
    /// Wavenumbers come in shells of growing `max(|k_1|, |k_2|)`; two normals each (real and
    /// imaginary part), the conjugate partner follows from them.
    pub fn coefficients(&self, resolution: usize, stream: &mut Stream) -> Vec<Complex<f64>> {
        let mut coefficients = vec![Complex::new(0., 0.); resolution * resolution];
        let at = |k_1: i64, k_2: i64| {
            let extent = resolution as i64;
            (k_1.rem_euclid(extent) * extent + k_2.rem_euclid(extent)) as usize
        };
        let last_shell = (resolution as i64 - 1) / 2;
        for shell in 1..=last_shell {
            for_half_shell(shell, |k_1, k_2| {
                let deviation = (self.variance(k_1, k_2) / 2.).sqrt();
                let real = deviation * stream.normal();
                let imaginary = deviation * stream.normal();
                coefficients[at(k_1, k_2)] = Complex::new(real, imaginary);
                coefficients[at(-k_1, -k_2)] = Complex::new(real, -imaginary);
            });
        }
        coefficients
    }

    /// Draws a sample's values on a grid, row-major.
    pub fn sample(&self, fourier: &SquareFourier, stream: &mut Stream) -> Vec<f64> {
        fourier.values(self.coefficients(fourier.resolution(), stream))
    }
}

/// Visits one of each pair `(k, -k)` with `max(|k_1|, |k_2|) = shell`.
fn for_half_shell(shell: i64, mut visit: impl FnMut(i64, i64)) {
    for k_2 in -shell..=shell {
        visit(shell, k_2);
    }
    for k_1 in -(shell - 1)..=(shell - 1) {
        visit(k_1, shell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(index: u32) -> Stream {
        Stream::new(11, [index, 0, 0])
    }

    #[test]
    fn every_wavenumber_is_visited_once() {
        let mut seen = std::collections::BTreeSet::new();
        for shell in 1..=5 {
            for_half_shell(shell, |k_1, k_2| {
                assert!(seen.insert((k_1, k_2)));
                assert!(seen.insert((-k_1, -k_2)));
            });
        }
        assert_eq!(seen.len(), 11 * 11 - 1);
    }

    #[test]
    fn the_spectrum_has_the_stated_variance() {
        let field = GaussianRandomField::default();
        let (resolution, samples) = (16, 400);
        let fourier = SquareFourier::new(resolution);
        // The sum over modes of |c_k|^2 / E|c_k|^2, by shells of |k|^2, read back from values.
        let mut sums = std::collections::BTreeMap::<i64, (f64, f64)>::new();
        for index in 0..samples {
            let values = field.sample(&fourier, &mut stream(index));
            let coefficients = fourier.coefficients(&values);
            assert!(coefficients[0].norm() < 1e-14, "the mean is zero");
            for row in 0..resolution {
                for column in 0..resolution {
                    let (k_1, k_2) = (fourier.wavenumber(row), fourier.wavenumber(column));
                    // One of each conjugate pair: the other is no new information.
                    if k_1 == -8 || k_2 == -8 || (k_1, k_2) <= (0, 0) {
                        continue;
                    }
                    let power = coefficients[row * resolution + column].norm_sqr();
                    let sum = sums.entry(k_1 * k_1 + k_2 * k_2).or_default();
                    sum.0 += power / field.variance(k_1, k_2);
                    sum.1 += 1.;
                }
            }
        }
        // |c|^2 / E|c|^2 is exponential: mean 1, standard deviation 1. 34 shells are looked at,
        // so a deviation of 4.5 standard errors has a chance below 1e-3 in all.
        assert!(sums.len() > 30);
        for (shell, (sum, count)) in sums {
            let standard_errors = (sum / count - 1.) * count.sqrt();
            assert!(
                standard_errors.abs() < 4.5,
                "|k|^2 {shell}: {standard_errors}"
            );
        }
    }

    #[test]
    fn real_and_imaginary_parts_are_uncorrelated_and_alike() {
        let field = GaussianRandomField::default();
        let (mut product, mut difference, samples) = (0., 0., 4000);
        for index in 0..samples {
            let c = field.coefficients(4, &mut stream(index))[1];
            let variance = field.variance(0, 1);
            product += c.re * c.im / variance;
            difference += (c.re * c.re - c.im * c.im) / variance;
        }
        // Standard deviations of one term: 1/2 and 1.
        let root = f64::from(samples).sqrt();
        assert!((product / root / 0.5).abs() < 4., "{product}");
        assert!((difference / root).abs() < 4., "{difference}");
    }

    #[test]
    fn a_stream_is_one_function_on_every_grid() {
        let field = GaussianRandomField::default();
        let coarse = field.coefficients(16, &mut stream(3));
        let fine = field.coefficients(64, &mut stream(3));
        let (small, large) = (SquareFourier::new(16), SquareFourier::new(64));
        let mut compared = 0;
        for row in 0..64 {
            for column in 0..64 {
                let (k_1, k_2) = (large.wavenumber(row), large.wavenumber(column));
                if k_1.abs().max(k_2.abs()) < 8 {
                    let index = k_1.rem_euclid(16) * 16 + k_2.rem_euclid(16);
                    assert_eq!(fine[row * 64 + column], coarse[index as usize]);
                    compared += 1;
                }
            }
        }
        assert_eq!(compared, 15 * 15);
        // Seen as values: what differs is the short waves, a small part of the variance.
        let (coarse, fine) = (small.values(coarse), large.values(fine));
        let (mut difference, mut norm) = (0., 0.);
        for x in 0..16 {
            for y in 0..16 {
                let (u, w) = (coarse[x * 16 + y], fine[4 * x * 64 + 4 * y]);
                difference += (u - w).powi(2);
                norm += w.powi(2);
            }
        }
        assert!(difference < 0.01 * norm, "{difference} of {norm}");
    }

    #[test]
    fn parameters_are_checked() {
        for (alpha, tau) in [(1., 7.), (f64::NAN, 7.), (2., 0.), (2., f64::INFINITY)] {
            assert!(GaussianRandomField { alpha, tau }.validate().is_err());
        }
    }
}
