//! Sets of new samples.

use kiti_data::pde::heat::Source;
use serde::{Deserialize, Serialize};

/// A set of new samples. Keys that are left out have the value of the training samples; each kind of data reads its
/// own keys and refuses the others.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TestSet {
    /// Grid points along each axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<usize>,
    /// Number of samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
    /// Snapshots that are predicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<usize>,
    /// Where heat is supplied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Split of a manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
}

/// A key of a [`TestSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestKey {
    /// [`TestSet::resolution`].
    Resolution,
    /// [`TestSet::samples`].
    Samples,
    /// [`TestSet::outputs`].
    Outputs,
    /// [`TestSet::source`].
    Source,
    /// [`TestSet::split`].
    Split,
}

impl TestKey {
    /// As it stands in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            TestKey::Resolution => "resolution",
            TestKey::Samples => "samples",
            TestKey::Outputs => "outputs",
            TestKey::Source => "source",
            TestKey::Split => "split",
        }
    }
}

impl TestSet {
    /// A set with every key.
    pub fn example() -> Self {
        Self {
            resolution: Some(1),
            samples: Some(1),
            outputs: Some(1),
            source: Some(Source::Frame),
            split: Some(String::new()),
        }
    }

    /// The keys that it has.
    pub fn keys(&self) -> Vec<TestKey> {
        [
            (TestKey::Resolution, self.resolution.is_some()),
            (TestKey::Samples, self.samples.is_some()),
            (TestKey::Outputs, self.outputs.is_some()),
            (TestKey::Source, self.source.is_some()),
            (TestKey::Split, self.split.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, present)| present.then_some(key))
        .collect()
    }
}
