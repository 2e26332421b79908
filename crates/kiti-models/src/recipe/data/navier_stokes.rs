//! Flows of the vorticity equation.

use kiti_data::Field;
use kiti_data::cache::Cache;
use kiti_data::loader::Dataset;
use kiti_data::pde::navier_stokes::{self, NavierStokesConfig};
use kiti_data::pde::{GaussianRandomField, Observer, PairGenerator};
use kiti_kinetics::rng::derive_seed;
use serde::{Deserialize, Serialize};

use super::{FieldExtent, FieldSource, Loaded, TestKey, TestSet};
use crate::Result;

/// Vorticity on the torus, snapshot by snapshot: see [`kiti_data::pde::navier_stokes`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NavierStokesSection {
    /// Grid points along each axis of the training samples; divides `solver_resolution`.
    pub resolution: usize,
    /// Grid points along each axis that the equation is solved on, for every set.
    pub solver_resolution: usize,
    /// Number of training samples.
    pub samples: usize,
    /// Snapshots that the model sees: those of the times 1, 2, ... snapshot intervals.
    pub inputs: usize,
    /// Snapshots that it predicts one after the other.
    pub outputs: usize,
    /// Time between two snapshots.
    pub snapshot_interval: f64,
    /// Longest time step.
    pub time_step: f64,
    /// Kinematic viscosity, in squared torus lengths per unit time.
    pub viscosity: f64,
    /// Amplitude of the forcing.
    pub forcing: f64,
    /// Smoothness `alpha` of the initial fields.
    pub alpha: f64,
    /// Inverse length `tau` of the initial fields.
    pub tau: f64,
    /// Seed of the data: the same for every seed of training.
    pub seed: u64,
}

impl Default for NavierStokesSection {
    fn default() -> Self {
        let config = NavierStokesConfig::default();
        Self {
            resolution: config.resolution,
            solver_resolution: config.solver_resolution,
            samples: config.samples,
            inputs: 10,
            outputs: 10,
            snapshot_interval: config.snapshot_interval,
            time_step: config.time_step,
            viscosity: config.viscosity,
            forcing: config.forcing,
            alpha: config.field.alpha,
            tau: config.field.tau,
            seed: 0,
        }
    }
}

impl NavierStokesSection {
    /// Settings of a set's samples. All test sets hold the same flows, each on its own grid and for its own time.
    pub fn config(&self, set: Option<&TestSet>) -> NavierStokesConfig {
        let outputs = set.and_then(|set| set.outputs).unwrap_or(self.outputs);
        let name = set.map_or("navier-stokes/train", |_| "navier-stokes/test");
        NavierStokesConfig {
            resolution: set
                .and_then(|set| set.resolution)
                .unwrap_or(self.resolution),
            solver_resolution: self.solver_resolution,
            samples: set.and_then(|set| set.samples).unwrap_or(self.samples),
            snapshots: self.inputs.saturating_add(outputs),
            snapshot_interval: self.snapshot_interval,
            time_step: self.time_step,
            viscosity: self.viscosity,
            forcing: self.forcing,
            field: GaussianRandomField {
                alpha: self.alpha,
                tau: self.tau,
            },
            seed: derive_seed(self.seed, name),
        }
    }
}

impl FieldSource for NavierStokesSection {
    fn test_keys(&self) -> &'static [TestKey] {
        &[TestKey::Resolution, TestKey::Samples, TestKey::Outputs]
    }

    fn extent(&self, set: Option<&TestSet>) -> Result<FieldExtent> {
        let config = self.config(set);
        Ok(FieldExtent {
            samples: config.samples,
            grid: vec![config.resolution; 2],
            inputs: self.inputs,
            outputs: config.snapshots.saturating_sub(self.inputs),
        })
    }

    fn validate(&self, set: Option<&TestSet>) -> Result<()> {
        Ok(self.config(set).validate()?)
    }

    fn load(&self, set: Option<&TestSet>, cache: &Cache, observer: Observer<'_>) -> Result<Loaded> {
        let config = self.config(set);
        let (pairs, outcome) = config.load_or_generate(cache, observer)?;
        let outputs = config.snapshots - self.inputs;
        let inputs = pairs.outputs.narrow_last(0, self.inputs)?;
        let targets = pairs.outputs.narrow_last(self.inputs, outputs)?;
        Ok((Dataset::new(inputs, targets)?, Some(outcome)))
    }

    fn trial(&self, samples: usize) -> Result<(Field, Field)> {
        // Snapshots of one moment: a step takes as long, and nothing is solved.
        let config = NavierStokesConfig {
            samples,
            snapshot_interval: 0.0,
            ..self.config(None)
        };
        let flows = navier_stokes::generate(&config, &|_| {})?.outputs;
        Ok((
            flows.narrow_last(0, self.inputs)?,
            flows.narrow_last(self.inputs, self.outputs)?,
        ))
    }
}
