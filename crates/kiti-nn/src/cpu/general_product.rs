//! Products of large matrices on all threads, by the `gemm` crate.

use super::{Element, Strided};

/// Below this many multiplications a product runs on the calling thread.
const SMALL: usize = 1 << 18;

/// `C = A B`, or `C += A B` with `accumulate`: A `m x k`, B `k x n`, C `m x n` row after row.
///
/// The threads share the rows and columns of C, never its sums: results have the same bits on any number of them.
pub(crate) fn general_product<T: Element>(
    [m, n, k]: [usize; 3],
    a: Strided<'_, T>,
    b: Strided<'_, T>,
    c: &mut [T],
    accumulate: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    let fits = |x: &Strided<'_, T>, rows: usize, columns: usize| {
        x.values.len() > (rows - 1) * x.row + (columns - 1) * x.column
    };
    assert!(k == 0 || fits(&a, m, k), "A is too short");
    assert!(k == 0 || fits(&b, k, n), "B is too short");
    assert!(c.len() >= m * n, "C is too short");
    let parallelism = if m * n * k < SMALL {
        gemm::Parallelism::None
    } else {
        gemm::Parallelism::Rayon(0)
    };
    let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
    // SAFETY: the elements that the strides reach have just been checked to be within the slices.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            accumulate,
            a.values.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.values.as_ptr(),
            b.column as isize,
            b.row as isize,
            if accumulate { one } else { zero },
            one,
            false,
            false,
            false,
            parallelism,
        );
    }
}
