//! Fields from files of one's own.

use std::path::PathBuf;

use kiti_data::Field;
use kiti_data::cache::Cache;
use kiti_data::field_set::{Axis, FieldSet};
use kiti_data::metrics::Boundary;
use kiti_data::pde::Observer;
use serde::{Deserialize, Serialize};

use super::{FieldExtent, FieldSource, Loaded, TestKey, TestSet};
use crate::{Error, Result};

/// Fields in `.npy`, `.npz`, safetensors, `.mat` or HDF5 files, which a manifest describes: see [`kiti_data::field_set`].
///
/// Targets may have an axis of snapshots, which are predicted one after the other, or of channels, predicted at once.
/// HDF5 files are read batch by batch and may be larger than memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldsSection {
    /// The manifest; a relative path starts at the working directory.
    pub manifest: PathBuf,
    /// Split of the training samples.
    pub split: String,
    /// Whether the grid is periodic, with points `i/N`; otherwise `i/(N - 1)`, the walls included. For slopes and spectra.
    pub periodic: bool,
    /// Whether inputs and targets are scaled to mean 0 and deviation 1 by those of the training samples.
    pub normalize: bool,
}

impl Default for FieldsSection {
    fn default() -> Self {
        Self {
            manifest: PathBuf::from("fields.toml"),
            split: "train".to_owned(),
            periodic: false,
            normalize: false,
        }
    }
}

impl FieldsSection {
    fn split<'a>(&'a self, set: Option<&'a TestSet>) -> &'a str {
        match set {
            None => &self.split,
            Some(set) => set.split.as_deref().unwrap_or("test"),
        }
    }

    fn open(&self) -> Result<FieldSet> {
        Ok(FieldSet::open(&self.manifest)?)
    }
}

/// Grid and channels of a sample of `shape` whose array has `axes`.
fn grid_and_channels(name: &str, axes: &[Axis], shape: &[usize]) -> Result<(Vec<usize>, usize)> {
    let space = [Axis::X, Axis::Y, Axis::Z];
    let dims = space.iter().filter(|axis| axes.contains(axis)).count();
    let (grid, rest) = shape.split_at(dims);
    if dims == 0 || rest.len() > 1 {
        return Err(Error::Shape {
            name: format!("{name} of a sample"),
            expected: "axes of space, and at most one of channels or snapshots".to_owned(),
            found: shape.to_vec(),
        });
    }
    Ok((grid.to_vec(), rest.first().copied().unwrap_or(1)))
}

impl FieldSource for FieldsSection {
    fn test_keys(&self) -> &'static [TestKey] {
        &[TestKey::Split]
    }

    fn extent(&self, set: Option<&TestSet>) -> Result<FieldExtent> {
        let fields = self.open()?;
        let manifest = fields.manifest();
        let (input, output) = fields.sample_shapes();
        let (grid, inputs) = grid_and_channels("input", &manifest.inputs.axes, &input)?;
        let (target_grid, outputs) = grid_and_channels("output", &manifest.outputs.axes, &output)?;
        if target_grid != grid {
            return Err(Error::Shape {
                name: "output of a sample".to_owned(),
                expected: format!("the grid {grid:?} of its input"),
                found: target_grid,
            });
        }
        Ok(FieldExtent {
            samples: fields.split_len(self.split(set))?,
            grid,
            inputs,
            outputs,
        })
    }

    fn validate(&self, _: Option<&TestSet>) -> Result<()> {
        Ok(())
    }

    fn load(&self, set: Option<&TestSet>, _: &Cache, _: Observer<'_>) -> Result<Loaded> {
        Ok((self.open()?.stream(self.split(set))?, None))
    }

    fn trial(&self, samples: usize) -> Result<(Field, Field)> {
        let data = self.open()?.stream(&self.split)?;
        let rows: Vec<usize> = (0..samples.min(data.len())).collect();
        Ok((data.inputs().rows(&rows)?, data.targets().rows(&rows)?))
    }

    fn boundary(&self) -> Boundary {
        if self.periodic {
            Boundary::Periodic
        } else {
            Boundary::Walls
        }
    }

    fn normalizes(&self) -> bool {
        self.normalize
    }
}
