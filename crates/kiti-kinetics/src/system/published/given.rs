//! Given directions, `(D, n(n-1)/2)` a sample: replays.

use super::super::layout::Layout;
use super::super::pairwise;
use crate::Real;

/// Numbers of the pairs `(i, i + 1 ..)`.
fn row_of_pairs(particles: usize, i: usize) -> std::ops::Range<usize> {
    let start = pairwise::pair_number(particles, i, i + 1);
    start..start + particles - 1 - i
}

/// `out[d][j] = sum_i g_ij e_ij[d]`, with the speeds `g` in the order of the pairs.
#[inline(always)]
pub(super) fn scatter<T: Real>(layout: Layout, vectors: &[T], speeds: &[T], out: &mut [T]) {
    let n = layout.particles;
    out.fill(T::ZERO);
    for (out, vectors) in out
        .chunks_exact_mut(n)
        .zip(vectors.chunks_exact(speeds.len()))
    {
        for i in 0..n - 1 {
            let pairs = row_of_pairs(n, i);
            let mut own = T::ZERO;
            let row = out[i + 1..]
                .iter_mut()
                .zip(&vectors[pairs.clone()])
                .zip(&speeds[pairs]);
            for ((out, &e), &g) in row {
                let change = if g == T::ZERO { T::ZERO } else { g * e };
                *out += change;
                own += change;
            }
            out[i] -= own;
        }
    }
}

/// `along[i][j] = e_ij . (upstream_j - upstream_i)` for every pair with `j > i`.
#[inline(always)]
pub(super) fn along<T: Real>(
    layout: Layout,
    vectors: &[T],
    pairs: usize,
    upstream: &[T],
    along: &mut [T],
) {
    let (n, stride) = (layout.particles, pairwise::stride(layout.particles));
    along.fill(T::ZERO);
    for (upstream, vectors) in upstream.chunks_exact(n).zip(vectors.chunks_exact(pairs)) {
        for i in 0..n - 1 {
            let row = &mut along[i * stride + i + 1..i * stride + n];
            let vectors = &vectors[row_of_pairs(n, i)];
            for ((along, &e), &u) in row.iter_mut().zip(vectors).zip(&upstream[i + 1..]) {
                *along += e * (u - upstream[i]);
            }
        }
    }
}
