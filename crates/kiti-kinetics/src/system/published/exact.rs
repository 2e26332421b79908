//! Exactly isotropic directions, drawn on the fly: four pairs at a time, never stored.

use pulp::Simd;

use super::super::draws::Purpose;
use super::super::layout::Layout;
use super::super::pairwise;
use super::super::transpose::{self, stride};
use super::Keyed;
use crate::Real;
use crate::normals::QuadStream;
use crate::workspace::Drawing;

/// Walks over the pairs (0,1), (0,2) ... (1,2) ... four at a time.
struct Quads {
    particles: usize,
    i: usize,
    j: usize,
}

impl Quads {
    fn new(particles: usize) -> Self {
        Self {
            particles,
            i: 0,
            j: 1,
        }
    }

    /// The next four pairs; those behind the last pair are not pairs.
    #[inline(always)]
    fn next(&mut self) -> [(usize, usize); 4] {
        std::array::from_fn(|_| {
            let pair = (self.i, self.j);
            self.j += 1;
            if self.j == self.particles {
                self.i += 1;
                self.j = self.i + 1;
            }
            pair
        })
    }
}

#[inline(always)]
fn wanted<T: Real>(speeds: &[T]) -> [bool; 4] {
    std::array::from_fn(|k| speeds.get(k).is_some_and(|&g| g != T::ZERO))
}

/// `out[d][j] = sum_i g_ij e_ij[d]`, with the speeds `g` in the order of the pairs.
#[inline(always)]
pub(super) fn scatter<T: Real, S: Simd>(
    simd: S,
    at: Keyed<'_>,
    speeds: &[T],
    scratch: &mut Drawing<T>,
    out: &mut [T],
) {
    let Layout {
        dims, particles: n, ..
    } = at.layout;
    let (stride, padded) = (stride(dims), QuadStream::padded_dims(dims));
    let tail = at.generator.tail(at.sample, Purpose::Direction);
    let stream = QuadStream::new(simd, *at.generator, tail, dims, &mut scratch.prefix);
    let sums = scratch.sums.take(n * stride);
    sums.fill(T::ZERO);
    let normals = scratch.normals.take(4 * padded);
    let mut quads = Quads::new(n);
    for (quad, speeds) in speeds.chunks(4).enumerate() {
        let pairs = quads.next();
        let wanted = wanted(speeds);
        if wanted == [false; 4] {
            continue;
        }
        let squares = T::quad(simd, &stream, quad, wanted, normals);
        let weights: [T; 4] = std::array::from_fn(|k| {
            if wanted[k] {
                speeds[k] / squares[k].sqrt()
            } else {
                T::ZERO
            }
        });
        let vectors = normals.chunks_exact(padded);
        let (i, j) = pairs[0];
        if pairs[3] == (i, j + 3) {
            let (left, right) = sums.split_at_mut(j * stride);
            let own = T::view_mut::<S>(&mut left[i * stride..i * stride + padded]);
            let mut rows = right.chunks_exact_mut(stride);
            let mut row = || T::view_mut::<S>(&mut rows.next().expect("four rows")[..padded]);
            let (a, b, c, d) = (row(), row(), row(), row());
            let mut z = normals
                .chunks_exact(padded)
                .map(|vector| T::view::<S>(vector));
            let mut vector = || z.next().expect("four vectors");
            let (za, zb, zc, zd) = (vector(), vector(), vector(), vector());
            let w0 = T::splat(simd, weights[0]);
            let w1 = T::splat(simd, weights[1]);
            let w2 = T::splat(simd, weights[2]);
            let w3 = T::splat(simd, weights[3]);
            for at in 0..own.len() {
                a[at] = T::fma(simd, w0, za[at], a[at]);
                b[at] = T::fma(simd, w1, zb[at], b[at]);
                c[at] = T::fma(simd, w2, zc[at], c[at]);
                d[at] = T::fma(simd, w3, zd[at], d[at]);
                let sum = T::fma(simd, w1, zb[at], T::times(simd, w0, za[at]));
                let sum = T::fma(simd, w3, zd[at], T::fma(simd, w2, zc[at], sum));
                own[at] = T::minus(simd, own[at], sum);
            }
        } else {
            for ((vector, (i, j)), weight) in vectors.zip(pairs).zip(weights) {
                if weight == T::ZERO {
                    continue;
                }
                let (left, right) = sums.split_at_mut(j * stride);
                let own = T::view_mut::<S>(&mut left[i * stride..i * stride + padded]);
                let other = T::view_mut::<S>(&mut right[..padded]);
                let (plus, minus) = (T::splat(simd, weight), T::splat(simd, -weight));
                for ((own, other), &z) in own.iter_mut().zip(other).zip(T::view::<S>(vector)) {
                    *own = T::fma(simd, minus, z, *own);
                    *other = T::fma(simd, plus, z, *other);
                }
            }
        }
    }
    let mut target = transpose::Target {
        scale: T::ONE,
        offset: None,
        out,
        plain: None,
    };
    let panel = &mut scratch.panel;
    transpose::to_coordinates(simd, [dims, n], sums, stride, panel, &mut target);
}

/// `along[i][j] = e_ij . (upstream_j - upstream_i)` for the accepted pairs, 0 for the others.
#[inline(always)]
pub(super) fn along<T: Real, S: Simd>(
    simd: S,
    at: Keyed<'_>,
    speeds: &[T],
    upstream: &[T],
    scratch: &mut Drawing<T>,
    along: &mut [T],
) {
    let Layout {
        dims, particles: n, ..
    } = at.layout;
    let (stride, padded) = (stride(dims), QuadStream::padded_dims(dims));
    let tail = at.generator.tail(at.sample, Purpose::Direction);
    let stream = QuadStream::new(simd, *at.generator, tail, dims, &mut scratch.prefix);
    let rows = scratch.sums.take(n * stride);
    let source = transpose::Source {
        scale: T::ONE,
        values: upstream,
        offset: None,
    };
    transpose::to_particles(simd, [dims, n], source, stride, &mut scratch.panel, rows);
    let normals = scratch.normals.take(4 * padded);
    let matrix = pairwise::stride(n);
    let zero = T::splat(simd, T::ZERO);
    let mut quads = Quads::new(n);
    for (quad, speeds) in speeds.chunks(4).enumerate() {
        let pairs = quads.next();
        let wanted = wanted(speeds);
        if wanted == [false; 4] {
            continue;
        }
        let squares = T::quad(simd, &stream, quad, wanted, normals);
        for k in (0..4).filter(|&k| wanted[k]) {
            let (i, j) = pairs[k];
            let own = T::view::<S>(&rows[i * stride..i * stride + padded]);
            let other = T::view::<S>(&rows[j * stride..j * stride + padded]);
            let vector = T::view::<S>(&normals[k * padded..(k + 1) * padded]);
            let mut sum = zero;
            for ((&own, &other), &z) in own.iter().zip(other).zip(vector) {
                sum = T::fma(simd, z, T::minus(simd, other, own), sum);
            }
            along[i * matrix + j] = T::sum(simd, sum) / squares[k].sqrt();
        }
    }
}
