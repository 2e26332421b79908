//! Inner products of rows: the weight gradients, sums over many sites.

use pulp::{Simd, WithSimd};

use super::element::{Element, dispatch};

/// Sites taken at a time, so that the rows of both operands stay in the second-level cache.
const DEPTH: usize = 1024;

/// `C += A B^T` with A `m x k` and B `n x k`, their rows `a_row` and `b_row` apart, and C `m x n` row after row
/// with `c_row` between.
pub(crate) fn inner_products<T: Element>(
    [m, n, k]: [usize; 3],
    (a, a_row): (&[T], usize),
    (b, b_row): (&[T], usize),
    c: &mut [T],
    c_row: usize,
) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    assert!(a.len() >= (m - 1) * a_row + k, "A is too short");
    assert!(b.len() >= (n - 1) * b_row + k, "B is too short");
    assert!(
        c_row >= n && c.len() >= (m - 1) * c_row + n,
        "C is too short"
    );
    dispatch(InnerProducts {
        m,
        n,
        k,
        a,
        a_row,
        b,
        b_row,
        c,
        c_row,
    });
}

struct InnerProducts<'a, T> {
    m: usize,
    n: usize,
    k: usize,
    a: &'a [T],
    a_row: usize,
    b: &'a [T],
    b_row: usize,
    c: &'a mut [T],
    c_row: usize,
}

impl<T: Element> WithSimd for InnerProducts<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [most_rows, most_columns] = if S::REGISTER_COUNT >= 32 {
            [4, 5]
        } else {
            [3, 3]
        };
        let (bands, strips) = (self.m.div_ceil(most_rows), self.n.div_ceil(most_columns));
        let mut start = 0;
        while start < self.k {
            let depth = (self.k - start).min(DEPTH);
            let mut row = 0;
            for band in 0..bands {
                let rows = (self.m - row).div_ceil(bands - band);
                let mut column = 0;
                for strip in 0..strips {
                    let columns = (self.n - column).div_ceil(strips - strip);
                    // SAFETY: row + rows <= m, column + columns <= n and start + depth <= k; `inner_products` has
                    // checked the slices against m, n and k.
                    unsafe {
                        let a = self.a.as_ptr().add(row * self.a_row + start);
                        let b = self.b.as_ptr().add(column * self.b_row + start);
                        let c = self.c.as_mut_ptr().add(row * self.c_row + column);
                        let tile = Tile {
                            a,
                            a_row: self.a_row,
                            b,
                            b_row: self.b_row,
                            c,
                            c_row: self.c_row,
                            depth,
                        };
                        with_rows(simd, rows, columns, &tile);
                    }
                    column += columns;
                }
                row += rows;
            }
            start += depth;
        }
    }
}

struct Tile<T> {
    a: *const T,
    a_row: usize,
    b: *const T,
    b_row: usize,
    c: *mut T,
    c_row: usize,
    depth: usize,
}

/// # Safety
///
/// `tile` describes `rows` rows of A, `columns` rows of B and as many elements of C, within their slices.
#[inline(always)]
unsafe fn with_rows<S: Simd, T: Element>(simd: S, rows: usize, columns: usize, tile: &Tile<T>) {
    macro_rules! choose {
        ($($rows:literal: $($columns:literal)*;)*) => {
            match (rows, columns) {
                // SAFETY: handed on.
                $($(($rows, $columns) => unsafe { sum::<S, T, $rows, $columns>(simd, tile) },)*)*
                _ => unreachable!("tiles have at most 4 x 5 elements"),
            }
        };
    }
    choose! {
        1: 1 2 3 4 5;
        2: 1 2 3 4 5;
        3: 1 2 3 4 5;
        4: 1 2 3 4 5;
    }
}

/// # Safety
///
/// As [`with_rows`], with `R` and `C`.
#[inline(always)]
unsafe fn sum<S: Simd, T: Element, const R: usize, const C: usize>(simd: S, tile: &Tile<T>) {
    let lanes = T::lanes::<S>();
    let mut sums = [[T::splat(simd, T::default()); C]; R];
    // A closure could be compiled without the vector instructions; a macro can't.
    macro_rules! add {
        ($at:expr, $load:ident $(, $mask:expr)?) => {
            let mut columns = [T::splat(simd, T::default()); C];
            for c in 0..C {
                columns[c] = T::$load(simd $(, $mask)?, tile.b.add(c * tile.b_row + $at));
            }
            for r in 0..R {
                let row = T::$load(simd $(, $mask)?, tile.a.add(r * tile.a_row + $at));
                for c in 0..C {
                    sums[r][c] = T::mul_add(simd, row, columns[c], sums[r][c]);
                }
            }
        };
    }
    let whole = tile.depth / lanes * lanes;
    let mut at = 0;
    // SAFETY: registers end at `whole <= depth`, the mask at `depth`, and the sums are the tile's elements of C.
    unsafe {
        while at < whole {
            add!(at, load);
            at += lanes;
        }
        if whole < tile.depth {
            add!(whole, load_masked, T::mask(simd, tile.depth - whole));
        }
        for r in 0..R {
            for c in 0..C {
                *tile.c.add(r * tile.c_row + c) += T::sum(simd, sums[r][c]);
            }
        }
    }
}
