//! The elastic collision operator: disjoint pairs, momentum and energy conserved.
//!
//! The candidates are a random matching of the particles; pair `(i, j)` collides with probability
//! `alpha (g_ij / max g) exp(-r_ij / l)`, the maximum taken over the candidates. A collision keeps
//! the pair's mean velocity and turns `g = v_i - v_j` into `g'` of the same length, see
//! [`super::Deflection`]. Cost and memory are proportional to `n D`.

mod deflect;

use pulp::{Simd, WithSimd};

use super::draws::{Generator, Purpose};
use super::transpose::{self, stride};
use super::{Deflection, Diagnostics, Layout, columns};
use crate::Real;
use crate::normals::QuadStream;
use crate::workspace::{Buffer, Workspace};
use deflect::Rule;

/// One collision of a sample, with the number of its direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Collision {
    pub first: u32,
    pub second: u32,
    pub index: u32,
}

/// Where one sample's collisions and directions come from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a, T> {
    Keyed(&'a Generator),
    /// Unit vectors of all given pairs, `(pairs, D)`.
    Given(&'a [T]),
}

/// What both directions of one sample need.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a, T> {
    pub layout: Layout,
    pub sample: usize,
    pub deflection: Deflection,
    pub source: Source<'a, T>,
    pub dt: T,
    pub a: &'a [T],
    pub v: Option<&'a [T]>,
}

/// The constants of the acceptance probability.
#[derive(Clone, Copy)]
pub(super) struct Chance<T> {
    /// `alpha`.
    pub alpha: T,
    /// `l`.
    pub length: T,
}

/// One sample forward.
pub(super) struct Forward<'a, T: Real> {
    pub sample: Sample<'a, T>,
    pub x: &'a [T],
    pub chance: Chance<T>,
    pub workspace: &'a mut Workspace<T>,
    /// The collisions: given ones, or room for as many as there can be.
    pub collisions: &'a mut [Collision],
    pub count: &'a mut usize,
    pub x_out: &'a mut [T],
    pub v_out: Option<&'a mut [T]>,
}

/// One sample backward.
pub(super) struct Adjoint<'a, T: Real> {
    pub sample: Sample<'a, T>,
    pub workspace: &'a mut Workspace<T>,
    pub collisions: &'a [Collision],
    pub upstream_x: &'a [T],
    pub upstream_v: Option<&'a [T]>,
    pub gradient_x: Option<&'a mut [T]>,
    pub gradient_a: &'a mut [T],
    pub gradient_v: Option<&'a mut [T]>,
}

/// Particle-major copy of a `(D, n)` array, padded with zeros.
#[inline(always)]
fn particle_major<'a, T: Real, S: Simd>(
    simd: S,
    layout: Layout,
    source: transpose::Source<'_, T>,
    panel: &mut Buffer<T>,
    rows: &'a mut Buffer<T>,
) -> &'a mut [T] {
    let (shape, stride) = ([layout.dims, layout.particles], stride(layout.dims));
    let rows = rows.take(layout.particles * stride);
    transpose::to_particles(simd, shape, source, stride, panel, rows);
    rows
}

/// Values of the vectors that hold all coordinates.
fn whole_vectors<T: Real, S: Simd>(dims: usize) -> usize {
    dims.next_multiple_of(size_of::<T::Vector<S>>() / size_of::<T>())
}

/// `sum_i |row_i|^2` and `sum_i |row_i|`.
#[inline(always)]
fn energy_and_speeds<T: Real, S: Simd>(simd: S, dims: usize, rows: &[T]) -> (f64, f64) {
    let width = whole_vectors::<T, S>(dims);
    let (mut energy, mut speeds) = (0.0, 0.0);
    for row in rows.chunks_exact(stride(dims)) {
        let mut sum = T::splat(simd, T::ZERO);
        for &value in T::view::<S>(&row[..width]) {
            sum = T::fma(simd, value, value, sum);
        }
        let square = T::sum(simd, sum).to_f64();
        energy += square;
        speeds += square.sqrt();
    }
    (energy, speeds)
}

/// `|row_i - row_j|`.
#[inline(always)]
fn distance<T: Real, S: Simd>(simd: S, dims: usize, rows: &[T], pair: &[u32]) -> T {
    let width = whole_vectors::<T, S>(dims);
    let row = |particle: u32| &rows[particle as usize * stride(dims)..][..width];
    let (a, b) = (T::view::<S>(row(pair[0])), T::view::<S>(row(pair[1])));
    let mut sum = T::splat(simd, T::ZERO);
    for (&a, &b) in a.iter().zip(b) {
        let difference = T::minus(simd, a, b);
        sum = T::fma(simd, difference, difference, sum);
    }
    T::sum(simd, sum).sqrt()
}

/// The rows of two different particles.
#[inline(always)]
fn two_rows<T>(rows: &mut [T], stride: usize, i: usize, j: usize) -> (&mut [T], &mut [T]) {
    let (left, right) = rows.split_at_mut(i.max(j) * stride);
    let (low, high) = (
        &mut left[i.min(j) * stride..][..stride],
        &mut right[..stride],
    );
    if i < j { (low, high) } else { (high, low) }
}

/// Collisions whose directions are drawn together.
fn groups(collisions: &[Collision]) -> impl Iterator<Item = &[Collision]> {
    collisions.chunk_by(|a, b| a.index / 4 == b.index / 4)
}

impl<T: Real> Sample<'_, T> {
    /// The stream of this sample's directions.
    #[inline(always)]
    fn stream<'a, S: Simd>(&self, simd: S, prefix: &'a mut Buffer<u32>) -> Option<QuadStream<'a>> {
        match self.source {
            Source::Keyed(generator) => {
                let tail = generator.tail(self.sample, Purpose::Direction);
                Some(QuadStream::new(
                    simd,
                    *generator,
                    tail,
                    self.layout.dims,
                    prefix,
                ))
            }
            Source::Given(_) => None,
        }
    }

    /// Writes the vectors of one group, padded and of any length, to the slots `index % 4` of
    /// `out`, and returns their squares.
    #[inline(always)]
    fn draw<S: Simd>(
        &self,
        simd: S,
        stream: Option<&QuadStream<'_>>,
        group: &[Collision],
        out: &mut [T],
    ) -> [T; 4] {
        if let Some(stream) = stream {
            let mut wanted = [false; 4];
            for collision in group {
                wanted[collision.index as usize % 4] = true;
            }
            return T::quad(simd, stream, group[0].index as usize / 4, wanted, out);
        }
        let mut squares = [T::ONE; 4];
        if let Source::Given(vectors) = self.source {
            let dims = self.layout.dims;
            let padded = QuadStream::padded_dims(dims);
            for collision in group {
                let (k, start) = (
                    collision.index as usize % 4,
                    collision.index as usize * dims,
                );
                let slot = &mut out[k * padded..(k + 1) * padded];
                slot[dims..].fill(T::ZERO);
                slot[..dims].copy_from_slice(&vectors[start..start + dims]);
                squares[k] = slot.iter().fold(T::ZERO, |sum, &e| sum + e * e);
            }
        }
        squares
    }
}

/// Writes the accepted candidates and returns their number.
#[inline(always)]
fn accept<T: Real, S: Simd>(
    simd: S,
    at: &Sample<'_, T>,
    generator: &Generator,
    chance: Chance<T>,
    rows: [&[T]; 2],
    speeds: &mut [T],
    (order, collisions): (&mut [u32], &mut [Collision]),
) -> usize {
    let dims = at.layout.dims;
    generator.order(at.sample, order);
    let mut largest = T::ZERO;
    for (pair, speed) in order.chunks_exact(2).zip(speeds.iter_mut()) {
        *speed = distance(simd, dims, rows[1], pair);
        if *speed > largest {
            largest = *speed;
        }
    }
    let mut uniforms = generator.acceptance_uniforms(at.sample);
    let mut count = 0;
    for (index, (pair, &speed)) in order.chunks_exact(2).zip(&*speeds).enumerate() {
        let r = distance(simd, dims, rows[0], pair);
        let p = chance.alpha * (speed / largest) * (-r / chance.length).exp();
        if p > T::from_f64(uniforms.next()) {
            collisions[count] = Collision {
                first: pair[0],
                second: pair[1],
                index: index as u32,
            };
            count += 1;
        }
    }
    count
}

impl<T: Real> WithSimd for Forward<'_, T> {
    type Output = Diagnostics;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Diagnostics {
        let Self {
            sample: at,
            x,
            chance,
            workspace,
            collisions,
            v_out,
            ..
        } = self;
        let layout = at.layout;
        let Layout {
            dims, particles: n, ..
        } = layout;
        let stride = stride(dims);
        let (padded, width) = (QuadStream::padded_dims(dims), whole_vectors::<T, S>(dims));
        let panel = &mut workspace.drawing.panel;
        let [rows_x, rows_v] = &mut workspace.rows;
        let kicked = transpose::Source {
            scale: at.dt,
            values: at.a,
            offset: at.v,
        };
        let rows = particle_major(simd, layout, kicked, panel, rows_v);
        if let Source::Keyed(generator) = at.source {
            let x = transpose::Source {
                scale: T::ONE,
                values: x,
                offset: None,
            };
            let positions = particle_major(simd, layout, x, panel, rows_x);
            let order = workspace.drawing.words.take(n);
            let speeds = workspace.columns[0].take(n / 2);
            let both = [&*positions, &*rows];
            let places = (order, &mut *collisions);
            *self.count = accept(simd, &at, generator, chance, both, speeds, places);
        }
        let (energy_before, speeds) = energy_and_speeds(simd, dims, rows);
        let rule = Rule::new(at.deflection);
        let stream = at.stream(simd, &mut workspace.drawing.prefix);
        let normals = workspace.drawing.normals.take(4 * padded);
        let [_, scratch, momentum, ..] = &mut workspace.columns;
        let (scratch, momentum) = (scratch.take(width), momentum.take(width));
        momentum.fill(T::ZERO);
        let mut gained = 0.0;
        for group in groups(&collisions[..*self.count]) {
            let squares = at.draw(simd, stream.as_ref(), group, normals);
            for pair in group {
                let k = pair.index as usize % 4;
                let z = &mut normals[k * padded..][..width];
                let (a, b) = two_rows(rows, stride, pair.first as usize, pair.second as usize);
                let pair = [&mut a[..width], &mut b[..width]];
                gained +=
                    deflect::collide(simd, rule, squares[k], z, scratch, pair, momentum).to_f64();
            }
        }
        let mut target = transpose::Target {
            scale: at.dt,
            offset: Some(x),
            out: self.x_out,
            plain: v_out,
        };
        transpose::to_coordinates(simd, [dims, n], rows, stride, panel, &mut target);
        let drift = momentum
            .iter()
            .map(|m| m.to_f64() * m.to_f64())
            .sum::<f64>()
            .sqrt();
        Diagnostics {
            candidates: (n / 2) as u64,
            accepted: *self.count as u64,
            energy_before,
            energy_after: energy_before + gained,
            momentum_error: if speeds == 0.0 { 0.0 } else { drift / speeds },
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
            upstream_x,
            upstream_v,
            gradient_v,
            ..
        } = self;
        let layout = at.layout;
        let Layout {
            dims, particles: n, ..
        } = layout;
        let stride = stride(dims);
        let (padded, width) = (QuadStream::padded_dims(dims), whole_vectors::<T, S>(dims));
        if let Some(gradient) = self.gradient_x {
            gradient.copy_from_slice(upstream_x);
        }
        let panel = &mut workspace.drawing.panel;
        let [rows_u, rows_v] = &mut workspace.rows;
        let upstream = transpose::Source {
            scale: at.dt,
            values: upstream_x,
            offset: upstream_v,
        };
        if self.collisions.is_empty() {
            let by_v = workspace.upstream.take(upstream_x.len());
            columns::kick(at.dt, upstream_x, upstream_v, by_v);
            for (gradient, &u) in self.gradient_a.iter_mut().zip(&*by_v) {
                *gradient = u * at.dt;
            }
            if let Some(gradient) = gradient_v {
                gradient.copy_from_slice(by_v);
            }
            return;
        }
        let rule = Rule::new(at.deflection);
        let kicked = transpose::Source {
            scale: at.dt,
            values: at.a,
            offset: at.v,
        };
        let before = if rule.adjoint_reads_velocities() {
            &*particle_major(simd, layout, kicked, panel, rows_v)
        } else {
            &[]
        };
        let rows = particle_major(simd, layout, upstream, panel, rows_u);
        let scratch = workspace.columns[1].take(width);
        let stream = at.stream(simd, &mut workspace.drawing.prefix);
        let normals = workspace.drawing.normals.take(4 * padded);
        for group in groups(self.collisions) {
            let squares = at.draw(simd, stream.as_ref(), group, normals);
            for pair in group {
                let k = pair.index as usize % 4;
                let z = &mut normals[k * padded..][..width];
                let (i, j) = (pair.first as usize, pair.second as usize);
                let row = |k: usize| before.get(k * stride..k * stride + width).unwrap_or(&[]);
                let before = [row(i), row(j)];
                let (ua, ub) = two_rows(rows, stride, i, j);
                let upstream = [&mut ua[..width], &mut ub[..width]];
                deflect::adjoint(simd, rule, squares[k], z, scratch, before, upstream);
            }
        }
        let mut target = transpose::Target {
            scale: at.dt,
            offset: None,
            out: self.gradient_a,
            plain: gradient_v,
        };
        transpose::to_coordinates(simd, [dims, n], rows, stride, panel, &mut target);
    }
}
