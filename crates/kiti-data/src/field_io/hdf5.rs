//! HDF5 files: MATLAB's `.mat` of version 7.3, and what PDEBench, The Well and others publish.
//!
//! Arrays go by their path without the leading slash, such as `t0_fields/density`. Slices are
//! read chunk by chunk: a file may be larger than memory.

use std::path::{Path, PathBuf};

use half::f16;
use hdf5_reader::error::{Error as Hdf5Error, Result as Hdf5Result};
use hdf5_reader::group::Group;
use hdf5_reader::{Dataset, Datatype, H5Type, Hdf5File, OpenOptions, SliceInfo, SliceInfoElem};

use super::axis_order::last_axis_fastest;
use super::element::ElementType;
use super::field::{Field, FieldData, element_count};
use super::slice::{self, AxisSlice};
use super::{Container, MATLAB_HEADER, Stored, first_bytes, holds_hdf5};
use crate::{Error, Result};

/// Deepest nesting of groups that is looked into.
const DEEPEST_GROUP: usize = 32;
/// Where MATLAB keeps the contents of cells, which have no names of their own.
const MATLAB_REFERENCES: &str = "#refs#";
/// Bytes that deflate packs into one at most: no intact file holds more.
const STRONGEST_COMPRESSION: u64 = 1032;

/// An open file and the paths of its arrays.
pub(crate) struct Hdf5Arrays {
    path: PathBuf,
    file: Hdf5File,
    names: Vec<String>,
    /// MATLAB stores the first axis fastest and so writes its axes in reverse.
    reversed: bool,
}

impl Hdf5Arrays {
    /// Opens a file; `matlab` says whether its axes are MATLAB's.
    pub(crate) fn open(path: &Path, matlab: bool) -> Result<Self> {
        if !holds_hdf5(&first_bytes(path)?) {
            return Err(Error::Malformed {
                path: path.to_owned(),
                array: None,
                expected: format!("the HDF5 signature at byte 0 or {MATLAB_HEADER}"),
                found: "other bytes".to_owned(),
            });
        }
        let bytes = std::fs::metadata(path)
            .map_err(|source| Error::io("read", path, source))?
            .len();
        let largest = bytes.saturating_mul(STRONGEST_COMPRESSION);
        let largest = usize::try_from(largest).unwrap_or(usize::MAX);
        let options = OpenOptions::default().with_max_read_bytes(largest);
        let malformed = |error| damaged(path, None, error);
        let file = Hdf5File::open_with_options(path, options).map_err(malformed)?;
        let mut names = Vec::new();
        let root = file.root_group().map_err(malformed)?;
        collect_names(&root, "", DEEPEST_GROUP, &mut names).map_err(malformed)?;
        names.sort();
        Ok(Self {
            path: path.to_owned(),
            file,
            names,
            reversed: matlab,
        })
    }

    fn dataset(&self, name: &str) -> Result<Dataset> {
        if !self.names.iter().any(|one| one == name) {
            return Err(Error::ArrayNotFound {
                path: self.path.clone(),
                name: name.to_owned(),
                available: self.names.clone(),
            });
        }
        self.file
            .dataset(name)
            .map_err(|error| damaged(&self.path, Some(name), error))
    }

    fn shape_of(&self, name: &str, dataset: &Dataset) -> Result<Vec<usize>> {
        let extents = dataset
            .shape()
            .iter()
            .map(|&extent| usize::try_from(extent));
        let mut shape = extents
            .collect::<std::result::Result<Vec<_>, _>>()
            .ok()
            .filter(|shape| element_count(shape).is_some())
            .ok_or_else(|| Error::Malformed {
                path: self.path.clone(),
                array: Some(name.to_owned()),
                expected: "a shape whose product fits".to_owned(),
                found: format!("{:?}", dataset.shape()),
            })?;
        if self.reversed {
            shape.reverse();
        }
        Ok(shape)
    }
}

/// The paths of all arrays below a group.
fn collect_names(
    group: &Group,
    prefix: &str,
    depth: usize,
    names: &mut Vec<String>,
) -> Hdf5Result<()> {
    let (groups, datasets) = group.member_names()?;
    names.extend(datasets.into_iter().map(|name| format!("{prefix}{name}")));
    for name in groups {
        if depth > 0 && name != MATLAB_REFERENCES {
            let below = format!("{prefix}{name}/");
            collect_names(&group.group(&name)?, &below, depth - 1, names)?;
        }
    }
    Ok(())
}

fn damaged(path: &Path, array: Option<&str>, error: Hdf5Error) -> Error {
    match error {
        Hdf5Error::Io(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            Error::io("read", path, source)
        }
        error => Error::Malformed {
            path: path.to_owned(),
            array: array.map(str::to_owned),
            expected: "intact HDF5 data".to_owned(),
            found: error.to_string(),
        },
    }
}

impl Container for Hdf5Arrays {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn shape(&mut self, name: &str) -> Result<Vec<usize>> {
        self.shape_of(name, &self.dataset(name)?)
    }

    fn read(&mut self, name: &str) -> Result<Stored> {
        let shape = self.shape(name)?;
        let everything: Vec<_> = shape.iter().map(|&extent| AxisSlice::all(extent)).collect();
        self.read_slice(name, &everything)
    }

    fn reads_slices(&self) -> bool {
        true
    }

    fn read_slice(&mut self, name: &str, slices: &[AxisSlice]) -> Result<Stored> {
        let dataset = self.dataset(name)?;
        slice::check(&self.path, name, &self.shape_of(name, &dataset)?, slices)?;
        let element = element_of(dataset.dtype()).ok_or_else(|| Error::UnsupportedElements {
            path: self.path.clone(),
            array: name.to_owned(),
            found: type_name(dataset.dtype()),
        })?;
        let shape: Vec<_> = slices.iter().map(|slice| slice.count).collect();
        let mut selections: Vec<_> = slices
            .iter()
            .map(|slice| SliceInfoElem::Slice {
                start: slice.start as u64,
                end: slice.last().map_or(slice.start, |last| last + 1) as u64,
                step: slice.step as u64,
            })
            .collect();
        if self.reversed {
            selections.reverse();
        }
        let data = read_data(&dataset, element, &SliceInfo { selections })
            .map_err(|error| damaged(&self.path, Some(name), error))?;
        let data = if self.reversed {
            last_axis_fastest(data, &shape)
                .map_err(|source| Error::io("read", &self.path, source))?
        } else {
            data
        };
        Ok(Stored {
            element,
            field: Field::new(shape, data)?,
        })
    }
}

/// Reads and converts, as every format here does.
fn read_data(
    dataset: &Dataset,
    element: ElementType,
    selection: &SliceInfo,
) -> Hdf5Result<FieldData> {
    fn values<T: H5Type, V>(
        dataset: &Dataset,
        selection: &SliceInfo,
        convert: impl Fn(T) -> V,
    ) -> Hdf5Result<Vec<V>> {
        let array = dataset.read_slice::<T>(selection)?;
        Ok(array.into_iter().map(convert).collect())
    }
    macro_rules! as_f32 {
        ($type:ty, $convert:expr) => {
            FieldData::F32(values::<$type, f32>(dataset, selection, $convert)?)
        };
    }
    macro_rules! as_f64 {
        ($type:ty, $convert:expr) => {
            FieldData::F64(values::<$type, f64>(dataset, selection, $convert)?)
        };
    }
    Ok(match element {
        ElementType::Bool => as_f32!(Boolean, |value| f32::from(value.0)),
        ElementType::I8 => as_f32!(i8, f32::from),
        ElementType::U8 => as_f32!(u8, f32::from),
        ElementType::I16 => as_f32!(i16, f32::from),
        ElementType::U16 => as_f32!(u16, f32::from),
        ElementType::F16 | ElementType::Bf16 => as_f32!(Half, |value| value.0.to_f32()),
        ElementType::F32 => as_f32!(f32, |value| value),
        ElementType::I32 => as_f64!(i32, f64::from),
        ElementType::U32 => as_f64!(u32, f64::from),
        ElementType::I64 => as_f64!(i64, |value| value as f64),
        ElementType::U64 => as_f64!(u64, |value| value as f64),
        ElementType::F64 => as_f64!(f64, |value| value),
    })
}

fn element_of(datatype: &Datatype) -> Option<ElementType> {
    Some(match datatype {
        Datatype::FixedPoint { size, signed, .. } => match (size, signed) {
            (1, true) => ElementType::I8,
            (1, false) => ElementType::U8,
            (2, true) => ElementType::I16,
            (2, false) => ElementType::U16,
            (4, true) => ElementType::I32,
            (4, false) => ElementType::U32,
            (8, true) => ElementType::I64,
            (8, false) => ElementType::U64,
            _ => return None,
        },
        Datatype::FloatingPoint { size, .. } => match size {
            2 => ElementType::F16,
            4 => ElementType::F32,
            8 => ElementType::F64,
            _ => return None,
        },
        // How h5py writes booleans: named values of one byte.
        Datatype::Enum { base, members } => {
            let one_byte = matches!(**base, Datatype::FixedPoint { size: 1, .. });
            let named = |name| members.iter().any(|member| member.name == name);
            let boolean = one_byte && members.len() == 2 && named("FALSE") && named("TRUE");
            return boolean.then_some(ElementType::Bool);
        }
        _ => return None,
    })
}

fn type_name(datatype: &Datatype) -> String {
    match datatype {
        Datatype::FixedPoint { size, .. } => format!("integer of {size} bytes"),
        Datatype::FloatingPoint { size, .. } => format!("float of {size} bytes"),
        Datatype::String { .. } => "text".to_owned(),
        Datatype::Compound { fields, .. } => {
            let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
            format!("compound of {}", names.join(", "))
        }
        Datatype::Array { .. } => "array".to_owned(),
        Datatype::Enum { .. } => "enumeration".to_owned(),
        Datatype::VarLen { .. } => "text or sequence of varying length".to_owned(),
        Datatype::Reference { .. } => "reference".to_owned(),
        _ => "other".to_owned(),
    }
}

/// A half-precision number.
#[derive(Clone)]
struct Half(f16);

impl H5Type for Half {
    fn hdf5_type() -> Datatype {
        Datatype::FloatingPoint {
            size: 2,
            byte_order: hdf5_reader::ByteOrder::LittleEndian,
        }
    }

    fn from_bytes(bytes: &[u8], datatype: &Datatype) -> Hdf5Result<Self> {
        let Datatype::FloatingPoint {
            size: 2,
            byte_order,
        } = datatype
        else {
            return Err(mismatch("half precision", datatype));
        };
        let &[a, b] = bytes else {
            return Err(mismatch("2 bytes", datatype));
        };
        Ok(Self(match byte_order {
            hdf5_reader::ByteOrder::LittleEndian => f16::from_le_bytes([a, b]),
            hdf5_reader::ByteOrder::BigEndian => f16::from_be_bytes([a, b]),
        }))
    }

    fn element_size(_: &Datatype) -> usize {
        2
    }
}

/// A named value of one byte, TRUE where it is not 0.
#[derive(Clone)]
struct Boolean(bool);

impl H5Type for Boolean {
    fn hdf5_type() -> Datatype {
        u8::hdf5_type()
    }

    fn from_bytes(bytes: &[u8], datatype: &Datatype) -> Hdf5Result<Self> {
        match bytes {
            &[byte] => Ok(Self(byte != 0)),
            _ => Err(mismatch("1 byte", datatype)),
        }
    }

    fn element_size(_: &Datatype) -> usize {
        1
    }
}

fn mismatch(expected: &str, datatype: &Datatype) -> Hdf5Error {
    Hdf5Error::TypeMismatch {
        expected: expected.to_owned(),
        actual: type_name(datatype),
    }
}
