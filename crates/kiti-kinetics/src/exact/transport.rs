//! Viscosity and conductivity of the molecular models, slip at walls, errors of cells and time steps.
//!
//! A gas in equilibrium is described by its pressure `p`, `theta = k T / m`, the number `nu` of collisions
//! of a particle per unit of time, and the mean free path `lambda = cbar / nu`, `cbar = sqrt(8 theta / pi)`.
//! Three dimensions throughout.

use std::f64::consts::PI;

/// `p / (mu nu)` of VHS and VSS molecules, first Sonine approximation:
/// `(5 - 2 omega)(7 - 2 omega)/30 * 6 alpha / ((alpha + 1)(alpha + 2))`
/// (Bird 1994, eq. 4.62 with 3.73).
///
/// `omega` is the exponent of viscosity in temperature (1/2 hard sphere, 1 Maxwell) and `alpha` the
/// exponent of VSS scattering (1 isotropic). It is also the rate at which a small stress deviator decays,
/// over `nu`.
///
/// ```
/// use kiti_kinetics::exact::transport::viscous_rate;
///
/// assert!((viscous_rate(0.5, 1.0) - 0.8).abs() < 1e-15); // hard sphere
/// assert!((viscous_rate(1.0, 1.0) - 0.5).abs() < 1e-15); // Maxwell
/// ```
pub fn viscous_rate(omega: f64, alpha: f64) -> f64 {
    (5.0 - 2.0 * omega) * (7.0 - 2.0 * omega) / 30.0 * 6.0 * alpha / ((alpha + 1.0) * (alpha + 2.0))
}

/// Viscosity of hard spheres of infinite Sonine order over that of the first order,
/// `5/16 sqrt(pi m k T) / (pi d^2)` (Pekeris and Alterman 1957; Sone's `gamma_1 = 1.270042427` is
/// `(5/4)` of it).
pub const HARD_SPHERE_VISCOSITY_FACTOR: f64 = 1.016_033_94;

/// Conductivity of hard spheres of infinite Sonine order over that of the first order,
/// `75/64 (k/m) sqrt(pi m k T) / (pi d^2)` (Pekeris and Alterman 1957; Sone's
/// `gamma_2 = 1.922284066` is `(15/8)` of it).
pub const HARD_SPHERE_CONDUCTIVITY_FACTOR: f64 = 1.025_218_17;

/// Kinematic viscosity of hard spheres over `lambda cbar`: 0.498745.
pub fn hard_sphere_kinematic_viscosity() -> f64 {
    // mu = p / (0.8 nu) = rho theta lambda / (0.8 cbar), theta = pi cbar^2 / 8.
    HARD_SPHERE_VISCOSITY_FACTOR * PI / 6.4
}

/// Prandtl number of hard spheres, `(5/2)(k/m) mu / kappa`: 0.66069.
pub fn hard_sphere_prandtl() -> f64 {
    2.0 / 3.0 * HARD_SPHERE_VISCOSITY_FACTOR / HARD_SPHERE_CONDUCTIVITY_FACTOR
}

/// Velocity slip of hard spheres at a diffuse wall: the velocity extrapolates to the wall's this many
/// mean free paths behind it (Ohwada, Sone and Aoki 1989: `-k_0 sqrt(pi)/2`, `k_0 = -1.2540`).
pub const HARD_SPHERE_VELOCITY_SLIP: f64 = 1.2540 * 0.886_227;

/// Temperature jump of hard spheres at a diffuse wall, in mean free paths (Sone, Ohwada and Aoki 1989:
/// `d_1 sqrt(pi)/2`, `d_1 = 2.4001`).
pub const HARD_SPHERE_TEMPERATURE_JUMP: f64 = 2.4001 * 0.886_227;

/// What cells of width `cell` (in mean free paths) make of the viscosity: `1 + 16 cell^2 / (45 pi)`
/// (Alexander, Garcia and Alder 1998).
pub fn viscosity_in_cells(cell: f64) -> f64 {
    1.0 + 16.0 * cell * cell / (45.0 * PI)
}

/// What cells of width `cell` (in mean free paths) make of the conductivity: `1 + 32 cell^2 / (225 pi)`
/// (Alexander, Garcia and Alder 1998).
pub fn conductivity_in_cells(cell: f64) -> f64 {
    1.0 + 32.0 * cell * cell / (225.0 * PI)
}

/// What a time step in which a molecule of speed `v0 = sqrt(2 theta)` flies `flight` mean free paths makes
/// of the viscosity: `1 + 16 flight^2 / (150 pi)` (Hadjiconstantinou 2000).
pub fn viscosity_in_steps(flight: f64) -> f64 {
    1.0 + 16.0 * flight * flight / (150.0 * PI)
}

/// What such a time step makes of the conductivity: `1 + 64 flight^2 / (675 pi)` (Hadjiconstantinou 2000).
pub fn conductivity_in_steps(flight: f64) -> f64 {
    1.0 + 64.0 * flight * flight / (675.0 * PI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert!((viscous_rate(0.81, 1.0) - 0.6061).abs() < 5e-5);
        assert!((hard_sphere_kinematic_viscosity() - 0.498_745).abs() < 6e-7);
        assert!((hard_sphere_prandtl() - 0.660_69).abs() < 1e-5);
        // Sone's numbers for the same coefficients.
        assert!((1.25 * HARD_SPHERE_VISCOSITY_FACTOR - 1.270_042_427).abs() < 1e-8);
        assert!((1.875 * HARD_SPHERE_CONDUCTIVITY_FACTOR - 1.922_284_066).abs() < 1e-8);
        assert!((HARD_SPHERE_VELOCITY_SLIP - 1.1113).abs() < 1e-4);
        assert!((HARD_SPHERE_TEMPERATURE_JUMP - 2.1270).abs() < 1e-4);
    }

    /// VSS scattering of Maxwell molecules relaxes the stress at the exact rate of the moment equations.
    #[test]
    fn maxwell_molecules_are_exact() {
        for alpha in [1.0, 1.4, 1.6, 2.0] {
            let exact = super::super::relaxation::vss_stress_rate(alpha);
            assert!((viscous_rate(1.0, alpha) - exact).abs() < 1e-15);
        }
    }

    /// First-order rate of a small stress from the collision integral: with `sigma g ~ g^(2 - 2 omega)` and
    /// isotropic scattering it is half of `<g^(p+4)> / (<g^p> <g^2>...)`, all over Gaussian `g`.
    #[test]
    fn rate_by_collision_integrals() {
        use super::super::maxwellian::Maxwellian;
        let gas = Maxwellian {
            dims: 3,
            theta: 1.0,
        };
        for omega in [0.5, 0.66, 0.81, 1.0] {
            let power = 2.0 - 2.0 * omega;
            // A deviator perturbs the weight of g by a multiple of g_x^2 - g^2/3; each collision removes
            // half of the pair's (g_x^2 - g^2/3)/2. Rate over nu = <w^2>_collisions / <w^2> / 2 with
            // w ~ g^2, that is <g^(p + 4)> / (2 <g^p> <g^4>).
            let moment = |k: f64| gas.relative_speed_moment(k);
            let rate = 0.5 * moment(power + 4.0) / (moment(power) * moment(4.0));
            assert!(
                (rate - viscous_rate(omega, 1.0)).abs() < 1e-12,
                "{omega}: {rate}"
            );
        }
    }

    #[test]
    fn errors_of_cells_and_steps_vanish() {
        for f in [
            viscosity_in_cells,
            conductivity_in_cells,
            viscosity_in_steps,
            conductivity_in_steps,
        ] {
            assert_eq!(f(0.0), 1.0);
            // A third of a mean free path costs less than 1.5 %.
            assert!(f(1.0 / 3.0) < 1.015 && f(2.0) - 1.0 > 3.9 * (f(1.0) - 1.0));
        }
    }
}
