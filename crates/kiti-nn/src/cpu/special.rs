//! The exponential, and GELU and tanh with their derivatives, a register at a time.
//!
//! In `f32` by polynomials (least maximal error, fitted in double precision; the coefficients are rounded to
//! `f32`), in `f64` by the mathematical library, lane by lane.
//!
//! ```text
//! |x| <  1.25   Phi(x) = 1/2 + x p(x^2)
//! |x| >= 1.25   Phi(-|x|) = exp(-x^2/2) s q(s),   s = 1 / (1 + 0.3 |x|)
//! ```
//!
//! The error of Phi is at most 7e-8 (half a unit in the last place of 1 is 6e-8).

use pulp::Simd;
use pulp::bytemuck;

const PHI_SMALL: [f32; 6] = [
    0.398_942_26,
    -0.066_489_99,
    0.009_971_5,
    -0.001_182_709_6,
    0.000_110_327_46,
    -6.644_861e-6,
];
const PHI_SPLIT: f32 = 1.25;
const PHI_TAIL: [f32; 6] = [
    0.120_984,
    0.105_489_1,
    0.173_301_03,
    -0.066_753_805,
    0.257_407_8,
    -0.090_462_714,
];
const TAIL_SLOPE: f32 = 0.3;
/// 2^f for |f| <= 1/2.
const EXP2: [f32; 7] = [
    1.0,
    std::f32::consts::LN_2,
    0.240_226_46,
    0.055_503_286,
    0.009_618_489,
    0.001_339_993_1,
    0.000_153_458_11,
];
const TANH_SMALL: [f32; 6] = [
    0.999_999_94,
    -0.333_330_9,
    0.133_285_6,
    -0.053_565_297,
    0.020_179_23,
    -0.005_265_645,
];
const TANH_SPLIT: f32 = 0.65;

#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, c: [f32; N], x: S::f32s) -> S::f32s {
    let mut value = simd.splat_f32s(c[N - 1]);
    for k in (0..N - 1).rev() {
        value = simd.mul_add_e_f32s(value, x, simd.splat_f32s(c[k]));
    }
    value
}

/// exp(y) for y <= 0, as if y were at least -87.
#[inline(always)]
fn exp_negative<S: Simd>(simd: S, y: S::f32s) -> S::f32s {
    exp_bounded(simd, simd.max_f32s(y, simd.splat_f32s(-87.0)))
}

/// exp(y) for -87 <= y <= 0.
#[inline(always)]
fn exp_bounded<S: Simd>(simd: S, y: S::f32s) -> S::f32s {
    // Adding 1.5 2^23 rounds to an integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LOG2_E_LOW: f32 = 1.925_963e-8;
    let log2_e = simd.splat_f32s(LOG2_E);
    let shifted = simd.mul_add_e_f32s(y, log2_e, simd.splat_f32s(ROUND));
    let whole = simd.sub_f32s(shifted, simd.splat_f32s(ROUND));
    let fraction = simd.mul_add_e_f32s(y, log2_e, simd.neg_f32s(whole));
    let fraction = simd.mul_add_e_f32s(y, simd.splat_f32s(LOG2_E_LOW), fraction);
    let bits = simd.transmute_u32s_f32s(shifted);
    let exponent = simd.add_u32s(bits, simd.splat_u32s(127));
    let power = simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(23));
    simd.mul_f32s(
        polynomial(simd, EXP2, fraction),
        simd.transmute_f32s_u32s(power),
    )
}

#[inline(always)]
pub(super) fn gelu_f32<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let one = simd.splat_f32s(1.0);
    let size = simd.abs_f32s(x);
    let square = simd.mul_f32s(x, x);
    let density = exp_negative(simd, simd.mul_f32s(square, simd.splat_f32s(-0.5)));
    let slope = simd.splat_f32s(TAIL_SLOPE);
    let s = simd.div_f32s(one, simd.mul_add_e_f32s(slope, size, one));
    let tail = simd.mul_f32s(density, simd.mul_f32s(s, polynomial(simd, PHI_TAIL, s)));
    let positive = simd.greater_than_f32s(x, simd.splat_f32s(0.0));
    let large = simd.select_f32s(positive, simd.sub_f32s(one, tail), tail);
    let small = polynomial(simd, PHI_SMALL, square);
    let small = simd.mul_add_e_f32s(x, small, simd.splat_f32s(0.5));
    let is_small = simd.less_than_f32s(size, simd.splat_f32s(PHI_SPLIT));
    let phi = simd.select_f32s(is_small, small, large);
    const INVERSE_SQRT_TAU: f32 = 0.398_942_3;
    let scaled = simd.mul_f32s(density, simd.splat_f32s(INVERSE_SQRT_TAU));
    (simd.mul_f32s(x, phi), simd.mul_add_e_f32s(x, scaled, phi))
}

#[inline(always)]
pub(super) fn tanh_f32<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let one = simd.splat_f32s(1.0);
    let size = simd.abs_f32s(x);
    let square = simd.mul_f32s(x, x);
    let small = simd.mul_f32s(x, polynomial(simd, TANH_SMALL, square));
    let e = exp_negative(simd, simd.mul_f32s(size, simd.splat_f32s(-2.0)));
    let large = simd.div_f32s(simd.sub_f32s(one, e), simd.add_f32s(one, e));
    let positive = simd.greater_than_f32s(x, simd.splat_f32s(0.0));
    let large = simd.select_f32s(positive, large, simd.neg_f32s(large));
    let is_small = simd.less_than_f32s(size, simd.splat_f32s(TANH_SPLIT));
    let y = simd.select_f32s(is_small, small, large);
    (y, simd.negate_mul_add_e_f32s(y, y, one))
}

/// sqrt(2 / pi) and the cubic coefficient of the approximation x (1 + tanh(a (x + b x^3))) / 2.
const GELU_TANH: [f64; 2] = [0.797_884_560_802_865_4, 0.044_715];

#[inline(always)]
pub(super) fn gelu_tanh_f32<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let [a, b] = GELU_TANH.map(|value| value as f32);
    let half = simd.splat_f32s(0.5);
    let square = simd.mul_f32s(x, x);
    let slope = simd.splat_f32s(a);
    let cubic = simd.mul_add_e_f32s(simd.splat_f32s(a * b), square, slope);
    let (tanh, tanh_slope) = tanh_f32(simd, simd.mul_f32s(x, cubic));
    let phi = simd.mul_add_e_f32s(half, tanh, half);
    let inner_slope = simd.mul_add_e_f32s(simd.splat_f32s(3.0 * a * b), square, slope);
    let density = simd.mul_f32s(half, simd.mul_f32s(tanh_slope, inner_slope));
    (simd.mul_f32s(x, phi), simd.mul_add_e_f32s(x, density, phi))
}

/// exp(y) for y <= 0, 0 below -87; NaN stays NaN.
#[inline(always)]
pub(super) fn exp_f32<S: Simd>(simd: S, y: S::f32s) -> S::f32s {
    let lowest = simd.splat_f32s(-87.0);
    let vanishes = simd.less_than_f32s(y, lowest);
    let value = exp_bounded(simd, simd.select_f32s(vanishes, lowest, y));
    simd.select_f32s(vanishes, simd.splat_f32s(0.0), value)
}

#[inline(always)]
fn each_lane<S: Simd>(x: S::f64s, f: impl Fn(f64) -> (f64, f64)) -> (S::f64s, S::f64s) {
    let (mut value, mut derivative) = (x, x);
    let values = bytemuck::cast_slice_mut::<S::f64s, f64>(std::slice::from_mut(&mut value));
    let derivatives =
        bytemuck::cast_slice_mut::<S::f64s, f64>(std::slice::from_mut(&mut derivative));
    for (value, derivative) in values.iter_mut().zip(derivatives) {
        (*value, *derivative) = f(*value);
    }
    (value, derivative)
}

#[inline(always)]
pub(super) fn gelu_f64<S: Simd>(_: S, x: S::f64s) -> (S::f64s, S::f64s) {
    each_lane::<S>(x, |x| {
        let phi = 0.5 * candle::cpu::erf::erfc_f64(-x * std::f64::consts::FRAC_1_SQRT_2);
        let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
        (x * phi, phi + x * density)
    })
}

#[inline(always)]
pub(super) fn gelu_tanh_f64<S: Simd>(_: S, x: S::f64s) -> (S::f64s, S::f64s) {
    let [a, b] = GELU_TANH;
    each_lane::<S>(x, |x| {
        let tanh = (a * (x + b * x * x * x)).tanh();
        let phi = 0.5 * (1.0 + tanh);
        let density = 0.5 * (1.0 - tanh * tanh) * a * (1.0 + 3.0 * b * x * x);
        (x * phi, phi + x * density)
    })
}

#[inline(always)]
pub(super) fn exp_f64<S: Simd>(_: S, x: S::f64s) -> S::f64s {
    each_lane::<S>(x, |x| (x.exp(), x)).0
}

#[inline(always)]
pub(super) fn tanh_f64<S: Simd>(_: S, x: S::f64s) -> (S::f64s, S::f64s) {
    each_lane::<S>(x, |x| {
        let y = x.tanh();
        (y, 1.0 - y * y)
    })
}
