//! A case in numbers: what the solver is given, and what the report needs to know.

use kiti_kinetics::gas::{
    Boundary, Collisions, GasState, Grid, InitialGas, Molecule, PairSelection, Relaxation,
    SolverConfig,
};

use super::quantity::UnitSystem;
use super::sections::{Comparison, OutputSection, ParticleSection, SamplingSection};

/// A case, every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Short name.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Units of all numbers.
    pub system: UnitSystem,
    /// What the solver is built with, but for seed and memory.
    pub config: SolverConfig,
    /// What it starts from.
    pub initial: InitialGas,
    /// Number of steps.
    pub steps: u64,
    /// How the number of molecules was given.
    pub particles: ParticleSection,
    /// When the flow is measured.
    pub sampling: SamplingSection,
    /// What is written on the way.
    pub output: OutputSection,
    /// What theory is drawn.
    pub comparison: Comparison,
}

impl Setup {
    /// The molecules.
    pub fn molecule(&self) -> &Molecule {
        &self.config.molecule
    }

    /// The cells.
    pub fn grid(&self) -> &Grid {
        &self.config.grid
    }

    /// Axes of the flow, 0 for a homogeneous gas.
    pub fn dims(&self) -> usize {
        self.config.grid.dims
    }

    /// The gas that the case is about: `[initial]`.
    pub fn state(&self) -> GasState {
        self.initial.state
    }

    /// What happens at the low and at the high face of x.
    pub fn ends(&self) -> (Boundary, Boundary) {
        (self.config.boundaries[0], self.config.boundaries[1])
    }

    /// Collisions of a molecule per time in `[initial]`.
    pub fn collision_rate(&self) -> f64 {
        let state = self.state();
        self.molecule()
            .collision_rate(state.density, state.temperature)
    }

    /// Pressure of `[initial]`.
    pub fn pressure(&self) -> f64 {
        let state = self.state();
        state.density * self.molecule().boltzmann * state.temperature
    }

    /// Whether pairs of hard spheres collide: the gas whose coefficients are known best.
    pub fn has_hard_spheres(&self) -> bool {
        let binary = matches!(self.config.collisions, Collisions::Binary(_));
        binary && self.molecule().omega == 0.5 && self.molecule().alpha == 1.0
    }

    /// The relaxation model, where one takes the place of collisions.
    pub fn relaxation(&self) -> Option<Relaxation> {
        match self.config.collisions {
            Collisions::Relaxation(relaxation) => Some(relaxation),
            _ => None,
        }
    }

    /// Whether molecules never collide.
    pub fn is_free_molecular(&self) -> bool {
        self.config.collisions == Collisions::None
    }

    /// How the case calls what changes velocities.
    pub fn operator(&self) -> &'static str {
        match self.config.collisions {
            Collisions::None => "none",
            Collisions::Binary(PairSelection::NoTimeCounter) => "no-time-counter",
            Collisions::Binary(PairSelection::MajorantFrequency) => "majorant-frequency",
            Collisions::Binary(PairSelection::SimplifiedBernoulliTrials) => "bernoulli-trials",
            Collisions::Binary(PairSelection::DisjointPairs) => "disjoint-pairs",
            Collisions::Relaxation(Relaxation::Bgk) => "bgk",
            Collisions::Relaxation(Relaxation::EsBgk { .. }) => "es-bgk",
            Collisions::Relaxation(Relaxation::Shakhov { .. }) => "shakhov",
        }
    }
}
