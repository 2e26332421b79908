//! Fields from and to files, told apart by extension.
//!
//! | extension | format | read | written |
//! | --- | --- | --- | --- |
//! | `.npy`, `.npz` | numpy's array and archive of arrays | yes | yes |
//! | `.safetensors` | named arrays behind a JSON header | yes | yes |
//! | `.mat` | MATLAB, version 5 (`save -v6`, `-v7`) | yes | no |
//! | `.mat` | MATLAB, version 7.3, which is HDF5 | with the feature `hdf5` | no |
//! | `.h5`, `.hdf5` | HDF5: PDEBench, The Well and others | with the feature `hdf5` | no |
//!
//! Reading converts: booleans, half precision and integers of 8 or 16 bits to single precision,
//! integers of 32 or 64 bits to double; either byte order, either axis order. Nothing in a file
//! is believed before it has been checked against the file's size; a damaged file is an
//! [`Error::Malformed`]. NaN and infinities are read as they are: see [`Field::check_finite`].
//! MATLAB's arrays have their axes in MATLAB's order whatever the version; a complex array has a
//! last axis of real and imaginary parts. [`ArrayFile::read_slice`] takes a part of an array, of
//! an HDF5 file without reading the rest.
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
#[cfg(feature = "hdf5")]
mod hdf5;
mod mat;
mod npy;
mod npz;
mod safetensors;
mod slice;
mod summary;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

pub(crate) use element::ElementType;
pub use field::{Field, FieldData};
pub use slice::AxisSlice;
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
    /// MATLAB's named arrays, version 5 or 7.3.
    Mat,
    /// Arrays in groups.
    Hdf5,
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
            "mat" => Ok(Format::Mat),
            "h5" | "hdf5" => Ok(Format::Hdf5),
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

/// How arrays are got out of a file.
pub(crate) trait Container: Send {
    /// Names of its arrays, sorted.
    fn names(&self) -> Vec<String>;
    /// Shape of one of them.
    fn shape(&mut self, name: &str) -> Result<Vec<usize>>;
    /// Reads one of them.
    fn read(&mut self, name: &str) -> Result<Stored>;
    /// Whether a slice is read without the rest of its array.
    fn reads_slices(&self) -> bool {
        false
    }
    /// Reads a part of one of them; the slices have been checked.
    fn read_slice(&mut self, name: &str, slices: &[AxisSlice]) -> Result<Stored> {
        let Stored { element, field } = self.read(name)?;
        let field = slice::cut(&field, slices)?;
        Ok(Stored { element, field })
    }
}

/// An open file of arrays.
///
/// ```
/// use kiti_data::field_io::{self, ArrayFile, AxisSlice, Field};
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("u.npy");
/// let field = Field::from_f32(vec![3, 4], (0..12).map(|value| value as f32).collect())?;
/// field_io::write(&path, &[("u".to_owned(), field)].into())?;
///
/// let mut file = ArrayFile::open(&path)?;
/// assert_eq!(file.shape("u")?, [3, 4]);
/// let every_other = AxisSlice { start: 0, count: 2, step: 2 };
/// let part = file.read_slice("u", &[AxisSlice::range(1, 2), every_other])?;
/// assert_eq!(part.into_f32(), [4., 6., 8., 10.]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ArrayFile {
    path: PathBuf,
    container: Box<dyn Container>,
}

impl std::fmt::Debug for ArrayFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArrayFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl ArrayFile {
    /// Opens a file and looks for its arrays.
    ///
    /// # Errors
    /// A file that cannot be read, is damaged or of an unknown format; [`Error::NotBuiltIn`] for
    /// HDF5 without the feature `hdf5`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let container: Box<dyn Container> = match Format::of_path(path)? {
            Format::Npy => Box::new(npy::NpyFile::open(path)?),
            Format::Npz => Box::new(npz::NpzFile::open(path)?),
            Format::Safetensors => Box::new(safetensors::SafetensorsFile::open(path)?),
            Format::Mat if is_matlab_7_3(path)? => open_hdf5(path, true)?,
            Format::Mat => Box::new(mat::MatFile::open(path)?),
            Format::Hdf5 => open_hdf5(path, false)?,
        };
        Ok(Self {
            path: path.to_owned(),
            container,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of its arrays, sorted. The array of a `.npy` file goes by the file's name without
    /// its extension, those of HDF5 by their path.
    pub fn names(&self) -> Vec<String> {
        self.container.names()
    }

    /// Whether [`ArrayFile::read_slice`] reads a part of an array without the rest of it.
    pub fn reads_slices(&self) -> bool {
        self.container.reads_slices()
    }

    /// Shape of an array.
    ///
    /// # Errors
    /// [`Error::ArrayNotFound`] lists the names that the file has.
    pub fn shape(&mut self, name: &str) -> Result<Vec<usize>> {
        self.find(name)?;
        self.container.shape(name)
    }

    /// Reads an array.
    ///
    /// # Errors
    /// [`Error::ArrayNotFound`]; an array that is damaged or holds no real numbers.
    pub fn read(&mut self, name: &str) -> Result<Field> {
        self.find(name)?;
        Ok(self.container.read(name)?.field)
    }

    /// Reads a part of an array, one slice for each axis.
    ///
    /// # Errors
    /// As [`ArrayFile::read`]; [`Error::Shape`] where the array is smaller or of another rank.
    pub fn read_slice(&mut self, name: &str, slices: &[AxisSlice]) -> Result<Field> {
        let shape = self.shape(name)?;
        slice::check(&self.path, name, &shape, slices)?;
        Ok(self.container.read_slice(name, slices)?.field)
    }

    fn find(&self, name: &str) -> Result<()> {
        let available = self.names();
        if available.iter().any(|one| one == name) {
            return Ok(());
        }
        Err(Error::ArrayNotFound {
            path: self.path.clone(),
            name: name.to_owned(),
            available,
        })
    }
}

/// The first bytes of HDF5 data.
const HDF5_SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
/// Bytes before HDF5 data in a MATLAB file.
const MATLAB_HEADER: usize = 512;

/// Whether HDF5 data begin a file, or follow MATLAB's header.
fn holds_hdf5(start: &[u8]) -> bool {
    [0, MATLAB_HEADER].into_iter().any(|at| {
        start
            .get(at..)
            .is_some_and(|rest| rest.starts_with(HDF5_SIGNATURE))
    })
}

/// The bytes of a file that tell formats apart, fewer where it is shorter.
fn first_bytes(path: &Path) -> Result<Vec<u8>> {
    let failed = |source| Error::io("read", path, source);
    let mut start = Vec::new();
    File::open(path)
        .map_err(failed)?
        .take((MATLAB_HEADER + HDF5_SIGNATURE.len()) as u64)
        .read_to_end(&mut start)
        .map_err(failed)?;
    Ok(start)
}

/// Whether a `.mat` file is of version 7.3: by its header, or by the HDF5 data of programs that
/// leave the header empty.
fn is_matlab_7_3(path: &Path) -> Result<bool> {
    let start = first_bytes(path)?;
    let named = matches!(
        start.get(124..128),
        Some([0, 2, b'I', b'M'] | [2, 0, b'M', b'I'])
    );
    Ok(named || holds_hdf5(&start))
}

#[cfg(feature = "hdf5")]
fn open_hdf5(path: &Path, matlab: bool) -> Result<Box<dyn Container>> {
    Ok(Box::new(hdf5::Hdf5Arrays::open(path, matlab)?))
}

#[cfg(not(feature = "hdf5"))]
fn open_hdf5(path: &Path, matlab: bool) -> Result<Box<dyn Container>> {
    Err(Error::NotBuiltIn {
        path: path.to_owned(),
        what: if matlab {
            "MATLAB file of version 7.3"
        } else {
            "file named as HDF5"
        },
        feature: "hdf5",
    })
}

/// Names of the arrays in a file, sorted: see [`ArrayFile::names`].
///
/// # Errors
/// A file that cannot be read or is damaged.
pub fn names(path: impl AsRef<Path>) -> Result<Vec<String>> {
    Ok(ArrayFile::open(path)?.names())
}

/// Reads every array of a file.
///
/// # Errors
/// A file that cannot be read or is damaged, elements that are not real numbers.
pub fn read(path: impl AsRef<Path>) -> Result<BTreeMap<String, Field>> {
    let mut file = ArrayFile::open(path)?;
    let mut arrays = BTreeMap::new();
    for name in file.names() {
        let field = file.read(&name)?;
        arrays.insert(name, field);
    }
    Ok(arrays)
}

/// Reads the array `name`, or with `None` the only array of the file.
///
/// # Errors
/// As [`read`]; [`Error::ArrayNotFound`] and [`Error::ArrayNotChosen`] list what the file holds.
pub fn read_array(path: impl AsRef<Path>, name: Option<&str>) -> Result<Field> {
    let mut file = ArrayFile::open(path)?;
    if let Some(name) = name {
        return file.read(name);
    }
    match file.names().as_slice() {
        [only] => file.read(only),
        _ => Err(Error::ArrayNotChosen {
            path: file.path.clone(),
            available: file.names(),
        }),
    }
}

/// Writes arrays atomically in the format of the path's extension; a `.npy` file takes exactly
/// one array, whose name is not kept.
///
/// # Errors
/// [`Error::StorageFull`], [`Error::Io`], [`Error::UnknownFormat`], [`Error::ReadOnlyFormat`],
/// [`Error::SingleArrayFormat`], [`Error::ArrayName`].
pub fn write(path: impl AsRef<Path>, arrays: &BTreeMap<String, Field>) -> Result<()> {
    let path = path.as_ref();
    let bad_name = |name: &str, reason| Error::ArrayName {
        path: path.to_owned(),
        name: name.to_owned(),
        reason,
    };
    match Format::of_path(path)? {
        Format::Mat | Format::Hdf5 => Err(Error::ReadOnlyFormat {
            path: path.to_owned(),
        }),
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
