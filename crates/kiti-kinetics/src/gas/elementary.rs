//! Elementary functions without branches, so that loops over them keep the processor's pipelines full.

use std::f64::consts::{FRAC_PI_4, LN_2};

/// Bits of `sqrt(1/2)`: where the logarithm's mantissa starts.
const MANTISSA_START: u64 = 0x3fe6_a09e_667f_3bcd;

/// `x^p` for `x >= 0` with a relative error below `1e-12 max(1, |p|)`; results below `2^-1022` become that.
#[inline(always)]
pub(super) fn power(x: f64, p: f64) -> f64 {
    // x = 2^exponent * mantissa with the mantissa in [sqrt(1/2), sqrt(2)).
    let bits = x.to_bits();
    let exponent = bits.wrapping_sub(MANTISSA_START) as i64 >> 52;
    let mantissa = f64::from_bits(bits.wrapping_sub((exponent << 52) as u64));
    // ln m = 2 artanh f.
    let f = (mantissa - 1.0) / (mantissa + 1.0);
    let s = f * f;
    let mut sum = 1.0 / 15.0;
    for odd in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * s + 1.0 / odd;
    }
    let y = p * (exponent as f64 + (2.0 / LN_2) * f * sum);
    let y = if y > -1022.0 { y } else { -1022.0 };
    let y = if y < 1023.0 { y } else { 1023.0 };
    // Adding 3 * 2^51 rounds to an integer, which then stands in the low bits.
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let shifted = y + MAGIC;
    let r = (y - (shifted - MAGIC)) * LN_2;
    // exp r by Taylor's series, |r| < 0.347.
    let mut e = 1.0 / 479_001_600.0;
    for inverse in [
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        e = e * r + inverse;
    }
    let scale = (shifted.to_bits() << 52).wrapping_add(1023 << 52);
    e * f64::from_bits(scale)
}

/// Sine and cosine of `2 pi (word + 1/2) / 2^32`, to the last place or two (Cephes' polynomials).
#[inline(always)]
pub(super) fn sine_cosine_of_turn(word: u32) -> (f64, f64) {
    // An eighth of a turn either side of the nearest quarter.
    let quarter = word.wrapping_add(1 << 29) >> 30;
    let rest = word.wrapping_sub(quarter << 30) as i32;
    let y = (f64::from(rest) + 0.5) * (FRAC_PI_4 / f64::from(1 << 29));
    let z = y * y;
    let mut p = 1.589_623_015_765_465_7e-10;
    for c in [
        -2.505_074_776_285_780_7e-8,
        2.755_731_362_138_572_4e-6,
        -1.984_126_982_958_954e-4,
        8.333_333_333_322_118e-3,
        -1.666_666_666_666_663e-1,
    ] {
        p = p * z + c;
    }
    let sine = y + y * z * p;
    let mut q = -1.135_853_652_138_768_2e-11;
    for c in [
        2.087_570_084_197_473e-9,
        -2.755_731_417_929_674e-7,
        2.480_158_728_885_17e-5,
        -1.388_888_888_887_305_6e-3,
        4.166_666_666_666_659e-2,
    ] {
        q = q * z + c;
    }
    let cosine = 1.0 - 0.5 * z + z * z * q;
    let (sine, cosine) = if quarter & 1 == 1 {
        (cosine, -sine)
    } else {
        (sine, cosine)
    };
    let sign = f64::from_bits(1.0f64.to_bits() | u64::from(quarter >> 1) << 63);
    (sign * sine, sign * cosine)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the standard library over 60 decades; the stated error.
    #[test]
    fn powers() {
        for p in [0.05, 0.19, 0.26, 0.5, 1.0 / 1.4, 1.0, 2.0, -0.3] {
            for k in -3000..3000 {
                let x = 10f64.powf(f64::from(k) * 0.01);
                let (found, expected) = (power(x, p), x.powf(p));
                assert!(
                    (found - expected).abs() <= 1e-12 * expected,
                    "{x}^{p}: {found}, {expected}"
                );
            }
        }
        assert!(power(0.0, 0.19) < 1e-50 && power(0.0, 3.0) < 1e-300);
        assert_eq!(power(1.0, 0.7), 1.0);
    }

    /// Against the standard library, and the circle's equation: 4 units in the last place.
    #[test]
    fn sines_and_cosines() {
        for k in 0..100_000u32 {
            let word = k.wrapping_mul(0x9e37_79b9);
            let angle = (f64::from(word) + 0.5) * (std::f64::consts::TAU / 4_294_967_296.0);
            let (sine, cosine) = sine_cosine_of_turn(word);
            let (s, c) = angle.sin_cos();
            assert!(
                (sine - s).abs() < 1e-15 && (cosine - c).abs() < 1e-15,
                "{word}"
            );
            assert!((sine * sine + cosine * cosine - 1.0).abs() < 9e-16);
        }
    }
}
