//! Relative norms of an error.

use std::f64::consts::TAU;

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use super::check_shapes;
use crate::{Field, Result};

/// What lies at the ends of the axes of space, which have the length 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Boundary {
    /// The other end: points `i/N`. Slopes are those of the trigonometric interpolant.
    Periodic,
    /// A wall, on which the first and the last point lie: points `i/(N - 1)`. Slopes are
    /// differences of second order, one-sided at the walls.
    Walls,
}

/// `||p_b - t_b|| / ||t_b||` of every sample `b`, over all its values.
///
/// A target that is all zero gives an infinite error, or NaN for a prediction that is zero too.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for shapes that differ.
///
/// ```
/// use kiti_data::{Field, metrics::relative_l2};
/// let target = Field::from_f32(vec![2, 2], vec![3., 4., 0., 1.])?;
/// let prediction = Field::from_f32(vec![2, 2], vec![3., 3., 0., 1.])?;
/// assert_eq!(relative_l2(&prediction, &target)?, [0.2, 0.]);
/// # Ok::<(), kiti_data::Error>(())
/// ```
pub fn relative_l2(prediction: &Field, target: &Field) -> Result<Vec<f64>> {
    check_shapes(prediction, target, 0)?;
    let samples = target.shape()[0];
    let width = target.data().len() / samples;
    let mut sums = vec![(0., 0.); samples];
    let pairs = prediction.data().iter_f64().zip(target.data().iter_f64());
    for (index, (prediction, target)) in pairs.enumerate() {
        let (error, norm) = &mut sums[index / width];
        *error += (prediction - target).powi(2);
        *norm += target.powi(2);
    }
    Ok(sums
        .iter()
        .map(|(error, norm)| (error / norm).sqrt())
        .collect())
}

/// `||p_b - t_b||_1 / ||t_b||_1` of every sample `b`, with the norm of the Sobolev space `H^1`,
///
/// ```text
/// ||u||_1^2 = sum over points of  u^2 + (d_1 u)^2 + ... + (d_D u)^2
/// ```
///
/// over the `dimensions = D` axes after the samples.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for shapes that differ or have too few axes, or an axis
/// of fewer than 3 points.
///
/// ```
/// use kiti_data::{Field, metrics::{Boundary, relative_h1}};
/// use std::f64::consts::TAU;
/// // An error of wavenumber 2 in a wave of wavenumber 1, a tenth of its height.
/// let wave = |k: f64| (0..16).map(|i| (TAU * k * i as f64 / 16.).sin()).collect::<Vec<_>>();
/// let target = Field::from_f64(vec![1, 16], wave(1.))?;
/// let wrong = wave(1.).iter().zip(wave(2.)).map(|(a, b)| a + 0.1 * b).collect();
/// let error = relative_h1(&Field::from_f64(vec![1, 16], wrong)?, &target, 1, Boundary::Periodic)?;
/// let expected = 0.1 * ((1. + 4. * TAU * TAU) / (1. + TAU * TAU)).sqrt();
/// assert!((error[0] - expected).abs() < 1e-12);
/// # Ok::<(), kiti_data::Error>(())
/// ```
pub fn relative_h1(
    prediction: &Field,
    target: &Field,
    dimensions: usize,
    boundary: Boundary,
) -> Result<Vec<f64>> {
    check_shapes(prediction, target, dimensions)?;
    let shape = target.shape();
    if let Some(&short) = shape[1..=dimensions].iter().find(|&&extent| extent < 3) {
        return Err(crate::Error::Shape {
            array: "target".to_owned(),
            expected: format!("at least 3 points along each axis of space, not {short}"),
            found: shape.to_vec(),
        });
    }
    let target: Vec<_> = target.data().iter_f64().collect();
    let values = prediction.data().iter_f64();
    let error: Vec<_> = values.zip(&target).map(|(p, t)| p - t).collect();
    let width = target.len() / shape[0];
    let squared_norm = |values: &[f64]| -> f64 {
        let slopes = (1..=dimensions).map(|axis| {
            let stride = shape[axis + 1..].iter().product();
            squared_slope(values, shape[axis], stride, boundary)
        });
        values.iter().map(|value| value * value).sum::<f64>() + slopes.sum::<f64>()
    };
    let samples = error.chunks_exact(width).zip(target.chunks_exact(width));
    Ok(samples
        .map(|(error, target)| (squared_norm(error) / squared_norm(target)).sqrt())
        .collect())
}

/// Sum of the squared slopes along an axis of `extent` points, `stride` elements apart.
fn squared_slope(values: &[f64], extent: usize, stride: usize, boundary: Boundary) -> f64 {
    let transform = FftPlanner::new().plan_fft_forward(extent);
    let mut scratch = vec![Complex::default(); transform.get_inplace_scratch_len()];
    let mut modes = vec![Complex::default(); extent];
    let mut sum = 0.;
    for block in values.chunks_exact(extent * stride) {
        for offset in 0..stride {
            let at = |index: usize| block[offset + index * stride];
            sum += match boundary {
                Boundary::Periodic => {
                    for (index, mode) in modes.iter_mut().enumerate() {
                        *mode = Complex::new(at(index), 0.);
                    }
                    transform.process_with_scratch(&mut modes, &mut scratch);
                    // Parseval; the shortest wave of an even grid has slope 0 at its points.
                    let square = |k: usize| (TAU * k as f64).powi(2) * 2. * modes[k].norm_sqr();
                    (1..extent.div_ceil(2)).map(square).sum::<f64>() / extent as f64
                }
                Boundary::Walls => {
                    let last = extent - 1;
                    let twice_step = 2. / last as f64;
                    let inner = (1..last).map(|index| at(index + 1) - at(index - 1));
                    let ends = [
                        4. * at(1) - 3. * at(0) - at(2),
                        3. * at(last) - 4. * at(last - 1) + at(last - 2),
                    ];
                    let slopes = inner.chain(ends).map(|difference| difference / twice_step);
                    slopes.map(|slope| slope * slope).sum()
                }
            };
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(extents: [usize; 2], ends: usize, value: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        let at = |index: usize, extent: usize| index as f64 / (extent - ends) as f64;
        (0..extents[0] * extents[1])
            .map(|point| {
                value(
                    at(point / extents[1], extents[0]),
                    at(point % extents[1], extents[1]),
                )
            })
            .collect()
    }

    #[test]
    fn periodic_slopes_are_exact_for_waves() {
        for extents in [[8, 10], [9, 7]] {
            let field = |value: fn(f64, f64) -> f64| {
                let values = grid(extents, 0, value);
                Field::from_f64(vec![1, extents[0], extents[1]], values).unwrap()
            };
            let target = field(|x, y| (TAU * x).sin() * (2. * TAU * y).cos());
            let prediction = field(|x, y| {
                (TAU * x).sin() * (2. * TAU * y).cos() + 0.3 * (TAU * (3. * x - y)).cos()
            });
            let found = relative_h1(&prediction, &target, 2, Boundary::Periodic).unwrap();
            // Mean squares: 1/4 (1 + |2 pi k|^2) of the product, 0.09/2 (...) of the wave.
            let expected = 0.045 * (1. + 10. * TAU * TAU) / (0.25 * (1. + 5. * TAU * TAU));
            assert!((found[0] - expected.sqrt()).abs() < 1e-12);
        }
    }

    #[test]
    fn slopes_between_walls_are_of_second_order_and_exact_for_parabolas() {
        let values = grid([5, 4], 1, |x, y| x * x + 2. * y);
        let slopes = [
            squared_slope(&values, 5, 4, Boundary::Walls),
            squared_slope(&values, 4, 1, Boundary::Walls),
        ];
        // Over the points: sum of (2 x)^2 in 4 columns, 4 in 20 points.
        let expected = [4. * 4. * (0.0625 + 0.25 + 0.5625 + 1.), 80.];
        assert!((slopes[0] - expected[0]).abs() < 1e-12 && (slopes[1] - expected[1]).abs() < 1e-12);

        let error = |points: usize| {
            let values = grid([points, 1], 1, |x, _| x.exp());
            let slope = squared_slope(&values, points, 1, Boundary::Walls) / points as f64;
            let exact: f64 = values.iter().map(|value| value * value).sum::<f64>() / points as f64;
            (slope - exact).abs()
        };
        let order = (error(33) / error(65)).log2();
        assert!((1.8..2.3).contains(&order), "{order}");
    }

    #[test]
    fn trailing_axes_are_summed_over_and_samples_kept_apart() {
        let target: Vec<_> = (0..2 * 4 * 3).map(|i| ((i * 7) % 5) as f32 - 1.).collect();
        let prediction: Vec<_> = target.iter().map(|value| value * 1.25).collect();
        let field = |values| Field::from_f32(vec![2, 4, 3], values).unwrap();
        let (prediction, target) = (field(prediction), field(target));
        for boundary in [Boundary::Periodic, Boundary::Walls] {
            for errors in [
                relative_l2(&prediction, &target).unwrap(),
                relative_h1(&prediction, &target, 1, boundary).unwrap(),
                relative_h1(&prediction, &target, 2, boundary).unwrap(),
            ] {
                assert_eq!(errors.len(), 2);
                assert!(
                    errors.iter().all(|error| (error - 0.25).abs() < 1e-6),
                    "{errors:?}"
                );
            }
        }
    }

    #[test]
    fn shapes_are_checked() {
        let field = |shape: Vec<usize>| {
            let count = shape.iter().product();
            Field::from_f32(shape, vec![1.; count]).unwrap()
        };
        let message = |error: crate::Error| error.to_string();
        let (a, b) = (field(vec![2, 4]), field(vec![2, 5]));
        assert!(message(relative_l2(&a, &b).unwrap_err()).contains("target's shape [2, 5]"));
        let flat = relative_h1(&a, &a, 2, Boundary::Walls).unwrap_err();
        assert!(message(flat).contains("2 axes of space"));
        let short = field(vec![2, 2]);
        let short = relative_h1(&short, &short, 1, Boundary::Walls).unwrap_err();
        assert!(message(short).contains("at least 3 points"));
        assert!(relative_l2(&field(vec![0, 4]), &field(vec![0, 4])).is_err());
    }
}
