//! Passes over `(D, n)` arrays with a weight for every particle.
//!
//! An array is one run of `D n` values, whose columns come round every `n`. Weights are therefore
//! laid out over [`period`] values, the least common multiple of `n` and the widest vector, and a
//! pass runs over periods, whatever `n` is.

use pulp::Simd;

use super::Diagnostics;
use crate::Real;

/// Widest vector in scalars.
const WIDEST: usize = 16;

/// Values after which columns and vectors both start again.
pub(super) fn period(particles: usize) -> usize {
    let common = 1 << particles.trailing_zeros().min(WIDEST.trailing_zeros());
    particles * (WIDEST / common)
}

/// Values of a `(D, n)` array, rounded up to whole vectors.
pub(super) fn padded(size: usize) -> usize {
    size.next_multiple_of(WIDEST)
}

/// Repeats `n` weights over a period.
pub(super) fn repeat<T: Real>(weights: impl Iterator<Item = T>, particles: usize, out: &mut [T]) {
    for (out, weight) in out.iter_mut().zip(weights) {
        *out = weight;
    }
    for start in (particles..out.len()).step_by(particles) {
        out.copy_within(..particles, start);
    }
}

/// `out <- a dt + carried`.
#[inline(always)]
pub(super) fn kick<T: Real>(dt: T, a: &[T], carried: Option<&[T]>, out: &mut [T]) {
    match carried {
        None => {
            for (out, &a) in out.iter_mut().zip(a) {
                *out = a * dt;
            }
        }
        Some(carried) => {
            for ((out, &a), &v) in out.iter_mut().zip(a).zip(carried) {
                *out = a * dt + v;
            }
        }
    }
}

/// `values <- values * weights + change`.
#[inline(always)]
pub(super) fn scale_and_add<T: Real, S: Simd>(
    simd: S,
    weights: &[T],
    change: &[T],
    values: &mut [T],
) {
    let weights = T::view::<S>(weights);
    let (change, values) = (T::view::<S>(change), T::view_mut::<S>(values));
    for (values, change) in values
        .chunks_mut(weights.len())
        .zip(change.chunks(weights.len()))
    {
        for ((value, &change), &weight) in values.iter_mut().zip(change).zip(weights) {
            *value = T::fma(simd, *value, weight, change);
        }
    }
}

/// `out <- out + values * weights`.
#[inline(always)]
pub(super) fn add_scaled<T: Real, S: Simd>(simd: S, weights: &[T], values: &[T], out: &mut [T]) {
    let weights = T::view::<S>(weights);
    let (values, out) = (T::view::<S>(values), T::view_mut::<S>(out));
    for (values, out) in values
        .chunks(weights.len())
        .zip(out.chunks_mut(weights.len()))
    {
        for ((out, &value), &weight) in out.iter_mut().zip(values).zip(weights) {
            *out = T::fma(simd, value, weight, *out);
        }
    }
}

/// `values <- values * weights`.
#[inline(always)]
pub(super) fn scale<T: Real, S: Simd>(simd: S, weights: &[T], values: &mut [T]) {
    let weights = T::view::<S>(weights);
    for values in T::view_mut::<S>(values).chunks_mut(weights.len()) {
        for (value, &weight) in values.iter_mut().zip(weights) {
            *value = T::times(simd, *value, weight);
        }
    }
}

/// Adds to every lane the lane whose number differs in the bit `SHIFT`.
#[inline(always)]
fn add_partner<T: Real, S: Simd, const SHIFT: usize>(
    simd: S,
    vector: T::Vector<S>,
) -> T::Vector<S> {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let mut bits = [T::ZERO; WIDEST];
    for (lane, bit) in bits.iter_mut().enumerate() {
        *bit = if lane & SHIFT == 0 { T::ZERO } else { T::ONE };
    }
    let bits = T::view::<S>(&bits)[0];
    let below = T::rotate(simd, vector, SHIFT);
    let above = T::rotate(simd, vector, lanes - SHIFT);
    let partner = T::where_greater(simd, bits, T::splat(simd, T::ZERO), below, above);
    T::plus(simd, vector, partner)
}

/// Whether rows are so short that whole ones fill a vector.
#[inline(always)]
fn rows_fill_vectors<T: Real, S: Simd>(particles: usize, length: usize) -> bool {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    particles <= lanes && particles.is_power_of_two() && length.is_multiple_of(lanes)
}

/// In every lane the sum over the row it belongs to, for rows that fill vectors.
#[inline(always)]
fn row_totals<T: Real, S: Simd>(
    simd: S,
    particles: usize,
    mut vector: T::Vector<S>,
) -> T::Vector<S> {
    if particles > 1 {
        vector = add_partner::<T, S, 1>(simd, vector);
    }
    if particles > 2 {
        vector = add_partner::<T, S, 2>(simd, vector);
    }
    if particles > 4 {
        vector = add_partner::<T, S, 4>(simd, vector);
    }
    if particles > 8 {
        vector = add_partner::<T, S, 8>(simd, vector);
    }
    vector
}

/// `out <- factor (total of each row - values)`, or that added to `out`: what a product with a
/// mask of ones off the diagonal gives.
#[inline(always)]
pub(super) fn others<T: Real, S: Simd>(
    simd: S,
    particles: usize,
    factor: T,
    values: &[T],
    out: &mut [T],
    accumulate: bool,
) {
    if rows_fill_vectors::<T, S>(particles, values.len()) {
        let (factor, zero) = (T::splat(simd, factor), T::splat(simd, T::ZERO));
        for (out, &values) in T::view_mut::<S>(out).iter_mut().zip(T::view::<S>(values)) {
            let total = row_totals::<T, S>(simd, particles, values);
            let rest = T::minus(simd, total, values);
            let before = if accumulate { *out } else { zero };
            *out = T::fma(simd, factor, rest, before);
        }
        return;
    }
    for (values, out) in values
        .chunks_exact(particles)
        .zip(out.chunks_exact_mut(particles))
    {
        let total = row_sum(simd, values);
        for (out, &value) in out.iter_mut().zip(values) {
            let before = if accumulate { *out } else { T::ZERO };
            *out = factor * (total - value) + before;
        }
    }
}

/// Sum of a row.
#[inline(always)]
fn row_sum<T: Real, S: Simd>(simd: S, values: &[T]) -> T {
    let vectors = T::view::<S>(values);
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let mut rest = T::ZERO;
    for &value in &values[vectors.len() * lanes..] {
        rest += value;
    }
    if vectors.is_empty() {
        return rest;
    }
    let mut total = T::splat(simd, T::ZERO);
    for &vector in vectors {
        total = T::plus(simd, total, vector);
    }
    rest + T::sum(simd, total)
}

/// What the collisions of one sample did to its energy and momentum; `before` and `after` are
/// `(D, n)` velocities, `squares` holds one period.
#[inline(always)]
pub(super) fn measure<T: Real, S: Simd>(
    simd: S,
    particles: usize,
    before: &[T],
    after: &[T],
    squares: &mut [T],
) -> Diagnostics {
    let energy_before = column_squares(simd, particles, before, squares);
    let speeds: f64 = squares[..particles]
        .iter()
        .map(|square| square.to_f64().sqrt())
        .sum();
    let energy_after = column_squares(simd, particles, after, squares);
    let drift = momentum_change(simd, particles, before, after);
    Diagnostics {
        energy_before,
        energy_after,
        momentum_error: if speeds == 0.0 { 0.0 } else { drift / speeds },
        ..Diagnostics::default()
    }
}

/// Sum of all squares.
#[inline(always)]
pub(super) fn energy<T: Real, S: Simd>(simd: S, values: &[T]) -> f64 {
    let mut total = 0.0;
    // Sums in T over so many values lose nothing that a diagnostic would show.
    for values in values.chunks(4096) {
        let vectors = T::view::<S>(values);
        let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
        let mut sum = T::splat(simd, T::ZERO);
        for &vector in vectors {
            sum = T::fma(simd, vector, vector, sum);
        }
        total += T::sum(simd, sum).to_f64();
        for &value in &values[vectors.len() * lanes..] {
            total += (value * value).to_f64();
        }
    }
    total
}

/// `|sum after - sum before|`.
#[inline(always)]
fn momentum_change<T: Real, S: Simd>(simd: S, particles: usize, before: &[T], after: &[T]) -> f64 {
    let mut squares = 0.0;
    if rows_fill_vectors::<T, S>(particles, before.len()) {
        let mut sum = T::splat(simd, T::ZERO);
        for (&after, &before) in T::view::<S>(after).iter().zip(T::view::<S>(before)) {
            let difference = T::minus(simd, after, before);
            let total = row_totals::<T, S>(simd, particles, difference);
            sum = T::fma(simd, total, total, sum);
        }
        // Every row's total stands in as many lanes as the row has particles.
        return (T::sum(simd, sum).to_f64() / particles as f64).sqrt();
    }
    for (before, after) in before
        .chunks_exact(particles)
        .zip(after.chunks_exact(particles))
    {
        let difference = row_difference(simd, before, after).to_f64();
        squares += difference * difference;
    }
    squares.sqrt()
}

/// Sum of `after - before`.
#[inline(always)]
fn row_difference<T: Real, S: Simd>(simd: S, before: &[T], after: &[T]) -> T {
    let (b, a) = (T::view::<S>(before), T::view::<S>(after));
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let mut rest = T::ZERO;
    for (&a, &b) in after[a.len() * lanes..]
        .iter()
        .zip(&before[b.len() * lanes..])
    {
        rest += a - b;
    }
    if a.is_empty() {
        return rest;
    }
    let mut total = T::splat(simd, T::ZERO);
    for (&a, &b) in a.iter().zip(b) {
        total = T::plus(simd, total, T::minus(simd, a, b));
    }
    rest + T::sum(simd, total)
}

/// Squares summed over coordinates, into the first `n` of `squares`; returns their total.
#[inline(always)]
fn column_squares<T: Real, S: Simd>(
    simd: S,
    particles: usize,
    values: &[T],
    squares: &mut [T],
) -> f64 {
    squares.fill(T::ZERO);
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    for values in values.chunks(squares.len()) {
        let vectors = T::view::<S>(values);
        for (square, &value) in T::view_mut::<S>(squares).iter_mut().zip(vectors) {
            *square = T::fma(simd, value, value, *square);
        }
        let whole = vectors.len() * lanes;
        for (square, &value) in squares[whole..].iter_mut().zip(&values[whole..]) {
            *square += value * value;
        }
    }
    for start in (particles..squares.len()).step_by(particles) {
        for j in 0..particles {
            let value = squares[start + j];
            squares[j] += value;
        }
    }
    squares[..particles]
        .iter()
        .map(|square| square.to_f64())
        .sum()
}

/// `out <- x + v dt`.
#[inline(always)]
pub(super) fn drift<T: Real>(dt: T, x: &[T], v: &[T], out: &mut [T]) {
    for ((out, &x), &v) in out.iter_mut().zip(x).zip(v) {
        *out = x + v * dt;
    }
}
