//! What is learned from: one file a kind of data.

mod burgers;
mod darcy;
mod fields;
mod heat;
mod images;
mod language;
mod navier_stokes;
mod test_set;
mod texts;

use std::path::Path;

use kiti_data::Field;
use kiti_data::cache::{Cache, Outcome};
use kiti_data::loader::Dataset;
use kiti_data::metrics::Boundary;
use kiti_data::pde::Observer;
use serde::{Deserialize, Serialize};

pub use burgers::BurgersSection;
pub use darcy::DarcySection;
pub use fields::FieldsSection;
pub use heat::HeatSection;
pub use images::{ImageFormat, ImagesSection};
pub use language::LanguageSection;
pub use navier_stokes::NavierStokesSection;
pub use test_set::{TestKey, TestSet};
pub use texts::{TextFormat, TextsSection};

use crate::Result;

/// What is learned from. A kind is told by its key `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum DataSection {
    /// The heat equation on the unit torus.
    Heat(HeatSection),
    /// The viscous Burgers equation on the circle.
    Burgers(BurgersSection),
    /// The vorticity equation on the unit torus.
    NavierStokes(NavierStokesSection),
    /// Flow through a random medium in the unit square.
    Darcy(DarcySection),
    /// Fields from files of one's own.
    Fields(FieldsSection),
    /// Images with a class each.
    Images(ImagesSection),
    /// Texts, or pairs of texts, with a class each.
    Texts(TextsSection),
    /// Plain text whose next tokens are predicted.
    Language(LanguageSection),
}

impl DataSection {
    /// Every kind with its default values.
    pub fn examples() -> Vec<Self> {
        vec![
            Self::Heat(HeatSection::default()),
            Self::Burgers(BurgersSection::default()),
            Self::NavierStokes(NavierStokesSection::default()),
            Self::Darcy(DarcySection::default()),
            Self::Fields(FieldsSection::default()),
            Self::Images(ImagesSection::default()),
            Self::Texts(TextsSection::default()),
            Self::Language(LanguageSection::default()),
        ]
    }

    /// The fields of this kind.
    pub fn fields(&self) -> &dyn FieldSource {
        match self {
            Self::Heat(section) => section,
            Self::Burgers(section) => section,
            Self::NavierStokes(section) => section,
            Self::Darcy(section) => section,
            Self::Fields(section) => section,
            Self::Images(section) => section,
            Self::Texts(section) => section,
            Self::Language(section) => section,
        }
    }

    /// Keys of a test set that this kind reads.
    pub fn test_keys(&self) -> &'static [TestKey] {
        self.fields().test_keys()
    }
}

/// Sizes of a set of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldExtent {
    /// Number of samples.
    pub samples: usize,
    /// Points along each axis of space.
    pub grid: Vec<usize>,
    /// Channels of an input: snapshots, or physical quantities.
    pub inputs: usize,
    /// Channels of a target: snapshots one after the other, or physical quantities.
    pub outputs: usize,
}

/// Where the samples of a set came from: the cache, or nothing to say of files.
pub type Loaded = (Dataset, Option<Outcome>);

/// A kind of data whose samples are fields. A set is the training samples (`None`) or a test set.
pub trait FieldSource {
    /// Keys of a test set that this kind reads.
    fn test_keys(&self) -> &'static [TestKey];

    /// Sizes of a set, without its samples.
    ///
    /// # Errors
    ///
    /// Settings out of range; for files, whatever is wrong with them.
    fn extent(&self, set: Option<&TestSet>) -> Result<FieldExtent>;

    /// Refuses settings that make no samples, without looking at any file.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) with the key.
    fn validate(&self, set: Option<&TestSet>) -> Result<()>;

    /// The samples of a set: generated, from `cache`, or from files.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data).
    fn load(&self, set: Option<&TestSet>, cache: &Cache, observer: Observer<'_>) -> Result<Loaded>;

    /// A few samples like the training ones, had at once: what a step is timed on.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data).
    fn trial(&self, samples: usize) -> Result<(Field, Field)>;

    /// Writes into a run's folder what it takes to apply its model to something new, besides its weights.
    ///
    /// # Errors
    ///
    /// Files that cannot be read or written.
    fn write_companions(&self, _folder: &Path) -> Result<()> {
        Ok(())
    }

    /// What lies at the ends of the grid.
    fn boundary(&self) -> Boundary {
        Boundary::Periodic
    }

    /// Whether inputs and targets are scaled to mean 0 and deviation 1 by those of the training samples.
    fn normalizes(&self) -> bool {
        false
    }
}
