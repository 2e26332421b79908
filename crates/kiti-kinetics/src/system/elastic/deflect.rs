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

/// What a coordinate of a pair becomes: a function of `a`, `b` and a third value.
trait Change<V>: Fn(V, V, V) -> (V, V) {}

impl<V, F: Fn(V, V, V) -> (V, V)> Change<V> for F {}

/// The change of a pair of coordinates `(a, b)` to `(a + factor h, b - factor h)`.
#[inline(always)]
fn shift_apart<T: Real, S: Simd>(simd: S, factor: T) -> impl Change<T::Vector<S>> {
    let (plus, minus) = (T::splat(simd, factor), T::splat(simd, -factor));
    move |a, b, h| (T::fma(simd, plus, h, a), T::fma(simd, minus, h, b))
}

/// The change of a pair of coordinates to their mean plus and minus `factor h`.
#[inline(always)]
fn part_from_mean<T: Real, S: Simd>(simd: S, factor: T) -> impl Change<T::Vector<S>> {
    let (half, factor) = (T::splat(simd, T::from_f64(0.5)), T::splat(simd, factor));
    move |a, b, h| {
        let centre = T::times(simd, T::plus(simd, a, b), half);
        let turned = T::times(simd, factor, h);
        (
            T::plus(simd, centre, turned),
            T::minus(simd, centre, turned),
        )
    }
}

/// Applies a change to the rows `a` and `b`.
#[inline(always)]
fn replace<V: Copy>(change: impl Change<V>, h: &[V], a: &mut [V], b: &mut [V]) {
    for ((a, b), &h) in a.iter_mut().zip(b).zip(h) {
        (*a, *b) = change(*a, *b, h);
    }
}

/// Applies a change to the rows `a` and `b`, adds to `momentum` what it adds to `a + b`, and returns what it adds to
/// `|a|^2 + |b|^2`.
#[inline(always)]
fn replace_and_account<T: Real, S: Simd>(
    simd: S,
    change: impl Change<T::Vector<S>>,
    h: &[T::Vector<S>],
    [a, b]: [&mut [T::Vector<S>]; 2],
    momentum: &mut [T::Vector<S>],
) -> T {
    let zero = T::splat(simd, T::ZERO);
    let (mut before, mut after) = (zero, zero);
    for (((a, b), &h), total) in a.iter_mut().zip(b).zip(h).zip(momentum) {
        let (new_a, new_b) = change(*a, *b, h);
        before = T::fma(simd, *a, *a, T::fma(simd, *b, *b, before));
        after = T::fma(simd, new_a, new_a, T::fma(simd, new_b, new_b, after));
        let rounding = T::minus(simd, T::plus(simd, new_a, new_b), T::plus(simd, *a, *b));
        *total = T::plus(simd, *total, rounding);
        (*a, *b) = (new_a, new_b);
    }
    T::sum(simd, T::minus(simd, after, before))
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

/// `|a - b|^2`.
#[inline(always)]
fn squared_difference<T: Real, S: Simd>(simd: S, a: &[T::Vector<S>], b: &[T::Vector<S>]) -> T {
    let mut sum = T::splat(simd, T::ZERO);
    for (&a, &b) in a.iter().zip(b) {
        let difference = T::minus(simd, a, b);
        sum = T::fma(simd, difference, difference, sum);
    }
    T::sum(simd, sum)
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

/// `values . (a - b)`.
#[inline(always)]
fn difference_along<T: Real, S: Simd>(
    simd: S,
    values: &[T::Vector<S>],
    a: &[T::Vector<S>],
    b: &[T::Vector<S>],
) -> T {
    let mut sum = T::splat(simd, T::ZERO);
    for ((&value, &a), &b) in values.iter().zip(a).zip(b) {
        sum = T::fma(simd, value, T::minus(simd, a, b), sum);
    }
    T::sum(simd, sum)
}

/// Collides the velocities `a` and `b`; `square` is `|z|^2`, `g` scratch, `z` is used up. Adds to `momentum` what
/// rounding adds to `a + b`, and returns what it adds to `|a|^2 + |b|^2`.
#[inline(always)]
pub(super) fn collide<T: Real, S: Simd>(
    simd: S,
    rule: Rule<T>,
    square: T,
    z: &mut [T],
    g: &mut [T],
    [a, b]: [&mut [T]; 2],
    momentum: &mut [T],
) -> T {
    let z = T::view_mut::<S>(z);
    let (a, b) = (T::view_mut::<S>(a), T::view_mut::<S>(b));
    let momentum = T::view_mut::<S>(momentum);
    let half = T::from_f64(0.5);
    match rule {
        Rule::Isotropic => {
            let speed = squared_difference::<T, S>(simd, a, b).sqrt();
            let change = part_from_mean::<T, S>(simd, -half * speed / square.sqrt());
            replace_and_account::<T, S>(simd, change, z, [a, b], momentum)
        }
        Rule::Reflection => {
            let along = difference_along::<T, S>(simd, z, a, b) / square;
            let change = shift_apart::<T, S>(simd, -along);
            replace_and_account::<T, S>(simd, change, z, [a, b], momentum)
        }
        Rule::Grazing { cosine, sine } => {
            let g = T::view_mut::<S>(g);
            subtract::<T, S>(simd, a, b, g);
            let speed = dot::<T, S>(simd, g, g);
            if speed == T::ZERO {
                return T::ZERO;
            }
            let across = orthogonalise::<T, S>(simd, g, speed, z);
            if across <= T::from_f64(PLANE) * square {
                return T::ZERO;
            }
            let sine = T::splat(simd, half * sine * (speed / across).sqrt());
            let cosine = T::splat(simd, half * cosine);
            for (z, &g) in z.iter_mut().zip(g.iter()) {
                *z = T::fma(simd, cosine, g, T::times(simd, sine, *z));
            }
            let change = part_from_mean::<T, S>(simd, T::ONE);
            replace_and_account::<T, S>(simd, change, z, [a, b], momentum)
        }
    }
}

impl<T> Rule<T> {
    /// Whether the adjoint needs the velocities before the collision.
    pub fn adjoint_reads_velocities(&self) -> bool {
        !matches!(self, Self::Reflection)
    }
}

/// Turns the gradients by the velocities after into those by the velocities before; `a` and `b` are
/// the velocities before the collision where the rule reads them, `z` and `g` are used up.
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
    let (a, b) = (T::view::<S>(a), T::view::<S>(b));
    let (ua, ub) = (T::view_mut::<S>(upstream_a), T::view_mut::<S>(upstream_b));
    let half = T::from_f64(0.5);
    match rule {
        Rule::Isotropic => {
            subtract::<T, S>(simd, a, b, g);
            let speed = dot::<T, S>(simd, g, g);
            let along = if speed == T::ZERO {
                T::ZERO
            } else {
                -half * difference_along::<T, S>(simd, z, ua, ub) / (square * speed).sqrt()
            };
            replace(part_from_mean::<T, S>(simd, along), g, ua, ub);
        }
        Rule::Reflection => {
            let along = difference_along::<T, S>(simd, z, ua, ub) / square;
            replace(shift_apart::<T, S>(simd, -along), z, ua, ub);
        }
        Rule::Grazing { cosine, sine } => {
            subtract::<T, S>(simd, a, b, g);
            let speed = dot::<T, S>(simd, g, g);
            if speed == T::ZERO {
                return;
            }
            // With h = g/|g|, s = e.h and w the unit vector across: g' = cos g + sin |g| w.
            let s = dot::<T, S>(simd, g, z) / (speed * square).sqrt();
            let across = orthogonalise::<T, S>(simd, g, speed, z);
            if across > T::from_f64(PLANE) * square {
                let by_h = half * difference_along::<T, S>(simd, g, ua, ub) / speed.sqrt();
                let by_w = half * difference_along::<T, S>(simd, z, ua, ub) / across.sqrt();
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
                replace(part_from_mean::<T, S>(simd, T::ONE), z, ua, ub);
            }
        }
    }
}
