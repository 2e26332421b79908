//! Golden cases: results of another program in a file, replayed here and compared.
//!
//! A case is a safetensors file whose metadata name what is replayed (`kiti.case`) and its settings; the layout is
//! described beside the cases, in `tests/golden/README.md` of the repository.

mod fno;
mod kinetic_step;
mod model;
mod resnet;
mod transformer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle::{DType, Device, Tensor};
use safetensors::SafeTensors;
use serde::Serialize;

use crate::{Error, Result};

const KNOWN: [&str; 6] = ["bert", "fno1d", "fno2d", "gpt2", "kinetic_step", "resnet"];

/// How well a case agrees.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseReport {
    /// The file's name without its extension.
    pub name: String,
    /// What was replayed.
    pub case: String,
    /// Largest relative error of an output.
    pub output_error: f64,
    /// Error that outputs may have.
    pub output_limit: f64,
    /// Largest relative error of a gradient.
    pub gradient_error: f64,
    /// Error that gradients may have.
    pub gradient_limit: f64,
    /// Whether both are within their limits; an error that is not a number is not.
    pub passed: bool,
}

/// The cases in a folder and its subfolders, sorted by path.
///
/// # Errors
///
/// [`Error::NoCases`] where there is none, [`Error::Io`] where a folder cannot be read.
pub fn cases(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(folder, &mut found)?;
    if found.is_empty() {
        return Err(Error::NoCases {
            path: folder.to_path_buf(),
        });
    }
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let action = "read the folder of golden cases";
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder, action))? {
        let entry = entry.map_err(Error::io(folder, action))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(Error::io(&path, action))?;
        if kind.is_dir() {
            collect(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "safetensors")
        {
            found.push(path);
        }
    }
    Ok(())
}

/// Replays one case on `device` and compares outputs and gradients.
///
/// Errors of a kinetic step are relative to the largest entry, in double precision, and may be 1e-12; those of a
/// model are relative in L2, in single precision, and may be 1e-5 for outputs and 1e-4 for gradients; where a gradient vanishes
/// (below 1e-9 of all gradients together), its error is relative to all of them.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Corrupt`] for a malformed file, [`Error::UnknownCase`].
///
/// ```no_run
/// let report = kiti_models::golden::replay("tests/golden/models/fno2d.safetensors".as_ref(), &candle::Device::Cpu)?;
/// assert!(report.passed);
/// # Ok::<(), kiti_models::Error>(())
/// ```
pub fn replay(path: &Path, device: &Device) -> Result<CaseReport> {
    let file = CaseFile::read(path)?;
    let case = file.metadata("kiti.case")?.to_owned();
    let model_limits = (1e-5, 1e-4);
    let (limits, errors) = match case.as_str() {
        "kinetic_step" => ((1e-12, 1e-12), kinetic_step::replay(&file, device)?),
        "fno1d" | "fno2d" => (model_limits, fno::replay(&file, device)?),
        "resnet" => (model_limits, resnet::replay(&file, device)?),
        "bert" => (model_limits, transformer::replay_bert(&file, device)?),
        "gpt2" => (model_limits, transformer::replay_gpt2(&file, device)?),
        _ => {
            return Err(Error::UnknownCase {
                path: path.to_path_buf(),
                case,
                known: KNOWN.iter().map(|name| (*name).to_owned()).collect(),
            });
        }
    };
    Ok(CaseReport {
        name: path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        case,
        output_error: errors.output,
        output_limit: limits.0,
        gradient_error: errors.gradient,
        gradient_limit: limits.1,
        passed: errors.output <= limits.0 && errors.gradient <= limits.1,
    })
}

/// Largest errors of a case. NaN stays NaN.
#[derive(Debug, Default)]
struct Errors {
    output: f64,
    gradient: f64,
}

impl Errors {
    fn output(&mut self, error: f64) {
        self.output = larger(self.output, error);
    }

    fn gradient(&mut self, error: f64) {
        self.gradient = larger(self.gradient, error);
    }
}

fn larger(a: f64, b: f64) -> f64 {
    if b.is_nan() || b > a { b } else { a }
}

/// A case's tensors and settings.
struct CaseFile {
    path: PathBuf,
    metadata: HashMap<String, String>,
    tensors: HashMap<String, Tensor>,
}

impl CaseFile {
    fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::io(path, "read the golden case"))?;
        let malformed = |error: &dyn std::fmt::Display| {
            Error::corrupt(path, format!("not a whole golden case: {error}"))
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| malformed(&error))?;
        SafeTensors::deserialize(&bytes).map_err(|error| malformed(&error))?;
        let tensors = candle::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|error| malformed(&error))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        Ok(Self {
            path: path.to_path_buf(),
            metadata,
            tensors,
        })
    }

    fn metadata(&self, key: &str) -> Result<&str> {
        self.metadata.get(key).map(String::as_str).ok_or_else(|| {
            Error::corrupt(
                &self.path,
                format!("malformed golden case: no metadata `{key}`"),
            )
        })
    }

    /// A number or a flag among the metadata.
    fn parse<T: std::str::FromStr>(&self, key: &str) -> Result<T> {
        let text = self.metadata(key)?;
        text.parse().map_err(|_| {
            Error::corrupt(
                &self.path,
                format!("malformed golden case: metadata `{key}` = \"{text}\" cannot be read"),
            )
        })
    }

    fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| {
            Error::corrupt(
                &self.path,
                format!("malformed golden case: no tensor `{name}`"),
            )
        })
    }

    fn invalid(&self, key: &str, value: &str, expected: &str) -> Error {
        Error::corrupt(
            &self.path,
            format!("malformed golden case: {key} = \"{value}\", expected {expected}"),
        )
    }
}

/// All values in double precision, and the shapes compared first.
fn values(file: &CaseFile, found: &Tensor, name: &str) -> Result<(Vec<f64>, Vec<f64>)> {
    let expected = file.tensor(name)?;
    if found.dims() != expected.dims() {
        return Err(Error::Shape {
            name: format!("{}: {name}", file.path.display()),
            expected: format!("{:?}", expected.dims()),
            found: found.dims().to_vec(),
        });
    }
    let flat = |tensor: &Tensor| -> Result<Vec<f64>> {
        let tensor = tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
        Ok(tensor.flatten_all()?.to_vec1()?)
    };
    Ok((flat(found)?, flat(expected)?))
}

/// Largest difference over the largest expected entry.
fn largest_error(file: &CaseFile, found: &Tensor, name: &str) -> Result<f64> {
    let (found, expected) = values(file, found, name)?;
    let size = expected
        .iter()
        .fold(0.0, |size: f64, value| size.max(value.abs()));
    let difference = found
        .iter()
        .zip(&expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, larger);
    Ok(difference / if size > 0.0 { size } else { 1.0 })
}

/// `|found - expected| / |expected|`.
fn relative_l2_error(file: &CaseFile, found: &Tensor, name: &str) -> Result<f64> {
    let (found, expected) = values(file, found, name)?;
    let norm = |squares: f64| squares.sqrt();
    let size = norm(expected.iter().map(|value| value * value).sum());
    let difference = norm(
        found
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b) * (a - b))
            .sum(),
    );
    Ok(difference / if size > 0.0 { size } else { 1.0 })
}
