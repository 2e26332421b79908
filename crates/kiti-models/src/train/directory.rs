//! The folder of a run: whose it is, and who may write in it.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::checkpoint;
use crate::recipe::Recipe;
use crate::{Error, Result};

const RECIPE_FILE: &str = "recipe.toml";
const RUN_FILE: &str = "run.json";
const LOCK_FILE: &str = ".lock";
const METRICS_FILE: &str = "metrics.jsonl";
const TIMING_FILE: &str = "timing.jsonl";
const RESULT_FILE: &str = "result.json";
const PREDICTIONS_FILE: &str = "predictions.safetensors";

/// The circumstances of a run, `run.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circumstances {
    /// Name of the recipe.
    pub recipe: String,
    /// Its profile, if one was chosen.
    pub profile: Option<String>,
    /// Name of the residual's variant.
    pub variant: String,
    /// Seed of initial weights, order of batches and collisions.
    pub seed: u64,
    /// Version of this crate.
    pub version: String,
    /// Commit of the source, if known.
    pub commit: Option<String>,
    /// The device, in words.
    pub device: String,
    /// Threads of the CPU's operations.
    pub threads: usize,
}

/// Paths of a run's files.
#[derive(Debug, Clone)]
pub struct RunFiles {
    folder: PathBuf,
}

impl RunFiles {
    /// Those in `folder`; nothing is touched.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Circumstances.
    pub fn run(&self) -> PathBuf {
        self.folder.join(RUN_FILE)
    }

    /// The resolved recipe.
    pub fn recipe(&self) -> PathBuf {
        self.folder.join(RECIPE_FILE)
    }

    /// Metrics, a line an epoch.
    pub fn metrics(&self) -> PathBuf {
        self.folder.join(METRICS_FILE)
    }

    /// Seconds, a line an epoch.
    pub fn timing(&self) -> PathBuf {
        self.folder.join(TIMING_FILE)
    }

    /// The folder of checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.folder.join(checkpoint::FOLDER)
    }

    /// The final model.
    pub fn model(&self) -> PathBuf {
        self.folder.join(checkpoint::MODEL_FILE)
    }

    /// The first sample of every set: input, truth, prediction.
    pub fn predictions(&self) -> PathBuf {
        self.folder.join(PREDICTIONS_FILE)
    }

    /// What came out; there exactly when the run is complete.
    pub fn result(&self) -> PathBuf {
        self.folder.join(RESULT_FILE)
    }

    /// Reads the circumstances.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Corrupt`].
    pub fn read_circumstances(&self) -> Result<Circumstances> {
        let path = self.run();
        let text = std::fs::read(&path).map_err(Error::io(&path, "read the run"))?;
        serde_json::from_slice(&text)
            .map_err(|error| Error::corrupt(&path, format!("not a run's circumstances: {error}")))
    }

    /// Reads the resolved recipe.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and the errors of [`Recipe::parse`].
    pub fn read_recipe(&self) -> Result<Recipe> {
        let path = self.recipe();
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path, "read the recipe"))?;
        Recipe::parse(&text, &path.display().to_string(), None, &[])
    }
}

/// A run's folder, held by this process until it is dropped.
#[derive(Debug)]
pub(super) struct RunDirectory {
    pub(super) files: RunFiles,
    _lock: File,
}

impl RunDirectory {
    /// Takes the folder for a run, new or resumed.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`], [`Error::OtherRun`] with what differs, [`Error::RunExists`] without `resume`, [`Error::Io`].
    pub(super) fn open(
        folder: &Path,
        recipe: &Recipe,
        circumstances: &Circumstances,
        resume: bool,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(Error::io(folder, "create the folder"))?;
        let lock_path = folder.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path);
        let lock = lock.map_err(Error::io(&lock_path, "open the lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked {
                    path: folder.to_path_buf(),
                });
            }
            // A file system without locks: two processes can then only be told apart by the user.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => {
                return Err(Error::io(&lock_path, "lock the folder")(error));
            }
        }
        let files = RunFiles::new(folder);
        // One that never began, for want of its data, is no run yet.
        if files.run().exists() && !lasting(&files).is_empty() {
            check_same(&files, recipe, circumstances)?;
            if !resume {
                return Err(Error::RunExists {
                    path: folder.to_path_buf(),
                });
            }
        } else {
            refuse_strangers(&files)?;
            let text = recipe.to_toml()?;
            put(&files.recipe(), text.as_bytes())?;
            let text = serde_json::to_vec_pretty(circumstances)
                .map_err(|error| Error::corrupt(&files.run(), error))?;
            put(&files.run(), &text)?;
        }
        Ok(Self { files, _lock: lock })
    }
}

/// Writes a small file whole or not at all.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(kiti_data::atomic_file::write(path, |file| {
        std::io::Write::write_all(file, bytes)
    })?)
}

fn check_same(files: &RunFiles, recipe: &Recipe, circumstances: &Circumstances) -> Result<()> {
    let found = files.read_circumstances()?;
    let mut differences = Vec::new();
    if found.seed != circumstances.seed {
        differences.push(format!(
            "seed: expected {}, found {}",
            circumstances.seed, found.seed
        ));
    }
    differences.extend(files.read_recipe()?.differences(recipe));
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::OtherRun {
        path: files.folder.clone(),
        differences,
    })
}

/// Names of what training has left so far.
fn lasting(files: &RunFiles) -> Vec<String> {
    [
        files.metrics(),
        files.checkpoints(),
        files.model(),
        files.result(),
    ]
    .iter()
    .filter(|path| path.exists())
    .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
    .collect()
}

/// Files of a run without a run: somebody else's, not to be overwritten.
fn refuse_strangers(files: &RunFiles) -> Result<()> {
    let found = lasting(files);
    if found.is_empty() {
        return Ok(());
    }
    let differences = vec![format!("{} without {RUN_FILE}", found.join(", "))];
    Err(Error::OtherRun {
        path: files.folder.clone(),
        differences,
    })
}
