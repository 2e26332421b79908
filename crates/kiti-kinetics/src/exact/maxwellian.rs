//! The Maxwellian: equilibrium of a gas in `D` dimensions.

use std::f64::consts::PI;

use libm::{erf, erfc, lgamma};

/// The equilibrium `f(c) = (2 pi theta)^(-D/2) exp(-c^2 / (2 theta))` of one unit of particles at rest,
/// where `theta = k T / m`.
///
/// ```
/// use kiti_kinetics::exact::maxwellian::Maxwellian;
///
/// let gas = Maxwellian { dims: 3, theta: 2.0 };
/// assert!((gas.mean_speed() - (8.0 * 2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-14);
/// assert_eq!(gas.even_moment(2), 15.0 * 4.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Maxwellian {
    /// `D`, dimensions of velocity space, at least 1.
    pub dims: usize,
    /// `theta = k T / m`, the variance of a component, velocity squared.
    pub theta: f64,
}

impl Maxwellian {
    /// `f` where the velocity has the given square.
    pub fn density(&self, square: f64) -> f64 {
        let half = 0.5 * self.dims as f64;
        (2.0 * PI * self.theta).powf(-half) * (-0.5 * square / self.theta).exp()
    }

    /// Density of the speed, `S_D c^(D-1) f(c)` with the sphere's surface `S_D`.
    pub fn speed_density(&self, speed: f64) -> f64 {
        sphere_surface(self.dims) * speed.powi(self.dims as i32 - 1) * self.density(speed * speed)
    }

    /// Share of particles of which one component is below `component`.
    pub fn component_cdf(&self, component: f64) -> f64 {
        0.5 * erfc(-component / (2.0 * self.theta).sqrt())
    }

    /// `<c^(2 order)> = theta^order D (D + 2) ... (D + 2 order - 2)`.
    pub fn even_moment(&self, order: usize) -> f64 {
        (0..order)
            .map(|k| self.theta * (self.dims + 2 * k) as f64)
            .product()
    }

    /// `<c^power> = (2 theta)^(power/2) Gamma((D + power)/2) / Gamma(D/2)`.
    ///
    /// Finite for `power > -D`.
    pub fn speed_moment(&self, power: f64) -> f64 {
        let half = 0.5 * self.dims as f64;
        (2.0 * self.theta).powf(0.5 * power) * (lgamma(half + 0.5 * power) - lgamma(half)).exp()
    }

    /// `<|c|>`; `sqrt(8 theta / pi)` in three dimensions.
    pub fn mean_speed(&self) -> f64 {
        self.speed_moment(1.0)
    }

    /// `<g^power>` of two independent particles' relative speed `g`: its components have variance `2 theta`.
    pub fn relative_speed_moment(&self, power: f64) -> f64 {
        let relative = Self {
            theta: 2.0 * self.theta,
            ..*self
        };
        relative.speed_moment(power)
    }

    /// `H = integral f ln f = -(D/2) ln(2 pi e theta)`.
    pub fn h_function(&self) -> f64 {
        -0.5 * self.dims as f64 * ((2.0 * PI * self.theta).ln() + 1.0)
    }

    /// Particles that cross a unit area of a plane in a unit of time in the direction of its normal, where
    /// the gas has unit number density and drifts with `drift` along the normal:
    /// `v0 / (2 sqrt(pi)) [exp(-s^2) + sqrt(pi) s (1 + erf s)]`, `v0 = sqrt(2 theta)`, `s = drift / v0`
    /// (Bird 1994, eq. 4.22).
    pub fn number_flux(&self, drift: f64) -> f64 {
        let v0 = (2.0 * self.theta).sqrt();
        let s = drift / v0;
        v0 / (2.0 * PI.sqrt()) * ((-s * s).exp() + PI.sqrt() * s * (1.0 + erf(s)))
    }

    /// Energy that those particles carry, for unit mass: with the `D - 1` tangential components' `theta/2`
    /// each and no tangential drift,
    /// `v0^3 / (4 sqrt(pi)) [(s^2 + (D+1)/2) exp(-s^2) + sqrt(pi) s (s^2 + (D+2)/2) (1 + erf s)]`
    /// (Bird 1994, eq. 4.25 for `D = 3`).
    pub fn energy_flux(&self, drift: f64) -> f64 {
        let v0 = (2.0 * self.theta).sqrt();
        let s = drift / v0;
        let half = 0.5 * self.dims as f64;
        v0.powi(3) / (4.0 * PI.sqrt())
            * ((s * s + half + 0.5) * (-s * s).exp()
                + PI.sqrt() * s * (s * s + half + 1.0) * (1.0 + erf(s)))
    }
}

/// Surface of the unit sphere in `dims` dimensions, `2 pi^(D/2) / Gamma(D/2)`.
pub fn sphere_surface(dims: usize) -> f64 {
    let half = 0.5 * dims as f64;
    2.0 * (half * PI.ln() - lgamma(half)).exp()
}

#[cfg(test)]
mod tests {
    use super::super::quadrature::simpson;
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-10 * expected.abs().max(1.0),
            "{found} {expected}"
        );
    }

    /// Moments and entropy against integrals over the speed.
    #[test]
    fn moments_are_integrals() {
        for (dims, theta) in [(1, 0.7), (2, 1.0), (3, 2.5), (5, 0.4)] {
            let gas = Maxwellian { dims, theta };
            let top = 14.0 * theta.sqrt();
            let mean =
                |f: &dyn Fn(f64) -> f64| simpson(0.0, top, 4000, |c| gas.speed_density(c) * f(c));
            close(mean(&|_| 1.0), 1.0);
            close(mean(&|c| c), gas.mean_speed());
            for order in 1..4 {
                let power = 2 * order as i32;
                close(mean(&|c| c.powi(power)), gas.even_moment(order));
                close(gas.speed_moment(f64::from(power)), gas.even_moment(order));
            }
            close(mean(&|c| gas.density(c * c).ln()), gas.h_function());
        }
    }

    #[test]
    fn three_dimensions() {
        let gas = Maxwellian {
            dims: 3,
            theta: 1.7,
        };
        close(gas.mean_speed(), (8.0 * 1.7 / PI).sqrt());
        close(gas.relative_speed_moment(1.0), 4.0 * (1.7 / PI).sqrt());
        close(gas.relative_speed_moment(0.0), 1.0);
        close(sphere_surface(2), 2.0 * PI);
        close(sphere_surface(3), 4.0 * PI);
        close(gas.component_cdf(0.0), 0.5);
        // 68.27 % of a normal law lie within one standard deviation.
        let within = gas.component_cdf(1.7f64.sqrt()) - gas.component_cdf(-1.7f64.sqrt());
        assert!((within - 0.682_689_492_137).abs() < 1e-12);
    }

    /// Fluxes against integrals over the normal component, at the drifts a boundary meets.
    #[test]
    fn fluxes_are_integrals() {
        for dims in [1, 2, 3] {
            let gas = Maxwellian { dims, theta: 0.8 };
            let normal = Maxwellian {
                dims: 1,
                theta: 0.8,
            };
            for s in [-1.0, 0.0, 1.0, 3.0] {
                let drift = s * 1.6f64.sqrt();
                let tangential = 0.5 * 0.8 * (dims - 1) as f64;
                let flux = |f: &dyn Fn(f64) -> f64| {
                    simpson(0.0, 14.0, 4000, |c| {
                        c * f(c) * normal.density((c - drift).powi(2))
                    })
                };
                close(flux(&|_| 1.0), gas.number_flux(drift));
                close(flux(&|c| 0.5 * c * c + tangential), gas.energy_flux(drift));
            }
        }
    }
}
