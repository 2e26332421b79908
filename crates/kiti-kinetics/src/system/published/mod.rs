//! The published collision operator: every pair above the threshold collides at once.
//!
//! ```text
//! r_ij = |x_i - x_j|      g_ij = |v_i - v_j|      p_ij = (g_ij / max g) exp(-r_ij / l)
//! m_ij = p_ij > 1 - alpha
//! v_j <- v_j + sum_i m_ij ((v_j - v_i) / 2 + g_ij e_ij)              e_ij = -e_ji
//! x_j <- (x_j + sum_i m_ij (x_i + x_j) / 2) / (1 + sum_i m_ij)       where positions are merged
//! ```
//!
//! With `k_j = sum_i m_ij` this is `v (1 + k/2) - v M / 2 + scattering` and
//! `(x (1 + k/2) + x M / 2) / (1 + k)`: matrix products, unless everything or nothing collides.
//! Momentum is conserved, energy is not.
//!
//! Backward, with `U` the gradient by the new velocities, `M` and `e` constant and
//! `K_ij = m_ij e_ij . (U_j - U_i) / g_ij`, the gradient by the old ones is
//! `U (1 + k/2) - U M / 2 + v (row sums of K) - v K`.

mod exact;
mod given;
mod pool;

use pulp::{Simd, WithSimd};

use super::coupling::{Mask, add_degrees, couple, mask};
use super::draws::{Generator, Pool};
use super::pairwise::{self, Threshold};
use super::{Diagnostics, Layout, Positions, columns};
use crate::Real;
use crate::workspace::{Drawing, Workspace};

/// Where one sample's directions come from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a, T> {
    Exact(&'a Generator),
    Pool(&'a Generator, &'a Pool<T>),
    /// `(D, n(n-1)/2)` of this sample.
    Given(&'a [T]),
}

/// What keyed directions of one sample are drawn for.
#[derive(Clone, Copy)]
struct Keyed<'a> {
    layout: Layout,
    generator: &'a Generator,
    sample: usize,
}

/// What both directions of one sample need.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a, T> {
    pub layout: Layout,
    pub sample: usize,
    pub positions: Positions,
    pub source: Source<'a, T>,
    pub dt: T,
    pub x: &'a [T],
    pub a: &'a [T],
    pub v: Option<&'a [T]>,
}

/// One sample forward.
pub(super) struct Forward<'a, T: Real> {
    pub sample: Sample<'a, T>,
    pub threshold: Threshold<T>,
    pub workspace: &'a mut Workspace<T>,
    /// Relative speeds of the accepted pairs, in the order of the pairs; 0 for the others.
    pub speeds: &'a mut [T],
    pub x_out: &'a mut [T],
    pub v_out: Option<&'a mut [T]>,
}

/// One sample backward.
pub(super) struct Adjoint<'a, T: Real> {
    pub sample: Sample<'a, T>,
    pub workspace: &'a mut Workspace<T>,
    pub speeds: &'a [T],
    pub upstream_x: &'a [T],
    pub upstream_v: Option<&'a [T]>,
    pub gradient_x: Option<&'a mut [T]>,
    pub gradient_a: &'a mut [T],
    pub gradient_v: Option<&'a mut [T]>,
}

/// `1 + k/2` and `1 / (1 + k)` over a period, from the numbers of partners `k`.
fn shares<T: Real>(particles: usize, degrees: &[T], own: &mut [T], share: &mut [T]) {
    let half = T::from_f64(0.5);
    columns::repeat(degrees.iter().map(|&k| T::ONE + k * half), particles, own);
    columns::repeat(
        degrees.iter().map(|&k| T::ONE / (T::ONE + k)),
        particles,
        share,
    );
}

/// How many relative speeds are those of accepted pairs.
fn accepted<T: Real>(speeds: &[T]) -> usize {
    speeds.iter().filter(|&&g| g != T::ZERO).count()
}

impl<T: Real> WithSimd for Forward<'_, T> {
    type Output = Diagnostics;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Diagnostics {
        let Self {
            sample: at,
            threshold,
            workspace,
            speeds: packed,
            x_out,
            v_out,
        } = self;
        let layout = at.layout;
        let (n, dims) = (layout.particles, layout.dims);
        let size = n * dims;
        let padded = columns::padded(size);
        let period = columns::period(n);
        let x = workspace.positions.take(padded + pairwise::OVERHANG);
        x[..size].copy_from_slice(at.x);
        let v = workspace.velocities.take(padded + pairwise::OVERHANG);
        columns::kick(at.dt, at.a, at.v, v);

        let length = pairwise::matrix_length(n);
        let speeds = workspace.speeds.take(length);
        let distances = workspace.distances.take(length);
        pairwise::squared_distances(simd, dims, n, x, distances);
        pairwise::squared_distances(simd, dims, n, v, speeds);
        let accepted = pairwise::accept(simd, n, threshold, distances, speeds);
        let stride = pairwise::stride(n);
        let mut start = 0;
        for i in 0..n {
            let row = &speeds[i * stride + i + 1..i * stride + n];
            packed[start..start + row.len()].copy_from_slice(row);
            start += row.len();
        }

        let change = workspace.change.take(padded);
        if accepted == 0 {
            change[..size].copy_from_slice(&v[..size]);
        } else {
            let [degrees, own, share, ..] = &mut workspace.columns;
            let (degrees, own, share) = (degrees.take(n), own.take(period), share.take(period));
            let coupling = &mut workspace.coupling;
            let (mask, mut rows) = mask(simd, n, accepted, speeds, coupling, degrees);
            shares(n, degrees, own, share);
            at.scatter(simd, packed, &mut workspace.drawing, &mut change[..size]);
            let half = T::from_f64(0.5);
            couple(simd, layout, mask, -half, (v, change), true, &mut rows);
            // The new velocity ends up in `change`, the old one stays for the diagnostics.
            columns::add_scaled(simd, own, &v[..padded], change);
            if at.positions == Positions::Merged {
                let merged = workspace.merged.take(padded);
                couple(simd, layout, mask, half, (x, merged), false, &mut rows);
                columns::scale_and_add(simd, own, merged, &mut x[..padded]);
                columns::scale(simd, share, &mut x[..padded]);
            }
        }
        columns::drift(at.dt, x, &change[..size], x_out);
        if let Some(v_out) = v_out {
            v_out.copy_from_slice(&change[..size]);
        }
        let squares = workspace.columns[3].take(period);
        Diagnostics {
            candidates: (n * (n - 1) / 2) as u64,
            accepted: accepted as u64,
            ..columns::measure(simd, n, &v[..size], &change[..size], squares)
        }
    }
}

impl<T: Real> Sample<'_, T> {
    /// What `scatter` and `along` of a keyed source take.
    fn keyed<'a>(&self, generator: &'a Generator) -> Keyed<'a> {
        Keyed {
            layout: self.layout,
            generator,
            sample: self.sample,
        }
    }

    /// `out[d][j] = sum_i g_ij e_ij[d]`, with the speeds `g` in the order of the pairs.
    #[inline(always)]
    fn scatter<S: Simd>(&self, simd: S, speeds: &[T], scratch: &mut Drawing<T>, out: &mut [T]) {
        match self.source {
            Source::Exact(generator) => {
                exact::scatter(simd, self.keyed(generator), speeds, scratch, out);
            }
            Source::Pool(generator, pool) => {
                pool::scatter(simd, self.keyed(generator), pool, speeds, scratch, out);
            }
            Source::Given(vectors) => given::scatter(self.layout, vectors, speeds, out),
        }
    }

    /// `out[i][j] = e_ij . (upstream_j - upstream_i)` for the accepted pairs with `j > i`.
    #[inline(always)]
    fn along<S: Simd>(
        &self,
        simd: S,
        speeds: &[T],
        upstream: &[T],
        scratch: &mut Drawing<T>,
        out: &mut [T],
    ) {
        match self.source {
            Source::Exact(generator) => {
                exact::along(simd, self.keyed(generator), speeds, upstream, scratch, out);
            }
            Source::Pool(generator, pool) => {
                pool::along(
                    simd,
                    self.keyed(generator),
                    pool,
                    speeds,
                    upstream,
                    scratch,
                    out,
                );
            }
            Source::Given(vectors) => {
                given::along(self.layout, vectors, speeds.len(), upstream, out);
            }
        }
    }
}

impl<T: Real> WithSimd for Adjoint<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            sample: at,
            workspace,
            speeds: packed,
            upstream_x,
            upstream_v,
            ..
        } = self;
        let layout = at.layout;
        let (n, dims) = (layout.particles, layout.dims);
        let size = n * dims;
        let padded = columns::padded(size);
        let period = columns::period(n);
        let accepted = accepted(packed);
        let upstream = workspace.upstream.take(padded);
        columns::kick(at.dt, upstream_x, upstream_v, upstream);
        if accepted == 0 {
            if let Some(gradient) = self.gradient_x {
                gradient.copy_from_slice(upstream_x);
            }
        } else {
            let v = workspace.velocities.take(padded);
            columns::kick(at.dt, at.a, at.v, v);
            let length = pairwise::matrix_length(n);
            let stride = pairwise::stride(n);
            let speeds = workspace.speeds.take(length);
            pairwise::prepare_rows(simd, n, speeds);
            let mut start = 0;
            for i in 0..n {
                let row = &mut speeds[i * stride + i + 1..i * stride + n];
                row.copy_from_slice(&packed[start..start + row.len()]);
                start += row.len();
            }
            let [degrees, own, share, sums, repeated] = &mut workspace.columns;
            let (degrees, own, share) = (degrees.take(n), own.take(period), share.take(period));
            let coupling = &mut workspace.coupling;
            let (mask, mut rows) = mask(simd, n, accepted, speeds, coupling, degrees);
            shares(n, degrees, own, share);

            let weights = workspace.weights.take(length);
            at.along(
                simd,
                packed,
                &upstream[..size],
                &mut workspace.drawing,
                weights,
            );
            pairwise::divide_where_positive(simd, n, speeds, weights);
            let sums = sums.take(n);
            let weighted = if let Mask::Only(pairs) = mask {
                sums.fill(T::ZERO);
                add_degrees(pairs, |i, j| weights[i * stride + j], sums);
                Mask::Weighted(pairs, weights)
            } else {
                pairwise::mirror(n, weights);
                pairwise::row_sums(simd, n, weights, sums);
                Mask::Matrix(weights)
            };
            let repeated = repeated.take(period);
            columns::repeat(sums.iter().copied(), n, repeated);

            let half = T::from_f64(0.5);
            let change = workspace.change.take(padded);
            couple(
                simd,
                layout,
                mask,
                -half,
                (upstream, change),
                false,
                &mut rows,
            );
            couple(
                simd,
                layout,
                weighted,
                -T::ONE,
                (v, change),
                true,
                &mut rows,
            );
            columns::add_scaled(simd, repeated, v, change);
            columns::scale_and_add(simd, own, change, upstream);

            match self.gradient_x {
                Some(gradient) if at.positions == Positions::Merged => {
                    let shared = workspace.positions.take(padded);
                    shared[..size].copy_from_slice(upstream_x);
                    columns::scale(simd, share, shared);
                    couple(simd, layout, mask, half, (shared, change), false, &mut rows);
                    columns::scale_and_add(simd, own, change, shared);
                    gradient.copy_from_slice(&shared[..size]);
                }
                Some(gradient) => gradient.copy_from_slice(upstream_x),
                None => {}
            }
        }
        for (gradient, &u) in self.gradient_a.iter_mut().zip(&*upstream) {
            *gradient = u * at.dt;
        }
        if let Some(gradient) = self.gradient_v {
            gradient.copy_from_slice(&upstream[..size]);
        }
    }
}
