//! Discrete Fourier transform of fields on a square periodic grid.

use std::fmt;
use std::sync::Arc;

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

/// Transforms `N` by `N` fields to the coefficients of their Fourier series and back.
///
/// With `u[x, y]` the values and `c[k, l]` the coefficients, both row-major,
///
/// ```text
/// c[k, l] = 1/N^2 sum_xy u[x, y] exp(-2 pi i (k x + l y)/N)
/// u[x, y] =       sum_kl c[k, l] exp(+2 pi i (k x + l y)/N)
/// ```
///
/// so that `c[0, 0]` is the mean and a coefficient means the same on every grid.
#[derive(Clone)]
pub struct SquareFourier {
    resolution: usize,
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
}

impl fmt::Debug for SquareFourier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SquareFourier")
            .field("resolution", &self.resolution)
            .finish_non_exhaustive()
    }
}

impl SquareFourier {
    /// Plans the transforms of a grid of `resolution` points along each of two axes.
    pub fn new(resolution: usize) -> Self {
        let mut planner = FftPlanner::new();
        Self {
            resolution,
            forward: planner.plan_fft_forward(resolution),
            inverse: planner.plan_fft_inverse(resolution),
        }
    }

    /// Points along each axis.
    pub fn resolution(&self) -> usize {
        self.resolution
    }

    /// The signed wavenumber at `index` of a transformed axis.
    pub fn wavenumber(&self, index: usize) -> i64 {
        let (index, extent) = (index as i64, self.resolution as i64);
        if 2 * index < extent {
            index
        } else {
            index - extent
        }
    }

    /// Coefficients of `values`, which has `resolution^2` elements.
    pub fn coefficients(&self, values: &[f64]) -> Vec<Complex<f64>> {
        let scale = 1. / (self.resolution * self.resolution) as f64;
        let mut coefficients: Vec<_> = values
            .iter()
            .map(|&value| Complex::new(value * scale, 0.))
            .collect();
        self.both_axes(self.forward.as_ref(), &mut coefficients);
        coefficients
    }

    /// Values of the field with these coefficients; the imaginary part, rounding where the
    /// coefficients are conjugate-symmetric, is dropped.
    pub fn values(&self, mut coefficients: Vec<Complex<f64>>) -> Vec<f64> {
        self.both_axes(self.inverse.as_ref(), &mut coefficients);
        coefficients.iter().map(|value| value.re).collect()
    }

    fn both_axes(&self, transform: &dyn Fft<f64>, grid: &mut [Complex<f64>]) {
        transform.process(grid);
        self.transpose(grid);
        transform.process(grid);
        self.transpose(grid);
    }

    fn transpose(&self, grid: &mut [Complex<f64>]) {
        for row in 0..self.resolution {
            for column in 0..row {
                grid.swap(
                    row * self.resolution + column,
                    column * self.resolution + row,
                );
            }
        }
    }
}
