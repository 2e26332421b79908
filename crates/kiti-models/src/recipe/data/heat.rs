//! Solutions of the heat equation.

use kiti_data::Field;
use kiti_data::cache::Cache;
use kiti_data::loader::Dataset;
use kiti_data::pde::Observer;
use kiti_data::pde::heat::{self, HeatConfig, Source};
use kiti_kinetics::rng::derive_seed;
use serde::{Deserialize, Serialize};

use super::{FieldExtent, FieldSource, Loaded, TestKey, TestSet};
use crate::Result;

/// Solutions of the heat equation, generated: see [`kiti_data::pde::heat`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeatSection {
    /// Grid points along each axis of the training samples.
    pub resolution: usize,
    /// Number of training samples.
    pub samples: usize,
    /// Snapshots that the model sees.
    pub inputs: usize,
    /// Snapshots that it predicts one after the other.
    pub outputs: usize,
    /// Time between two snapshots.
    pub snapshot_interval: f64,
    /// Diffusivity, in squared torus lengths per unit time.
    pub diffusivity: f64,
    /// Supply of the source at full strength, per unit time.
    pub forcing: f64,
    /// Where heat is supplied in the training samples.
    pub source: Source,
    /// Smoothness `alpha` of the initial fields.
    pub alpha: f64,
    /// Inverse length `tau` of the initial fields.
    pub tau: f64,
    /// Seed of the data: the same for every seed of training, so that runs differ in training alone.
    pub seed: u64,
}

impl Default for HeatSection {
    fn default() -> Self {
        let config = HeatConfig::default();
        Self {
            resolution: 32,
            samples: 20,
            inputs: 10,
            outputs: 10,
            snapshot_interval: config.snapshot_interval,
            diffusivity: config.diffusivity,
            forcing: config.forcing,
            source: Source::Frame,
            alpha: config.field.alpha,
            tau: config.field.tau,
            seed: 0,
        }
    }
}

impl HeatSection {
    /// Settings of a set's samples. The initial fields of all test sets are the same functions, on grids of their own.
    pub fn config(&self, set: Option<&TestSet>) -> HeatConfig {
        let outputs = set.and_then(|set| set.outputs).unwrap_or(self.outputs);
        let name = set.map_or("heat/train", |_| "heat/test");
        let mut config = HeatConfig {
            resolution: set
                .and_then(|set| set.resolution)
                .unwrap_or(self.resolution),
            samples: set.and_then(|set| set.samples).unwrap_or(self.samples),
            snapshots: self.inputs.saturating_add(outputs),
            snapshot_interval: self.snapshot_interval,
            diffusivity: self.diffusivity,
            forcing: self.forcing,
            source: set.and_then(|set| set.source).unwrap_or(self.source),
            seed: derive_seed(self.seed, name),
            ..HeatConfig::default()
        };
        config.field.alpha = self.alpha;
        config.field.tau = self.tau;
        config
    }
}

impl FieldSource for HeatSection {
    fn test_keys(&self) -> &'static [TestKey] {
        use TestKey::{Outputs, Resolution, Samples, Source};
        &[Resolution, Samples, Outputs, Source]
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

    fn load(&self, set: Option<&TestSet>, cache: &Cache, _: Observer<'_>) -> Result<Loaded> {
        let config = self.config(set);
        let (data, outcome) = heat::load_or_generate(&config, cache)?;
        let (inputs, targets) = data.split_time(self.inputs, config.snapshots - self.inputs)?;
        Ok((Dataset::new(inputs, targets)?, Some(outcome)))
    }

    fn trial(&self, samples: usize) -> Result<(Field, Field)> {
        let config = HeatConfig {
            samples,
            ..self.config(None)
        };
        Ok(heat::generate(&config)?.split_time(self.inputs, self.outputs)?)
    }
}
