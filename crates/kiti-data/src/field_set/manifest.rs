//! What a manifest of fields says.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What an axis of an array is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// One element a sample.
    Sample,
    /// First direction of space.
    X,
    /// Second direction of space.
    Y,
    /// Third direction of space.
    Z,
    /// One element a physical quantity.
    Channel,
    /// One element a snapshot.
    Time,
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Axis::Sample => "sample",
            Axis::X => "x",
            Axis::Y => "y",
            Axis::Z => "z",
            Axis::Channel => "channel",
            Axis::Time => "time",
        })
    }
}

/// An array of a file and what to take of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArraySource {
    /// The file, relative to the manifest.
    pub file: PathBuf,
    /// Name of the array in it.
    pub array: String,
    /// What each axis is, in the order that `kiti data show` prints; `sample` must be one.
    pub axes: Vec<Axis>,
    /// Of the points along each direction of space, every so many-th from the first on.
    #[serde(default = "one")]
    pub every: usize,
    /// The first snapshot and the one after the last; all of them where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<[usize; 2]>,
}

fn one() -> usize {
    1
}

impl ArraySource {
    /// Checks what can be checked without the file.
    pub(super) fn validate(&self, manifest: &Path, key: &str) -> Result<()> {
        let wrong = |expected, reason: String| {
            Err(Error::Manifest {
                path: manifest.to_owned(),
                expected,
                reason: format!("{key}: {reason}"),
            })
        };
        let repeated = |axis: &Axis| self.axes.iter().filter(|&one| one == axis).count() > 1;
        if !self.axes.contains(&Axis::Sample) || self.axes.iter().any(repeated) {
            return wrong(
                "axes with `sample` among them and none twice",
                format!("axes = {:?}", self.axes),
            );
        }
        if self.every == 0 {
            return wrong("every = 1 or more", "every = 0".to_owned());
        }
        match self.times {
            Some(times) if times[0] >= times[1] || !self.axes.contains(&Axis::Time) => wrong(
                "times = [first, end] with first < end, and `time` among the axes",
                format!("times = {times:?}, axes = {:?}", self.axes),
            ),
            _ => Ok(()),
        }
    }
}

/// A manifest: see [`field_set`](super).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldSetManifest {
    /// Name of the data set.
    pub name: String,
    /// What a model is given.
    pub inputs: ArraySource,
    /// What it is to answer.
    pub outputs: ArraySource,
    /// Splits by name: the first sample and the one after the last.
    pub splits: BTreeMap<String, [usize; 2]>,
}

impl FieldSetManifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Manifest`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        toml::from_str(&text).map_err(|error| Error::Manifest {
            path: path.to_owned(),
            expected: "name, [inputs] and [outputs] with file, array and axes, and [splits]",
            reason: error.to_string(),
        })
    }
}
