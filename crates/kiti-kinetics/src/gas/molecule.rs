//! Molecular models: cross sections and what follows from them in equilibrium.

use std::f64::consts::PI;

use libm::{lgamma, tgamma};

use super::error::{GasResult, positive, within};

/// Boltzmann's constant in J/K (exact since 2019).
pub const BOLTZMANN: f64 = 1.380_649e-23;

/// Constants of a gas, for use with SI units.
///
/// Molecular masses, diameters at 273 K and exponents are those of Bird, *Molecular Gas Dynamics and
/// the Direct Simulation of Gas Flows* (1994), tables A1 to A3. Nitrogen has no internal energy here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Species {
    /// Name.
    pub name: &'static str,
    /// Mass of a molecule, kg.
    pub mass: f64,
    /// Temperature of the diameters, K.
    pub reference_temperature: f64,
    /// Diameter of a variable hard sphere, m.
    pub vhs_diameter: f64,
    /// Diameter of a variable soft sphere, m.
    pub vss_diameter: f64,
    /// Exponent of the viscosity's temperature law.
    pub omega: f64,
    /// Exponent of soft scattering.
    pub alpha: f64,
}

impl Species {
    /// Argon.
    pub const ARGON: Self = Self {
        name: "argon",
        mass: 66.3e-27,
        reference_temperature: 273.0,
        vhs_diameter: 4.17e-10,
        vss_diameter: 4.11e-10,
        omega: 0.81,
        alpha: 1.40,
    };
    /// Nitrogen as if it had no internal energy.
    pub const NITROGEN: Self = Self {
        name: "nitrogen",
        mass: 46.5e-27,
        reference_temperature: 273.0,
        vhs_diameter: 4.17e-10,
        vss_diameter: 4.11e-10,
        omega: 0.74,
        alpha: 1.36,
    };

    /// The variable-hard-sphere molecule of this species.
    pub fn vhs(&self) -> Molecule {
        Molecule {
            diameter: self.vhs_diameter,
            alpha: 1.0,
            ..self.vss()
        }
    }

    /// The variable-soft-sphere molecule of this species.
    pub fn vss(&self) -> Molecule {
        Molecule {
            boltzmann: BOLTZMANN,
            mass: self.mass,
            diameter: self.vss_diameter,
            reference_temperature: self.reference_temperature,
            omega: self.omega,
            alpha: self.alpha,
        }
    }
}

/// A molecule of the variable-soft-sphere family; hard spheres, variable hard spheres and Maxwell
/// molecules are members.
///
/// Total cross section `sigma_T(g) = pi d^2 (4 k T_ref / (m g^2))^(omega - 1/2) / Gamma(5/2 - omega)`
/// and deflection `cos chi = 2 U^(1/alpha) - 1`, where `g` is the relative speed, `d` the diameter at
/// `T_ref`, and `U` uniform (Bird 1994, 4.63; Koura and Matsumoto 1991). `omega = 1/2` is the hard
/// sphere, `omega = 1` the Maxwell molecule, `alpha = 1` scatters isotropically.
///
/// ```
/// use kiti_kinetics::gas::Molecule;
///
/// // Argon as in SPARTA's benchmark: 0.0707 collisions of a particle in each step of 7 ns.
/// let argon = Molecule::vss(6.63e-26, 4.11e-10, 273.15, 0.81, 1.4);
/// let rate = argon.collision_rate(7.07043e22, 273.15);
/// assert!((rate * 7e-9 / 2.0 - 0.070679).abs() < 1e-5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Molecule {
    /// Boltzmann's constant in the units used; 1 where temperatures are energies.
    pub boltzmann: f64,
    /// Mass `m`.
    pub mass: f64,
    /// Diameter `d` at the reference temperature.
    pub diameter: f64,
    /// Temperature `T_ref` of the diameter; has no influence on hard spheres.
    pub reference_temperature: f64,
    /// Exponent `omega` of the viscosity's temperature law, in `[1/2, 1]`.
    pub omega: f64,
    /// Exponent `alpha` of soft scattering, positive.
    pub alpha: f64,
}

impl Molecule {
    /// Hard spheres, SI units.
    pub const fn hard_sphere(mass: f64, diameter: f64) -> Self {
        Self::vss(mass, diameter, 273.0, 0.5, 1.0)
    }

    /// Variable hard spheres, SI units.
    pub const fn vhs(mass: f64, diameter: f64, reference_temperature: f64, omega: f64) -> Self {
        Self::vss(mass, diameter, reference_temperature, omega, 1.0)
    }

    /// Variable soft spheres, SI units.
    pub const fn vss(
        mass: f64,
        diameter: f64,
        reference_temperature: f64,
        omega: f64,
        alpha: f64,
    ) -> Self {
        Self {
            boltzmann: BOLTZMANN,
            mass,
            diameter,
            reference_temperature,
            omega,
            alpha,
        }
    }

    /// Maxwell molecules with isotropic scattering, SI units.
    pub const fn maxwell(mass: f64, diameter: f64, reference_temperature: f64) -> Self {
        Self::vss(mass, diameter, reference_temperature, 1.0, 1.0)
    }

    /// The same molecule in reduced units: mass 1, Boltzmann's constant 1, reference temperature 1.
    pub const fn reduced(diameter: f64, omega: f64, alpha: f64) -> Self {
        Self {
            boltzmann: 1.0,
            mass: 1.0,
            diameter,
            reference_temperature: 1.0,
            omega,
            alpha,
        }
    }

    /// The molecule with another Boltzmann constant.
    pub const fn with_boltzmann(self, boltzmann: f64) -> Self {
        Self { boltzmann, ..self }
    }

    /// Refuses molecules that cannot be.
    ///
    /// # Errors
    ///
    /// Names the first value that is not positive or lies outside its range.
    pub fn validate(&self) -> GasResult<()> {
        let remedy = "give the molecule's value in the case's units";
        positive("gas.boltzmann", self.boltzmann, remedy)?;
        positive("gas.mass", self.mass, remedy)?;
        positive("gas.diameter", self.diameter, remedy)?;
        positive(
            "gas.reference_temperature",
            self.reference_temperature,
            remedy,
        )?;
        positive(
            "gas.scattering_exponent",
            self.alpha,
            "take 1 for isotropic scattering",
        )?;
        within(
            "gas.viscosity_index",
            self.omega,
            [0.5, 1.0],
            "a number from 0.5 to 1",
            "take 0.5 for hard spheres, 1 for Maxwell molecules",
        )
    }

    /// `theta = k T / m`, the variance of a velocity component.
    pub fn theta(&self, temperature: f64) -> f64 {
        self.boltzmann * temperature / self.mass
    }

    /// Most probable speed `sqrt(2 theta)`.
    pub fn most_probable_speed(&self, temperature: f64) -> f64 {
        (2.0 * self.theta(temperature)).sqrt()
    }

    /// Mean speed `sqrt(8 theta / pi)`.
    pub fn mean_speed(&self, temperature: f64) -> f64 {
        (8.0 * self.theta(temperature) / PI).sqrt()
    }

    /// `A` of `sigma_T g = A g^(2 - 2 omega)`.
    pub fn rate_constant(&self) -> f64 {
        let square = 4.0 * self.theta(self.reference_temperature);
        PI * self.diameter.powi(2) * square.powf(self.omega - 0.5) / tgamma(2.5 - self.omega)
    }

    /// Total cross section at relative speed `g > 0`.
    pub fn cross_section(&self, g: f64) -> f64 {
        self.rate_constant() * g.powf(1.0 - 2.0 * self.omega)
    }

    /// Collisions of one molecule per time in equilibrium at number density `n`,
    /// `nu = 4 n d^2 sqrt(pi k T_ref / m) (T / T_ref)^(1 - omega)` (Bird 1994, 4.64).
    pub fn collision_rate(&self, density: f64, temperature: f64) -> f64 {
        4.0 * density
            * self.diameter.powi(2)
            * (PI * self.theta(self.reference_temperature)).sqrt()
            * (temperature / self.reference_temperature).powf(1.0 - self.omega)
    }

    /// As [`collision_rate`](Self::collision_rate) with velocities of `dims` dimensions and the same
    /// `sigma_T(g)`: `nu = n A (4 theta)^(1 - omega) Gamma(D/2 + 1 - omega) / Gamma(D/2)`.
    pub fn collision_rate_in(&self, dims: usize, density: f64, temperature: f64) -> f64 {
        let power = 1.0 - self.omega;
        let half = 0.5 * dims as f64;
        density
            * self.rate_constant()
            * (4.0 * self.theta(temperature)).powf(power)
            * (lgamma(half + power) - lgamma(half)).exp()
    }

    /// Mean free path `cbar / nu`.
    pub fn mean_free_path(&self, density: f64, temperature: f64) -> f64 {
        self.mean_speed(temperature) / self.collision_rate(density, temperature)
    }

    /// Viscosity in the first Sonine approximation; for hard spheres it lies 1.6 % below the exact one
    /// (Bird 1994, 4.60).
    pub fn viscosity(&self, temperature: f64) -> f64 {
        self.boltzmann * temperature / self.viscous_rate_of(self.collision_rate(1.0, temperature))
    }

    /// `p / mu`, the relaxation rate of the stress at number density `n`.
    pub fn viscous_rate(&self, density: f64, temperature: f64) -> f64 {
        self.viscous_rate_of(self.collision_rate(density, temperature))
    }

    fn viscous_rate_of(&self, collision_rate: f64) -> f64 {
        let (omega, alpha) = (self.omega, self.alpha);
        let soft = 6.0 * alpha / ((alpha + 1.0) * (alpha + 2.0));
        collision_rate * (5.0 - 2.0 * omega) * (7.0 - 2.0 * omega) / 30.0 * soft
    }
}
