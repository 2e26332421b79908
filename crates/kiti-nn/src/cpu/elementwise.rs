//! Small loops over slices, compiled for the processor's vector instructions.

use pulp::{Simd, WithSimd};

use super::{Element, dispatch, reduce};

/// `products = a b`, element by element.
pub(crate) fn multiply<T: Element>(a: &[T], b: &[T], products: &mut [T]) {
    assert!(a.len() == products.len() && b.len() == products.len());
    dispatch(Multiply { a, b, products });
}

struct Multiply<'a, T> {
    a: &'a [T],
    b: &'a [T],
    products: &'a mut [T],
}

impl<T: Element> WithSimd for Multiply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (product, (a, b)) in self.products.iter_mut().zip(self.a.iter().zip(self.b)) {
            *product = *a * *b;
        }
    }
}

/// `values += others`, element by element.
pub(crate) fn add_in_place<T: Element>(values: &mut [T], others: &[T]) {
    assert_eq!(values.len(), others.len());
    dispatch(Add { values, others });
}

struct Add<'a, T> {
    values: &'a mut [T],
    others: &'a [T],
}

impl<T: Element> WithSimd for Add<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (value, other) in self.values.iter_mut().zip(self.others) {
            *value += *other;
        }
    }
}

/// `sums = max(a + b, 0)`, element by element.
pub(crate) fn add_relu<T: Element>(a: &[T], b: &[T], sums: &mut [T]) {
    assert!(a.len() == sums.len() && b.len() == sums.len());
    dispatch(AddRelu { a, b, sums });
}

struct AddRelu<'a, T> {
    a: &'a [T],
    b: &'a [T],
    sums: &'a mut [T],
}

impl<T: Element> WithSimd for AddRelu<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (sum, (a, b)) in self.sums.iter_mut().zip(self.a.iter().zip(self.b)) {
            let value = *a + *b;
            *sum = if value > T::default() {
                value
            } else {
                T::default()
            };
        }
    }
}

/// Adds the sum of each row of `width` values to `sums`.
pub(crate) fn row_sums<T: Element>(rows: &[T], width: usize, sums: &mut [T]) {
    if width > 0 {
        dispatch(RowSums { rows, width, sums });
    }
}

struct RowSums<'a, T> {
    rows: &'a [T],
    width: usize,
    sums: &'a mut [T],
}

impl<T: Element> WithSimd for RowSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (row, sum) in self.rows.chunks_exact(self.width).zip(self.sums) {
            *sum += reduce::sum(row);
        }
    }
}
