//! One elastic collision: how the relative velocity is turned, and its adjoint.
//!
//! `z` is the drawn vector, of any length, and `e = z/|z|`. With `c` the mean velocity of the pair,
//! `v_i' = c + g'/2` and `v_j' = c - g'/2`.

use pulp::Simd;

use super::super::Deflection;
use crate::Real;

/// Smallest squared sine of the angle between `g` and the drawn vector at which the two still span
/// a plane; below it a grazing collision leaves the pair as it is.
const PLANE: f64 = 1e-10;

/// A collision rule, with its numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule<T> {
    Isotropic,
    Reflection,
    Grazing { cosine: T, sine: T },
}

impl<T: Real> Rule<T> {
    pub fn new(deflection: Deflection) -> Self {
        match deflection {
            Deflection::Isotropic => Self::Isotropic,
            Deflection::Reflection => Self::Reflection,
            Deflection::Grazing { angle } => Self::Grazing {
                cosine: T::from_f64(angle.cos()),
                sine: T::from_f64(angle.sin()),
            },
        }
    }
}

#[inline(always)]
fn dot<T: Real, S: Simd>(simd: S, a: &[T::Vector<S>], b: &[T::Vector<S>]) -> T {
    let mut sum = T::splat(simd, T::ZERO);
    for (&a, &b) in a.iter().zip(b) {
        sum = T::fma(simd, a, b, sum);
    }
    T::sum(simd, sum)
}

/// `out <- out + factor values`.
#[inline(always)]
fn add<T: Real, S: Simd>(simd: S, factor: T, values: &[T::Vector<S>], out: &mut [T::Vector<S>]) {
    let factor = T::splat(simd, factor);
    for (out, &value) in out.iter_mut().zip(values) {
        *out = T::fma(simd, factor, value, *out);
    }
}

/// Replaces `a` by `a + half h` and `b` by `b - half h`.
#[inline(always)]
fn shift_apart<T: Real, S: Simd>(
    simd: S,
    factor: T,
    h: &[T::Vector<S>],
    a: &mut [T::Vector<S>],
    b: &mut [T::Vector<S>],
) {
    add::<T, S>(simd, factor, h, a);
    add::<T, S>(simd, -factor, h, b);
}

/// Replaces `a` and `b` by their mean plus and minus `factor h`.
#[inline(always)]
fn part_from_mean<T: Real, S: Simd>(
    simd: S,
    factor: T,
    h: &[T::Vector<S>],
    a: &mut [T::Vector<S>],
    b: &mut [T::Vector<S>],
) {
    let half = T::splat(simd, T::from_f64(0.5));
    let factor = T::splat(simd, factor);
    for ((a, b), &h) in a.iter_mut().zip(b).zip(h) {
        let centre = T::times(simd, T::plus(simd, *a, *b), half);
        let turned = T::times(simd, factor, h);
        *a = T::plus(simd, centre, turned);
        *b = T::minus(simd, centre, turned);
    }
}

/// `g <- a - b`.
#[inline(always)]
fn subtract<T: Real, S: Simd>(
    simd: S,
    a: &[T::Vector<S>],
    b: &[T::Vector<S>],
    g: &mut [T::Vector<S>],
) {
    for ((g, &a), &b) in g.iter_mut().zip(a).zip(b) {
        *g = T::minus(simd, a, b);
    }
}

/// Makes `z` orthogonal to `g`, twice for the rounding of the first time; returns its square.
#[inline(always)]
fn orthogonalise<T: Real, S: Simd>(
    simd: S,
    g: &[T::Vector<S>],
    square: T,
    z: &mut [T::Vector<S>],
) -> T {
    for _ in 0..2 {
        let along = dot::<T, S>(simd, g, z) / square;
        add::<T, S>(simd, -along, g, z);
    }
    dot::<T, S>(simd, z, z)
}

/// `values . (a - b) / 2`.
#[inline(always)]
fn half_difference_along<T: Real, S: Simd>(
    simd: S,
    values: &[T::Vector<S>],
    a: &[T::Vector<S>],
    b: &[T::Vector<S>],
) -> T {
    let mut sum = T::splat(simd, T::ZERO);
    for ((&value, &a), &b) in values.iter().zip(a).zip(b) {
        sum = T::fma(simd, value, T::minus(simd, a, b), sum);
    }
    T::sum(simd, sum) * T::from_f64(0.5)
}

/// Collides the velocities `a` and `b`; `square` is `|z|^2`, `g` scratch, `z` is used up.
#[inline(always)]
pub(super) fn collide<T: Real, S: Simd>(
    simd: S,
    rule: Rule<T>,
    square: T,
    z: &mut [T],
    g: &mut [T],
    a: &mut [T],
    b: &mut [T],
) {
    let (z, g) = (T::view_mut::<S>(z), T::view_mut::<S>(g));
    let (a, b) = (T::view_mut::<S>(a), T::view_mut::<S>(b));
    let half = T::from_f64(0.5);
    subtract::<T, S>(simd, a, b, g);
    match rule {
        Rule::Isotropic => {
            let speed = dot::<T, S>(simd, g, g).sqrt();
            part_from_mean::<T, S>(simd, -half * speed / square.sqrt(), z, a, b);
        }
        Rule::Reflection => {
            let along = dot::<T, S>(simd, g, z) / square;
            shift_apart::<T, S>(simd, -along, z, a, b);
        }
        Rule::Grazing { cosine, sine } => {
            let speed = dot::<T, S>(simd, g, g);
            if speed == T::ZERO {
                return;
            }
            let across = orthogonalise::<T, S>(simd, g, speed, z);
            if across > T::from_f64(PLANE) * square {
                let sine = T::splat(simd, half * sine * (speed / across).sqrt());
                let cosine = T::splat(simd, half * cosine);
                for (z, &g) in z.iter_mut().zip(g.iter()) {
                    *z = T::fma(simd, cosine, g, T::times(simd, sine, *z));
                }
                part_from_mean::<T, S>(simd, T::ONE, z, a, b);
            }
        }
    }
}

/// Turns the gradients by the velocities after into those by the velocities before; `a` and `b` are
/// the velocities before the collision, `z` and `g` are used up.
#[inline(always)]
pub(super) fn adjoint<T: Real, S: Simd>(
    simd: S,
    rule: Rule<T>,
    square: T,
    z: &mut [T],
    g: &mut [T],
    [a, b]: [&[T]; 2],
    [upstream_a, upstream_b]: [&mut [T]; 2],
) {
    let (z, g) = (T::view_mut::<S>(z), T::view_mut::<S>(g));
    let (ua, ub) = (T::view_mut::<S>(upstream_a), T::view_mut::<S>(upstream_b));
    let half = T::from_f64(0.5);
    if let Rule::Reflection = rule {
        subtract::<T, S>(simd, ua, ub, g);
        let along = dot::<T, S>(simd, g, z) / square;
        shift_apart::<T, S>(simd, -along, z, ua, ub);
        return;
    }
    let (a, b) = (T::view::<S>(a), T::view::<S>(b));
    subtract::<T, S>(simd, a, b, g);
    let speed = dot::<T, S>(simd, g, g);
    match rule {
        Rule::Isotropic => {
            let along = if speed == T::ZERO {
                T::ZERO
            } else {
                -half_difference_along::<T, S>(simd, z, ua, ub) / (square * speed).sqrt()
            };
            part_from_mean::<T, S>(simd, along, g, ua, ub);
        }
        Rule::Grazing { cosine, sine } => {
            if speed == T::ZERO {
                return;
            }
            // With h = g/|g|, s = e.h and w the unit vector across: g' = cos g + sin |g| w.
            let s = dot::<T, S>(simd, g, z) / (speed * square).sqrt();
            let across = orthogonalise::<T, S>(simd, g, speed, z);
            if across > T::from_f64(PLANE) * square {
                let by_h = half_difference_along::<T, S>(simd, g, ua, ub) / speed.sqrt();
                let by_w = half_difference_along::<T, S>(simd, z, ua, ub) / across.sqrt();
                let tilt = sine * s / (across / square).sqrt();
                // half (cos - tilt)(ua - ub) + ... along h and w.
                let keep = T::splat(simd, half * (cosine - tilt));
                let along = T::splat(simd, (sine * by_w + tilt * by_h) / speed.sqrt());
                let turn = T::splat(simd, (tilt * by_w - sine * by_h) / across.sqrt());
                for (z, (g, (&ua, &ub))) in z.iter_mut().zip(g.iter().zip(ua.iter().zip(ub.iter())))
                {
                    let own = T::times(simd, keep, T::minus(simd, ua, ub));
                    *z = T::fma(simd, along, *g, T::fma(simd, turn, *z, own));
                }
                part_from_mean::<T, S>(simd, T::ONE, z, ua, ub);
            }
        }
        Rule::Reflection => {}
    }
}
