//! Sums of half sine and cosine waves between two walls.

use std::fmt;
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex;

/// Sums half waves at the points `j/M`, `0 <= j <= M`, by a transform of the odd or even
/// continuation to `2 M` points.
#[derive(Clone)]
pub(super) struct HalfWaves {
    transform: Arc<dyn RealToComplex<f64>>,
}

/// What a sum works in.
pub(super) struct HalfWaveScratch {
    continued: Vec<f64>,
    modes: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
}

impl fmt::Debug for HalfWaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HalfWaves")
            .field("points", &(self.transform.len() / 2 + 1))
            .finish()
    }
}

impl HalfWaves {
    /// For `points = M + 1` points, both walls among them, at least 2.
    pub(super) fn new(points: usize) -> Self {
        Self {
            transform: RealFftPlanner::new().plan_fft_forward(2 * (points - 1)),
        }
    }

    pub(super) fn scratch(&self) -> HalfWaveScratch {
        HalfWaveScratch {
            continued: self.transform.make_input_vec(),
            modes: self.transform.make_output_vec(),
            scratch: self.transform.make_scratch_vec(),
        }
    }

    /// Replaces `c[k]` by `sum_k c[k] sin(pi k j/M)`; the first and last element become 0.
    pub(super) fn sines(&self, row: &mut [f64], work: &mut HalfWaveScratch) {
        let last = row.len() - 1;
        (row[0], row[last]) = (0., 0.);
        for (to, from) in work.continued[last..].iter_mut().zip(row[1..].iter().rev()) {
            *to = -from;
        }
        self.transform(row, work);
        for (value, mode) in row[..last].iter_mut().zip(&work.modes) {
            *value = -mode.im / 2.;
        }
    }

    /// Replaces `c[k]` by `sum_k c[k] cos(pi k j/M)`.
    pub(super) fn cosines(&self, row: &mut [f64], work: &mut HalfWaveScratch) {
        let last = row.len() - 1;
        row[0] *= 2.;
        row[last] *= 2.;
        work.continued[last..]
            .iter_mut()
            .zip(row[1..].iter().rev())
            .for_each(|(to, from)| *to = *from);
        self.transform(row, work);
        for (value, mode) in row.iter_mut().zip(&work.modes) {
            *value = mode.re / 2.;
        }
    }

    /// Transforms the first half in `row` with the second half in `work`.
    fn transform(&self, row: &[f64], work: &mut HalfWaveScratch) {
        let last = row.len() - 1;
        work.continued[..last].copy_from_slice(&row[..last]);
        let done = self.transform.process_with_scratch(
            &mut work.continued,
            &mut work.modes,
            &mut work.scratch,
        );
        debug_assert!(done.is_ok(), "{done:?}");
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    #[test]
    fn sums_agree_with_the_definition_however_often_they_are_made() {
        for points in [2, 3, 6, 29, 36, 129] {
            let waves = HalfWaves::new(points);
            let mut work = waves.scratch();
            let last = (points - 1) as f64;
            for round in 0..40 {
                let coefficients: Vec<_> = (0..points)
                    .map(|k| ((k * (round + 3)) % 13) as f64 - 6.)
                    .collect();
                let sum = |wave: fn(f64) -> f64, j: usize| -> f64 {
                    let terms = coefficients.iter().enumerate();
                    terms
                        .map(|(k, c)| c * wave(PI * (k * j) as f64 / last))
                        .sum()
                };
                let (mut sines, mut cosines) = (coefficients.clone(), coefficients.clone());
                waves.sines(&mut sines, &mut work);
                waves.cosines(&mut cosines, &mut work);
                for j in 0..points {
                    assert!(
                        (sines[j] - sum(f64::sin, j)).abs() < 1e-10,
                        "{points} {round}"
                    );
                    assert!(
                        (cosines[j] - sum(f64::cos, j)).abs() < 1e-10,
                        "{points} {round}"
                    );
                }
            }
        }
    }
}
