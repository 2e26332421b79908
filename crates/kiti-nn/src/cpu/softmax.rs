//! Softmax of rows, its gradient, and the pieces that attention and cross entropy need of it.

use pulp::{Simd, WithSimd};

use super::{Element, dispatch, reduce};

/// `y = exp(x - max x) / sum exp(x - max x)` of rows of `width` elements.
pub(crate) fn forward<T: Element>(width: usize, x: &[T], y: &mut [T]) {
    assert_eq!(x.len(), y.len());
    dispatch(Forward { width, x, y });
}

/// The gradient of `x` given the softmax `y` of rows of `width` elements: `y (g - sum y g)`.
pub(crate) fn backward<T: Element>(width: usize, y: &[T], gradient: &[T], x_gradient: &mut [T]) {
    assert!(y.len() == gradient.len() && y.len() == x_gradient.len());
    dispatch(Backward {
        width,
        y,
        gradient,
        x_gradient,
    });
}

/// log of the sum of `exp(x)`.
pub(crate) fn log_sum_exp<T: Element>(x: &[T]) -> T {
    let largest = max(x);
    let sum = dispatch(Exponentials {
        input: x.as_ptr(),
        output: std::ptr::null_mut(),
        length: x.len(),
        shift: largest,
    });
    largest + T::from_f64(sum.to_f64().ln())
}

/// `output = exp(input - shift)`, where `input <= shift`; returns the sum.
pub(crate) fn exponentials<T: Element>(input: &[T], shift: T, output: &mut [T]) -> T {
    assert_eq!(input.len(), output.len());
    dispatch(Exponentials {
        input: input.as_ptr(),
        output: output.as_mut_ptr(),
        length: input.len(),
        shift,
    })
}

/// `values = exp(values - shift)`, where `values <= shift`; returns the sum.
pub(crate) fn exponentials_in_place<T: Element>(values: &mut [T], shift: T) -> T {
    let output = values.as_mut_ptr();
    dispatch(Exponentials {
        input: output.cast_const(),
        output,
        length: values.len(),
        shift,
    })
}

/// `slopes = weights (slopes - mean) factor`.
pub(crate) fn slopes<T: Element>(weights: &[T], mean: T, factor: T, slopes: &mut [T]) {
    assert_eq!(weights.len(), slopes.len());
    dispatch(Slopes {
        weights,
        mean,
        factor,
        slopes,
    });
}

/// Sum of the products.
pub(crate) fn dot<T: Element>(a: &[T], b: &[T]) -> T {
    dispatch(Dot(a, b))
}

/// The largest value; NaN is passed over.
pub(crate) fn max<T: Element>(values: &[T]) -> T {
    dispatch(Max(values))
}

/// `values *= factor`.
pub(crate) fn scale<T: Element>(values: &mut [T], factor: T) {
    dispatch(Scale(values, factor));
}

struct Max<'a, T>(&'a [T]);

impl<T: Element> WithSimd for Max<'_, T> {
    type Output = T;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> T {
        reduce::max(self.0)
    }
}

struct Dot<'a, T>(&'a [T], &'a [T]);

impl<T: Element> WithSimd for Dot<'_, T> {
    type Output = T;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> T {
        reduce::dot(self.0, self.1)
    }
}

struct Slopes<'a, T> {
    weights: &'a [T],
    mean: T,
    factor: T,
    slopes: &'a mut [T],
}

impl<T: Element> WithSimd for Slopes<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (slope, weight) in self.slopes.iter_mut().zip(self.weights) {
            *slope = *weight * (*slope - self.mean) * self.factor;
        }
    }
}

struct Scale<'a, T>(&'a mut [T], T);

impl<T: Element> WithSimd for Scale<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for value in self.0 {
            *value *= self.1;
        }
    }
}

/// Input and output, valid for `length` elements, are the same or don't overlap; without an output only the sum is taken.
struct Exponentials<T> {
    input: *const T,
    output: *mut T,
    length: usize,
    shift: T,
}

impl<T: Element> WithSimd for Exponentials<T> {
    type Output = T;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> T {
        let lanes = T::lanes::<S>();
        let shift = T::splat(simd, self.shift);
        let zero = T::splat(simd, T::default());
        let mut sums = [zero; 4];
        let pairs = self.length / (4 * lanes) * (4 * lanes);
        let whole = self.length / lanes * lanes;
        // SAFETY: all elements read and written lie below `length`.
        unsafe {
            let mut at = 0;
            while at < pairs {
                for part in 0..4 {
                    let at = at + part * lanes;
                    let x = T::load(simd, self.input.add(at));
                    let value = T::exp(simd, T::minus(simd, x, shift));
                    if !self.output.is_null() {
                        T::store(simd, self.output.add(at), value);
                    }
                    sums[part] = T::plus(simd, sums[part], value);
                }
                at += 4 * lanes;
            }
            while at < whole {
                let x = T::load(simd, self.input.add(at));
                let value = T::exp(simd, T::minus(simd, x, shift));
                if !self.output.is_null() {
                    T::store(simd, self.output.add(at), value);
                }
                sums[0] = T::plus(simd, sums[0], value);
                at += lanes;
            }
            let [a, b, c, d] = sums;
            let sum = T::plus(simd, T::plus(simd, a, b), T::plus(simd, c, d));
            let mut total = T::sum(simd, sum);
            if whole < self.length {
                // At most as many lanes as the widest register has.
                let mut rest = [T::default(); 64];
                let mask = T::mask(simd, self.length - whole);
                let x = T::load_masked(simd, mask, self.input.add(whole));
                let value = T::exp(simd, T::minus(simd, x, shift));
                T::store_masked(simd, mask, rest.as_mut_ptr(), value);
                if !self.output.is_null() {
                    T::store_masked(simd, mask, self.output.add(whole), value);
                }
                for value in rest {
                    total += value;
                }
            }
            total
        }
    }
}

struct Forward<'a, T> {
    width: usize,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Element> WithSimd for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.x.chunks_exact(self.width);
        for (x, y) in rows.zip(self.y.chunks_exact_mut(self.width)) {
            let exponentials = Exponentials {
                input: x.as_ptr(),
                output: y.as_mut_ptr(),
                length: self.width,
                shift: Max(x).with_simd(simd),
            };
            let sum = exponentials.with_simd(simd);
            Scale(y, T::from_f64(1.0) / sum).with_simd(simd);
        }
    }
}

struct Backward<'a, T> {
    width: usize,
    y: &'a [T],
    gradient: &'a [T],
    x_gradient: &'a mut [T],
}

impl<T: Element> WithSimd for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rows = self.y.chunks_exact(self.width);
        let rows = rows.zip(self.gradient.chunks_exact(self.width));
        for (result, (y, g)) in self.x_gradient.chunks_exact_mut(self.width).zip(rows) {
            let mean = reduce::dot(y, g);
            for (result, (y, g)) in result.iter_mut().zip(y.iter().zip(g)) {
                *result = *y * (*g - mean);
            }
        }
    }
}
