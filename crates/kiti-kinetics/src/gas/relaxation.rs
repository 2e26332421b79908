//! Relaxation towards a local equilibrium in place of binary collisions.

use super::error::{GasResult, within};

/// A relaxation model. With probability `1 - exp(-nu dt)` a particle's velocity is drawn anew from the
/// model's distribution; then the cell's velocities are shifted and scaled to the momentum and energy it had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Relaxation {
    /// Maxwellian, `nu = p / mu` (Bhatnagar, Gross and Krook 1954); Prandtl number 1.
    Bgk,
    /// Gaussian with covariance `theta delta_ij / Pr + (1 - 1 / Pr) P_ij / rho`, `nu = Pr p / mu`
    /// (Holway 1966).
    EsBgk {
        /// Prandtl number, from 2/3.
        prandtl: f64,
    },
    /// Maxwellian with Shakhov's heat-flux correction, `nu = p / mu` (Shakhov 1968).
    Shakhov {
        /// Prandtl number.
        prandtl: f64,
    },
}

impl Relaxation {
    /// Refuses Prandtl numbers for which the model's distribution does not exist.
    ///
    /// # Errors
    ///
    /// Names the Prandtl number.
    pub fn validate(&self) -> GasResult<()> {
        match *self {
            Self::Bgk => Ok(()),
            Self::EsBgk { prandtl } => within(
                "collisions.prandtl",
                prandtl,
                [2.0 / 3.0 - 1e-12, 10.0],
                "a number from 2/3 to 10",
                "a monatomic gas has 2/3",
            ),
            Self::Shakhov { prandtl } => within(
                "collisions.prandtl",
                prandtl,
                [0.5, 1.5],
                "a number from 0.5 to 1.5",
                "a monatomic gas has 2/3",
            ),
        }
    }
}
