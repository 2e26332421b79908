//! Rayleigh's problem: a plate beside a gas at rest starts to slide.

use std::f64::consts::PI;

use libm::erfc;

/// Velocity of the gas at a diffuse plate over that of the plate, at `t / tau = time`, for the linear BGK
/// equation in a half space:
/// `u(0, t) / U = 1 - e^(-s) [I_0(s) + I_1(s)] / 2`, `s = t / (2 tau)`, `tau = mu / p` (from the
/// half-space solution by Laplace transform; Cercignani, Theory and Application of the Boltzmann
/// Equation, 1975, chapter VII).
///
/// It starts at the free-molecular 1/2 and tends to 1 as `1 - 1 / sqrt(pi t / tau)`, the slip of a
/// viscous layer.
pub fn gas_velocity_at_plate(time: f64) -> f64 {
    let s = 0.5 * time;
    1.0 - 0.5 * (scaled_bessel_i(0, s) + scaled_bessel_i(1, s))
}

/// Velocity over that of the plate at the distance `x`, in the limit of many collisions:
/// `erfc(x / (2 sqrt(nu_kin t)))` (Stokes 1851).
pub fn viscous_layer(distance: f64, kinematic_viscosity: f64, time: f64) -> f64 {
    erfc(distance / (2.0 * (kinematic_viscosity * time).sqrt()))
}

/// `e^(-s) I_n(s)` for `s >= 0`, the modified Bessel function of the first kind.
///
/// The trapezoidal rule for `(1/pi) integral_0^pi e^(-s (1 - cos t)) cos(n t) dt`, which is periodic: the
/// error falls faster than any power of the number of points, and a number in proportion to
/// `sqrt(s)` leaves rounding only.
fn scaled_bessel_i(order: u32, s: f64) -> f64 {
    let points = 24 + (10.0 * s.sqrt()).ceil() as usize;
    let sum: f64 = (0..=points)
        .map(|k| {
            let angle = PI * k as f64 / points as f64;
            let weight = if k == 0 || k == points { 0.5 } else { 1.0 };
            // 1 - cos t without cancellation.
            let fall = 2.0 * (0.5 * angle).sin().powi(2);
            weight * (-s * fall).exp() * (f64::from(order) * angle).cos()
        })
        .sum();
    sum / points as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Power series `sum_k (s/2)^(2k + n) / (k! (k + n)!)`.
    fn series(order: u32, s: f64) -> f64 {
        let mut term = (1..=order).fold(1.0, |t, k| t * 0.5 * s / f64::from(k));
        let mut sum = 0.0;
        for k in 1..200 {
            sum += term;
            term *= 0.25 * s * s / (f64::from(k) * f64::from(k + order));
        }
        sum * (-s).exp()
    }

    #[test]
    fn bessel_functions() {
        for s in [0.0, 0.3, 1.0, 2.5, 5.0, 20.0, 60.0] {
            for order in [0, 1] {
                let (found, expected) = (scaled_bessel_i(order, s), series(order, s));
                assert!((found - expected).abs() < 1e-14, "I_{order}({s}): {found}");
            }
        }
        // Abramowitz and Stegun, table 9.8; the leading terms for large arguments.
        assert!((scaled_bessel_i(0, 1.0) - 0.465_759_607_6).abs() < 1e-10);
        assert!((scaled_bessel_i(1, 1.0) - 0.207_910_415_3).abs() < 1e-10);
        for s in [1e3, 1e6] {
            let leading = (1.0 + 1.0 / (8.0 * s)) / (2.0 * PI * s).sqrt();
            assert!((scaled_bessel_i(0, s) / leading - 1.0).abs() < 1.0 / (s * s));
        }
    }

    #[test]
    fn known_values_and_limits() {
        for (time, expected) in [
            (0.0, 0.5),
            (1.0, 0.59927),
            (2.0, 0.66316),
            (5.0, 0.76168),
            (10.0, 0.82624),
        ] {
            assert!((gas_velocity_at_plate(time) - expected).abs() < 6e-6);
        }
        // Slip of a viscous layer.
        let late = 1e5;
        let slip = 1.0 - gas_velocity_at_plate(late);
        assert!((slip * (PI * late).sqrt() - 1.0).abs() < 1e-4);
        assert_eq!(viscous_layer(0.0, 1.0, 1.0), 1.0);
    }

    /// The first order in time from the free-molecular flow: molecules that fly towards the plate have taken
    /// up `integral_0^t u(|c| (t - t'), t') dt'` of the velocity `u` they flew through.
    #[test]
    fn first_collisions() {
        use super::super::free_molecular::sliding_plate;
        use super::super::quadrature::simpson;
        // theta = 1/2, so that v0 = 1; r is t' / t.
        let taken_up = |c: f64| simpson(1e-12, 1.0, 1000, |r| sliding_plate(c * (1.0 - r), 0.5, r));
        let slope = simpson(0.0, 7.0, 400, |c| (-c * c).exp() / PI.sqrt() * taken_up(c));
        let time = 1e-3;
        let found = (gas_velocity_at_plate(time) - 0.5) / time;
        assert!((found - slope).abs() < 1e-4, "{found} {slope}");
    }
}
