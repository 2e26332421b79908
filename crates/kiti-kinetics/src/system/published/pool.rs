//! Pooled directions: the scattering sum as two matrix products.
//!
//! With `q_ij` the pool index and `s_ij` the sign of a pair, `s_ij g_ij` is added into the bucket
//! `[j, q_ij]` of an `(n, P)` matrix, whose product with the `(P, D)` pool is the sum over partners.
//! Backward, the products of all upstream gradients with all vectors of the pool are taken at once,
//! and the pair `(i, j)` takes the difference of two of them.
//!
//! Where a particle has far fewer partners than the pool has vectors, the pairs take their vectors
//! one by one instead.

use pulp::Simd;

use super::super::draws::{Pool, Purpose, split_choice};
use super::super::layout::Layout;
use super::super::{pairwise, transpose};
use super::{Keyed, accepted};
use crate::Real;
use crate::normals::QuadStream;
use crate::product::{Matrix, multiply};
use crate::workspace::{Buffer, Drawing};

/// Whether pairs take their vectors one by one: a product does three times the work in a given time.
fn one_by_one<T: Real>(particles: usize, size: usize, speeds: &[T]) -> bool {
    6 * accepted(speeds) < particles * size
}

/// Words of the choices of the pairs `(i, j)`, `j > i`.
#[inline(always)]
fn choices<'a, S: Simd>(simd: S, at: Keyed<'_>, prefix: &'a mut Buffer<u32>) -> QuadStream<'a> {
    let tail = at.generator.tail(at.sample, Purpose::PoolChoice);
    QuadStream::new(
        simd,
        *at.generator,
        tail,
        at.layout.particles.next_multiple_of(64) / 2,
        prefix,
    )
}

/// The pool as the left factor of a product, `(D, P)`.
fn transposed<T: Real>(pool: &Pool<T>) -> Matrix<'_, T> {
    Matrix {
        values: &pool.vectors,
        strides: (1, pool.stride),
    }
}

/// Values from particle to particle of a particle-major array.
fn row_stride<T: Real>(pool: &Pool<T>) -> usize {
    pool.stride + 16
}

/// `out[d][j] = sum_i g_ij s_ij pool[q_ij][d]`, with the speeds `g` in the order of the pairs.
#[inline(always)]
pub(super) fn scatter<T: Real, S: Simd>(
    simd: S,
    at: Keyed<'_>,
    pool: &Pool<T>,
    speeds: &[T],
    scratch: &mut Drawing<T>,
    out: &mut [T],
) {
    let Layout {
        dims, particles: n, ..
    } = at.layout;
    let separate = one_by_one(n, pool.size, speeds);
    let width = if separate {
        row_stride(pool)
    } else {
        pool.size
    };
    let place = if separate {
        &mut scratch.sums
    } else {
        &mut scratch.buckets
    };
    let sums = place.take(n * width);
    sums.fill(T::ZERO);
    let words = scratch.words.take(n.next_multiple_of(64));
    let stream = choices(simd, at, &mut scratch.prefix);
    let mut start = 0;
    for i in 0..n - 1 {
        stream.words(simd, i, i + 1, words);
        let speeds = &speeds[start..start + n - 1 - i];
        start += speeds.len();
        let (left, right) = sums.split_at_mut((i + 1) * width);
        let own = &mut left[i * width..];
        let others = right.chunks_exact_mut(width).zip(&words[i + 1..n]);
        for ((other, &word), &speed) in others.zip(speeds) {
            let (index, negative) = split_choice(word, pool.size);
            let weight = if negative { -speed } else { speed };
            if !separate {
                other[index] += weight;
                own[index] -= weight;
            } else if speed != T::ZERO {
                add_to_both(simd, weight, pool.vector(index), own, other);
            }
        }
    }
    if separate {
        let mut target = transpose::Target {
            scale: T::ONE,
            offset: None,
            out,
            plain: None,
        };
        let panel = &mut scratch.panel;
        transpose::to_coordinates(simd, [dims, n], sums, width, panel, &mut target);
    } else {
        let buckets = Matrix {
            values: sums,
            strides: (1, width),
        };
        multiply(
            [dims, pool.size, n],
            T::ONE,
            transposed(pool),
            buckets,
            T::ZERO,
            out,
            n,
        );
    }
}

/// `own <- own - weight vector` and `other <- other + weight vector`.
#[inline(always)]
fn add_to_both<T: Real, S: Simd>(simd: S, weight: T, vector: &[T], own: &mut [T], other: &mut [T]) {
    let weight = T::splat(simd, weight);
    let rows = T::view_mut::<S>(own)
        .iter_mut()
        .zip(T::view_mut::<S>(other));
    for ((own, other), &value) in rows.zip(T::view::<S>(vector)) {
        let change = T::times(simd, weight, value);
        *own = T::minus(simd, *own, change);
        *other = T::plus(simd, *other, change);
    }
}

/// `vector . (other - own)`.
#[inline(always)]
fn along_difference<T: Real, S: Simd>(simd: S, vector: &[T], own: &[T], other: &[T]) -> T {
    let mut sum = T::splat(simd, T::ZERO);
    let rows = T::view::<S>(own).iter().zip(T::view::<S>(other));
    for ((&own, &other), &value) in rows.zip(T::view::<S>(vector)) {
        sum = T::fma(simd, value, T::minus(simd, other, own), sum);
    }
    T::sum(simd, sum)
}

/// `along[i][j] = e_ij . (upstream_j - upstream_i)` for every accepted pair with `j > i`; the rest of
/// the matrix is undefined.
#[inline(always)]
pub(super) fn along<T: Real, S: Simd>(
    simd: S,
    at: Keyed<'_>,
    pool: &Pool<T>,
    speeds: &[T],
    upstream: &[T],
    scratch: &mut Drawing<T>,
    along: &mut [T],
) {
    let Layout {
        dims, particles: n, ..
    } = at.layout;
    let separate = one_by_one(n, pool.size, speeds);
    let width = if separate {
        row_stride(pool)
    } else {
        pool.size
    };
    let place = if separate {
        &mut scratch.sums
    } else {
        &mut scratch.buckets
    };
    let products = place.take(n * width);
    if separate {
        let source = transpose::Source {
            scale: T::ONE,
            values: upstream,
            offset: None,
        };
        transpose::to_particles(simd, [dims, n], source, width, &mut scratch.panel, products);
    } else {
        let gradients = Matrix {
            values: upstream,
            strides: (1, n),
        };
        let shape = [n, dims, pool.size];
        multiply(
            shape,
            T::ONE,
            gradients,
            transposed(pool),
            T::ZERO,
            products,
            width,
        );
    }
    let words = scratch.words.take(n.next_multiple_of(64));
    let stream = choices(simd, at, &mut scratch.prefix);
    let stride = pairwise::stride(n);
    let mut start = 0;
    for i in 0..n - 1 {
        stream.words(simd, i, i + 1, words);
        let speeds = &speeds[start..start + n - 1 - i];
        start += speeds.len();
        let (left, right) = products.split_at((i + 1) * width);
        let own = &left[i * width..];
        let row = &mut along[i * stride + i + 1..i * stride + n];
        let others = right.chunks_exact(width).zip(&words[i + 1..n]);
        for (((other, &word), along), &speed) in others.zip(row).zip(speeds) {
            let (index, negative) = split_choice(word, pool.size);
            let difference = if !separate {
                other[index] - own[index]
            } else if speed != T::ZERO {
                along_difference(simd, pool.vector(index), own, other)
            } else {
                T::ZERO
            };
            *along = if negative { -difference } else { difference };
        }
    }
}
