//! How a collision turns the relative velocity.

use super::Scatter;
use crate::gas::elementary::{power, sine_cosine_of_turn};

/// The relative velocity `g` turned by the deflection of variable soft spheres,
/// `cos chi = 2 U^(1/alpha) - 1` (Koura and Matsumoto 1991; Bird 1994, 2.22).
#[inline(always)]
pub(super) fn turned(g: [f64; 3], square: f64, inverse_alpha: f64, scatter: Scatter) -> [f64; 3] {
    let turn = sine_cosine_of_turn(scatter.azimuth);
    if inverse_alpha == 1.0 {
        isotropic(square.sqrt(), scatter.deflection, turn)
    } else {
        let u = power(scatter.deflection, inverse_alpha);
        soft(g, square.sqrt(), u, turn)
    }
}

/// A vector of length `speed` in the direction `cos chi = 2 u - 1` from the x axis.
#[inline(always)]
pub(super) fn isotropic(speed: f64, u: f64, (sine, cosine): (f64, f64)) -> [f64; 3] {
    let across = speed * 2.0 * (u * (1.0 - u)).sqrt();
    [speed * (2.0 * u - 1.0), across * cosine, across * sine]
}

/// `g`, of length `speed`, turned by `cos chi = 2 u - 1`.
#[inline(always)]
pub(super) fn soft(g: [f64; 3], speed: f64, u: f64, (sine, cosine): (f64, f64)) -> [f64; 3] {
    let along = 2.0 * u - 1.0;
    let rest = u * (1.0 - u);
    let across = 2.0 * (if rest > 0.0 { rest } else { 0.0 }).sqrt();
    let [x, y, z] = g;
    // Where g lies along x, any small z tells the two directions across it.
    let z = if y * y + z * z > 1e-200 { z } else { 1e-100 };
    let d = (y * y + z * z).sqrt();
    let (a, b) = (across * sine, across / d);
    [
        along * x + a * d,
        along * y + b * (speed * z * cosine - x * y * sine),
        along * z - b * (speed * y * cosine + x * z * sine),
    ]
}
