//! Between coordinate-major `(D, n)` and particle-major `n x stride` arrays.
//!
//! Blocks of `L x L` values, `L` being the lanes of a vector, are transposed in registers by
//! Eklundh's method: for every power of two `s` below `L`, row `i` (bit `s` of `i` clear) exchanges
//! the lanes whose bit `s` is set against those of row `i + s` whose bit `s` is clear.

use pulp::Simd;

use crate::Real;

/// Lanes of the widest vector.
const WIDEST: usize = 16;

/// Transposes the first `L` of the rows.
#[inline(always)]
fn transpose<T: Real, S: Simd>(simd: S, rows: &mut [T::Vector<S>; WIDEST]) {
    exchange::<T, S, 1>(simd, rows);
    exchange::<T, S, 2>(simd, rows);
    exchange::<T, S, 4>(simd, rows);
    exchange::<T, S, 8>(simd, rows);
}

/// One power of two of [`transpose`].
#[inline(always)]
fn exchange<T: Real, S: Simd, const SHIFT: usize>(simd: S, rows: &mut [T::Vector<S>; WIDEST]) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    if SHIFT >= lanes {
        return;
    }
    let mut bits = [T::ZERO; WIDEST];
    for (lane, bit) in bits.iter_mut().enumerate() {
        *bit = if lane & SHIFT == 0 { T::ZERO } else { T::ONE };
    }
    let bits = T::view::<S>(&bits)[0];
    let zero = T::splat(simd, T::ZERO);
    for i in 0..lanes {
        if i & SHIFT == 0 {
            let (a, b) = (rows[i], rows[i + SHIFT]);
            let upward = T::rotate(simd, b, SHIFT);
            let downward = T::rotate(simd, a, lanes - SHIFT);
            rows[i] = T::where_greater(simd, bits, zero, upward, a);
            rows[i + SHIFT] = T::where_greater(simd, bits, zero, b, downward);
        }
    }
}

/// A `(D, n)` array, `scale values + offset`.
#[derive(Clone, Copy)]
pub(super) struct Source<'a, T> {
    pub scale: T,
    pub values: &'a [T],
    pub offset: Option<&'a [T]>,
}

/// The vector that starts at `at`, zeros behind the end of the slice.
#[inline(always)]
fn load<T: Real, S: Simd>(simd: S, values: &[T], at: usize) -> T::Vector<S> {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    if let Some(whole) = values.get(at..at + lanes) {
        return T::view::<S>(whole)[0];
    }
    let mut rest = [T::ZERO; WIDEST];
    let found = values.get(at..).unwrap_or(&[]);
    rest[..found.len()].copy_from_slice(found);
    let _ = simd;
    T::view::<S>(&rest)[0]
}

/// Stores a vector at `at`, up to the end of the slice.
#[inline(always)]
fn store<T: Real, S: Simd>(simd: S, vector: T::Vector<S>, at: usize, values: &mut [T]) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    if let Some(whole) = values.get_mut(at..at + lanes) {
        T::view_mut::<S>(whole)[0] = vector;
        return;
    }
    let mut rest = [T::ZERO; WIDEST];
    T::view_mut::<S>(&mut rest)[0] = vector;
    let place = values.get_mut(at..).unwrap_or(&mut []);
    let length = place.len();
    place.copy_from_slice(&rest[..length]);
    let _ = simd;
}

/// `rows[j * stride + d] = source[d][j]`; `stride` has room for whole vectors, and what lies between
/// the last coordinate and the end of its vector becomes 0.
#[inline(always)]
pub(super) fn to_particles<T: Real, S: Simd>(
    simd: S,
    dims: usize,
    particles: usize,
    source: Source<'_, T>,
    stride: usize,
    rows: &mut [T],
) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let zero = T::splat(simd, T::ZERO);
    let scale = T::splat(simd, source.scale);
    for top in (0..dims).step_by(lanes) {
        for left in (0..particles).step_by(lanes) {
            let width = lanes.min(particles - left);
            let height = lanes.min(dims - top);
            let mut block = [zero; WIDEST];
            let start = top * particles + left;
            let whole = width == lanes && height == lanes;
            if whole {
                load_rows(simd, source.values, start, particles, &mut block);
                if let Some(offset) = source.offset {
                    let mut offsets = [zero; WIDEST];
                    load_rows(simd, offset, start, particles, &mut offsets);
                    for r in 0..lanes {
                        block[r] = T::fma(simd, block[r], scale, offsets[r]);
                    }
                } else {
                    for r in 0..lanes {
                        block[r] = T::times(simd, block[r], scale);
                    }
                }
                transpose::<T, S>(simd, &mut block);
                store_rows(simd, &block, left * stride + top, stride, rows);
                continue;
            }
            for r in 0..height {
                // A block may reach into the next coordinate: those columns are dropped below.
                let at = start + r * particles;
                let values = load(simd, source.values, at);
                block[r] = match source.offset {
                    Some(offset) => T::fma(simd, values, scale, load(simd, offset, at)),
                    None => T::times(simd, values, scale),
                };
            }
            transpose::<T, S>(simd, &mut block);
            for r in 0..width {
                store(simd, block[r], (left + r) * stride + top, rows);
            }
        }
    }
}

/// A whole block of rows.
#[inline(always)]
fn load_rows<T: Real, S: Simd>(
    simd: S,
    values: &[T],
    start: usize,
    stride: usize,
    block: &mut [T::Vector<S>; WIDEST],
) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let _ = simd;
    for r in 0..lanes {
        let at = start + r * stride;
        block[r] = T::view::<S>(&values[at..at + lanes])[0];
    }
}

/// Stores a whole block of rows.
#[inline(always)]
fn store_rows<T: Real, S: Simd>(
    simd: S,
    block: &[T::Vector<S>; WIDEST],
    start: usize,
    stride: usize,
    values: &mut [T],
) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let _ = simd;
    for r in 0..lanes {
        let at = start + r * stride;
        T::view_mut::<S>(&mut values[at..at + lanes])[0] = block[r];
    }
}

/// Where `(D, n)` results go: `scale values + offset`, and the values themselves where asked for.
pub(super) struct Target<'a, 'b, T> {
    pub scale: T,
    pub offset: Option<&'a [T]>,
    pub out: &'b mut [T],
    pub plain: Option<&'b mut [T]>,
}

/// `target[d][j] = rows[j * stride + d]`.
///
/// An incomplete block of columns is stored with whole vectors too and so spills into the next
/// coordinate: the incomplete blocks come first, and coordinates in ascending order, so that what is
/// right comes last.
#[inline(always)]
pub(super) fn to_coordinates<T: Real, S: Simd>(
    simd: S,
    dims: usize,
    particles: usize,
    rows: &[T],
    stride: usize,
    target: &mut Target<'_, '_, T>,
) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    for top in (0..dims).step_by(lanes) {
        let whole = particles / lanes * lanes;
        if whole < particles {
            block_to_coordinates(simd, [dims, particles], rows, stride, [top, whole], target);
        }
        for left in (0..whole).step_by(lanes) {
            block_to_coordinates(simd, [dims, particles], rows, stride, [top, left], target);
        }
    }
}

#[inline(always)]
fn block_to_coordinates<T: Real, S: Simd>(
    simd: S,
    [dims, particles]: [usize; 2],
    rows: &[T],
    stride: usize,
    [top, left]: [usize; 2],
    target: &mut Target<'_, '_, T>,
) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let scale = T::splat(simd, target.scale);
    let mut block = [T::splat(simd, T::ZERO); WIDEST];
    let start = top * particles + left;
    if left + lanes <= particles && top + lanes <= dims {
        load_rows(simd, rows, left * stride + top, stride, &mut block);
        transpose::<T, S>(simd, &mut block);
        if let Some(plain) = &mut target.plain {
            store_rows(simd, &block, start, particles, plain);
        }
        if let Some(offset) = target.offset {
            let mut offsets = [T::splat(simd, T::ZERO); WIDEST];
            load_rows(simd, offset, start, particles, &mut offsets);
            for r in 0..lanes {
                block[r] = T::fma(simd, block[r], scale, offsets[r]);
            }
        } else {
            for r in 0..lanes {
                block[r] = T::times(simd, block[r], scale);
            }
        }
        store_rows(simd, &block, start, particles, target.out);
        return;
    }
    for r in 0..lanes {
        if left + r >= particles {
            break;
        }
        block[r] = load(simd, rows, (left + r) * stride + top);
    }
    transpose::<T, S>(simd, &mut block);
    for r in 0..lanes {
        if top + r >= dims {
            break;
        }
        let at = (top + r) * particles + left;
        let value = match target.offset {
            Some(offset) => T::fma(simd, block[r], scale, load(simd, offset, at)),
            None => T::times(simd, block[r], scale),
        };
        store(simd, value, at, target.out);
        if let Some(plain) = &mut target.plain {
            store(simd, block[r], at, plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;
    use crate::simd::tests::{InstructionSet, SETS, dispatch_to};

    struct RoundTrip<'a, T> {
        dims: usize,
        particles: usize,
        values: &'a [T],
        offset: &'a [T],
    }

    impl<T: Real> WithSimd for RoundTrip<'_, T> {
        type Output = (Vec<T>, Vec<T>, Vec<T>);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let Self {
                dims,
                particles,
                values,
                offset,
            } = self;
            let stride = dims.next_multiple_of(16) + 16;
            let mut rows = vec![T::ZERO; particles * stride];
            let source = Source {
                scale: T::from_f64(2.0),
                values,
                offset: Some(offset),
            };
            to_particles(simd, dims, particles, source, stride, &mut rows);
            let (mut out, mut plain) = (vec![T::ZERO; values.len()], vec![T::ZERO; values.len()]);
            let scale = T::from_f64(3.0);
            let mut target = Target {
                scale,
                offset: Some(values),
                out: &mut out,
                plain: Some(&mut plain),
            };
            to_coordinates(simd, dims, particles, &rows, stride, &mut target);
            (rows, out, plain)
        }
    }

    fn check<T: Real>(set: InstructionSet, dims: usize, particles: usize) {
        let number = |k: usize| T::from_f64(k as f64);
        let values: Vec<T> = (0..dims * particles).map(number).collect();
        let offset: Vec<T> = (0..dims * particles).map(|k| number(k % 7)).collect();
        let round = RoundTrip {
            dims,
            particles,
            values: &values,
            offset: &offset,
        };
        let (rows, out, plain) = dispatch_to(set, round);
        let stride = dims.next_multiple_of(16) + 16;
        for d in 0..dims {
            for j in 0..particles {
                let at = d * particles + j;
                let kicked = number(2 * at + at % 7);
                assert_eq!(rows[j * stride + d], kicked, "{set:?} {dims} x {particles}");
                assert_eq!(plain[at], kicked);
                assert_eq!(out[at], number(at + 3 * (2 * at + at % 7)));
            }
        }
    }

    #[test]
    fn every_value_finds_its_place() {
        for set in SETS {
            for (dims, particles) in [
                (1, 1),
                (1, 40),
                (40, 1),
                (16, 16),
                (32, 8),
                (17, 33),
                (31, 15),
                (48, 64),
                (7, 5),
            ] {
                check::<f32>(set, dims, particles);
                check::<f64>(set, dims, particles);
            }
        }
    }
}
