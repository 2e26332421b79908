//! Matrix products for tall, narrow shapes, without packing.
//!
//! The tensors of a Fourier neural operator are a few channels by many sites. General matrix products spend much of
//! their time there on copying operands into panels; these read rows of sites as they are. One thread each: callers run many
//! products side by side.

use pulp::{Simd, WithSimd};

use super::element::{Element, dispatch};

/// Rows of C held in registers at a time.
const ROWS_MANY_REGISTERS: usize = 12;
const ROWS_FEW_REGISTERS: usize = 6;
/// Terms of a sum taken at a time, so that two registers' width of B stays in the first-level cache.
const DEPTH: usize = 256;

/// An `m x k` matrix with any strides.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl<'a, T> Strided<'a, T> {
    /// Row after row, `columns` wide.
    pub(crate) fn rows(values: &'a [T], columns: usize) -> Self {
        Self {
            values,
            row: columns,
            column: 1,
        }
    }

    /// The transpose of a matrix stored row after row, `columns` wide.
    pub(crate) fn transposed(values: &'a [T], columns: usize) -> Self {
        Self {
            values,
            row: 1,
            column: columns,
        }
    }
}

/// What a product is added to.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a, T> {
    Zero,
    /// The present values of C.
    Accumulate,
    /// The same number in each row of C.
    Rows(&'a [T]),
}

/// `C = start + A B` with A `m x k`, B `k x n` and C `m x n`, the latter two with rows `b_row` and `c_row` apart.
#[allow(clippy::too_many_arguments)]
pub(crate) fn product<T: Element>(
    [m, n, k]: [usize; 3],
    a: Strided<'_, T>,
    b: &[T],
    b_row: usize,
    c: &mut [T],
    c_row: usize,
    start: Start<'_, T>,
) {
    if m == 0 || n == 0 {
        return;
    }
    assert!(
        c_row >= n && c.len() >= (m - 1) * c_row + n,
        "C is too short"
    );
    if let Start::Rows(rows) = start {
        assert!(rows.len() >= m, "start is too short");
    }
    if k > 0 {
        assert!(
            a.values.len() > (m - 1) * a.row + (k - 1) * a.column,
            "A is too short"
        );
        assert!(b.len() >= (k - 1) * b_row + n, "B is too short");
    }
    dispatch(Product {
        m,
        n,
        k,
        a,
        b,
        b_row,
        c,
        c_row,
        start,
    });
}

struct Product<'a, T> {
    m: usize,
    n: usize,
    k: usize,
    a: Strided<'a, T>,
    b: &'a [T],
    b_row: usize,
    c: &'a mut [T],
    c_row: usize,
    start: Start<'a, T>,
}

/// One tile's operands, all within the bounds that [`product`] has checked.
struct Tile<T> {
    a: *const T,
    a_row: usize,
    a_column: usize,
    b: *const T,
    b_row: usize,
    c: *mut T,
    c_row: usize,
    depth: usize,
    accumulate: bool,
    rows: *const T,
}

impl<T: Element> WithSimd for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = T::lanes::<S>();
        let most_rows = if S::REGISTER_COUNT >= 32 {
            ROWS_MANY_REGISTERS
        } else {
            ROWS_FEW_REGISTERS
        };
        let bands = self.m.div_ceil(most_rows);
        let mut depth_start = 0;
        loop {
            let depth = (self.k - depth_start).min(DEPTH);
            let mut column = 0;
            while column < self.n {
                let width = (self.n - column).min(2 * lanes);
                let mut row = 0;
                for band in 0..bands {
                    let rows = (self.m - row).div_ceil(bands - band);
                    // SAFETY: row + rows <= m, column + width <= n, depth_start + depth <= k, and `product` has
                    // checked that the last element of each operand is within its slice.
                    unsafe {
                        let first = row * self.a.row + depth_start * self.a.column;
                        let tile = Tile {
                            a: self.a.values.as_ptr().wrapping_add(first),
                            a_row: self.a.row,
                            a_column: self.a.column,
                            b: self
                                .b
                                .as_ptr()
                                .wrapping_add(depth_start * self.b_row + column),
                            b_row: self.b_row,
                            c: self.c.as_mut_ptr().add(row * self.c_row + column),
                            c_row: self.c_row,
                            depth,
                            accumulate: depth_start > 0 || matches!(self.start, Start::Accumulate),
                            rows: match self.start {
                                Start::Rows(values) => values.as_ptr().add(row),
                                _ => std::ptr::null(),
                            },
                        };
                        if width == 2 * lanes {
                            with_rows::<S, T, 2, false>(simd, rows, width, &tile);
                        } else if width > lanes {
                            with_rows::<S, T, 2, true>(simd, rows, width, &tile);
                        } else {
                            with_rows::<S, T, 1, true>(simd, rows, width, &tile);
                        }
                    }
                    row += rows;
                }
                column += width;
            }
            depth_start += depth;
            if depth_start == self.k {
                return;
            }
        }
    }
}

/// # Safety
///
/// `tile` describes `rows` by `width` elements within its operands, with
/// `(V - 1) lanes < width <= V lanes`, equal to the latter unless `MASKED`.
#[inline(always)]
unsafe fn with_rows<S: Simd, T: Element, const V: usize, const MASKED: bool>(
    simd: S,
    rows: usize,
    width: usize,
    tile: &Tile<T>,
) {
    macro_rules! choose {
        ($($rows:literal)*) => {
            match rows {
                // SAFETY: handed on.
                $($rows => unsafe { multiply::<S, T, $rows, V, MASKED>(simd, width, tile) },)*
                _ => unreachable!("bands have at most 12 rows"),
            }
        };
    }
    choose!(1 2 3 4 5 6 7 8 9 10 11 12)
}

/// # Safety
///
/// As [`with_rows`], with `R` rows.
#[inline(always)]
unsafe fn multiply<S: Simd, T: Element, const R: usize, const V: usize, const MASKED: bool>(
    simd: S,
    width: usize,
    tile: &Tile<T>,
) {
    let lanes = T::lanes::<S>();
    let mask = T::mask(simd, if MASKED { width - (V - 1) * lanes } else { 0 });
    // A closure could be compiled without the vector instructions; a macro can't.
    macro_rules! load {
        ($ptr:expr, $v:expr) => {
            if MASKED && $v == V - 1 {
                T::load_masked(simd, mask, $ptr.add($v * lanes))
            } else {
                T::load(simd, $ptr.add($v * lanes))
            }
        };
    }
    let mut sums = [[T::splat(simd, T::default()); V]; R];
    // SAFETY: all elements read and written are those of the tile.
    unsafe {
        if tile.accumulate {
            for r in 0..R {
                for v in 0..V {
                    sums[r][v] = load!(tile.c.add(r * tile.c_row), v);
                }
            }
        } else if !tile.rows.is_null() {
            for r in 0..R {
                sums[r] = [T::splat(simd, *tile.rows.add(r)); V];
            }
        }
        let (mut a, mut b) = (tile.a, tile.b);
        for _ in 0..tile.depth {
            let mut row = [T::splat(simd, T::default()); V];
            for v in 0..V {
                row[v] = load!(b, v);
            }
            for r in 0..R {
                let factor = T::splat(simd, *a.add(r * tile.a_row));
                for v in 0..V {
                    sums[r][v] = T::mul_add(simd, factor, row[v], sums[r][v]);
                }
            }
            a = a.wrapping_add(tile.a_column);
            b = b.wrapping_add(tile.b_row);
        }
        for r in 0..R {
            for v in 0..V {
                let ptr = tile.c.add(r * tile.c_row + v * lanes);
                if MASKED && v == V - 1 {
                    T::store_masked(simd, mask, ptr, sums[r][v]);
                } else {
                    T::store(simd, ptr, sums[r][v]);
                }
            }
        }
    }
}
