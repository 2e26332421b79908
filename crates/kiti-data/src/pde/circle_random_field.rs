//! Gaussian random functions on the circle of length 1.

use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use kiti_kinetics::rng::Stream;

use super::settings::{require, require_positive};
use crate::Result;

/// The centred Gaussian measure `N(0, amplitude^2 (-Laplace + tau^2)^(-alpha))` on functions of
/// the one-dimensional unit torus, without their mean.
///
/// A sample is `u(x) = sum_k c_k exp(2 pi i k x)` over the integers `k` without 0, with
/// `c_(-k) = conj(c_k)`, otherwise independent and
///
/// ```text
/// E |c_k|^2 = amplitude^2 (4 pi^2 k^2 + tau^2)^(-alpha)
/// ```
///
/// half of it in the real and half in the imaginary part. The coefficients are drawn in the
/// order of their wavenumbers: the same stream gives the *same function* on every grid, seen
/// with more or fewer modes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CircleRandomField {
    /// Scale of the values: the standard deviation is proportional to it.
    pub amplitude: f64,
    /// Smoothness: the power `alpha > 1/2` of the inverse operator.
    pub alpha: f64,
    /// Inverse length scale `tau > 0`, in radians per unit length.
    pub tau: f64,
}

impl Default for CircleRandomField {
    /// `N(0, 625 (-Laplace + 25)^(-2))`: amplitude 25, `alpha = 2`, `tau = 5`.
    fn default() -> Self {
        Self {
            amplitude: 25.,
            alpha: 2.,
            tau: 5.,
        }
    }
}

impl CircleRandomField {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting).
    pub fn validate(&self) -> Result<()> {
        require_positive("amplitude", self.amplitude)?;
        require_positive("tau", self.tau)?;
        require(
            self.alpha.is_finite() && self.alpha > 0.5,
            "alpha",
            self.alpha,
            "a number above 1/2, for a function of finite variance",
        )
    }

    /// `E |c_k|^2` of the wavenumber `k`, 0 for the mean.
    pub fn variance(&self, k: usize) -> f64 {
        if k == 0 {
            return 0.;
        }
        let eigenvalue = (std::f64::consts::TAU * k as f64).powi(2) + self.tau.powi(2);
        self.amplitude.powi(2) * eigenvalue.powf(-self.alpha)
    }

    /// Draws `c_k` for `k = 0, 1, ...` of a sample, two normals each (real and imaginary part)
    /// but none for the mean.
    pub fn coefficients(&self, modes: usize, stream: &mut Stream) -> Vec<Complex<f64>> {
        (0..modes)
            .map(|k| {
                if k == 0 {
                    return Complex::default();
                }
                let deviation = (self.variance(k) / 2.).sqrt();
                let real = deviation * stream.normal();
                Complex::new(real, deviation * stream.normal())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spectrum_has_the_stated_variance() {
        let field = CircleRandomField::default();
        let (modes, samples) = (12, 4000_u32);
        let mut power = vec![0.; modes];
        let mut crossed = 0.;
        for sample in 0..samples {
            let c = field.coefficients(modes, &mut Stream::new(5, [sample, 0, 0]));
            assert_eq!(c[0], Complex::default());
            for k in 1..modes {
                power[k] += c[k].norm_sqr() / field.variance(k);
            }
            crossed += c[1].re * c[1].im / field.variance(1);
        }
        // |c|^2/E|c|^2 is exponential: mean 1, standard deviation 1; re im/E|c|^2 deviates by 1/2.
        let root = f64::from(samples).sqrt();
        for k in 1..modes {
            let standard_errors = (power[k] / f64::from(samples) - 1.) * root;
            assert!(standard_errors.abs() < 4., "k = {k}: {standard_errors}");
        }
        assert!((crossed / root / 0.5).abs() < 4., "{crossed}");
        assert!(
            (field.variance(1) - 625. / (39.478_417_604_357_43_f64 + 25.).powi(2)).abs() < 1e-12
        );
    }

    #[test]
    fn a_stream_is_one_function_on_every_grid() {
        let field = CircleRandomField::default();
        let draw = |modes| field.coefficients(modes, &mut Stream::new(1, [2, 0, 0]));
        assert_eq!(draw(8), draw(300)[..8]);
    }

    #[test]
    fn parameters_are_checked() {
        let good = CircleRandomField::default();
        assert!(good.validate().is_ok());
        for bad in [
            CircleRandomField { alpha: 0.5, ..good },
            CircleRandomField { tau: 0., ..good },
            CircleRandomField {
                amplitude: f64::NAN,
                ..good
            },
        ] {
            assert!(bad.validate().is_err());
        }
    }
}
