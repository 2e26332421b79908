//! Layer normalisation of rows, and its gradients.

use pulp::{Simd, WithSimd};

use super::reduce::{self, PARTIAL};
use super::{Element, dispatch};

/// What the rows are normalised with.
#[derive(Clone, Copy)]
pub(crate) struct Affine<'a, T> {
    pub(crate) scale: &'a [T],
    pub(crate) shift: &'a [T],
    /// Added to the variance.
    pub(crate) eps: T,
}

/// `y = (x - mean) / sqrt(variance + eps) scale + shift` for each row of `scale.len()` values.
pub(crate) fn forward<T: Element>(x: &[T], affine: Affine<'_, T>, y: &mut [T]) {
    dispatch(Forward { x, affine, y });
}

/// The gradient of the rows `x`, unless `x_gradient` is empty; those of scale and shift are added to theirs.
pub(crate) fn backward<T: Element>(
    x: &[T],
    affine: Affine<'_, T>,
    gradient: &[T],
    x_gradient: &mut [T],
    scale_gradient: &mut [T],
    shift_gradient: &mut [T],
) {
    dispatch(Backward {
        x,
        affine,
        gradient,
        x_gradient,
        scale_gradient,
        shift_gradient,
    });
}

/// Mean of a row, and 1 over its standard deviation.
#[inline(always)]
fn moments<T: Element>(row: &[T], eps: T) -> (T, T) {
    let count = T::from_f64(row.len() as f64);
    let mean = reduce::sum(row) / count;
    let variance = reduce::squares_about(row, mean) / count;
    (mean, T::from_f64(1.0) / T::sqrt(variance + eps))
}

struct Forward<'a, T> {
    x: &'a [T],
    affine: Affine<'a, T>,
    y: &'a mut [T],
}

impl<T: Element> WithSimd for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Affine { scale, shift, eps } = self.affine;
        let width = scale.len();
        for (x, y) in self
            .x
            .chunks_exact(width)
            .zip(self.y.chunks_exact_mut(width))
        {
            let (mean, inverse) = moments(x, eps);
            let affine = scale.iter().zip(shift);
            for ((y, x), (scale, shift)) in y.iter_mut().zip(x).zip(affine) {
                *y = (*x - mean) * inverse * *scale + *shift;
            }
        }
    }
}

struct Backward<'a, T> {
    x: &'a [T],
    affine: Affine<'a, T>,
    gradient: &'a [T],
    x_gradient: &'a mut [T],
    scale_gradient: &'a mut [T],
    shift_gradient: &'a mut [T],
}

impl<T: Element> WithSimd for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Affine { scale, eps, .. } = self.affine;
        let width = scale.len();
        let mut x_gradients = self.x_gradient.chunks_exact_mut(width);
        let rows = self.x.chunks_exact(width);
        for (x, gradient) in rows.zip(self.gradient.chunks_exact(width)) {
            let (mean, inverse) = moments(x, eps);
            let sums = self
                .scale_gradient
                .iter_mut()
                .zip(self.shift_gradient.iter_mut());
            for ((x, g), (scale, shift)) in x.iter().zip(gradient).zip(sums) {
                *scale += *g * ((*x - mean) * inverse);
                *shift += *g;
            }
            let Some(x_gradient) = x_gradients.next() else {
                continue;
            };
            // With h = gradient scale and x' = (x - mean) inverse: (h - mean(h) - x' mean(h x')) inverse.
            let (mut plain, mut weighted) = ([T::default(); PARTIAL], [T::default(); PARTIAL]);
            let mut start = 0;
            while start < width {
                let end = (start + PARTIAL).min(width);
                let partial = plain.iter_mut().zip(weighted.iter_mut());
                let rows = x[start..end].iter().zip(&gradient[start..end]);
                for ((plain, weighted), ((x, g), scale)) in
                    partial.zip(rows.zip(&scale[start..end]))
                {
                    let h = *g * *scale;
                    *plain += h;
                    *weighted += h * ((*x - mean) * inverse);
                }
                start = end;
            }
            let count = T::from_f64(width as f64);
            let plain = reduce::total(plain) / count;
            let weighted = reduce::total(weighted) / count;
            for ((result, x), (g, scale)) in
                x_gradient.iter_mut().zip(x).zip(gradient.iter().zip(scale))
            {
                let normal = (*x - mean) * inverse;
                *result = (*g * *scale - plain - normal * weighted) * inverse;
            }
        }
    }
}
