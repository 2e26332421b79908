//! CIFAR-10 and CIFAR-100 (Krizhevsky 2009): 60,000 images of 32 x 32 in 10 and 100 classes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::images::{ImageSplits, Images};
use super::picture::Picture;
use crate::archive::{Packing, files_below, visit_files};
use crate::parquet_table::ParquetTable;
use crate::{Error, Result};

/// Bytes of one image: three planes of 32 x 32.
const IMAGE_BYTES: usize = 3 * 32 * 32;

const SIZE: [usize; 3] = [3, 32, 32];

/// The largest file in an archive: 50,000 records of CIFAR-100, and as much again.
const LARGEST_FILE: u64 = 2 * 50_000 * (IMAGE_BYTES as u64 + 2);

/// Which of the two data sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CifarVariant {
    /// Ten classes, from airplane to truck.
    Cifar10,
    /// A hundred fine classes.
    Cifar100,
}

impl CifarVariant {
    /// Reads the data set from wherever it is, told by what is there:
    ///
    /// - the original binary version, `cifar-10-binary.tar.gz` or `cifar-100-binary.tar.gz`, or a
    ///   folder of its `.bin` files;
    /// - the Hub's Parquet files (`uoft-cs/cifar10`, `uoft-cs/cifar100`): one, which becomes the
    ///   split that its name says (`test`, otherwise training), or a folder of them.
    ///
    /// All give the same images in the same order. Nothing is unpacked to disk.
    ///
    /// # Errors
    /// [`Error::NoDataset`] where the path holds neither; [`Error::Malformed`] for a damaged or
    /// incomplete archive; [`Error::Sample`] for a label out of range or an image of another size.
    ///
    /// ```no_run
    /// use kiti_data::vision::CifarVariant;
    /// let splits = CifarVariant::Cifar10.read("cifar-10-binary.tar.gz")?;
    /// assert_eq!(splits.train.len(), 50_000);
    /// # Ok::<(), kiti_data::Error>(())
    /// ```
    pub fn read(self, path: impl AsRef<Path>) -> Result<ImageSplits> {
        let path = path.as_ref();
        if is_parquet(path) {
            return self.read_parquet(path, &[path.to_owned()]);
        }
        if !path.exists() {
            return Err(self.nothing_at(path, "nothing there"));
        }
        if path.is_dir() {
            let mut files = files_below(path)?;
            files.retain(|file| is_parquet(file));
            if !files.is_empty() {
                return self.read_parquet(path, &files);
            }
        }
        match Packing::of_path(path) {
            Some(_) => self.read_binary(path),
            None => Err(self.nothing_at(path, "another file")),
        }
    }

    /// Number of classes.
    pub fn class_count(self) -> usize {
        self.class_names().len()
    }

    /// Names of the classes, in the order of their labels.
    pub fn class_names(self) -> Vec<String> {
        let names = match self {
            Self::Cifar10 => CIFAR10_CLASSES,
            Self::Cifar100 => CIFAR100_CLASSES,
        };
        names.split_whitespace().map(str::to_owned).collect()
    }

    fn label_bytes(self) -> usize {
        match self {
            Self::Cifar10 => 1,
            // Coarse label, fine label.
            Self::Cifar100 => 2,
        }
    }

    /// Training files in their order.
    fn training_files(self) -> &'static [&'static str] {
        match self {
            Self::Cifar10 => &[
                "data_batch_1.bin",
                "data_batch_2.bin",
                "data_batch_3.bin",
                "data_batch_4.bin",
                "data_batch_5.bin",
            ],
            Self::Cifar100 => &["train.bin"],
        }
    }

    fn test_file(self) -> &'static str {
        match self {
            Self::Cifar10 => "test_batch.bin",
            Self::Cifar100 => "test.bin",
        }
    }

    fn read_binary(self, path: &Path) -> Result<ImageSplits> {
        let mut batches = BTreeMap::new();
        let file_name = |inside: &str| inside.rsplit('/').next().unwrap_or(inside).to_owned();
        let wanted = |inside: &str| {
            let name = file_name(inside);
            self.training_files().contains(&name.as_str()) || name == self.test_file()
        };
        visit_files(path, LARGEST_FILE, wanted, |inside, content| {
            let batch = self.parse_batch(path, inside, &content)?;
            match batches.insert(file_name(inside), batch) {
                None => Ok(()),
                Some(_) => Err(self.nothing_at(path, &format!("two files {inside}"))),
            }
        })?;
        if batches.is_empty() {
            return Err(self.nothing_at(path, "none of its files"));
        }
        let mut train = Vec::new();
        for name in self.training_files() {
            train.extend(batches.remove(*name));
        }
        let found = train.len();
        if found != 0 && found != self.training_files().len() {
            let expected = self.training_files().join(", ");
            return Err(Error::Malformed {
                path: path.to_owned(),
                array: None,
                expected: format!("all of {expected}"),
                found: format!("{found} of them"),
            });
        }
        Ok(ImageSplits {
            train: self.join(train)?,
            test: self.join(batches.remove(self.test_file()).into_iter().collect())?,
        })
    }

    /// Records of labels and planes: red, green, blue, rows from the top.
    fn parse_batch(self, path: &Path, inside: &str, content: &[u8]) -> Result<Records> {
        let record_bytes = self.label_bytes() + IMAGE_BYTES;
        if content.is_empty() || !content.len().is_multiple_of(record_bytes) {
            return Err(Error::Malformed {
                path: path.to_owned(),
                array: None,
                expected: format!("{inside} of whole records of {record_bytes} bytes"),
                found: format!("{} bytes", content.len()),
            });
        }
        let mut records = Records::default();
        for (index, record) in content.chunks_exact(record_bytes).enumerate() {
            let (labels, pixels) = record.split_at(self.label_bytes());
            let label = u32::from(labels[labels.len() - 1]);
            let coarse_fits = labels.len() == 1 || labels[0] < COARSE_CLASSES;
            if label as usize >= self.class_count() || !coarse_fits {
                let place = format!("{inside}, record {index}");
                return Err(self.bad_label(path, place, format!("{labels:?}")));
            }
            records.labels.push(label);
            records.pixels.extend_from_slice(pixels);
        }
        Ok(records)
    }

    fn read_parquet(self, path: &Path, files: &[PathBuf]) -> Result<ImageSplits> {
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let records = self.parse_parquet(file)?;
            if name.starts_with("test") || name.contains("-test") {
                test.push(records);
            } else {
                train.push(records);
            }
        }
        if train.is_empty() && test.is_empty() {
            return Err(self.nothing_at(path, "no .parquet file"));
        }
        Ok(ImageSplits {
            train: self.join(train)?,
            test: self.join(test)?,
        })
    }

    fn parse_parquet(self, path: &Path) -> Result<Records> {
        let table = ParquetTable::open(path)?;
        let column = |known: &[&'static str]| {
            let found = known
                .iter()
                .find(|name| table.columns().iter().any(|column| column == *name));
            found.copied().ok_or_else(|| Error::ArrayNotFound {
                path: path.to_owned(),
                name: known[0].to_owned(),
                available: table.columns().to_vec(),
            })
        };
        let label_column = match self {
            Self::Cifar10 => column(&["label"])?,
            Self::Cifar100 => column(&["fine_label"])?,
        };
        let image_column = column(&["img.bytes", "image.bytes"])?;
        let mut records = Records::default();
        for (row, label) in table.integers(label_column)?.into_iter().enumerate() {
            match u32::try_from(label) {
                Ok(label) if (label as usize) < self.class_count() => records.labels.push(label),
                _ => {
                    let place = format!("row {row}");
                    return Err(self.bad_label(path, place, label.to_string()));
                }
            }
        }
        table.visit_bytes(image_column, |row, bytes| {
            let bad = |found: String| Error::Sample {
                path: path.to_owned(),
                place: format!("row {row}"),
                expected: "a PNG image of 32 x 32".to_owned(),
                found,
            };
            let picture = Picture::decode(bytes).map_err(bad)?;
            if picture.size() != [32, 32] {
                let [height, width] = picture.size();
                return Err(bad(format!("one of {width} x {height}")));
            }
            records.pixels.extend_from_slice(picture.pixels());
            Ok(())
        })?;
        Ok(records)
    }

    fn join(self, batches: Vec<Records>) -> Result<Images> {
        let mut all = Records::default();
        for mut batch in batches {
            all.labels.append(&mut batch.labels);
            all.pixels.append(&mut batch.pixels);
        }
        Images::new(SIZE, all.pixels, all.labels, self.class_names())
    }

    fn bad_label(self, path: &Path, place: String, found: String) -> Error {
        Error::Sample {
            path: path.to_owned(),
            place,
            expected: format!("a label below {}", self.class_count()),
            found,
        }
    }

    fn nothing_at(self, path: &Path, found: &str) -> Error {
        let (name, archive) = match self {
            Self::Cifar10 => ("cifar10", "cifar-10-binary.tar.gz"),
            Self::Cifar100 => ("cifar100", "cifar-100-binary.tar.gz"),
        };
        Error::NoDataset {
            path: path.to_owned(),
            expected: format!(
                "{archive} (`kiti data fetch {name}` gets it), a folder with {} and {}, or the Hub's .parquet files",
                self.training_files().join(", "),
                self.test_file()
            ),
            found: found.to_owned(),
        }
    }
}

#[derive(Default)]
struct Records {
    labels: Vec<u32>,
    pixels: Vec<u8>,
}

fn is_parquet(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

const COARSE_CLASSES: u8 = 20;

const CIFAR10_CLASSES: &str = "airplane automobile bird cat deer dog frog horse ship truck";

const CIFAR100_CLASSES: &str = "\
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus \
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch \
    crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo \
    keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse \
    mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy \
    porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper \
    snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television \
    tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm";

#[cfg(test)]
mod tests;
