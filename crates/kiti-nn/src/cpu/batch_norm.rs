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

/// `y = x factor + summand`, or 0 where that is not positive and `activated`.
pub(crate) fn affine<T: Element>(
    x: &[T],
    [factor, summand]: [f64; 2],
    activated: bool,
    y: &mut [T],
) {
    assert_eq!(x.len(), y.len());
    let line = Line::new([factor, summand]);
    if activated {
        dispatch(Affine::<T, true> { x, line, y });
    } else {
        dispatch(Affine::<T, false> { x, line, y });
    }
}

/// Sum of the gradients, and of the gradients times `x - mean`; without those where the line `cut`, if any, is not positive.
pub(crate) fn gradient_sums<T: Element>(
    x: &[T],
    gradient: &[T],
    mean: f64,
    cut: Option<[f64; 2]>,
) -> [f64; 2] {
    assert_eq!(x.len(), gradient.len());
    let mean = T::from_f64(mean);
    match cut {
        None => dispatch(GradientSums { x, gradient, mean }),
        Some(line) => dispatch(CutGradientSums {
            x,
            gradient,
            mean,
            line: Line::new(line),
        }),
    }
}

/// `result = gradient a + x b + c`, where the gradient is 0 where the line `cut`, if any, is not positive.
pub(crate) fn combine<T: Element>(
    x: &[T],
    gradient: &[T],
    [a, b, c]: [f64; 3],
    cut: Option<[f64; 2]>,
    result: &mut [T],
) {
    assert!(x.len() == gradient.len() && x.len() == result.len());
    let coefficients = [a, b, c].map(T::from_f64);
    let line = Line::new(cut.unwrap_or_default());
    if cut.is_some() {
        dispatch(Combine::<T, true> {
            x,
            gradient,
            coefficients,
            line,
            result,
        });
    } else {
        dispatch(Combine::<T, false> {
            x,
            gradient,
            coefficients,
            line,
            result,
        });
    }
}

/// `x factor + summand`: the same bits forward and backward.
#[derive(Clone, Copy)]
struct Line<T> {
    factor: T,
    summand: T,
}

impl<T: Element> Line<T> {
    fn new([factor, summand]: [f64; 2]) -> Self {
        Self {
            factor: T::from_f64(factor),
            summand: T::from_f64(summand),
        }
    }

    #[inline(always)]
    fn at(self, x: T) -> T {
        x * self.factor + self.summand
    }

    /// `value` where the line is positive, else 0.
    #[inline(always)]
    fn where_positive(self, x: T, value: T) -> T {
        if self.at(x) > T::default() {
            value
        } else {
            T::default()
        }
    }
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

struct Affine<'a, T, const ACTIVATED: bool> {
    x: &'a [T],
    line: Line<T>,
    y: &'a mut [T],
}

impl<T: Element, const ACTIVATED: bool> WithSimd for Affine<'_, T, ACTIVATED> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            let value = self.line.at(*x);
            *y = if ACTIVATED {
                self.line.where_positive(*x, value)
            } else {
                value
            };
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

struct CutGradientSums<'a, T> {
    x: &'a [T],
    gradient: &'a [T],
    mean: T,
    line: Line<T>,
}

impl<T: Element> WithSimd for CutGradientSums<'_, T> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f64; 2] {
        let mut plain = [T::default(); reduce::PARTIAL];
        let mut weighted = [T::default(); reduce::PARTIAL];
        let whole = self.x.len() / reduce::PARTIAL * reduce::PARTIAL;
        let (x, gradient) = (&self.x[..whole], &self.gradient[..whole]);
        let rest = self.x[whole..].iter().zip(&self.gradient[whole..]);
        for (index, (x, gradient)) in rest.enumerate() {
            let gradient = self.line.where_positive(*x, *gradient);
            plain[index] += gradient;
            weighted[index] += gradient * (*x - self.mean);
        }
        let x = x.chunks_exact(reduce::PARTIAL);
        for (x, gradient) in x.zip(gradient.chunks_exact(reduce::PARTIAL)) {
            for index in 0..reduce::PARTIAL {
                let gradient = self.line.where_positive(x[index], gradient[index]);
                plain[index] += gradient;
                weighted[index] += gradient * (x[index] - self.mean);
            }
        }
        [reduce::total(plain), reduce::total(weighted)].map(|sum| sum.to_f64())
    }
}

struct Combine<'a, T, const CUT: bool> {
    x: &'a [T],
    gradient: &'a [T],
    coefficients: [T; 3],
    line: Line<T>,
    result: &'a mut [T],
}

impl<T: Element, const CUT: bool> WithSimd for Combine<'_, T, CUT> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let [a, b, c] = self.coefficients;
        let rows = self.x.iter().zip(self.gradient);
        for (result, (x, g)) in self.result.iter_mut().zip(rows) {
            let gradient = if CUT {
                self.line.where_positive(*x, *g)
            } else {
                *g
            };
            *result = gradient * a + (*x * b + c);
        }
    }
}
