//! Images with a class each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kiti_data::Field;
use kiti_data::cache::Cache;
use kiti_data::pde::Observer;
use kiti_data::vision::folder::{self, ImageFiles};
use kiti_data::vision::images::held_out;
use kiti_data::vision::{AugmentConfig, CifarVariant, ImageSplits, Images, image_rows};
use kiti_kinetics::rng::{Stream, derive_seed};
use serde::{Deserialize, Serialize};

use super::{FieldExtent, FieldSource, Loaded, TestKey, TestSet};
use crate::recipe::shape::join;
use crate::{Error, Result};

/// How images are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageFormat {
    /// CIFAR-10, from the original archive or the Hub's Parquet files.
    #[default]
    Cifar10,
    /// CIFAR-100.
    Cifar100,
    /// PNG and JPEG files in a folder for each class.
    Folder,
}

/// Images with a class each, normalised by the mean and deviation of each channel of all training images: see
/// [`kiti_data::vision`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImagesSection {
    /// How they are stored.
    pub format: ImageFormat,
    /// Archive, Parquet file or folder; a relative path starts at the working directory.
    pub path: PathBuf,
    /// Number of training images; fewer than there are make a random choice.
    pub samples: usize,
    /// Height and width; images in folders are brought to it.
    pub size: [usize; 2],
    /// Number of classes.
    pub classes: usize,
    /// Share of the images of each class that is set aside for testing where the source has no test images.
    pub test_share: f64,
    /// What is done to training images.
    pub augment: AugmentConfig,
    /// Seed of the choice of images: the same for every seed of training.
    pub seed: u64,
}

impl Default for ImagesSection {
    fn default() -> Self {
        Self {
            format: ImageFormat::Cifar10,
            path: PathBuf::from("cifar-10-binary.tar.gz"),
            samples: 50_000,
            size: [32, 32],
            classes: 10,
            test_share: 0.2,
            augment: AugmentConfig::default(),
            seed: 0,
        }
    }
}

impl ImagesSection {
    fn read(&self) -> Result<ImageSplits> {
        let splits = match self.format {
            ImageFormat::Cifar10 => CifarVariant::Cifar10.read(&self.path)?,
            ImageFormat::Cifar100 => CifarVariant::Cifar100.read(&self.path)?,
            ImageFormat::Folder => folder::read(&self.path, Some(self.size))?,
        };
        let classes = splits.train.classes().len();
        if classes != self.classes {
            return Err(Error::Shape {
                name: self.path.display().to_string(),
                expected: format!("{} classes as data.classes says", self.classes),
                found: vec![classes],
            });
        }
        Ok(splits.with_test_images(self.test_share, self.seed)?)
    }

    /// The keys of a recipe, with their values, by which it learns from the folder of images at `path` in place of its own:
    /// classes and numbers of images are counted, none is decoded. With `bounded` no more images are taken than the recipe
    /// takes of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a folder without images by class.
    pub fn keys_of_folder(
        &self,
        path: &Path,
        sets: &BTreeMap<String, TestSet>,
        bounded: bool,
    ) -> Result<Vec<(String, String)>> {
        let files = ImageFiles::list(path)?;
        let (train, test) = (files.train_counts(), files.test_counts());
        let (mut train, mut test) = (train.iter().sum::<usize>(), test.iter().sum::<usize>());
        if test == 0 {
            let counts = files.train_counts().into_iter();
            test = counts.map(|count| held_out(count, self.test_share)).sum();
            train -= test;
        }
        let taken = |found: usize, own: usize| if bounded { found.min(own) } else { found };
        let folder = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let folder = folder.file_name().unwrap_or_default().to_string_lossy();
        let name = folder.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let classes = files.classes.len().to_string();
        let mut keys = vec![
            ("name".to_owned(), name),
            (
                "title".to_owned(),
                format!("{folder}: images in {classes} classes"),
            ),
            ("data.format".to_owned(), "folder".to_owned()),
            ("data.path".to_owned(), path.display().to_string()),
            ("data.classes".to_owned(), classes.clone()),
            ("model.network.classes".to_owned(), classes),
            (
                "data.samples".to_owned(),
                taken(train, self.samples).to_string(),
            ),
        ];
        for (name, set) in sets {
            let key = join(&join("evaluation.sets", name), "samples");
            keys.push((key, taken(test, self.samples(Some(set))).to_string()));
        }
        Ok(keys)
    }

    fn samples(&self, set: Option<&TestSet>) -> usize {
        set.and_then(|set| set.samples).unwrap_or(self.samples)
    }

    /// A random choice of `images`, in random order; all of them in their own order where no fewer are wanted.
    fn choose(&self, images: Images, set: Option<&TestSet>) -> Result<Images> {
        let wanted = self.samples(set);
        if images.len() == wanted {
            return Ok(images);
        }
        if images.len() < wanted {
            return Err(Error::Shape {
                name: self.path.display().to_string(),
                expected: format!("{wanted} images for this set"),
                found: vec![images.len()],
            });
        }
        let mut order: Vec<usize> = (0..images.len()).collect();
        let name = set.map_or("images/train", |_| "images/test");
        Stream::new(derive_seed(self.seed, name), [0; 3]).shuffle(&mut order);
        order.truncate(wanted);
        Ok(images.select(&order))
    }
}

impl FieldSource for ImagesSection {
    fn test_keys(&self) -> &'static [TestKey] {
        &[TestKey::Samples]
    }

    fn extent(&self, set: Option<&TestSet>) -> Result<FieldExtent> {
        Ok(FieldExtent {
            samples: self.samples(set),
            grid: self.size.to_vec(),
            inputs: 3,
            outputs: self.classes,
        })
    }

    fn validate(&self, _: Option<&TestSet>) -> Result<()> {
        let cifar = self.format != ImageFormat::Folder;
        if self.size.iter().any(|extent| !(1..=4096).contains(extent))
            || cifar && self.size != [32, 32]
        {
            return Err(Error::ModelConfig {
                key: "data.size",
                found: format!("{:?}", self.size),
                expected: "two numbers from 1 to 4096; [32, 32] for CIFAR",
            });
        }
        if !(self.test_share > 0.0 && self.test_share < 1.0) {
            return Err(Error::ModelConfig {
                key: "data.test_share",
                found: self.test_share.to_string(),
                expected: "a number between 0 and 1",
            });
        }
        Ok(self.augment.validate()?)
    }

    fn load(&self, set: Option<&TestSet>, _: &Cache, _: Observer<'_>) -> Result<Loaded> {
        let splits = self.read()?;
        let statistics = splits.train.statistics();
        let images = if set.is_some() {
            splits.test
        } else {
            splits.train
        };
        let images = Arc::new(self.choose(images, set)?);
        let augment = match set {
            None => self.augment.clone(),
            Some(_) => AugmentConfig::none(),
        };
        Ok((image_rows(images, &statistics, &augment)?, None))
    }

    fn trial(&self, samples: usize) -> Result<(Field, Field)> {
        let [height, width] = self.size;
        let pixels = vec![0.0; samples * 3 * height * width];
        let mut weights = vec![0.0; samples * self.classes];
        for image in weights.chunks_exact_mut(self.classes) {
            image[0] = 1.0;
        }
        Ok((
            Field::from_f32(vec![samples, 3, height, width], pixels)?,
            Field::from_f32(vec![samples, self.classes], weights)?,
        ))
    }
}
