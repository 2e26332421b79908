//! Data sets in files of one's own: a manifest says which array is what.
//!
//! ```toml
//! name = "burgers-r10"
//!
//! [inputs]
//! file = "burgers_data_R10.mat"      # relative to the manifest
//! array = "a"
//! axes = ["sample", "x"]             # what each axis of the array is, in the file's order
//! every = 8                          # of the points of space; 1 where it is left out
//!
//! [outputs]
//! file = "burgers_data_R10.mat"
//! array = "u"
//! axes = ["sample", "x"]
//! every = 8
//!
//! [splits]                           # samples: the first, and the one after the last
//! train = [0, 1000]
//! test = [1000, 1100]
//! ```
//!
//! Inputs and outputs may be parts of one array: `times = [0, 10]` and `times = [10, 20]` choose
//! snapshots. Whatever the order in the file, fields come with the axes sample, x, y, z, channel,
//! time. See [`FieldSet`].

mod manifest;
mod rows;

use std::path::{Path, PathBuf};

pub use manifest::{ArraySource, Axis, FieldSetManifest};
pub use rows::StoredRows;

use crate::field_io::{ArrayFile, AxisSlice};
use crate::loader::Dataset;
use crate::pde::FunctionPairs;
use crate::{Error, Result};

/// Inputs and outputs in files, checked against each other.
///
/// ```
/// use kiti_data::field_io::{self, Field};
/// use kiti_data::field_set::FieldSet;
///
/// let directory = tempfile::tempdir()?;
/// // 5 samples of 3 snapshots of 4 points, as PDEBench has them.
/// let values = (0..60).map(|value| value as f32).collect();
/// let tensor = Field::from_f32(vec![5, 3, 4], values)?;
/// field_io::write(directory.path().join("flow.npz"), &[("tensor".to_owned(), tensor)].into())?;
/// std::fs::write(directory.path().join("flow.toml"), r#"
///     name = "flow"
///     [inputs]
///     file = "flow.npz"
///     array = "tensor"
///     axes = ["sample", "time", "x"]
///     times = [0, 1]
///     [outputs]
///     file = "flow.npz"
///     array = "tensor"
///     axes = ["sample", "time", "x"]
///     times = [1, 3]
///     [splits]
///     train = [0, 4]
///     test = [4, 5]
/// "#)?;
///
/// let set = FieldSet::open(directory.path().join("flow.toml"))?;
/// let test = set.load("test")?;
/// assert_eq!(test.inputs.shape(), [1, 4, 1]);
/// assert_eq!(test.outputs.shape(), [1, 4, 2]);
/// // The points of snapshot 1 beside those of snapshot 2.
/// assert_eq!(test.outputs.into_f32(), [52., 56., 53., 57., 54., 58., 55., 59.]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FieldSet {
    manifest: FieldSetManifest,
    path: PathBuf,
    inputs: Layout,
    outputs: Layout,
}

/// Where the values of a source lie in its array.
#[derive(Clone, Debug)]
struct Layout {
    path: PathBuf,
    array: String,
    /// The slice of each axis of the array, the samples' being all of them.
    slices: Vec<AxisSlice>,
    /// The array's axis for each axis of the field.
    order: Vec<usize>,
    /// The array's axis of samples.
    sample_axis: usize,
}

impl FieldSet {
    /// Reads a manifest and looks at the arrays that it names.
    ///
    /// # Errors
    /// [`Error::Manifest`] for one that cannot be understood; [`Error::ArrayNotFound`] lists the
    /// names that a file has; [`Error::Shape`] for an array of another rank than axes are named,
    /// too few samples or snapshots, or inputs and outputs on different grids.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let manifest = FieldSetManifest::read(path)?;
        let inputs = layout(path, "inputs", &manifest.inputs)?;
        let outputs = layout(path, "outputs", &manifest.outputs)?;
        let set = Self {
            path: path.to_owned(),
            inputs,
            outputs,
            manifest,
        };
        set.check()?;
        Ok(set)
    }

    /// The manifest.
    pub fn manifest(&self) -> &FieldSetManifest {
        &self.manifest
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.inputs.samples()
    }

    /// Shapes of a sample's input and output, axes in the order of [`Axis`].
    pub fn sample_shapes(&self) -> (Vec<usize>, Vec<usize>) {
        (self.inputs.sample_shape(), self.outputs.sample_shape())
    }

    /// Number of samples of a split.
    ///
    /// # Errors
    /// [`Error::Manifest`] for a split that there is not.
    pub fn split_len(&self, split: &str) -> Result<usize> {
        let [first, end] = self.split(split)?;
        Ok(end - first)
    }

    /// Reads the samples of a split into memory.
    ///
    /// # Errors
    /// [`Error::Manifest`] for a split that there is not; [`Error::NotFinite`] for a NaN or an
    /// infinity; files that cannot be read.
    pub fn load(&self, split: &str) -> Result<FunctionPairs> {
        let [first, end] = self.split(split)?;
        let rows: Vec<_> = (first..end).collect();
        let read = |layout: &Layout, name: &str| {
            let field = StoredRows::open(layout.clone(), first, end)?.rows_from_file(&rows)?;
            field.check_finite(&format!(
                "{name} ({} of {})",
                layout.array,
                layout.path.display()
            ))?;
            Ok::<_, Error>(field)
        };
        Ok(FunctionPairs {
            inputs: read(&self.inputs, "inputs")?,
            outputs: read(&self.outputs, "outputs")?,
        })
    }

    /// The samples of a split as a data set that reads each batch from the files when it is
    /// asked for: they may be larger than memory. Files that cannot be read in parts (all but
    /// HDF5) are read into memory now.
    ///
    /// # Errors
    /// As [`FieldSet::load`]; NaN and infinities in HDF5 files appear with their batch.
    pub fn stream(&self, split: &str) -> Result<Dataset> {
        let [first, end] = self.split(split)?;
        let inputs = StoredRows::open(self.inputs.clone(), first, end)?;
        let outputs = StoredRows::open(self.outputs.clone(), first, end)?;
        if inputs.streams() && outputs.streams() {
            return Dataset::from_rows(inputs, outputs);
        }
        let pairs = self.load(split)?;
        Dataset::new(pairs.inputs, pairs.outputs)
    }

    fn split(&self, name: &str) -> Result<[usize; 2]> {
        self.manifest.splits.get(name).copied().ok_or_else(|| {
            let names: Vec<_> = self.manifest.splits.keys().map(String::as_str).collect();
            self.wrong(
                "a split that it has",
                format!("no split {name:?} among {}", names.join(", ")),
            )
        })
    }

    fn check(&self) -> Result<()> {
        let (inputs, outputs) = (self.inputs.samples(), self.outputs.samples());
        if inputs != outputs {
            return Err(self.wrong(
                "as many inputs as outputs",
                format!("{inputs} samples of inputs, {outputs} of outputs"),
            ));
        }
        for (name, &[first, end]) in &self.manifest.splits {
            if first >= end || end > inputs {
                return Err(self.wrong(
                    "splits within the samples",
                    format!("split {name} = [{first}, {end}] of {inputs} samples"),
                ));
            }
        }
        for axis in [Axis::X, Axis::Y, Axis::Z] {
            let points = |source: &ArraySource, layout: &Layout| {
                let place = source.axes.iter().position(|&one| one == axis)?;
                Some(layout.slices[place].count)
            };
            let inputs = points(&self.manifest.inputs, &self.inputs);
            let outputs = points(&self.manifest.outputs, &self.outputs);
            // An input without the axis (a parameter, say) has no resolution to differ in.
            if let (Some(inputs), Some(outputs)) = (inputs, outputs)
                && inputs != outputs
            {
                return Err(self.wrong(
                    "inputs and outputs on one grid",
                    format!(
                        "{inputs} points of inputs and {outputs} of outputs along {axis}; thin the \
                         finer one with `every`"
                    ),
                ));
            }
        }
        Ok(())
    }

    fn wrong(&self, expected: &'static str, reason: String) -> Error {
        Error::Manifest {
            path: self.path.clone(),
            expected,
            reason,
        }
    }
}

impl Layout {
    fn samples(&self) -> usize {
        self.slices[self.sample_axis].count
    }

    /// Shape of a sample as a field has it.
    fn sample_shape(&self) -> Vec<usize> {
        let axes = self.order[1..].iter();
        axes.map(|&axis| self.slices[axis].count).collect()
    }
}

/// Finds the array of a source and what to take of it.
fn layout(manifest: &Path, key: &str, source: &ArraySource) -> Result<Layout> {
    source.validate(manifest, key)?;
    let path = manifest
        .parent()
        .unwrap_or(Path::new(""))
        .join(&source.file);
    let shape = ArrayFile::open(&path)?.shape(&source.array)?;
    let wrong = |expected: String| Error::Shape {
        array: format!("{} of {}", source.array, path.display()),
        expected,
        found: shape.clone(),
    };
    if shape.len() != source.axes.len() {
        let axes: Vec<_> = source.axes.iter().map(Axis::to_string).collect();
        return Err(wrong(format!(
            "the {} axes {}",
            axes.len(),
            axes.join(", ")
        )));
    }
    let mut slices = Vec::new();
    for (&axis, &extent) in source.axes.iter().zip(&shape) {
        slices.push(match (axis, source.times) {
            (Axis::X | Axis::Y | Axis::Z, _) => AxisSlice {
                start: 0,
                count: extent.div_ceil(source.every),
                step: source.every,
            },
            (Axis::Time, Some([first, end])) => {
                if end > extent {
                    return Err(wrong(format!(
                        "{end} snapshots for times = [{first}, {end}]"
                    )));
                }
                AxisSlice::range(first, end - first)
            }
            _ => AxisSlice::all(extent),
        });
    }
    let mut order: Vec<_> = (0..shape.len()).collect();
    order.sort_by_key(|&axis| source.axes[axis]);
    Ok(Layout {
        path,
        array: source.array.clone(),
        sample_axis: order[0],
        slices,
        order,
    })
}

#[cfg(test)]
mod tests;
