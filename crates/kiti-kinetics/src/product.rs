//! Matrix products of small matrices, by the `gemm` crate, on the calling thread.

use crate::Real;

/// A matrix within a slice: the value at (row, column) stands at `row * strides.0 + column * strides.1`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub values: &'a [T],
    pub strides: (usize, usize),
}

/// Whether a matrix of this extent lies within `length` values.
fn fits(length: usize, rows: usize, columns: usize, strides: (usize, usize)) -> bool {
    let last = (rows - 1)
        .checked_mul(strides.0)
        .zip((columns - 1).checked_mul(strides.1))
        .and_then(|(row, column)| row.checked_add(column));
    last.is_some_and(|last| last < length) && length <= isize::MAX as usize
}

/// `out <- beta out + alpha a b`, with `a` of `rows x inner` and `b` of `inner x columns`; `out` is
/// row-major with `out_stride` values from row to row. It is not read where `beta` is 0.
///
/// # Panics
///
/// Where a matrix reaches beyond its slice: a mistake in this crate, never of its input.
pub(crate) fn multiply<T: Real>(
    [rows, inner, columns]: [usize; 3],
    alpha: T,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    beta: T,
    out: &mut [T],
    out_stride: usize,
) {
    assert!(rows > 0 && inner > 0 && columns > 0 && columns <= out_stride);
    assert!(fits(out.len(), rows, columns, (out_stride, 1)));
    assert!(fits(a.values.len(), rows, inner, a.strides));
    assert!(fits(b.values.len(), inner, columns, b.strides));
    // SAFETY: each matrix lies within its slice (asserted above), `out` is borrowed mutably and its
    // rows do not overlap (columns <= out_stride), and `T` is f32 or f64, which gemm supports.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            beta != T::ZERO,
            a.values.as_ptr(),
            a.strides.1 as isize,
            a.strides.0 as isize,
            b.values.as_ptr(),
            b.strides.1 as isize,
            b.strides.0 as isize,
            beta,
            alpha,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
