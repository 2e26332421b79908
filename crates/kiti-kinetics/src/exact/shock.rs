//! The normal shock.

use std::f64::consts::PI;

/// Ratios of the state behind a normal shock to the state before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShockJump {
    /// `rho_2 / rho_1 = u_1 / u_2`.
    pub density: f64,
    /// `p_2 / p_1`.
    pub pressure: f64,
    /// `T_2 / T_1`.
    pub temperature: f64,
    /// Mach number behind the shock.
    pub mach: f64,
}

/// The Rankine-Hugoniot jump at Mach number `mach >= 1`:
/// `rho_2/rho_1 = (gamma + 1) M^2 / ((gamma - 1) M^2 + 2)`,
/// `p_2/p_1 = 1 + 2 gamma (M^2 - 1) / (gamma + 1)`.
///
/// ```
/// use kiti_kinetics::exact::shock::shock_jump;
///
/// let jump = shock_jump(3.0, 5.0 / 3.0);
/// assert!((jump.density - 3.0).abs() < 1e-14 && (jump.pressure - 11.0).abs() < 1e-13);
/// ```
pub fn shock_jump(mach: f64, gamma: f64) -> ShockJump {
    let square = mach * mach;
    let density = (gamma + 1.0) * square / ((gamma - 1.0) * square + 2.0);
    let pressure = 1.0 + 2.0 * gamma * (square - 1.0) / (gamma + 1.0);
    let temperature = pressure / density;
    ShockJump {
        density,
        pressure,
        temperature,
        mach: mach / density / temperature.sqrt(),
    }
}

/// `lambda_1 / Delta` of Mott-Smith's bimodal shock of Maxwell molecules in three dimensions.
///
/// The distribution is taken as a sum of the two end states' Maxwellians, closed by the moment `v_x^2`:
/// `lambda_1/Delta = (cbar_1/12) (n_2/n_1) (u_1 - u_2)^2 / {u_1 [(u_1^2 + 3 theta_1) - (u_2^2 + 3 theta_2)]}`,
/// where `Delta = (rho_2 - rho_1) / max (d rho/dx)` and `lambda_1 = cbar_1 / nu_1` (Mott-Smith, Phys. Rev.
/// 82 (1951) 885). An estimate: measured thicknesses differ by up to a fifth.
pub fn mott_smith_thickness(mach: f64) -> f64 {
    let jump = shock_jump(mach, 5.0 / 3.0);
    // theta_1 = 1.
    let u1 = mach * (5.0f64 / 3.0).sqrt();
    let u2 = u1 / jump.density;
    let mean_speed = (8.0 / PI).sqrt();
    let change = (u1 * u1 + 3.0) - (u2 * u2 + 3.0 * jump.temperature);
    mean_speed / 12.0 * jump.density * (u1 - u2).powi(2) / (u1 * change)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mass, momentum and energy flux are the same on both sides; entropy rises; a wave of Mach 1 is none.
    #[test]
    fn fluxes_are_conserved() {
        for gamma in [1.4, 5.0 / 3.0, 2.0] {
            for mach in [1.0, 1.2, 2.0, 8.0, 50.0] {
                let jump = shock_jump(mach, gamma);
                let fluxes = |rho: f64, p: f64, mach: f64| {
                    let u = mach * (gamma * p / rho).sqrt();
                    let enthalpy = gamma / (gamma - 1.0) * p / rho + 0.5 * u * u;
                    [rho * u, rho * u * u + p, rho * u * enthalpy]
                };
                let before = fluxes(1.0, 1.0, mach);
                let after = fluxes(jump.density, jump.pressure, jump.mach);
                for (a, b) in before.iter().zip(after) {
                    assert!((a / b - 1.0).abs() < 1e-13, "{mach} {gamma}");
                }
                let entropy = jump.pressure.ln() - gamma * jump.density.ln();
                assert!(entropy > -1e-14);
                assert!(jump.mach <= 1.0 + 1e-14);
            }
            assert_eq!(shock_jump(1.0, gamma).pressure, 1.0);
        }
    }

    #[test]
    fn monatomic_gas() {
        for (mach, density, temperature, pressure) in [
            (1.5, 1.71429, 1.49479, 2.5625),
            (2.0, 2.28571, 2.07813, 4.75),
            (3.0, 3.0, 3.66667, 11.0),
            (5.0, 3.57143, 8.68, 31.0),
            (8.0, 3.82090, 20.8721, 79.75),
        ] {
            let jump = shock_jump(mach, 5.0 / 3.0);
            assert!((jump.density - density).abs() < 6e-6);
            assert!((jump.temperature - temperature).abs() < 6e-5);
            assert!((jump.pressure - pressure).abs() < 1e-12);
        }
    }

    /// The closed form against Mott-Smith's own equation: the flux of `v_x^2` changes at the rate at which
    /// collisions of Maxwell molecules relax the stress, `nu/2`, all with the bimodal density.
    #[test]
    fn thickness_solves_the_transport_equation() {
        for (mach, expected) in [
            (1.5, 0.0774),
            (2.0, 0.1152),
            (3.0, 0.1288),
            (5.0, 0.1035),
            (8.0, 0.0720),
        ] {
            assert!((mott_smith_thickness(mach) - expected).abs() < 6e-5);

            let jump = shock_jump(mach, 5.0 / 3.0);
            let (t1, t2) = (1.0, jump.temperature);
            let u1 = mach * (5.0f64 / 3.0).sqrt();
            let u2 = u1 / jump.density;
            // Densities a and b of the two streams while the share s of the second grows from 0 to 1.
            let streams = |s: f64| (1.0 - s, s * jump.density);
            let flux = |s: f64| {
                let (a, b) = streams(s);
                a * u1 * (u1 * u1 + 3.0 * t1) + b * u2 * (u2 * u2 + 3.0 * t2)
            };
            // Collisions change n <c_x c_x> by -(nu / 2) times the deviator, with nu = n (nu_1 = n_1 = 1).
            let relaxation = |s: f64| {
                let (a, b) = streams(s);
                let n = a + b;
                let u = (a * u1 + b * u2) / n;
                let along = a * (t1 + (u1 - u).powi(2)) + b * (t2 + (u2 - u).powi(2));
                let across = a * t1 + b * t2;
                -0.5 * n * (along - (along + 2.0 * across) / 3.0)
            };
            // d s / d x at s = 1/2, where the density is steepest; Delta = 1 / (ds/dx).
            let slope = relaxation(0.5) / (flux(1.0) - flux(0.0));
            let mean_speed = (8.0 / PI).sqrt();
            let found = slope * mean_speed;
            assert!(
                (found / mott_smith_thickness(mach) - 1.0).abs() < 1e-12,
                "M = {mach}: {found}"
            );
        }
    }
}
