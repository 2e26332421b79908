//! Gas without collisions: between two plates, and beside a plate set in motion.
//!
//! The plates reflect as Maxwell's do: a share `accommodation` of the molecules diffusely, with the plate's
//! temperature and velocity, the rest specularly. Three velocity dimensions.

use std::f64::consts::PI;

use libm::erfc;

/// Gas at rest between two plates of the temperatures `theta_1` and `theta_2`, both with the same
/// accommodation.
///
/// Each stream carries as many molecules as the other, so hot ones are few: the densities of the two
/// streams' Maxwellians stand as `sqrt(theta_2)` to `sqrt(theta_1)` (Bird 1994, section 4.4).
///
/// ```
/// use kiti_kinetics::exact::free_molecular::Plates;
///
/// let plates = Plates { density: 1.0, theta: [4.0, 1.0], accommodation: 1.0 };
/// assert_eq!(plates.temperature(), 2.0);
/// assert!((plates.heat_flux() - 3.19154).abs() < 1e-5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plates {
    /// Mean mass density of the gas.
    pub density: f64,
    /// `k T / m` of the first and of the second plate.
    pub theta: [f64; 2],
    /// Share of molecules reflected diffusely, in `(0, 1]`.
    pub accommodation: f64,
}

impl Plates {
    /// `theta` of the gas, uniform: `sqrt(theta_1 theta_2)`, whatever the accommodation.
    pub fn temperature(&self) -> f64 {
        (self.theta[0] * self.theta[1]).sqrt()
    }

    /// Mass that passes a unit area in one direction per unit of time.
    pub fn mass_flux(&self) -> f64 {
        let [hot, cold] = self.theta.map(f64::sqrt);
        let density = 2.0 * self.density * cold / (hot + cold);
        density * hot / (2.0 * PI).sqrt()
    }

    /// Energy that passes a unit area per unit of time from the first plate to the second:
    /// `rho sqrt(8/pi) sqrt(theta_1 theta_2) (sqrt(theta_1) - sqrt(theta_2)) a / (2 - a)`.
    pub fn heat_flux(&self) -> f64 {
        let [hot, cold] = self.theta.map(f64::sqrt);
        self.density * (8.0 / PI).sqrt() * hot * cold * (hot - cold) * self.reduction()
    }

    /// Shear stress between plates that slide with the velocities `+-speed/2` and have one temperature
    /// `theta`: `rho speed sqrt(theta / (2 pi)) a / (2 - a)`.
    ///
    /// For two temperatures it is the flux of mass times the difference of the streams' velocities.
    pub fn shear_stress(&self, speed: f64) -> f64 {
        self.mass_flux() * speed * self.reduction()
    }

    fn reduction(&self) -> f64 {
        self.accommodation / (2.0 - self.accommodation)
    }
}

/// Velocity of a gas at rest, over that of a diffuse plate that has slid with a constant velocity for the
/// time `t`, at the distance `x`: molecules that come from the plate make up `erfc(x / (v0 t)) / 2` of
/// all, `v0 = sqrt(2 theta)`.
pub fn sliding_plate(distance: f64, theta: f64, time: f64) -> f64 {
    0.5 * erfc(distance / ((2.0 * theta).sqrt() * time))
}

#[cfg(test)]
mod tests {
    use super::super::maxwellian::Maxwellian;
    use super::*;

    #[test]
    fn known_values() {
        let plates = Plates {
            density: 1.0,
            theta: [4.0, 1.0],
            accommodation: 1.0,
        };
        assert!((plates.heat_flux() - 3.19154).abs() < 5e-6);
        assert!((plates.mass_flux() - 0.531923).abs() < 5e-7);
        let even = Plates {
            theta: [0.5, 0.5],
            ..plates
        };
        let expected = 0.3 * (0.5 / (2.0 * PI)).sqrt();
        assert!((even.shear_stress(0.3) - expected).abs() < 1e-15);
        assert_eq!(even.heat_flux(), 0.0);
    }

    /// The two streams followed back and forth: what leaves a plate is the diffuse share of its own
    /// Maxwellian and the specular share of what came.
    #[test]
    fn accommodation_by_following_reflections() {
        let (theta, a) = ([3.0, 0.8], 0.37);
        let plates = Plates {
            density: 1.4,
            theta,
            accommodation: a,
        };
        // Energy, transverse velocity and transit time per molecule of the streams that leave each plate.
        let plate = |theta: f64, velocity: f64| {
            // A flux-weighted half Maxwellian: energy 2 theta (and the plate's motion aside); its mean
            // 1/c_n is sqrt(pi / (2 theta)).
            [2.0 * theta, velocity, (PI / (2.0 * theta)).sqrt()]
        };
        let diffuse = [plate(theta[0], 0.05), plate(theta[1], -0.05)];
        let mut streams = diffuse;
        for _ in 0..400 {
            let came = [streams[1], streams[0]];
            for side in 0..2 {
                for k in 0..3 {
                    streams[side][k] = a * diffuse[side][k] + (1.0 - a) * came[side][k];
                }
            }
        }
        // density = flux (<1/c_n> up + <1/c_n> down).
        let flux = plates.density / (streams[0][2] + streams[1][2]);
        assert!((flux / plates.mass_flux() - 1.0).abs() < 1e-12);
        let heat = flux * (streams[0][0] - streams[1][0]);
        assert!((heat / plates.heat_flux() - 1.0).abs() < 1e-12);
        let shear = flux * (streams[0][1] - streams[1][1]);
        assert!((shear / plates.shear_stress(0.1) - 1.0).abs() < 1e-12);
    }

    /// The mass flux is that of the two Maxwellians, and their common temperature is the gas's.
    #[test]
    fn streams_are_half_maxwellians() {
        let plates = Plates {
            density: 1.0,
            theta: [4.0, 1.0],
            accommodation: 1.0,
        };
        let [first, second] = plates.theta.map(|theta| Maxwellian { dims: 3, theta });
        let (n1, n2) = (2.0 / 3.0, 4.0 / 3.0);
        assert!((n1 * first.number_flux(0.0) - plates.mass_flux()).abs() < 1e-12);
        assert!((n2 * second.number_flux(0.0) - plates.mass_flux()).abs() < 1e-12);
        let energy = 0.5 * 0.5 * (n1 * first.even_moment(1) + n2 * second.even_moment(1));
        assert!((energy - 1.5 * plates.temperature()).abs() < 1e-12);
        let heat = n1 * first.energy_flux(0.0) - n2 * second.energy_flux(0.0);
        assert!((heat - plates.heat_flux()).abs() < 1e-12);
    }

    #[test]
    fn sliding_plate_limits() {
        assert_eq!(sliding_plate(0.0, 1.0, 1.0), 0.5);
        assert!(sliding_plate(30.0, 1.0, 1.0) < 1e-100);
        let gas = Maxwellian {
            dims: 1,
            theta: 1.3,
        };
        let faster = 1.0 - gas.component_cdf(0.9 / 2.0);
        assert!((sliding_plate(0.9, 1.3, 2.0) - faster).abs() < 1e-15);
    }
}
