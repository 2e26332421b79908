//! What the files of a data set must be: `manifest.toml` beside each data set's card.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, checksum};

/// Name, origin and files of a data set.
///
/// ```
/// use kiti_data::manifest::DatasetManifest;
/// let manifest: DatasetManifest = toml::from_str(r#"
///     name = "example"
///     source = "https://example.org/data"
///     revision = "2"
///     [[files]]
///     path = "train.npz"
///     bytes = 3
///     sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
/// "#)?;
/// assert_eq!(manifest.files[0].bytes, 3);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetManifest {
    /// Name of the data set.
    pub name: String,
    /// Where it comes from: an address, or the generator that makes it.
    pub source: String,
    /// Which version of the source.
    pub revision: String,
    /// Its files.
    pub files: Vec<DatasetFile>,
}

/// One file of a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetFile {
    /// Path, relative to the manifest.
    pub path: PathBuf,
    /// Size.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

impl DatasetManifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Manifest`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        toml::from_str(&text).map_err(|error| Error::Manifest {
            path: path.to_owned(),
            expected: "name, source, revision and [[files]] with path, bytes, sha256",
            reason: error.to_string(),
        })
    }

    /// Compares every file below `directory` with its size and checksum.
    ///
    /// # Errors
    /// [`Error::Checksum`] for the first that differs, [`Error::Io`] for one that is not there.
    pub fn verify(&self, directory: impl AsRef<Path>) -> Result<()> {
        for file in &self.files {
            let path = directory.as_ref().join(&file.path);
            let (bytes, sha256) = checksum::of_file(&path)?;
            if (bytes, &sha256) != (file.bytes, &file.sha256) {
                return Err(Error::Checksum {
                    path,
                    expected: format!("{} bytes with SHA-256 {}", file.bytes, file.sha256),
                    found: format!("{bytes} with {sha256}"),
                });
            }
        }
        Ok(())
    }
}
