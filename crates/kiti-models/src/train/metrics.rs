//! What a run writes down epoch by epoch: values that depend on the recipe and the seed alone, and
//! apart from them the seconds that it took.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use kiti_data::metrics::ClassificationSummary;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Error, Result};

/// One line of `metrics.jsonl`: the same bits whenever the run is repeated on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochMetrics {
    /// Epochs done.
    pub epoch: usize,
    /// Optimiser steps done.
    pub step: u64,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Relative L2 error of the predicted snapshots in training mode, mean over samples and snapshots.
    pub train_loss: f64,
    /// The same on the same batches and weights without collisions: how far the network in training is from
    /// the network in evaluation. In epochs with an evaluation, of kinetic residuals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_loss_without_collisions: Option<f64>,
    /// Evaluations before the end of the epoch, where the recipe asks for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub midway: Vec<MidwayEvaluation>,
    /// Error by set, in epochs with an evaluation.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "numbers_or_null"
    )]
    pub evaluation: Option<BTreeMap<String, f64>>,
    /// Scores of a classifier by set, in epochs with an evaluation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, ClassificationSummary>,
    /// What the collisions of the epoch did, by kinetic layer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerMetrics>,
}

/// An evaluation in the course of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MidwayEvaluation {
    /// Optimiser steps done.
    pub step: u64,
    /// Error by set.
    #[serde(deserialize_with = "numbers_or_nan")]
    pub evaluation: BTreeMap<String, f64>,
}

fn numbers_or_nan<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<BTreeMap<String, f64>, D::Error> {
    Ok(numbers_or_null(deserializer)?.unwrap_or_default())
}

/// JSON has no NaN: an error that is not finite is written as null.
fn numbers_or_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<BTreeMap<String, f64>>, D::Error> {
    let values = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    let number = |(name, value): (_, Option<f64>)| (name, value.unwrap_or(f64::NAN));
    Ok(Some(values.into_iter().map(number).collect()))
}

/// The collisions of one layer in one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerMetrics {
    /// The layer, from 0.
    pub layer: u32,
    /// Accepted over candidate pairs.
    pub acceptance_rate: f64,
    /// Kinetic energy after over before the collisions.
    pub energy_ratio: f64,
    /// Largest change of a system's momentum, relative to the sum of its particles' speeds.
    pub momentum_error: f64,
}

/// One line of `timing.jsonl`: seconds, different every time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochTiming {
    /// Epochs done.
    pub epoch: usize,
    /// Optimiser steps of the epoch.
    pub steps: u64,
    /// Median seconds of one optimiser step.
    pub step_seconds: f64,
    /// Seconds of all optimiser steps.
    pub training_seconds: f64,
    /// Seconds that training waited for batches; not known of runs before this was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading_seconds: Option<f64>,
    /// Seconds of the evaluation, and of the loss without collisions.
    pub evaluation_seconds: f64,
    /// Seconds of the checkpoint before this one's.
    pub checkpoint_seconds: f64,
    /// Seconds of the run so far, interruptions left out.
    pub elapsed_seconds: f64,
}

/// Appends JSON lines to a file whose length a checkpoint remembers.
#[derive(Debug)]
pub(super) struct LineFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl LineFile {
    /// Opens or creates `path` and cuts it to `bytes`: lines after the checkpoint are written again.
    pub(super) fn resume(path: &Path, bytes: u64) -> Result<Self> {
        let opened = OpenOptions::new().create(true).append(true).open(path);
        let file = opened.map_err(Error::io(path, "open the file"))?;
        let found = file
            .metadata()
            .map_err(Error::io(path, "read the length"))?
            .len();
        if found < bytes {
            return Err(Error::corrupt(
                path,
                format!(
                    "expected at least the {bytes} bytes that the checkpoint remembers, found {found}; \
                     start the run anew in another folder"
                ),
            ));
        }
        if found > bytes {
            file.set_len(bytes)
                .map_err(Error::io(path, "cut the file to the checkpoint"))?;
        }
        Ok(Self {
            path: path.to_path_buf(),
            file,
            bytes,
        })
    }

    pub(super) fn append(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text =
            serde_json::to_vec(line).map_err(|error| Error::corrupt(&self.path, error))?;
        text.push(b'\n');
        self.file
            .write_all(&text)
            .map_err(Error::io(&self.path, "append a line"))?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The lines of a metrics file, or of a timing file; a last line that was cut off is left out.
///
/// # Errors
///
/// [`Error::Io`]; [`Error::Corrupt`] with the number of a whole line that cannot be read.
pub fn read_lines<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path, "read the lines"))?;
    let mut lines = Vec::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if !line.ends_with('\n') {
            break;
        }
        lines.push(serde_json::from_str(line).map_err(|error| {
            Error::corrupt(path, format!("line {} cannot be read: {error}", index + 1))
        })?);
    }
    Ok(lines)
}
