//! Matrices over the pairs of one system: squared distances, acceptance, symmetry.
//!
//! A pair matrix has `n` rows of [`stride`] values; those with `j > i` come first, the others are
//! mirrored where a product needs them. Squared distances are summed directly, not from a Gram
//! matrix: with a subtraction beside each multiply-add nothing cancels, however close two particles
//! are, and half of the work of the full product is saved by symmetry.

use pulp::Simd;

use crate::Real;

/// Rows of a tile are at most this many, columns at most [`COLUMNS`].
const ROWS: usize = 8;
const COLUMNS: usize = 32;
/// Coordinates summed before they are added to the result: bounds the rounding of long sums.
const DEPTH: usize = 256;

/// Values from row to row of a pair matrix: whole tiles, and an odd number of cache lines.
pub(super) fn stride(particles: usize) -> usize {
    particles.next_multiple_of(COLUMNS) + 16
}

/// Values of a pair matrix, with room for the last tile.
pub(super) fn matrix_length(particles: usize) -> usize {
    particles.next_multiple_of(ROWS) * stride(particles)
}

/// Values that [`squared_distances`] may read behind the last coordinate of its argument.
pub(super) const OVERHANG: usize = COLUMNS + ROWS;

/// Number of pair `(i, j)`, `i < j`, in the order (0,1), (0,2) ... (1,2) ...
pub(super) fn pair_number(particles: usize, i: usize, j: usize) -> usize {
    i * particles - i * (i + 1) / 2 + j - i - 1
}

/// `out[i][j] = sum_d (values[d][i] - values[d][j])^2` for `j > i`; the rest is undefined.
///
/// `values` is `(D, n)` with [`OVERHANG`] more values, whatever they are.
#[inline(always)]
pub(super) fn squared_distances<T: Real, S: Simd>(
    simd: S,
    dims: usize,
    particles: usize,
    values: &[T],
    out: &mut [T],
) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    if particles <= lanes {
        tiles::<T, S, ROWS, 1>(simd, dims, particles, values, out);
    } else if S::REGISTER_COUNT >= 32 {
        tiles::<T, S, ROWS, 2>(simd, dims, particles, values, out);
    } else {
        tiles::<T, S, 4, 2>(simd, dims, particles, values, out);
    }
}

#[inline(always)]
fn tiles<T: Real, S: Simd, const R: usize, const SIDES: usize>(
    simd: S,
    dims: usize,
    particles: usize,
    values: &[T],
    out: &mut [T],
) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let (width, stride) = (SIDES * lanes, stride(particles));
    let zero = T::splat(simd, T::ZERO);
    for first in (0..particles).step_by(width) {
        for start in (0..dims).step_by(DEPTH) {
            let depth = DEPTH.min(dims - start);
            for top in (0..particles.min(first + width)).step_by(R) {
                let mut sums = [[zero; SIDES]; R];
                for d in start..start + depth {
                    let row = &values[d * particles..];
                    let right = T::view::<S>(&row[first..first + width]);
                    let left: &[T; R] = row[top..].first_chunk().expect("overhang");
                    for r in 0..R {
                        let value = T::splat(simd, left[r]);
                        for side in 0..SIDES {
                            let difference = T::minus(simd, right[side], value);
                            sums[r][side] = T::fma(simd, difference, difference, sums[r][side]);
                        }
                    }
                }
                for (r, sums) in sums.iter().enumerate() {
                    let at = (top + r) * stride + first;
                    let target = T::view_mut::<S>(&mut out[at..at + width]);
                    for side in 0..SIDES {
                        target[side] = if start == 0 {
                            sums[side]
                        } else {
                            T::plus(simd, target[side], sums[side])
                        };
                    }
                }
            }
        }
    }
}

/// The threshold of the published rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threshold<T> {
    /// `1 - alpha`.
    pub value: T,
    /// `l`.
    pub length: T,
}

/// Turns squared relative speeds into the relative speeds of the accepted pairs (0 for the
/// others, and for `j <= i` up to the end of each row) and returns how many they are.
#[inline(always)]
pub(super) fn accept<T: Real, S: Simd>(
    simd: S,
    particles: usize,
    threshold: Threshold<T>,
    squared_distances: &[T],
    speeds: &mut [T],
) -> usize {
    let largest = prepare_rows(simd, particles, speeds).sqrt();
    if largest == T::ZERO {
        speeds.fill(T::ZERO);
        return 0;
    }
    let (lanes, stride) = (
        size_of::<T::Vector<S>>() / size_of::<T>(),
        stride(particles),
    );
    let zero = T::splat(simd, T::ZERO);
    let one = T::splat(simd, T::ONE);
    let limit = T::splat(simd, threshold.value);
    let largest = T::splat(simd, largest);
    let decay = T::splat(simd, -T::ONE / threshold.length);
    let mut count = 0;
    for i in 0..particles {
        let row = i * stride..i * stride + particles.next_multiple_of(lanes);
        let first = (i + 1) / lanes;
        let squares = T::view::<S>(&squared_distances[row.clone()]);
        let speeds = T::view_mut::<S>(&mut speeds[row]);
        let mut ones = zero;
        for (speed, &square) in speeds[first..].iter_mut().zip(&squares[first..]) {
            let g = T::root(simd, *speed);
            let close = T::exp_negative(simd, T::times(simd, T::root(simd, square), decay));
            let p = T::times(simd, T::over(simd, g, largest), close);
            *speed = T::where_greater(simd, p, limit, g, zero);
            ones = T::plus(simd, ones, T::where_greater(simd, p, limit, one, zero));
        }
        count += T::sum(simd, ones).to_f64() as usize;
    }
    count
}

/// Zeroes what is no pair in the rows of a pair matrix; the largest value of the others, NaN aside.
#[inline(always)]
pub(super) fn prepare_rows<T: Real, S: Simd>(simd: S, particles: usize, matrix: &mut [T]) -> T {
    let (lanes, stride) = (
        size_of::<T::Vector<S>>() / size_of::<T>(),
        stride(particles),
    );
    let mut largest = T::splat(simd, T::ZERO);
    for i in 0..particles {
        let row = &mut matrix[i * stride..(i + 1) * stride];
        row[..=i].fill(T::ZERO);
        row[particles..].fill(T::ZERO);
        for &value in &T::view::<S>(&row[..particles.next_multiple_of(lanes)])[(i + 1) / lanes..] {
            largest = T::where_greater(simd, value, largest, value, largest);
        }
    }
    let mut lanes = [T::ZERO; 16];
    let stored = T::view_mut::<S>(&mut lanes);
    stored[0] = largest;
    lanes
        .iter()
        .fold(T::ZERO, |m, &value| if value > m { value } else { m })
}

/// Copies the values with `j > i` to `j < i`.
pub(super) fn mirror<T: Real>(particles: usize, matrix: &mut [T]) {
    const BLOCK: usize = 16;
    let stride = stride(particles);
    for top in (0..particles).step_by(BLOCK) {
        for left in (top..particles).step_by(BLOCK) {
            for i in top..(top + BLOCK).min(particles) {
                for j in left.max(i + 1)..(left + BLOCK).min(particles) {
                    matrix[j * stride + i] = matrix[i * stride + j];
                }
            }
        }
    }
}

/// Sums of the first `n` values of every row.
#[inline(always)]
pub(super) fn row_sums<T: Real, S: Simd>(simd: S, particles: usize, matrix: &[T], sums: &mut [T]) {
    let (lanes, stride) = (
        size_of::<T::Vector<S>>() / size_of::<T>(),
        stride(particles),
    );
    for (i, sum) in sums.iter_mut().enumerate() {
        let row = &matrix[i * stride..i * stride + particles.next_multiple_of(lanes)];
        let mut total = T::splat(simd, T::ZERO);
        for &value in T::view::<S>(row) {
            total = T::plus(simd, total, value);
        }
        *sum = T::sum(simd, total);
    }
}

/// 1 where a value is not 0, else 0.
#[inline(always)]
pub(super) fn indicate<T: Real, S: Simd>(simd: S, values: &[T], out: &mut [T]) {
    let zero = T::splat(simd, T::ZERO);
    let one = T::splat(simd, T::ONE);
    for (out, &value) in T::view_mut::<S>(out).iter_mut().zip(T::view::<S>(values)) {
        *out = T::where_greater(simd, value, zero, one, zero);
    }
}

/// `values[i][j] <- values[i][j] / speeds[i][j]`, and 0 where the speed is 0.
#[inline(always)]
pub(super) fn divide_where_positive<T: Real, S: Simd>(
    simd: S,
    particles: usize,
    speeds: &[T],
    values: &mut [T],
) {
    let (lanes, stride) = (
        size_of::<T::Vector<S>>() / size_of::<T>(),
        stride(particles),
    );
    let zero = T::splat(simd, T::ZERO);
    for i in 0..particles {
        let row = i * stride..i * stride + particles.next_multiple_of(lanes);
        let speeds = T::view::<S>(&speeds[row.clone()]);
        for (value, &speed) in T::view_mut::<S>(&mut values[row]).iter_mut().zip(speeds) {
            let quotient = T::over(simd, *value, speed);
            *value = T::where_greater(simd, speed, zero, quotient, zero);
        }
    }
}
