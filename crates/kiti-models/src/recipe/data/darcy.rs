//! Flows through random media.

use kiti_data::Field;
use kiti_data::cache::Cache;
use kiti_data::loader::Dataset;
use kiti_data::metrics::Boundary;
use kiti_data::pde::darcy::{self, BinaryMedium, DarcyConfig};
use kiti_data::pde::{Observer, PairGenerator};
use kiti_kinetics::rng::derive_seed;
use serde::{Deserialize, Serialize};

use super::{FieldExtent, FieldSource, Loaded, TestKey, TestSet};
use crate::Result;

/// From a medium's coefficient to the pressure in it: see [`kiti_data::pde::darcy`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DarcySection {
    /// Grid points along each axis of the training samples; `resolution - 1` divides `solver_resolution - 1`.
    pub resolution: usize,
    /// Grid points along each axis that the equation is solved on, for every set.
    pub solver_resolution: usize,
    /// Number of training samples.
    pub samples: usize,
    /// The smaller coefficient.
    pub low: f64,
    /// The larger one.
    pub high: f64,
    /// Smoothness of the field that decides between the two.
    pub alpha: f64,
    /// Its inverse length.
    pub tau: f64,
    /// The supply, the same everywhere.
    pub source: f64,
    /// Whether inputs and targets are scaled to mean 0 and deviation 1 by those of the training samples.
    pub normalize: bool,
    /// Seed of the data: the same for every seed of training.
    pub seed: u64,
}

impl Default for DarcySection {
    fn default() -> Self {
        let config = DarcyConfig::default();
        Self {
            resolution: config.resolution,
            solver_resolution: config.solver_resolution,
            samples: config.samples,
            low: config.medium.low,
            high: config.medium.high,
            alpha: config.medium.alpha,
            tau: config.medium.tau,
            source: config.source,
            normalize: true,
            seed: 0,
        }
    }
}

impl DarcySection {
    /// Settings of a set's samples. All test sets hold the same media, each on its own grid.
    pub fn config(&self, set: Option<&TestSet>) -> DarcyConfig {
        let name = set.map_or("darcy/train", |_| "darcy/test");
        DarcyConfig {
            resolution: set
                .and_then(|set| set.resolution)
                .unwrap_or(self.resolution),
            solver_resolution: self.solver_resolution,
            samples: set.and_then(|set| set.samples).unwrap_or(self.samples),
            source: self.source,
            medium: BinaryMedium {
                low: self.low,
                high: self.high,
                alpha: self.alpha,
                tau: self.tau,
            },
            seed: derive_seed(self.seed, name),
        }
    }
}

impl FieldSource for DarcySection {
    fn test_keys(&self) -> &'static [TestKey] {
        &[TestKey::Resolution, TestKey::Samples]
    }

    fn extent(&self, set: Option<&TestSet>) -> Result<FieldExtent> {
        let config = self.config(set);
        Ok(FieldExtent {
            samples: config.samples,
            grid: vec![config.resolution; 2],
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
        // On the training grid itself: nothing finer is needed to time a step.
        let config = DarcyConfig {
            samples,
            solver_resolution: self.resolution,
            ..self.config(None)
        };
        let pairs = darcy::generate(&config, &|_| {})?;
        Ok((pairs.inputs, pairs.outputs))
    }

    fn boundary(&self) -> Boundary {
        Boundary::Walls
    }

    fn normalizes(&self) -> bool {
        self.normalize
    }
}
