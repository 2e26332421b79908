//! Checkpoints of a run, and models in a file.
//!
//! A checkpoint is a folder `epoch-NNNNNN` with `model.safetensors` (weights, and in the header what the model is),
//! `state.safetensors` (the optimiser's memory) and `state.json` (where the run stands, and size and
//! CRC-32 of the other two). It is written under a temporary name and renamed when complete, so a folder of that
//! name is a whole checkpoint; the checksums tell when a disk has damaged it since.

mod model_file;
mod strict;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use candle::{Device, Tensor};
use serde::{Deserialize, Serialize};

pub(crate) use model_file::read_model;
pub use model_file::{
    METADATA_KEY, describe_model, load_model, load_weights, locate_model, save_model,
};
pub(crate) use strict::StrictTensors;

use crate::model::ModelDescription;
use crate::{Error, Result};

/// Name of a model's file.
pub const MODEL_FILE: &str = "model.safetensors";
/// Name of the folder of checkpoints in a run's folder.
pub const FOLDER: &str = "checkpoints";
const OPTIMIZER_FILE: &str = "state.safetensors";
const STATE_FILE: &str = "state.json";
const PARTIAL: &str = ".partial-";

/// Where a run stands after an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Epochs done.
    pub epoch: usize,
    /// Optimiser steps done.
    pub step: u64,
    /// Length of the metrics file at this point.
    pub metrics_bytes: u64,
    /// Length of the timing file at this point.
    pub timing_bytes: u64,
    /// Seconds of work so far, interruptions left out.
    pub elapsed_seconds: f64,
    /// Smallest error on the validation samples so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_validation: Option<f64>,
    /// Evaluations since then.
    #[serde(default)]
    pub evaluations_without_gain: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    progress: Progress,
    files: BTreeMap<String, FileSum>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct FileSum {
    bytes: u64,
    crc32: u32,
}

impl FileSum {
    fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            crc32: crc32fast::hash(bytes),
        }
    }
}

/// What a checkpoint holds.
#[derive(Debug)]
pub struct Checkpoint {
    /// Its folder.
    pub path: PathBuf,
    /// Where the run stood.
    pub progress: Progress,
    /// What the model is.
    pub description: ModelDescription,
    /// Its weights.
    pub model: HashMap<String, Tensor>,
    /// The optimiser's state.
    pub optimizer: BTreeMap<String, Tensor>,
}

/// Writes the checkpoint of `progress.epoch` into `folder` and returns its path. With `durable` the
/// data are forced to the disk before the folder gets its name.
///
/// # Errors
///
/// [`Error::Io`] with the path, for a full disk too: what was written is removed then, and earlier
/// checkpoints are untouched.
pub fn write(
    folder: &Path,
    progress: &Progress,
    description: &ModelDescription,
    model: &BTreeMap<String, Tensor>,
    optimizer: &BTreeMap<String, Tensor>,
    durable: bool,
) -> Result<PathBuf> {
    let name = format!("epoch-{:06}", progress.epoch);
    let partial = folder.join(format!("{PARTIAL}{name}"));
    let path = folder.join(&name);
    std::fs::create_dir_all(folder).map_err(Error::io(folder, "create the folder"))?;
    let written = write_files(&partial, progress, description, model, optimizer, durable);
    let renamed = written.and_then(|()| {
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(Error::io(&path, "replace the checkpoint"))?;
        }
        std::fs::rename(&partial, &path).map_err(Error::io(&path, "name the checkpoint"))
    });
    if let Err(error) = renamed {
        // The error that matters is the first one.
        let _ = std::fs::remove_dir_all(&partial);
        return Err(error);
    }
    if durable {
        sync_folder(folder)?;
    }
    Ok(path)
}

fn write_files(
    partial: &Path,
    progress: &Progress,
    description: &ModelDescription,
    model: &BTreeMap<String, Tensor>,
    optimizer: &BTreeMap<String, Tensor>,
    durable: bool,
) -> Result<()> {
    if partial.exists() {
        std::fs::remove_dir_all(partial).map_err(Error::io(partial, "clear the folder"))?;
    }
    std::fs::create_dir(partial).map_err(Error::io(partial, "create the folder"))?;
    let mut files = BTreeMap::new();
    let put = |name: &str, bytes: &[u8]| -> Result<()> {
        let path = partial.join(name);
        let action = "write the checkpoint";
        let mut file = File::create(&path).map_err(Error::io(&path, action))?;
        file.write_all(bytes).map_err(Error::io(&path, action))?;
        if durable {
            file.sync_all().map_err(Error::io(&path, action))?;
        }
        Ok(())
    };
    for (name, description, tensors) in [
        (MODEL_FILE, Some(description), model),
        (OPTIMIZER_FILE, None, optimizer),
    ] {
        let bytes = model_file::encode(&partial.join(name), description, tensors)?;
        put(name, &bytes)?;
        files.insert(name.to_owned(), FileSum::of(&bytes));
    }
    let state = StateFile {
        progress: progress.clone(),
        files,
    };
    let text = serde_json::to_vec_pretty(&state)
        .map_err(|error| Error::corrupt(&partial.join(STATE_FILE), error))?;
    put(STATE_FILE, &text)
}

/// Makes a rename durable. Only some systems can sync a folder; the others do so by themselves.
fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        let handle = File::open(folder).map_err(Error::io(folder, "open the folder"))?;
        handle
            .sync_all()
            .map_err(Error::io(folder, "sync the folder"))?;
    }
    Ok(())
}

/// The checkpoints of `folder`, oldest first, as (epoch, path); none where there is no such folder.
///
/// # Errors
///
/// [`Error::Io`] where the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<(usize, PathBuf)>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(folder, "read the folder")(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::io(folder, "read the folder"))?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if let Some(epoch) = name
            .strip_prefix("epoch-")
            .and_then(|digits| digits.parse().ok())
        {
            found.push((epoch, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Removes all but the newest `keep` checkpoints, and what interrupted writes have left.
///
/// # Errors
///
/// [`Error::Io`] where a folder cannot be removed.
pub fn prune(folder: &Path, keep: usize) -> Result<()> {
    let found = list(folder)?;
    for (_, path) in &found[..found.len().saturating_sub(keep)] {
        std::fs::remove_dir_all(path).map_err(Error::io(path, "remove the old checkpoint"))?;
    }
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        if entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PARTIAL))
        {
            let path = entry.path();
            std::fs::remove_dir_all(&path).map_err(Error::io(&path, "remove the leftover"))?;
        }
    }
    Ok(())
}

/// Reads a checkpoint's folder.
///
/// # Errors
///
/// [`Error::Io`], and [`Error::Corrupt`] where a file is not the one that was written.
pub fn read(path: &Path, device: &Device) -> Result<Checkpoint> {
    let state_path = path.join(STATE_FILE);
    let text = std::fs::read(&state_path).map_err(Error::io(&state_path, "read the checkpoint"))?;
    let state: StateFile = serde_json::from_slice(&text).map_err(|error| {
        Error::corrupt(&state_path, format!("not a checkpoint's state: {error}"))
    })?;
    for (name, expected) in &state.files {
        let path = path.join(name);
        let bytes = std::fs::read(&path).map_err(Error::io(&path, "read the checkpoint"))?;
        let found = FileSum::of(&bytes);
        if found != *expected {
            return Err(Error::corrupt(
                &path,
                format!(
                    "expected {} bytes with CRC-32 {:08x}, found {} bytes with {:08x}; \
                     the file was damaged after it was written",
                    expected.bytes, expected.crc32, found.bytes, found.crc32
                ),
            ));
        }
    }
    let (description, model) = read_model(&path.join(MODEL_FILE), device)?;
    let optimizer_path = path.join(OPTIMIZER_FILE);
    let bytes = std::fs::read(&optimizer_path)
        .map_err(Error::io(&optimizer_path, "read the checkpoint"))?;
    let optimizer = model_file::decode(&optimizer_path, &bytes, device)?
        .into_iter()
        .collect();
    Ok(Checkpoint {
        path: path.to_path_buf(),
        progress: state.progress,
        description,
        model,
        optimizer,
    })
}

/// The newest checkpoint of `folder` that can be read; none where there is no checkpoint.
///
/// # Errors
///
/// [`Error::NoCheckpoint`] with each reason, where there are checkpoints but none can be read.
pub fn latest(folder: &Path, device: &Device) -> Result<Option<Checkpoint>> {
    let found = list(folder)?;
    let mut reasons = Vec::new();
    for (_, path) in found.iter().rev() {
        match read(path, device) {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    if reasons.is_empty() {
        return Ok(None);
    }
    Err(Error::NoCheckpoint {
        path: folder.to_path_buf(),
        reasons,
    })
}
