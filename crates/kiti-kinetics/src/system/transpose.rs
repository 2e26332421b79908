//! Between coordinate-major `(D, n)` and particle-major `n x stride` arrays.
//!
//! Blocks of `L x L` values, `L` being the lanes of a vector, are transposed in registers by
//! Eklundh's method: for every power of two `s` below `L`, row `i` (bit `s` of `i` clear) exchanges
//! the lanes whose bit `s` is set against those of row `i + s` whose bit `s` is clear.

use std::ops::Range;

use pulp::Simd;

use crate::Real;
use crate::normals::QuadStream;
use crate::prefetch::prefetch;
use crate::workspace::Buffer;

/// Lanes of the widest vector.
const WIDEST: usize = 16;

/// Transposes the first `size` rows in blocks of `size` lanes.
#[inline(always)]
fn transpose<T: Real, S: Simd>(simd: S, size: usize, rows: &mut [T::Vector<S>; WIDEST]) {
    transpose_bit::<T, S, 1>(simd, size, rows);
    transpose_bit::<T, S, 2>(simd, size, rows);
    transpose_bit::<T, S, 4>(simd, size, rows);
    transpose_bit::<T, S, 8>(simd, size, rows);
}

/// One power of two of [`transpose`].
#[inline(always)]
fn transpose_bit<T: Real, S: Simd, const SHIFT: usize>(
    simd: S,
    size: usize,
    rows: &mut [T::Vector<S>; WIDEST],
) {
    if SHIFT < size {
        let bits = lanes_with_bit::<T, S>(SHIFT);
        for i in 0..size {
            if i & SHIFT == 0 {
                exchange::<T, S>(simd, SHIFT, bits, [i, i + SHIFT], rows);
            }
        }
    }
}

/// 1 in the lanes whose number has a bit set, 0 in the others.
#[inline(always)]
fn lanes_with_bit<T: Real, S: Simd>(bit: usize) -> T::Vector<S> {
    let mut bits = [T::ZERO; WIDEST];
    for (lane, value) in bits.iter_mut().enumerate() {
        *value = if lane & bit == 0 { T::ZERO } else { T::ONE };
    }
    T::view::<S>(&bits)[0]
}

/// Rows `i` and `j` exchange the lanes whose bit `shift` is set in the first and clear in the second.
#[inline(always)]
fn exchange<T: Real, S: Simd>(
    simd: S,
    shift: usize,
    bits: T::Vector<S>,
    [i, j]: [usize; 2],
    rows: &mut [T::Vector<S>; WIDEST],
) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let zero = T::splat(simd, T::ZERO);
    let (a, b) = (rows[i], rows[j]);
    let upward = T::rotate(simd, b, shift);
    let downward = T::rotate(simd, a, lanes - shift);
    rows[i] = T::where_greater(simd, bits, zero, upward, a);
    rows[j] = T::where_greater(simd, bits, zero, b, downward);
}

/// From `L` coordinates of `L/2` particles, two coordinates a vector, to the particles' vectors.
#[inline(always)]
fn halves_to_particles<T: Real, S: Simd>(simd: S, rows: &mut [T::Vector<S>; WIDEST]) {
    let half = size_of::<T::Vector<S>>() / size_of::<T>() / 2;
    let quarter = half / 2;
    let bits = lanes_with_bit::<T, S>(half);
    for q in 0..quarter {
        exchange::<T, S>(simd, half, bits, [q, q + quarter], rows);
    }
    // Now every vector has a coordinate `d < L/2` and the coordinate `d + L/2`.
    let pairs = *rows;
    for q in 0..quarter {
        (rows[2 * q], rows[2 * q + 1]) = (pairs[q], pairs[q + quarter]);
    }
    transpose::<T, S>(simd, half, rows);
}

/// The inverse of [`halves_to_particles`].
#[inline(always)]
fn halves_to_coordinates<T: Real, S: Simd>(simd: S, rows: &mut [T::Vector<S>; WIDEST]) {
    let half = size_of::<T::Vector<S>>() / size_of::<T>() / 2;
    let quarter = half / 2;
    transpose::<T, S>(simd, half, rows);
    let pairs = *rows;
    for q in 0..quarter {
        (rows[q], rows[q + quarter]) = (pairs[2 * q], pairs[2 * q + 1]);
    }
    let bits = lanes_with_bit::<T, S>(half);
    for q in 0..quarter {
        exchange::<T, S>(simd, half, bits, [q, q + quarter], rows);
    }
}

/// Values from particle to particle of a particle-major array: room for whole groups of normals, and
/// a distance that is no multiple of a page.
pub(super) fn stride(dims: usize) -> usize {
    QuadStream::padded_dims(dims) + 16
}

/// A `(D, n)` array, `scale values + offset`.
#[derive(Clone, Copy)]
pub(super) struct Source<'a, T> {
    pub scale: T,
    pub values: &'a [T],
    pub offset: Option<&'a [T]>,
}

impl<T: Real> Source<'_, T> {
    /// Whether it is the values themselves.
    fn is_plain(&self) -> bool {
        self.scale == T::ONE && self.offset.is_none()
    }
}

/// Where `(D, n)` results go: `scale values + offset`, and the values themselves where asked for.
pub(super) struct Target<'a, 'b, T> {
    pub scale: T,
    pub offset: Option<&'a [T]>,
    pub out: &'b mut [T],
    pub plain: Option<&'b mut [T]>,
}

impl<T: Real> Target<'_, '_, T> {
    /// Writes the results of some places.
    #[inline(always)]
    fn write<S: Simd>(&mut self, simd: S, places: Range<usize>, values: &[T]) {
        if let Some(plain) = &mut self.plain {
            plain[places.clone()].copy_from_slice(values);
        }
        let offset = self.offset.map(|offset| &offset[places.clone()]);
        scale_and_add(simd, self.scale, values, offset, &mut self.out[places]);
    }
}

/// Values of a panel: a small part of the first cache.
const PANEL: usize = 4096;

/// Coordinates of which all particles' values are read or written at a time: they lie together in a
/// `(D, n)` array, so that memory is read and written in the order of its addresses while blocks
/// are transposed in the cache.
fn panel_height(lanes: usize, particles: usize) -> usize {
    (PANEL / particles / lanes).max(1) * lanes
}

/// The vector that starts at `at`, zeros behind the end of the slice.
#[inline(always)]
fn load<T: Real, S: Simd>(values: &[T], at: usize) -> T::Vector<S> {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    if let Some(whole) = values.get(at..at + lanes) {
        return T::view::<S>(whole)[0];
    }
    let mut rest = [T::ZERO; WIDEST];
    let found = values.get(at..).unwrap_or(&[]);
    rest[..found.len()].copy_from_slice(found);
    T::view::<S>(&rest)[0]
}

/// Stores a vector at `at`, up to the end of the slice.
#[inline(always)]
fn store<T: Real, S: Simd>(vector: T::Vector<S>, at: usize, values: &mut [T]) {
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
}

/// `out = scale values + offset`.
#[inline(always)]
fn scale_and_add<T: Real, S: Simd>(
    simd: S,
    scale: T,
    values: &[T],
    offset: Option<&[T]>,
    out: &mut [T],
) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let scale = T::splat(simd, scale);
    let whole = out.len() / lanes * lanes;
    let vectors = T::view_mut::<S>(out).iter_mut().zip(T::view::<S>(values));
    match offset {
        Some(offset) => {
            for ((out, &value), &offset) in vectors.zip(T::view::<S>(offset)) {
                *out = T::fma(simd, value, scale, offset);
            }
        }
        None => {
            for (out, &value) in vectors {
                *out = T::times(simd, value, scale);
            }
        }
    }
    if whole < out.len() {
        let value = load::<T, S>(&values[..out.len()], whole);
        let last = match offset {
            Some(offset) => T::fma(simd, value, scale, load::<T, S>(offset, whole)),
            None => T::times(simd, value, scale),
        };
        store::<T, S>(last, whole, out);
    }
}

/// `rows[j * stride + d] = source[d][j]`; `stride` has room for whole vectors, and what lies behind
/// the last coordinate becomes 0.
#[inline(always)]
pub(super) fn to_particles<T: Real, S: Simd>(
    simd: S,
    [dims, particles]: [usize; 2],
    source: Source<'_, T>,
    stride: usize,
    panel: &mut Buffer<T>,
    rows: &mut [T],
) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let last = dims.next_multiple_of(lanes);
    if last < stride {
        for row in rows.chunks_exact_mut(stride) {
            row[last..].fill(T::ZERO);
        }
    }
    let height = panel_height(lanes, particles).min(last);
    // Whole blocks of the values themselves need no panel.
    if source.is_plain() && dims == last && particles.is_multiple_of(lanes) {
        for top in (0..dims).step_by(lanes) {
            for left in (0..particles).step_by(lanes) {
                let mut block = [T::splat(simd, T::ZERO); WIDEST];
                prefetch(
                    source.values,
                    (height + top) * particles + left * lanes,
                    lanes * lanes,
                );
                load_rows(
                    simd,
                    source.values,
                    top * particles + left,
                    particles,
                    &mut block,
                );
                transpose::<T, S>(simd, lanes, &mut block);
                store_rows(simd, &block, left * stride + top, stride, rows);
            }
        }
        return;
    }
    let panel = panel.take(height * particles + lanes);
    for first in (0..dims).step_by(height) {
        let values = first * particles..(first + height).min(dims) * particles;
        let length = values.len();
        let offset = source.offset.map(|offset| &offset[values.clone()]);
        let values = &source.values[values];
        scale_and_add(simd, source.scale, values, offset, &mut panel[..length]);
        panel[length..].fill(T::ZERO);
        for top in (first..dims.min(first + height)).step_by(lanes) {
            if 2 * particles == lanes {
                let mut block = [T::splat(simd, T::ZERO); WIDEST];
                let next = (height + top) * particles;
                prefetch(source.values, next, lanes * particles);
                if let Some(offset) = source.offset {
                    prefetch(offset, next, lanes * particles);
                }
                let place = (top - first) * particles;
                let pairs = T::view::<S>(&panel[place..place + lanes * particles]);
                block[..lanes / 2].copy_from_slice(pairs);
                halves_to_particles::<T, S>(simd, &mut block);
                for r in 0..lanes / 2 {
                    store::<T, S>(block[r], r * stride + top, rows);
                }
                continue;
            }
            for left in (0..particles).step_by(lanes) {
                let mut block = [T::splat(simd, T::ZERO); WIDEST];
                let place = (top - first) * particles + left;
                let next = (height + top) * particles + left * lanes;
                prefetch(source.values, next, lanes * lanes);
                if let Some(offset) = source.offset {
                    prefetch(offset, next, lanes * lanes);
                }
                load_rows(simd, panel, place, particles, &mut block);
                transpose::<T, S>(simd, lanes, &mut block);
                let start = left * stride + top;
                if left + lanes <= particles {
                    store_rows(simd, &block, start, stride, rows);
                } else {
                    for r in 0..particles - left {
                        store::<T, S>(block[r], start + r * stride, rows);
                    }
                }
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

/// `target[d][j] = rows[j * stride + d]`.
///
/// An incomplete block of columns is stored with whole vectors too and so spills into the next
/// coordinate: the incomplete blocks come first, and coordinates in ascending order, so that what is
/// right comes last.
#[inline(always)]
pub(super) fn to_coordinates<T: Real, S: Simd>(
    simd: S,
    [dims, particles]: [usize; 2],
    rows: &[T],
    stride: usize,
    panel: &mut Buffer<T>,
    target: &mut Target<'_, '_, T>,
) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let height = panel_height(lanes, particles).min(dims.next_multiple_of(lanes));
    let panel = panel.take(height * particles + lanes);
    let whole = particles / lanes * lanes;
    // Whole blocks go where they belong at once.
    if dims.is_multiple_of(lanes) && whole == particles && target.plain.is_none() {
        let scale = T::splat(simd, target.scale);
        for top in (0..dims).step_by(lanes) {
            for left in (0..particles).step_by(lanes) {
                let mut block = [T::splat(simd, T::ZERO); WIDEST];
                load_rows(simd, rows, left * stride + top, stride, &mut block);
                transpose::<T, S>(simd, lanes, &mut block);
                for r in 0..lanes {
                    let at = (top + r) * particles + left;
                    let place = at..at + lanes;
                    block[r] = match target.offset {
                        Some(offset) => T::fma(
                            simd,
                            block[r],
                            scale,
                            T::view::<S>(&offset[place.clone()])[0],
                        ),
                        None => T::times(simd, block[r], scale),
                    };
                    T::view_mut::<S>(&mut target.out[place])[0] = block[r];
                }
            }
        }
        return;
    }
    for first in (0..dims).step_by(height) {
        for top in (first..dims.min(first + height)).step_by(lanes) {
            let place = (top - first) * particles;
            if 2 * particles == lanes {
                let mut block = [T::splat(simd, T::ZERO); WIDEST];
                prefetch(target.out, top * particles, lanes * particles);
                if let Some(offset) = target.offset {
                    prefetch(offset, top * particles, lanes * particles);
                }
                for r in 0..lanes / 2 {
                    block[r] = load::<T, S>(rows, r * stride + top);
                }
                halves_to_coordinates::<T, S>(simd, &mut block);
                let pairs = T::view_mut::<S>(&mut panel[place..place + lanes * particles]);
                pairs.copy_from_slice(&block[..lanes / 2]);
                continue;
            }
            if whole < particles {
                let mut block = [T::splat(simd, T::ZERO); WIDEST];
                for r in 0..particles - whole {
                    block[r] = load::<T, S>(rows, (whole + r) * stride + top);
                }
                transpose::<T, S>(simd, lanes, &mut block);
                store_rows(simd, &block, place + whole, particles, panel);
            }
            for left in (0..whole).step_by(lanes) {
                let mut block = [T::splat(simd, T::ZERO); WIDEST];
                let next = top * particles + left * lanes;
                prefetch(target.out, next, lanes * lanes);
                if let Some(offset) = target.offset {
                    prefetch(offset, next, lanes * lanes);
                }
                load_rows(simd, rows, left * stride + top, stride, &mut block);
                transpose::<T, S>(simd, lanes, &mut block);
                store_rows(simd, &block, place + left, particles, panel);
            }
        }
        let places = first * particles..(first + height).min(dims) * particles;
        let found = &panel[..places.len()];
        target.write(simd, places, found);
    }
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;
    use crate::simd::tests::{InstructionSet, SETS, dispatch_to};

    /// To particles and back: `2 values + offset`, then `values + 3` times that; without an offset `values`, and 3 times
    /// them.
    struct RoundTrip<'a, T> {
        dims: usize,
        particles: usize,
        values: &'a [T],
        offset: Option<&'a [T]>,
    }

    impl<T: Real> WithSimd for RoundTrip<'_, T> {
        type Output = (Vec<T>, Vec<T>, Option<Vec<T>>);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let Self {
                dims,
                particles,
                values,
                offset,
            } = self;
            let stride = stride(dims);
            let mut rows = vec![T::ONE; particles * stride];
            let source = Source {
                scale: T::from_f64(if offset.is_some() { 2.0 } else { 1.0 }),
                values,
                offset,
            };
            let shape = [dims, particles];
            let mut panel = Buffer::default();
            to_particles(simd, shape, source, stride, &mut panel, &mut rows);
            let mut out = vec![T::ZERO; values.len()];
            let mut plain = offset.map(|_| out.clone());
            let scale = T::from_f64(3.0);
            let mut target = Target {
                scale,
                offset: offset.map(|_| values),
                out: &mut out,
                plain: plain.as_deref_mut(),
            };
            to_coordinates(simd, shape, &rows, stride, &mut panel, &mut target);
            (rows, out, plain)
        }
    }

    fn check<T: Real>(set: InstructionSet, dims: usize, particles: usize) {
        let number = |k: usize| T::from_f64(k as f64);
        let values: Vec<T> = (0..dims * particles).map(number).collect();
        let offset: Vec<T> = (0..dims * particles).map(|k| number(k % 7)).collect();
        for offset in [Some(&offset[..]), None] {
            let round = RoundTrip {
                dims,
                particles,
                values: &values,
                offset,
            };
            let (rows, out, plain) = dispatch_to(set, round);
            let stride = stride(dims);
            for d in 0..dims {
                for j in 0..particles {
                    let at = d * particles + j;
                    let (kicked, moved) = match offset {
                        Some(_) => (2 * at + at % 7, at + 3 * (2 * at + at % 7)),
                        None => (at, 3 * at),
                    };
                    let kicked = number(kicked);
                    assert_eq!(rows[j * stride + d], kicked, "{set:?} {dims} x {particles}");
                    assert!(plain.as_ref().is_none_or(|plain| plain[at] == kicked));
                    assert_eq!(out[at], number(moved), "{set:?} {dims} x {particles}");
                }
            }
            for row in rows.chunks_exact(stride) {
                assert!(row[dims..].iter().all(|&value| value == T::ZERO));
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
                (64, 4),
                (48, 2),
            ] {
                check::<f32>(set, dims, particles);
                check::<f64>(set, dims, particles);
            }
        }
    }
}
