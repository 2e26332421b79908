//! Solutions of the Burgers equation.

use kiti_data::Field;
use kiti_data::cache::Cache;
use kiti_data::loader::Dataset;
use kiti_data::pde::burgers::{self, BurgersConfig};
use kiti_data::pde::{CircleRandomField, Observer, PairGenerator};
use kiti_kinetics::rng::derive_seed;
use serde::{Deserialize, Serialize};

use super::{FieldExtent, FieldSource, Loaded, TestKey, TestSet};
use crate::Result;

/// From a random function to what the Burgers equation makes of it: see [`kiti_data::pde::burgers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurgersSection {
    /// Points of the training samples; divides `solver_resolution`.
    pub resolution: usize,
    /// Points that the equation is solved on, for every set.
    pub solver_resolution: usize,
    /// Number of training samples.
    pub samples: usize,
    /// Viscosity, in squared lengths of the circle per unit time.
    pub viscosity: f64,
    /// Time from input to target.
    pub time: f64,
    /// Longest time step.
    pub time_step: f64,
    /// Scale of the initial functions.
    pub amplitude: f64,
    /// Their smoothness.
    pub alpha: f64,
    /// Their inverse length.
    pub tau: f64,
    /// Seed of the data: the same for every seed of training.
    pub seed: u64,
}

impl Default for BurgersSection {
    fn default() -> Self {
        let config = BurgersConfig::default();
        Self {
            resolution: config.resolution,
            solver_resolution: config.solver_resolution,
            samples: config.samples,
            viscosity: config.viscosity,
            time: config.time,
            time_step: config.time_step,
            amplitude: config.field.amplitude,
            alpha: config.field.alpha,
            tau: config.field.tau,
            seed: 0,
        }
    }
}

impl BurgersSection {
    /// Settings of a set's samples. All test sets hold the same functions, each on its own grid.
    pub fn config(&self, set: Option<&TestSet>) -> BurgersConfig {
        let name = set.map_or("burgers/train", |_| "burgers/test");
        BurgersConfig {
            resolution: set
                .and_then(|set| set.resolution)
                .unwrap_or(self.resolution),
            solver_resolution: self.solver_resolution,
            samples: set.and_then(|set| set.samples).unwrap_or(self.samples),
            viscosity: self.viscosity,
            time: self.time,
            time_step: self.time_step,
            field: CircleRandomField {
                amplitude: self.amplitude,
                alpha: self.alpha,
                tau: self.tau,
            },
            seed: derive_seed(self.seed, name),
        }
    }
}

impl FieldSource for BurgersSection {
    fn test_keys(&self) -> &'static [TestKey] {
        &[TestKey::Resolution, TestKey::Samples]
    }

    fn extent(&self, set: Option<&TestSet>) -> Result<FieldExtent> {
        let config = self.config(set);
        Ok(FieldExtent {
            samples: config.samples,
            grid: vec![config.resolution],
            inputs: 1,
            outputs: 1,
        })
    }

    fn validate(&self, set: Option<&TestSet>) -> Result<()> {
        Ok(self.config(set).validate()?)
    }

    fn load(&self, set: Option<&TestSet>, cache: &Cache, observer: Observer<'_>) -> Result<Loaded> {
        let (pairs, outcome) = self.config(set).load_or_generate(cache, observer)?;
        Ok((Dataset::new(pairs.inputs, pairs.outputs)?, Some(outcome)))
    }

    fn trial(&self, samples: usize) -> Result<(Field, Field)> {
        // Initial functions as targets: a step takes as long, and nothing is solved.
        let config = BurgersConfig {
            samples,
            time: 0.0,
            ..self.config(None)
        };
        let pairs = burgers::generate(&config, &|_| {})?;
        Ok((pairs.inputs, pairs.outputs))
    }
}
