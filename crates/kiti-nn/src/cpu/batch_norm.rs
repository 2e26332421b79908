//! Normalisation of channels over a batch, and its gradients.
//!
//! A channel is a row of sites in each sample. Sums over a row are taken in the element type, over the rows in
//! double precision.

use pulp::{Simd, WithSimd};

use super::{Element, dispatch, reduce};

/// What one pass over a channel gathers, row by row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    count: f64,
    pub(crate) mean: f64,
    /// Sum of the squares of the deviations from the mean.
    squares: f64,
}

impl Moments {
    /// Takes in another row (Chan, Golub & LeVeque, 1979).
    pub(crate) fn add<T: Element>(&mut self, row: &[T]) {
        let [mean, squares] = dispatch(RowMoments(row));
        let (count, difference) = (row.len() as f64, mean - self.mean);
        let total = self.count + count;
        self.squares += squares + difference * difference * self.count * count / total;
        self.mean += difference * count / total;
        self.count = total;
    }

    /// Variance of the values themselves.
    pub(crate) fn variance(&self) -> f64 {
        self.squares / self.count
    }
}

/// `y = x factor + summand`.
pub(crate) fn affine<T: Element>(x: &[T], [factor, summand]: [f64; 2], y: &mut [T]) {
    assert_eq!(x.len(), y.len());
    dispatch(Affine {
        x,
        factor: T::from_f64(factor),
        summand: T::from_f64(summand),
        y,
    });
}

/// Sum of the gradients, and of the gradients times `x - mean`.
pub(crate) fn gradient_sums<T: Element>(x: &[T], gradient: &[T], mean: f64) -> [f64; 2] {
    dispatch(GradientSums {
        x,
        gradient,
        mean: T::from_f64(mean),
    })
}

/// `result = gradient a + x b + c`.
pub(crate) fn combine<T: Element>(x: &[T], gradient: &[T], [a, b, c]: [f64; 3], result: &mut [T]) {
    assert!(x.len() == gradient.len() && x.len() == result.len());
    dispatch(Combine {
        x,
        gradient,
        coefficients: [a, b, c].map(T::from_f64),
        result,
    });
}

struct RowMoments<'a, T>(&'a [T]);

impl<T: Element> WithSimd for RowMoments<'_, T> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f64; 2] {
        let mean = reduce::sum(self.0) / T::from_f64(self.0.len() as f64);
        [mean.to_f64(), reduce::squares_about(self.0, mean).to_f64()]
    }
}

struct Affine<'a, T> {
    x: &'a [T],
    factor: T,
    summand: T,
    y: &'a mut [T],
}

impl<T: Element> WithSimd for Affine<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            *y = *x * self.factor + self.summand;
        }
    }
}

struct GradientSums<'a, T> {
    x: &'a [T],
    gradient: &'a [T],
    mean: T,
}

impl<T: Element> WithSimd for GradientSums<'_, T> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f64; 2] {
        let plain = reduce::sum(self.gradient).to_f64();
        let weighted = reduce::dot_about(self.x, self.mean, self.gradient);
        [plain, weighted.to_f64()]
    }
}

struct Combine<'a, T> {
    x: &'a [T],
    gradient: &'a [T],
    coefficients: [T; 3],
    result: &'a mut [T],
}

impl<T: Element> WithSimd for Combine<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let [a, b, c] = self.coefficients;
        let rows = self.x.iter().zip(self.gradient);
        for (result, (x, g)) in self.result.iter_mut().zip(rows) {
            *result = *g * a + (*x * b + c);
        }
    }
}
