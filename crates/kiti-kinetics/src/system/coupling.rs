//! Sums over colliding partners, `values M`: a matrix product, or pair by pair where few pairs collide or few do not.

use pulp::Simd;

use super::transpose::{self, stride};
use super::{Layout, columns, pairwise};
use crate::Real;
use crate::normals::QuadStream;
use crate::product::{Matrix, multiply};
use crate::workspace::Buffer;

/// Two particles, the first with the lower number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Partners {
    first: u32,
    second: u32,
}

/// Who collides with whom.
#[derive(Clone, Copy)]
pub(super) enum Mask<'a, T> {
    Everybody,
    /// A symmetric pair matrix of weights.
    Matrix(&'a [T]),
    /// These pairs, each with weight 1.
    Only(&'a [Partners]),
    /// All but these pairs, each with weight 1.
    AllBut(&'a [Partners]),
    /// These pairs, with the weights that a pair matrix has at `j > i`.
    Weighted(&'a [Partners], &'a [T]),
}

/// Memory of the sums.
#[derive(Debug, Default)]
pub struct Scratch<T> {
    matrix: Buffer<T>,
    pairs: Buffer<Partners>,
    rows: [Buffer<T>; 2],
    panel: Buffer<T>,
    coupled: Buffer<T>,
}

/// The parts of the memory that [`couple`] uses.
pub(super) struct Rows<'a, T> {
    rows: &'a mut [Buffer<T>; 2],
    panel: &'a mut Buffer<T>,
    coupled: &'a mut Buffer<T>,
}

/// Whether pairs are summed one by one: a product does four times the work in a given time.
fn few(particles: usize, pairs: usize) -> bool {
    8 * pairs <= particles * particles
}

/// The pairs `j > i` whose value in a pair matrix is 0, or those whose value is not.
fn list<'a, T: Real>(
    particles: usize,
    matrix: &[T],
    zeros: bool,
    count: usize,
    pairs: &'a mut Buffer<Partners>,
) -> &'a [Partners] {
    let pairs = pairs.take(count + 1);
    let mut found = 0;
    for i in 0..particles {
        let row = i * pairwise::stride(particles);
        for j in i + 1..particles {
            pairs[found] = Partners {
                first: i as u32,
                second: j as u32,
            };
            found += usize::from((matrix[row + j] == T::ZERO) == zeros);
        }
    }
    &pairs[..found]
}

/// Adds the weights of the pairs to both particles' sums.
pub(super) fn add_degrees<T: Real>(
    pairs: &[Partners],
    weight: impl Fn(usize, usize) -> T,
    sums: &mut [T],
) {
    for pair in pairs {
        let (i, j) = (pair.first as usize, pair.second as usize);
        let weight = weight(i, j);
        sums[i] += weight;
        sums[j] += weight;
    }
}

/// Who collides, from the relative speeds of the accepted pairs (0 for the others), and the number of partners of each.
#[inline(always)]
pub(super) fn mask<'a, T: Real, S: Simd>(
    simd: S,
    particles: usize,
    accepted: usize,
    speeds: &[T],
    scratch: &'a mut Scratch<T>,
    degrees: &mut [T],
) -> (Mask<'a, T>, Rows<'a, T>) {
    let total = particles * (particles - 1) / 2;
    let rows = Rows {
        rows: &mut scratch.rows,
        panel: &mut scratch.panel,
        coupled: &mut scratch.coupled,
    };
    let mask = if accepted == total {
        degrees.fill(T::from_f64((particles - 1) as f64));
        Mask::Everybody
    } else if few(particles, accepted) {
        let pairs = list(particles, speeds, false, accepted, &mut scratch.pairs);
        degrees.fill(T::ZERO);
        add_degrees(pairs, |_, _| T::ONE, degrees);
        Mask::Only(pairs)
    } else if few(particles, total - accepted) {
        let pairs = list(
            particles,
            speeds,
            true,
            total - accepted,
            &mut scratch.pairs,
        );
        degrees.fill(T::from_f64((particles - 1) as f64));
        add_degrees(pairs, |_, _| -T::ONE, degrees);
        Mask::AllBut(pairs)
    } else {
        let matrix = scratch.matrix.take(pairwise::matrix_length(particles));
        pairwise::indicate(simd, speeds, matrix);
        pairwise::mirror(particles, matrix);
        pairwise::row_sums(simd, particles, matrix, degrees);
        Mask::Matrix(matrix)
    };
    (mask, rows)
}

/// `out <- factor values M` or, accumulating, `out + factor values M`.
#[inline(always)]
pub(super) fn couple<T: Real, S: Simd>(
    simd: S,
    layout: Layout,
    mask: Mask<'_, T>,
    factor: T,
    (values, out): (&[T], &mut [T]),
    accumulate: bool,
    scratch: &mut Rows<'_, T>,
) {
    let (n, size) = (layout.particles, layout.dims * layout.particles);
    let (values, out) = (&values[..size], &mut out[..size]);
    let one = |_: usize, _: usize| T::ONE;
    match mask {
        Mask::Everybody => columns::others(simd, n, factor, values, out, accumulate),
        Mask::Matrix(matrix) => {
            let values = Matrix {
                values,
                strides: (n, 1),
            };
            let matrix = Matrix {
                values: matrix,
                strides: (pairwise::stride(n), 1),
            };
            let before = if accumulate { T::ONE } else { T::ZERO };
            multiply([layout.dims, n, n], factor, values, matrix, before, out, n);
        }
        Mask::Only(pairs) => {
            one_by_one(
                simd,
                layout,
                pairs,
                one,
                factor,
                (values, out),
                accumulate,
                scratch,
            );
        }
        Mask::AllBut(pairs) => {
            columns::others(simd, n, factor, values, out, accumulate);
            one_by_one(
                simd,
                layout,
                pairs,
                one,
                -factor,
                (values, out),
                true,
                scratch,
            );
        }
        Mask::Weighted(pairs, matrix) => {
            let stride = pairwise::stride(n);
            let weight = |i: usize, j: usize| matrix[i * stride + j];
            one_by_one(
                simd,
                layout,
                pairs,
                weight,
                factor,
                (values, out),
                accumulate,
                scratch,
            );
        }
    }
}

/// [`couple`] over a list of pairs.
#[inline(always)]
#[allow(
    clippy::too_many_arguments,
    reason = "the arguments of `couple`, and the weights"
)]
fn one_by_one<T: Real, S: Simd>(
    simd: S,
    layout: Layout,
    pairs: &[Partners],
    weight: impl Fn(usize, usize) -> T,
    factor: T,
    (values, out): (&[T], &mut [T]),
    accumulate: bool,
    scratch: &mut Rows<'_, T>,
) {
    let (n, dims) = (layout.particles, layout.dims);
    let padded = QuadStream::padded_dims(dims);
    let stride = stride(dims);
    let [rows, sums] = &mut *scratch.rows;
    let rows = rows.take(n * stride);
    let source = transpose::Source {
        scale: factor,
        values,
        offset: None,
    };
    transpose::to_particles(simd, [dims, n], source, stride, scratch.panel, rows);
    let sums = sums.take(n * stride);
    sums.fill(T::ZERO);
    for pair in pairs {
        let (i, j) = (pair.first as usize, pair.second as usize);
        let weight = T::splat(simd, weight(i, j));
        let (left, right) = sums.split_at_mut(j * stride);
        let first = T::view_mut::<S>(&mut left[i * stride..i * stride + padded]);
        let second = T::view_mut::<S>(&mut right[..padded]);
        let values_first = T::view::<S>(&rows[i * stride..i * stride + padded]);
        let values_second = T::view::<S>(&rows[j * stride..j * stride + padded]);
        for (((first, second), &a), &b) in first
            .iter_mut()
            .zip(second)
            .zip(values_first)
            .zip(values_second)
        {
            *first = T::fma(simd, weight, b, *first);
            *second = T::fma(simd, weight, a, *second);
        }
    }
    let mut target = transpose::Target {
        scale: T::ONE,
        offset: accumulate.then_some(&*out),
        out: scratch.coupled.take(values.len()),
        plain: None,
    };
    transpose::to_coordinates(simd, [dims, n], sums, stride, scratch.panel, &mut target);
    out.copy_from_slice(target.out);
}
