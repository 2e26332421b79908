//! Cases that the solver must reproduce: each compares a simulation with an exact solution.
//!
//! Every check accepts a difference of five standard errors and, where the reason says so, a systematic
//! part; a run too noisy to tell within the check's limit fails. Seeds are given, so that a case passes or
//! fails for good; another seed is another, independent trial.
//!
//! ```no_run
//! for case in kiti_kinetics::gas::validation::cases() {
//!     if !case.nightly {
//!         for check in case.run(1)? {
//!             println!("{check}");
//!         }
//!     }
//! }
//! # Ok::<(), kiti_kinetics::gas::GasError>(())
//! ```

mod bgk_plates;
mod bkw;
mod check;
mod collision_rate;
mod conservation;
mod distribution;
mod equilibrium;
mod free_molecular;
mod maxwell_moments;
mod navier_stokes;
mod near_continuum;
mod particles_per_cell;
mod rayleigh;
mod restart;
mod setup;
mod shock;
mod sod;
mod stress_relaxation;
mod waves;

pub use check::{Check, Estimate};

use super::GasResult;

/// A validation case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Short name.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// Whether it takes long: minutes instead of seconds.
    pub nightly: bool,
    run: fn(u64) -> GasResult<Vec<Check>>,
}

impl Case {
    /// Simulates the case with a seed and compares.
    ///
    /// # Errors
    ///
    /// Where a simulation cannot be set up; the cases that ship can.
    pub fn run(&self, seed: u64) -> GasResult<Vec<Check>> {
        (self.run)(crate::rng::derive_seed(seed, self.name))
    }
}

/// All cases, from fast to slow.
pub fn cases() -> Vec<Case> {
    let case = |name, title, run| Case {
        name,
        title,
        nightly: false,
        run,
    };
    let nightly = |name, title, run| Case {
        nightly: true,
        ..case(name, title, run)
    };
    vec![
        case(
            "conservation",
            "momentum and energy over a million collisions",
            conservation::run,
        ),
        case(
            "restart",
            "restarted and multi-threaded runs have the same bits",
            restart::run,
        ),
        case(
            "collision-rate",
            "collisions of each molecule, at many and at few particles a cell",
            collision_rate::run,
        ),
        case(
            "maxwell-moments",
            "stress, heat flux and fourth moment of Maxwell molecules",
            maxwell_moments::run,
        ),
        case(
            "bkw",
            "the Bobylev-Krook-Wu solution and its entropy",
            bkw::run,
        ),
        case(
            "stress-relaxation",
            "stress of hard spheres, VHS, VSS and of the relaxation models",
            stress_relaxation::run,
        ),
        case(
            "equilibrium",
            "two streams end in a Maxwellian",
            equilibrium::run,
        ),
        case(
            "free-molecular",
            "heat and momentum between plates without collisions",
            free_molecular::run,
        ),
        case(
            "bgk-plates",
            "Couette and Fourier flow of BGK in the transition regime",
            bgk_plates::run,
        ),
        case("sod", "Sod's shock tube", sod::run),
        case(
            "waves",
            "damping of shear and sound waves of hard spheres",
            waves::run,
        ),
        case(
            "particles-per-cell",
            "heat flux with 5 to 50 particles a cell",
            particles_per_cell::run,
        ),
        case(
            "rayleigh",
            "a plate set in motion beside a BGK gas",
            rayleigh::run,
        ),
        nightly(
            "bgk-plates-full",
            "Couette and Fourier flow of BGK through the transition regime",
            bgk_plates::run_full,
        ),
        nightly(
            "near-continuum",
            "hard-sphere viscosity, conductivity and slip between plates",
            near_continuum::run,
        ),
        nightly("shock", "normal shocks from Mach 1.5 to 8", shock::run),
        nightly(
            "sod-full",
            "Sod's shock tube close to the Euler limit",
            sod::run_full,
        ),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_differ() {
        let names: std::collections::BTreeSet<_> =
            super::cases().iter().map(|case| case.name).collect();
        assert_eq!(names.len(), super::cases().len());
    }
}
