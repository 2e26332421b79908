//! Exact solutions that tests, examples and reports compare a simulation with.
//!
//! | module | what it solves |
//! | --- | --- |
//! | [`maxwellian`] | equilibrium in `D` dimensions: moments, fluxes through a plane, entropy |
//! | [`relaxation`] | decay of the moments of Maxwell molecules |
//! | [`bkw`] | the Bobylev-Krook-Wu solution of the Boltzmann equation |
//! | [`riemann`] | the Riemann problem of the Euler equations, any `gamma` |
//! | [`shock`] | the jump across a normal shock, Mott-Smith's thickness |
//! | [`free_molecular`] | gas between plates, and beside a plate set in motion, without collisions |
//! | [`bgk_plates`] | linear BGK between plates: tables of Couette and Fourier flow |
//! | [`rayleigh`] | linear BGK beside a plate set in motion |
//! | [`transport`] | viscosity and conductivity of the molecular models, slip, cell-size errors |
//! | [`waves`] | damping of shear and sound waves |
//!
//! Everything is in the gas's own units: `theta = k T / m` stands for temperature (velocity squared),
//! and mass and number densities are whatever the caller counts in.

pub mod bgk_plates;
pub mod bkw;
pub mod free_molecular;
pub mod maxwellian;
pub mod rayleigh;
pub mod relaxation;
pub mod riemann;
pub mod shock;
pub mod transport;
pub mod waves;

#[cfg(test)]
mod quadrature;
