//! At which length scales an error lies.

use rustfft::num_complex::Complex;
use rustfft::{FftDirection, FftPlanner};

use super::check_shapes;
use crate::{Field, Result};

/// Mean squares by wavenumber: entry `k` holds those of the waves with `|k|` rounding to `k`.
///
/// Their sums are the mean squares of the error and of the field (Parseval).
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ErrorSpectrum {
    /// Of prediction minus target.
    pub error: Vec<f64>,
    /// Of the target.
    pub target: Vec<f64>,
}

/// The radial spectrum of an error on a periodic grid,
///
/// ```text
/// E(k) = sum over the wavenumbers q with k - 1/2 <= |q| < k + 1/2 of |c_q|^2
/// ```
///
/// with `c_q` the Fourier coefficients along the `dimensions` axes after the samples, averaged
/// over samples and trailing axes.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for shapes that differ or have too few axes.
///
/// ```
/// use kiti_data::{Field, metrics::error_spectrum};
/// use std::f64::consts::TAU;
/// let wave = |k: f64| (0..16).map(|i| (TAU * k * i as f64 / 16.).cos()).collect::<Vec<_>>();
/// let target = Field::from_f64(vec![1, 16], wave(2.))?;
/// let smooth = Field::from_f64(vec![1, 16], vec![0.; 16])?;
/// let spectrum = error_spectrum(&smooth, &target, 1)?;
/// assert!((spectrum.error[2] - 0.5).abs() < 1e-12);
/// assert!(spectrum.error[3] < 1e-12);
/// # Ok::<(), kiti_data::Error>(())
/// ```
pub fn error_spectrum(
    prediction: &Field,
    target: &Field,
    dimensions: usize,
) -> Result<ErrorSpectrum> {
    check_shapes(prediction, target, dimensions)?;
    let shape = target.shape();
    let space = &shape[1..=dimensions];
    let trailing: usize = shape[dimensions + 1..].iter().product();
    let points: usize = space.iter().product();
    let target: Vec<_> = target.data().iter_f64().collect();
    let values = prediction.data().iter_f64();
    let error: Vec<_> = values.zip(&target).map(|(p, t)| p - t).collect();
    let bins = shells(space);
    let spectrum = |values: &[f64]| {
        let mut sums = vec![0.; bins.iter().max().map_or(1, |last| last + 1)];
        let scale = 1. / (points as f64).powi(2) / (values.len() / points) as f64;
        let mut grid = vec![Complex::default(); points];
        for sample in values.chunks_exact(points * trailing) {
            for offset in 0..trailing {
                for (point, value) in grid.iter_mut().enumerate() {
                    *value = Complex::new(sample[point * trailing + offset], 0.);
                }
                transform(&mut grid, space);
                for (mode, &bin) in grid.iter().zip(&bins) {
                    sums[bin] += mode.norm_sqr() * scale;
                }
            }
        }
        sums
    };
    Ok(ErrorSpectrum {
        error: spectrum(&error),
        target: spectrum(&target),
    })
}

/// The rounded length of every wavenumber of a grid, in the order of its transform.
fn shells(space: &[usize]) -> Vec<usize> {
    let mut squares = vec![0_f64];
    for &extent in space {
        let along = |index: usize| (index.min(extent - index) as f64).powi(2);
        squares = squares
            .iter()
            .flat_map(|square| (0..extent).map(move |index| square + along(index)))
            .collect();
    }
    squares
        .iter()
        .map(|square| square.sqrt().round() as usize)
        .collect()
}

/// Transforms a row-major grid along each of its axes.
fn transform(grid: &mut [Complex<f64>], space: &[usize]) {
    let mut planner = FftPlanner::new();
    for (axis, &extent) in space.iter().enumerate() {
        let stride: usize = space[axis + 1..].iter().product();
        let along = planner.plan_fft(extent, FftDirection::Forward);
        let mut line = vec![Complex::default(); extent];
        let mut scratch = vec![Complex::default(); along.get_inplace_scratch_len()];
        for block in grid.chunks_exact_mut(extent * stride) {
            for offset in 0..stride {
                for (index, value) in line.iter_mut().enumerate() {
                    *value = block[offset + index * stride];
                }
                along.process_with_scratch(&mut line, &mut scratch);
                for (index, value) in line.iter().enumerate() {
                    block[offset + index * stride] = *value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    #[test]
    fn a_wave_lies_in_the_shell_of_its_wavenumber() {
        let (n, m) = (12, 10);
        let wave = |k: f64, l: f64| {
            let value = move |point: usize| {
                let (x, y) = ((point / m) as f64 / n as f64, (point % m) as f64 / m as f64);
                (TAU * (k * x + l * y)).cos()
            };
            Field::from_f64(vec![1, n, m], (0..n * m).map(value).collect()).unwrap()
        };
        for (k, l, shell) in [
            (0., 0., 0),
            (3., 4., 5),
            (-2., 1., 2),
            (2., 2., 3),
            (0., -4., 4),
        ] {
            let zero = Field::from_f64(vec![1, n, m], vec![0.; n * m]).unwrap();
            let spectrum = error_spectrum(&zero, &wave(k, l), 2).unwrap();
            let square = if shell == 0 { 1. } else { 0.5 };
            for (place, power) in spectrum.error.iter().enumerate() {
                let expected = if place == shell { square } else { 0. };
                assert!((power - expected).abs() < 1e-13, "{k} {l}: {place} {power}");
            }
            assert_eq!(spectrum.error, spectrum.target);
        }
    }

    #[test]
    fn the_sums_are_the_mean_squares() {
        let values = |seed: usize| {
            (0..3 * 8 * 5 * 2)
                .map(|i| ((i * i * seed + i) % 23) as f64 - 9.)
                .collect::<Vec<_>>()
        };
        let (p, t) = (values(3), values(5));
        let mean_square =
            |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        let difference: Vec<_> = p.iter().zip(&t).map(|(p, t)| p - t).collect();
        let field = |values: &[f64]| Field::from_f64(vec![3, 8, 5, 2], values.to_vec()).unwrap();
        let spectrum = error_spectrum(&field(&p), &field(&t), 2).unwrap();
        let sum = |values: &[f64]| values.iter().sum::<f64>();
        assert!((sum(&spectrum.error) - mean_square(&difference)).abs() < 1e-10);
        assert!((sum(&spectrum.target) - mean_square(&t)).abs() < 1e-10);
    }

    #[test]
    fn shapes_are_checked() {
        let field = Field::from_f32(vec![2, 4], vec![0.; 8]).unwrap();
        assert!(error_spectrum(&field, &field, 2).is_err());
    }
}
