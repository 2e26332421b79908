//! Fields from and to files: `.npy`, `.npz` and `.safetensors`, told apart by extension.
//!
//! Reading converts: booleans, half precision and integers of 8 or 16 bits to single precision,
//! integers of 32 or 64 bits to double; either byte order, either axis order. Nothing in a file
//! is believed before it has been checked against the file's size; a damaged file is an
//! [`Error::Malformed`]. NaN and infinities are read as they are: see [`Field::check_finite`].
//! Writing is atomic, in single or double precision, the last axis fastest.
//!
//! ```
//! use std::collections::BTreeMap;
//! use kiti_data::field_io::{self, Field};
//!
//! let directory = tempfile::tempdir()?;
//! let path = directory.path().join("flow.npz");
//! let pressure = Field::from_f64(vec![2, 2], vec![1., 2., 3., 4.])?;
//! field_io::write(&path, &BTreeMap::from([("pressure".to_owned(), pressure.clone())]))?;
//!
//! assert_eq!(field_io::read_array(&path, Some("pressure"))?, pressure);
//! let error = field_io::read_array(&path, Some("density")).unwrap_err();
//! assert!(error.to_string().contains("it holds \"pressure\""));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod array_error;
mod axis_order;
mod element;
mod field;
mod npy;
mod npz;
mod safetensors;
mod summary;

use std::collections::BTreeMap;
use std::path::Path;

pub(crate) use element::ElementType;
pub use field::{Field, FieldData};
pub use summary::{ArraySummary, describe};

use crate::{Error, Result, atomic_file};

/// A file format for arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// numpy's single array.
    Npy,
    /// numpy's archive of named arrays.
    Npz,
    /// Named arrays behind a JSON header.
    Safetensors,
}

impl Format {
    /// The format that a file's extension names, in upper or lower case.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`].
    pub fn of_path(path: &Path) -> Result<Self> {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        match extension.to_ascii_lowercase().as_str() {
            "npy" => Ok(Format::Npy),
            "npz" => Ok(Format::Npz),
            "safetensors" => Ok(Format::Safetensors),
            _ => Err(Error::UnknownFormat {
                path: path.to_owned(),
                found: extension.into_owned(),
            }),
        }
    }
}

/// An array and the type that its elements have in the file.
pub(crate) struct Stored {
    pub(crate) element: ElementType,
    pub(crate) field: Field,
}

/// An open file of arrays.
pub(crate) trait Container {
    /// Names of its arrays, sorted.
    fn names(&self) -> Vec<String>;
    /// Reads one of them.
    fn read(&mut self, name: &str) -> Result<Stored>;
}

pub(crate) fn open(path: &Path) -> Result<Box<dyn Container>> {
    Ok(match Format::of_path(path)? {
        Format::Npy => Box::new(npy::NpyFile::open(path)?),
        Format::Npz => Box::new(npz::NpzFile::open(path)?),
        Format::Safetensors => Box::new(safetensors::SafetensorsFile::open(path)?),
    })
}

/// Names of the arrays in a file, sorted. The array of a `.npy` file goes by the file's name
/// without its extension.
///
/// # Errors
/// A file that cannot be read or is damaged.
pub fn names(path: impl AsRef<Path>) -> Result<Vec<String>> {
    Ok(open(path.as_ref())?.names())
}

/// Reads every array of a file.
///
/// # Errors
/// A file that cannot be read or is damaged, elements that are not real numbers.
pub fn read(path: impl AsRef<Path>) -> Result<BTreeMap<String, Field>> {
    let mut container = open(path.as_ref())?;
    let mut arrays = BTreeMap::new();
    for name in container.names() {
        let stored = container.read(&name)?;
        arrays.insert(name, stored.field);
    }
    Ok(arrays)
}

/// Reads the array `name`, or with `None` the only array of the file.
///
/// # Errors
/// As [`read`]; [`Error::ArrayNotFound`] and [`Error::ArrayNotChosen`] list what the file holds.
pub fn read_array(path: impl AsRef<Path>, name: Option<&str>) -> Result<Field> {
    let path = path.as_ref();
    let mut container = open(path)?;
    let available = container.names();
    let name = match (name, available.as_slice()) {
        (None, [only]) => only.clone(),
        (None, _) => {
            return Err(Error::ArrayNotChosen {
                path: path.to_owned(),
                available,
            });
        }
        (Some(name), _) if available.iter().any(|one| one == name) => name.to_owned(),
        (Some(name), _) => {
            return Err(Error::ArrayNotFound {
                path: path.to_owned(),
                name: name.to_owned(),
                available,
            });
        }
    };
    Ok(container.read(&name)?.field)
}

/// Writes arrays atomically in the format of the path's extension; a `.npy` file takes exactly
/// one array, whose name is not kept.
///
/// # Errors
/// [`Error::StorageFull`], [`Error::Io`], [`Error::UnknownFormat`], [`Error::SingleArrayFormat`],
/// [`Error::ArrayName`].
pub fn write(path: impl AsRef<Path>, arrays: &BTreeMap<String, Field>) -> Result<()> {
    let path = path.as_ref();
    let bad_name = |name: &str, reason| Error::ArrayName {
        path: path.to_owned(),
        name: name.to_owned(),
        reason,
    };
    match Format::of_path(path)? {
        Format::Npy => match arrays.values().next() {
            Some(field) if arrays.len() == 1 => {
                atomic_file::write(path, |file| npy::write(field, file))
            }
            _ => Err(Error::SingleArrayFormat {
                path: path.to_owned(),
                found: arrays.len(),
            }),
        },
        Format::Npz => {
            if let Some(name) = arrays.keys().find(|name| name.contains('\0')) {
                return Err(bad_name(name, "a .npz file takes no zero byte in a name"));
            }
            atomic_file::write(path, |file| npz::write(arrays, file))
        }
        Format::Safetensors => {
            if arrays.contains_key("__metadata__") {
                return Err(bad_name("__metadata__", "safetensors reserves it"));
            }
            atomic_file::write(path, |file| safetensors::write(arrays, file))
        }
    }
}

#[cfg(test)]
mod tests;
