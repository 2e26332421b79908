//! Generated data on disk, addressed by the settings that made it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Field, Result, atomic_file, checksum, field_io};

/// Raised whenever the layout of an entry changes.
const FORMAT_VERSION: u32 = 1;

/// A directory of generated arrays.
///
/// An entry is a pair of files named after the generator and the SHA-256 of its settings:
/// `NAME-KEY.safetensors` with the arrays and `NAME-KEY.json`, its manifest (settings, size,
/// SHA-256). Both appear by an atomic rename, the manifest last. Every use compares the data with
/// the manifest; an entry that does not agree is made again, and the outcome says so. Processes
/// that want the same entry at once wait for each other (`NAME-KEY.lock`); where the file system
/// has no locks each makes it and the last one wins, which is harmless, since the same settings
/// give the same data.
///
/// ```
/// use kiti_data::cache::{Cache, Outcome};
/// use kiti_data::Field;
///
/// let directory = tempfile::tempdir()?;
/// let cache = Cache::new(directory.path());
/// let make = || Ok([("u".to_owned(), Field::from_f32(vec![2], vec![1., 2.])?)].into());
/// let first = cache.get_or_generate("example", &("settings", 3), make)?;
/// let second = cache.get_or_generate("example", &("settings", 3), make)?;
/// assert_eq!((first.outcome, second.outcome), (Outcome::Generated, Outcome::Found));
/// assert_eq!(first.arrays, second.arrays);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

/// Where an entry's arrays came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They were on disk, intact.
    Found,
    /// There was no such entry.
    Generated,
    /// The entry on disk was damaged and has been replaced.
    Rebuilt {
        /// What was wrong with it.
        reason: String,
    },
}

/// The arrays of an entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The arrays by name.
    pub arrays: BTreeMap<String, Field>,
    /// Where they came from.
    pub outcome: Outcome,
    /// The file that holds them.
    pub path: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryManifest {
    format_version: u32,
    name: String,
    config: Value,
    bytes: u64,
    sha256: String,
}

impl Cache {
    /// A cache in `directory`, which is made when the first entry is written.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The cache in `$KITI_CACHE`, otherwise in the platform's directory for caches
    /// (`$XDG_CACHE_HOME/kiti` or `~/.cache/kiti` on Linux).
    ///
    /// # Errors
    /// [`Error::NoCacheDirectory`].
    pub fn in_default_directory() -> Result<Self> {
        let named = std::env::var_os("KITI_CACHE").filter(|value| !value.is_empty());
        if let Some(directory) = named {
            return Ok(Self::new(directory));
        }
        let project =
            directories::ProjectDirs::from("", "", "kiti").ok_or(Error::NoCacheDirectory)?;
        Ok(Self::new(project.cache_dir()))
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The arrays that `generate` makes from `config`, from disk where they are there and intact.
    ///
    /// `name` names the generator, in lower-case letters, digits and hyphens. Everything that
    /// decides the arrays must be in `config`, the generator's own version included.
    ///
    /// # Errors
    /// Those of `generate`; [`Error::StorageFull`] or [`Error::Io`] where the entry cannot be
    /// written; [`Error::Setting`] for a bad name or settings that are not data.
    pub fn get_or_generate<C: Serialize>(
        &self,
        name: &str,
        config: &C,
        generate: impl FnOnce() -> Result<BTreeMap<String, Field>>,
    ) -> Result<Entry> {
        let (stem, config) = entry_stem(name, config)?;
        let at = |extension: &str| self.directory.join(format!("{stem}.{extension}"));
        let (path, manifest_path) = (at("safetensors"), at("json"));
        fs::create_dir_all(&self.directory)
            .map_err(|source| Error::io("create the cache directory", &self.directory, source))?;
        let _lock = lock(&at("lock"))?;

        let outcome = match read_entry(&path, &manifest_path)? {
            Present::Intact(arrays) => {
                return Ok(Entry {
                    arrays,
                    outcome: Outcome::Found,
                    path,
                });
            }
            Present::Absent => Outcome::Generated,
            Present::Damaged(reason) => Outcome::Rebuilt { reason },
        };
        let arrays = generate()?;
        field_io::write(&path, &arrays)?;
        let (bytes, sha256) = checksum::of_file(&path)?;
        let manifest = EntryManifest {
            format_version: FORMAT_VERSION,
            name: name.to_owned(),
            config,
            bytes,
            sha256,
        };
        atomic_file::write(&manifest_path, |file| {
            serde_json::to_writer_pretty(&mut *file, &manifest)?;
            file.write_all(b"\n")
        })?;
        Ok(Entry {
            arrays,
            outcome,
            path,
        })
    }
}

/// What is on disk.
enum Present {
    Intact(BTreeMap<String, Field>),
    Absent,
    Damaged(String),
}

fn read_entry(path: &Path, manifest_path: &Path) -> Result<Present> {
    let text = match fs::read_to_string(manifest_path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Present::Absent),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Ok(Present::Damaged("the manifest is not text".to_owned()));
        }
        Err(source) => return Err(Error::io("read", manifest_path, source)),
    };
    let manifest: EntryManifest = match serde_json::from_str(&text) {
        Ok(manifest) => manifest,
        Err(error) => return Ok(Present::Damaged(format!("manifest: {error}"))),
    };
    let (bytes, sha256) = match checksum::of_file(path) {
        Ok(found) => found,
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Present::Damaged("the data file is missing".to_owned()));
        }
        Err(error) => return Err(error),
    };
    if (bytes, &sha256) != (manifest.bytes, &manifest.sha256) {
        return Ok(Present::Damaged(format!(
            "expected {} bytes with SHA-256 {}, found {bytes} with {sha256}",
            manifest.bytes, manifest.sha256
        )));
    }
    match field_io::read(path) {
        Ok(arrays) => Ok(Present::Intact(arrays)),
        Err(error @ Error::Malformed { .. }) => Ok(Present::Damaged(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Waits for the entry's lock; `None` where the file system has none. Dropping it gives it back.
pub(crate) fn lock(path: &Path) -> Result<Option<File>> {
    let failed = |source| Error::io("lock", path, source);
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed)?;
    match file.lock() {
        Ok(()) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(source) => Err(failed(source)),
    }
}

fn entry_stem<C: Serialize>(name: &str, config: &C) -> Result<(String, Value)> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(Error::Setting {
            key: "name",
            found: format!("{name:?}"),
            expected: "lower-case letters, digits and hyphens",
        });
    }
    let config = serde_json::to_value(config).map_err(|error| Error::Setting {
        key: "config",
        found: error.to_string(),
        expected: "settings that can be written as JSON",
    })?;
    let mut text = format!("{FORMAT_VERSION}\n{name}\n");
    write_canonical(&config, &mut text);
    let key = &checksum::of_text(&text)[..32];
    Ok((format!("{name}-{key}"), config))
}

/// JSON with the keys of every object in order and no space: one text for equal settings.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(entries) => {
            let sorted: BTreeMap<_, _> = entries.iter().collect();
            text.push('{');
            for (key, item) in sorted {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_canonical(item, text);
                text.push(',');
            }
            text.push('}');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests;
