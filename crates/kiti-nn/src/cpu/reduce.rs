//! Sums and maxima of rows, to be inlined into kernels.
//!
//! Each keeps several partial results, so that the operations don't wait for each other and fill the vector
//! registers; which elements belong to which depends on nothing but their index.

use super::Element;

/// Partial results kept side by side.
pub(super) const PARTIAL: usize = 32;

/// Adds up an array: halves upon halves, which the compiler turns into few operations.
#[inline(always)]
pub(super) fn total<T: Element>(mut partial: [T; PARTIAL]) -> T {
    let mut width = PARTIAL / 2;
    while width > 0 {
        for index in 0..width {
            let other = partial[index + width];
            partial[index] += other;
        }
        width /= 2;
    }
    partial[0]
}

#[inline(always)]
pub(super) fn sum<T: Element>(values: &[T]) -> T {
    let mut partial = [T::default(); PARTIAL];
    let blocks = values.chunks_exact(PARTIAL);
    for (partial, value) in partial.iter_mut().zip(blocks.remainder()) {
        *partial += *value;
    }
    for block in blocks {
        for (partial, value) in partial.iter_mut().zip(block) {
            *partial += *value;
        }
    }
    total(partial)
}

/// Sum of the squares of `values - centre`.
#[inline(always)]
pub(super) fn squares_about<T: Element>(values: &[T], centre: T) -> T {
    let mut partial = [T::default(); PARTIAL];
    let blocks = values.chunks_exact(PARTIAL);
    for (partial, value) in partial.iter_mut().zip(blocks.remainder()) {
        *partial += (*value - centre) * (*value - centre);
    }
    for block in blocks {
        for (partial, value) in partial.iter_mut().zip(block) {
            *partial += (*value - centre) * (*value - centre);
        }
    }
    total(partial)
}

#[inline(always)]
pub(super) fn dot<T: Element>(a: &[T], b: &[T]) -> T {
    let mut partial = [T::default(); PARTIAL];
    let (a_blocks, b_blocks) = (a.chunks_exact(PARTIAL), b.chunks_exact(PARTIAL));
    let rest = a_blocks.remainder().iter().zip(b_blocks.remainder());
    for (partial, (a, b)) in partial.iter_mut().zip(rest) {
        *partial += *a * *b;
    }
    for (a, b) in a_blocks.zip(b_blocks) {
        for (partial, (a, b)) in partial.iter_mut().zip(a.iter().zip(b)) {
            *partial += *a * *b;
        }
    }
    total(partial)
}

/// Sum of `(a - centre) b`.
#[inline(always)]
pub(super) fn dot_about<T: Element>(a: &[T], centre: T, b: &[T]) -> T {
    let mut partial = [T::default(); PARTIAL];
    let (a_blocks, b_blocks) = (a.chunks_exact(PARTIAL), b.chunks_exact(PARTIAL));
    let rest = a_blocks.remainder().iter().zip(b_blocks.remainder());
    for (partial, (a, b)) in partial.iter_mut().zip(rest) {
        *partial += (*a - centre) * *b;
    }
    for (a, b) in a_blocks.zip(b_blocks) {
        for (partial, (a, b)) in partial.iter_mut().zip(a.iter().zip(b)) {
            *partial += (*a - centre) * *b;
        }
    }
    total(partial)
}

/// The largest value; NaN is passed over. -inf for no values.
#[inline(always)]
pub(super) fn max<T: Element>(values: &[T]) -> T {
    let mut partial = [T::from_f64(f64::NEG_INFINITY); PARTIAL];
    let blocks = values.chunks_exact(PARTIAL);
    for (partial, value) in partial.iter_mut().zip(blocks.remainder()) {
        *partial = if *value > *partial { *value } else { *partial };
    }
    for block in blocks {
        for (partial, value) in partial.iter_mut().zip(block) {
            *partial = if *value > *partial { *value } else { *partial };
        }
    }
    let mut largest = partial[0];
    for value in partial {
        largest = if value > largest { value } else { largest };
    }
    largest
}
