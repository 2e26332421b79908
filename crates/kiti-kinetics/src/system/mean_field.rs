//! The expected elastic step: collisions replaced by their mean.
//!
//! A particle meets any other one with probability `w = 1/(n-1)` (`1/n` for odd `n`, where one
//! particle stays alone), collides with probability `alpha p_ij` and leaves, on average over
//! directions, with the relative velocity `kappa g`:
//!
//! ```text
//! v_i <- v_i + sum_j c p_ij (v_j - v_i)        c = w alpha (1 - kappa) / 2
//! ```
//!
//! where `kappa` is 0 (isotropic), `1 - 2/D` (reflection) or `cos chi` (grazing), and
//! `p_ij = (g_ij / max g) exp(-r_ij / l)` with the maximum over all pairs of the sample. (The
//! stochastic step takes it over its candidates only and so accepts a little more.) This is a
//! relaxation towards the partners' mean, as in the model of Bhatnagar, Gross and Krook.
//!
//! # Adjoint
//!
//! The probabilities are differentiated too. With `U` the gradient by the new velocities and
//! `L_ij = c p_ij (U_i - U_j) . (v_j - v_i)` the derivative by `ln p_ij`,
//!
//! ```text
//! gradient by v_i:  U_i + sum_j c p_ij (U_j - U_i) + sum_j (L_ij / g_ij^2) (v_i - v_j)
//! gradient by x_i:  - sum_j (L_ij / (l r_ij)) (x_i - x_j)
//! ```
//!
//! and the pair of the largest speed takes `- sum L / g^2` besides. Each sum is a product with a
//! symmetric pair matrix.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::arguments::{Gradients, Parts, check_gradients, check_input, check_length};
use super::{
    Deflection, Input, InputGradient, KineticStep, Layout, OutputGradient, Scattering, columns,
    pairwise,
};
use crate::product::{Matrix, multiply};
use crate::simd::dispatch;
use crate::workspace::{Buffer, Workspace};
use crate::{Error, Real, Result};

const ELASTIC_ONLY: &str = "mean field: only elastic scattering has a mean in closed form";

/// One sample forward.
struct Forward<'a, T: Real> {
    sample: Sample<'a, T>,
    workspace: &'a mut Workspace<T>,
    x_out: &'a mut [T],
    v_out: Option<&'a mut [T]>,
}

/// One sample backward.
struct Adjoint<'a, T: Real> {
    sample: Sample<'a, T>,
    workspace: &'a mut Workspace<T>,
    upstream: OutputGradient<'a, T>,
    gradients: Gradients<'a, T>,
}

/// What both directions of one sample need.
#[derive(Clone, Copy)]
struct Sample<'a, T> {
    layout: Layout,
    /// `c`.
    rate: T,
    /// `l`.
    length: T,
    dt: T,
    x: &'a [T],
    a: &'a [T],
    v: Option<&'a [T]>,
}

impl<T: Real> Sample<'_, T> {
    /// Fills `g` with `c p` and, where they are kept, `g` and `r`, all for `j > i`; returns the
    /// largest speed and where it stands, or none where all velocities are equal.
    #[inline(always)]
    fn probabilities<S: Simd>(
        &self,
        simd: S,
        x: &[T],
        v: &[T],
        [p, g, r]: [&mut [T]; 3],
    ) -> Option<(T, usize)> {
        let Layout {
            dims, particles: n, ..
        } = self.layout;
        pairwise::squared_distances(simd, dims, n, x, r);
        pairwise::squared_distances(simd, dims, n, v, g);
        let largest = pairwise::prepare_rows(simd, n, g);
        pairwise::prepare_rows(simd, n, r);
        if largest == T::ZERO {
            return None;
        }
        let largest_at = g.iter().position(|&square| square == largest).unwrap_or(0);
        let largest = largest.sqrt();
        let zero = T::splat(simd, T::ZERO);
        let scale = T::splat(simd, self.rate / largest);
        let decay = T::splat(simd, -T::ONE / self.length);
        let used = n * pairwise::stride(n);
        let rows = T::view_mut::<S>(&mut g[..used]).iter_mut();
        let rows = rows
            .zip(T::view_mut::<S>(&mut r[..used]))
            .zip(T::view_mut::<S>(&mut p[..used]));
        for ((g, r), p) in rows {
            let speed = T::root(simd, *g);
            let distance = T::root(simd, *r);
            let close = T::exp_negative(simd, T::times(simd, distance, decay));
            let value = T::times(simd, T::times(simd, speed, scale), close);
            *p = T::where_greater(simd, value, zero, value, zero);
            *g = speed;
            *r = distance;
        }
        Some((largest, largest_at))
    }
}

/// `out <- weights of each column times values + factor values W`, `W` symmetric with row sums
/// `sums`: the sum over partners of `W_ij (values_i - values_j)` where `factor` is -1 and the
/// weights are the sums.
#[inline(always)]
fn couple<T: Real>(layout: Layout, factor: T, values: &[T], matrix: &[T], out: &mut [T]) {
    let Layout {
        dims, particles: n, ..
    } = layout;
    let size = dims * n;
    let values = Matrix {
        values: &values[..size],
        strides: (n, 1),
    };
    let matrix = Matrix {
        values: matrix,
        strides: (pairwise::stride(n), 1),
    };
    multiply(
        [dims, n, n],
        factor,
        values,
        matrix,
        T::ONE,
        &mut out[..size],
        n,
    );
}

/// `out <- out + factor sum_j W_ij (values_i - values_j)` with `W` given for `j > i`.
#[inline(always)]
fn relax<T: Real, S: Simd>(
    simd: S,
    layout: Layout,
    factor: T,
    matrix: &mut [T],
    values: &[T],
    columns: &mut [Buffer<T>; 5],
    out: &mut [T],
) {
    let n = layout.particles;
    pairwise::mirror(n, matrix);
    let [sums, weights, ..] = columns;
    let sums = sums.take(n);
    pairwise::row_sums(simd, n, matrix, sums);
    let weights = weights.take(columns::period(n));
    columns::repeat(sums.iter().map(|&sum| factor * sum), n, weights);
    columns::add_scaled(simd, weights, &values[..out.len()], out);
    couple(layout, -factor, values, matrix, out);
}

impl<T: Real> WithSimd for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            sample: at,
            workspace,
            x_out,
            v_out,
        } = self;
        let Layout {
            dims, particles: n, ..
        } = at.layout;
        let size = dims * n;
        let padded = columns::padded(size);
        let x = workspace.positions.take(padded + pairwise::OVERHANG);
        x[..size].copy_from_slice(at.x);
        let v = workspace.velocities.take(padded + pairwise::OVERHANG);
        columns::kick(at.dt, at.a, at.v, v);
        let mean = workspace.change.take(padded);
        mean.copy_from_slice(&v[..padded]);
        if at.rate > T::ZERO {
            let length = pairwise::matrix_length(n);
            let p = workspace.probabilities.take(length);
            let (g, r) = (
                workspace.speeds.take(length),
                workspace.distances.take(length),
            );
            if at.probabilities(simd, x, v, [&mut *p, g, r]).is_some() {
                relax(simd, at.layout, -T::ONE, p, v, &mut workspace.columns, mean);
            }
        }
        columns::drift(at.dt, x, &mean[..size], x_out);
        if let Some(v_out) = v_out {
            v_out.copy_from_slice(&mean[..size]);
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
            upstream,
            gradients,
        } = self;
        let Layout {
            dims, particles: n, ..
        } = at.layout;
        let size = dims * n;
        let padded = columns::padded(size);
        let stride = pairwise::stride(n);
        let u = workspace.upstream.take(padded);
        columns::kick(at.dt, upstream.x, upstream.v, u);
        let total = workspace.change.take(padded);
        total.copy_from_slice(u);
        let by_x = workspace.merged.take(padded);
        by_x[..size].copy_from_slice(upstream.x);
        if at.rate > T::ZERO {
            let x = workspace.positions.take(padded + pairwise::OVERHANG);
            x[..size].copy_from_slice(at.x);
            let v = workspace.velocities.take(padded + pairwise::OVERHANG);
            columns::kick(at.dt, at.a, at.v, v);
            let length = pairwise::matrix_length(n);
            let p = workspace.probabilities.take(length);
            let (g, r) = (
                workspace.speeds.take(length),
                workspace.distances.take(length),
            );
            if let Some((largest, at_largest)) =
                at.probabilities(simd, x, v, [&mut *p, &mut *g, &mut *r])
            {
                // (U_i - U_j) . (v_j - v_i) = C_ij + C_ji - C_ii - C_jj with C = U^T v.
                let c = workspace.weights.take(length);
                let u_transposed = Matrix {
                    values: &u[..size],
                    strides: (1, n),
                };
                let v_matrix = Matrix {
                    values: &v[..size],
                    strides: (n, 1),
                };
                multiply(
                    [n, dims, n],
                    T::ONE,
                    u_transposed,
                    v_matrix,
                    T::ZERO,
                    c,
                    stride,
                );
                let mut sum = T::ZERO;
                for i in 0..n {
                    for j in i + 1..n {
                        let at_pair = i * stride + j;
                        let (speed, distance) = (g[at_pair], r[at_pair]);
                        if speed == T::ZERO {
                            r[at_pair] = T::ZERO;
                            continue;
                        }
                        let along =
                            c[at_pair] + c[j * stride + i] - c[i * stride + i] - c[j * stride + j];
                        let by_logarithm = p[at_pair] * along;
                        sum += by_logarithm;
                        g[at_pair] = by_logarithm / (speed * speed);
                        r[at_pair] = if distance > T::ZERO {
                            by_logarithm / (at.length * distance)
                        } else {
                            T::ZERO
                        };
                    }
                }
                g[at_largest] -= sum / (largest * largest);
                let columns = &mut workspace.columns;
                relax(simd, at.layout, -T::ONE, p, u, columns, total);
                relax(simd, at.layout, T::ONE, g, v, columns, total);
                relax(simd, at.layout, -T::ONE, r, x, columns, by_x);
            }
        }
        if let Some(gradient) = gradients.x {
            gradient.copy_from_slice(&by_x[..size]);
        }
        for (gradient, &u) in gradients.a.iter_mut().zip(&*total) {
            *gradient = u * at.dt;
        }
        if let Some(gradient) = gradients.v {
            gradient.copy_from_slice(&total[..size]);
        }
    }
}

impl KineticStep {
    /// `c` of the module's formula.
    fn mean_field_rate(&self, layout: Layout) -> Result<f64> {
        let Scattering::Elastic { deflection } = self.scattering else {
            return Err(Error::Inconsistent(ELASTIC_ONLY));
        };
        let (n, dims) = (layout.particles, layout.dims as f64);
        let kappa = match deflection {
            Deflection::Isotropic => 0.0,
            Deflection::Reflection => 1.0 - 2.0 / dims,
            // A line has no direction across it: such a pair keeps its velocities.
            Deflection::Grazing { .. } if layout.dims == 1 => 1.0,
            Deflection::Grazing { angle } => angle.cos(),
        };
        let partners = if n.is_multiple_of(2) {
            n.saturating_sub(1)
        } else {
            n
        };
        Ok(self.collision_coefficient * (1.0 - kappa) / 2.0 / partners.max(1) as f64)
    }

    fn mean_field_sample<'a, T: Real>(
        &self,
        layout: Layout,
        rate: f64,
        input: &Input<'a, T>,
        sample: usize,
    ) -> Sample<'a, T> {
        let size = layout.dims * layout.particles;
        let range = sample * size..(sample + 1) * size;
        Sample {
            layout,
            rate: T::from_f64(rate),
            length: T::from_f64(self.length_scale(layout.dims)),
            dt: T::from_f64(self.dt),
            x: &input.x[range.clone()],
            a: &input.a[range.clone()],
            v: input.v.map(|v| &v[range]),
        }
    }

    /// Kick, expected collision, drift: deterministic, elastic scattering only.
    ///
    /// # Errors
    ///
    /// As [`KineticStep::forward`]; [`Error::Inconsistent`] for published scattering.
    pub fn mean_field<T: Real>(
        &self,
        layout: Layout,
        input: Input<'_, T>,
        x_out: &mut [T],
        v_out: Option<&mut [T]>,
    ) -> Result<()> {
        self.validate()?;
        check_input(layout, &input)?;
        check_length("x_out", layout, x_out)?;
        if let Some(v_out) = &v_out {
            check_length("v_out", layout, v_out)?;
        }
        let rate = self.mean_field_rate(layout)?;
        if layout.is_empty() {
            return Ok(());
        }
        let size = layout.dims * layout.particles;
        let mut x_parts = Parts::new(x_out, size);
        let mut v_parts = v_out.map(|rest| Parts::new(rest, size));
        let tasks: Vec<_> = (0..layout.samples)
            .map(|_| (x_parts.next(), v_parts.as_mut().map(Parts::next)))
            .collect();
        tasks
            .into_par_iter()
            .enumerate()
            .for_each(|(sample, (x_out, v_out))| {
                let sample = self.mean_field_sample(layout, rate, &input, sample);
                T::with_workspace(|workspace| {
                    dispatch(Forward {
                        sample,
                        workspace,
                        x_out,
                        v_out,
                    })
                });
            });
        Ok(())
    }

    /// The vector-Jacobian product of [`KineticStep::mean_field`].
    ///
    /// # Errors
    ///
    /// As [`KineticStep::mean_field`].
    pub fn mean_field_adjoint<T: Real>(
        &self,
        layout: Layout,
        input: Input<'_, T>,
        upstream: OutputGradient<'_, T>,
        gradient: InputGradient<'_, T>,
    ) -> Result<()> {
        self.validate()?;
        check_gradients(layout, &input, &upstream, &gradient)?;
        let rate = self.mean_field_rate(layout)?;
        if layout.is_empty() {
            return Ok(());
        }
        let tasks = Gradients::split(layout, gradient);
        tasks
            .into_par_iter()
            .enumerate()
            .for_each(|(sample, gradients)| {
                let upstream = upstream.sample(layout, sample);
                let sample = self.mean_field_sample(layout, rate, &input, sample);
                T::with_workspace(|workspace| {
                    dispatch(Adjoint {
                        sample,
                        workspace,
                        upstream,
                        gradients,
                    });
                });
            });
        Ok(())
    }
}
