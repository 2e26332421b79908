//! Quadrature that the tests of this module check closed forms with.

/// Simpson's rule on `intervals` (even) equal intervals of `[from, to]`.
pub fn simpson(from: f64, to: f64, intervals: usize, f: impl Fn(f64) -> f64) -> f64 {
    let step = (to - from) / intervals as f64;
    let inner: f64 = (1..intervals)
        .map(|k| f(from + k as f64 * step) * if k % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    (f(from) + inner + f(to)) * step / 3.0
}
