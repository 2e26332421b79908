//! Real fields on the two-dimensional torus and the modes of them that a solver keeps.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use super::etdrk4::Mode;

/// Transforms `N` by `N` real fields `w[x, y]` to and from the Fourier coefficients
///
/// ```text
/// w[x, y] = sum_kl c[k, l] exp(2 pi i (k x + l y)/N),    |k|, |l| <= K = floor((N - 1)/3)
/// ```
///
/// With `3 K < N` the product of two such fields is free of aliasing in these modes (the rule of
/// two thirds, Orszag 1971). Coefficients are stored for `l = 0 .. K` only, the others being
/// their conjugates, as `[l][k]` with `k` in the order of a transform of `N` points; entries with
/// `|k| > K` have no meaning and are to be kept at zero.
#[derive(Clone)]
pub(super) struct TorusFourier {
    resolution: usize,
    kept: usize,
    row_forward: Arc<dyn RealToComplex<f64>>,
    row_inverse: Arc<dyn ComplexToReal<f64>>,
    column_forward: Arc<dyn Fft<f64>>,
    column_inverse: Arc<dyn Fft<f64>>,
}

/// What a transform works in.
pub(super) struct TorusScratch {
    columns: Vec<Mode>,
    half_rows: Vec<Mode>,
    row: Vec<f64>,
    scratch: Vec<Mode>,
}

/// Rows that are gathered from the columns at a time, so that a cache line is used whole.
const ROWS_TOGETHER: usize = 8;

impl TorusFourier {
    pub(super) fn new(resolution: usize) -> Self {
        let mut real = RealFftPlanner::new();
        let mut complex = FftPlanner::new();
        Self {
            resolution,
            kept: (resolution - 1) / 3 + 1,
            row_forward: real.plan_fft_forward(resolution),
            row_inverse: real.plan_fft_inverse(resolution),
            column_forward: complex.plan_fft_forward(resolution),
            column_inverse: complex.plan_fft_inverse(resolution),
        }
    }

    /// Points along each axis.
    pub(super) fn resolution(&self) -> usize {
        self.resolution
    }

    /// The largest wavenumber `K` that is kept along each axis.
    pub(super) fn largest_wavenumber(&self) -> i64 {
        self.kept as i64 - 1
    }

    /// Number of stored coefficients.
    pub(super) fn modes(&self) -> usize {
        self.kept * self.resolution
    }

    /// The wavenumbers `(k, l)` of every stored coefficient in order, `None` where it is not kept.
    pub(super) fn wavenumbers(&self) -> impl Iterator<Item = Option<(i64, i64)>> {
        let (extent, largest) = (self.resolution as i64, self.largest_wavenumber());
        (0..=largest).flat_map(move |l| {
            (0..extent).map(move |index| {
                let k = if 2 * index < extent {
                    index
                } else {
                    index - extent
                };
                (k.abs() <= largest).then_some((k, l))
            })
        })
    }

    pub(super) fn scratch(&self) -> TorusScratch {
        let scratch = [
            self.row_forward.get_scratch_len(),
            self.row_inverse.get_scratch_len(),
            self.column_forward.get_inplace_scratch_len(),
            self.column_inverse.get_inplace_scratch_len(),
        ];
        TorusScratch {
            columns: vec![Mode::default(); self.modes()],
            half_rows: vec![Mode::default(); ROWS_TOGETHER * self.row_forward.complex_len()],
            row: vec![0.; self.resolution],
            scratch: vec![Mode::default(); scratch.into_iter().max().unwrap_or(0)],
        }
    }

    /// Writes the values of the field whose coefficient number `i` is `coefficient(i)`.
    pub(super) fn values(
        &self,
        coefficient: impl Fn(usize) -> Mode,
        values: &mut [f64],
        work: &mut TorusScratch,
    ) {
        let (extent, half) = (self.resolution, self.row_forward.complex_len());
        for (index, column) in work.columns.iter_mut().enumerate() {
            *column = coefficient(index);
        }
        self.column_inverse
            .process_with_scratch(&mut work.columns, &mut work.scratch);
        for (block, rows) in values.chunks_mut(ROWS_TOGETHER * extent).enumerate() {
            let (first, count) = (block * ROWS_TOGETHER, rows.len() / extent);
            for l in 0..self.kept {
                let column = &work.columns[l * extent + first..][..count];
                for (x, &mode) in column.iter().enumerate() {
                    work.half_rows[x * half + l] = mode;
                }
            }
            for (row, modes) in rows
                .chunks_exact_mut(extent)
                .zip(work.half_rows.chunks_exact_mut(half))
            {
                // Sums of conjugate pairs: what rounding has left is no information.
                modes[0].im = 0.;
                modes[self.kept..].fill(Mode::default());
                let done = self
                    .row_inverse
                    .process_with_scratch(modes, row, &mut work.scratch);
                debug_assert!(done.is_ok(), "{done:?}");
            }
        }
    }

    /// Leaves the coefficients of the field `values`, times `N^2`, in the slice that it returns.
    pub(super) fn scaled_coefficients<'a>(
        &self,
        values: &[f64],
        work: &'a mut TorusScratch,
    ) -> &'a [Mode] {
        let (extent, half) = (self.resolution, self.row_forward.complex_len());
        for (block, rows) in values.chunks(ROWS_TOGETHER * extent).enumerate() {
            let (first, count) = (block * ROWS_TOGETHER, rows.len() / extent);
            for (row, modes) in rows
                .chunks_exact(extent)
                .zip(work.half_rows.chunks_exact_mut(half))
            {
                work.row.copy_from_slice(row);
                let done =
                    self.row_forward
                        .process_with_scratch(&mut work.row, modes, &mut work.scratch);
                debug_assert!(done.is_ok(), "{done:?}");
            }
            for l in 0..self.kept {
                let column = &mut work.columns[l * extent + first..][..count];
                for (x, mode) in column.iter_mut().enumerate() {
                    *mode = work.half_rows[x * half + l];
                }
            }
        }
        self.column_forward
            .process_with_scratch(&mut work.columns, &mut work.scratch);
        &work.columns
    }

    /// The kept coefficients of the field that is given by all of them, row-major `[k][l]` in
    /// the order of a transform of `N` points an axis.
    pub(super) fn keep(&self, coefficients: &[Complex<f64>]) -> Vec<Mode> {
        let extent = self.resolution as i64;
        self.wavenumbers()
            .map(|wavenumbers| match wavenumbers {
                Some((k, l)) => coefficients[(k.rem_euclid(extent) * extent + l) as usize],
                None => Mode::default(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fourier::SquareFourier;
    use super::*;

    #[test]
    fn it_agrees_with_the_full_transform() {
        for resolution in [8, 9, 12, 20] {
            let (torus, square) = (
                TorusFourier::new(resolution),
                SquareFourier::new(resolution),
            );
            let mut work = torus.scratch();
            let values: Vec<_> = (0..resolution * resolution)
                .map(|point| ((point * point + 3 * point) % 17) as f64 - 8.)
                .collect();
            let scale = 1. / (resolution * resolution) as f64;
            let expected = torus.keep(&square.coefficients(&values));
            let found = torus.scaled_coefficients(&values, &mut work).to_vec();
            for (place, (k, found)) in torus.wavenumbers().zip(&found).enumerate() {
                if k.is_some() {
                    assert!(
                        (found * scale - expected[place]).norm() < 1e-14,
                        "{resolution}"
                    );
                }
            }
            // Back: the field with only the kept modes.
            let mut full = vec![Mode::default(); values.len()];
            for (place, wavenumbers) in torus.wavenumbers().enumerate() {
                let Some((k, l)) = wavenumbers else { continue };
                let n = resolution as i64;
                full[(k.rem_euclid(n) * n + l) as usize] = expected[place];
                full[((-k).rem_euclid(n) * n + (-l).rem_euclid(n)) as usize] =
                    expected[place].conj();
            }
            let mut back = vec![0.; values.len()];
            torus.values(|index| expected[index], &mut back, &mut work);
            for (a, b) in back.iter().zip(square.values(full)) {
                assert!((a - b).abs() < 1e-12, "{resolution}");
            }
        }
    }

    #[test]
    fn the_largest_wavenumber_leaves_products_free_of_aliasing() {
        for resolution in 8..40 {
            let largest = TorusFourier::new(resolution).largest_wavenumber() as usize;
            // The product reaches 2 K, which appears at 2 K - N: beyond the kept modes.
            assert!(resolution - 2 * largest > largest);
            assert!(3 * (largest + 1) >= resolution);
        }
    }
}
