//! Images of one's own: a folder for each class, in `train` and `test`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::images::{ImageSplits, Images};
use super::picture::Picture;
use crate::{Error, Result};

/// Names that a folder of test images goes by, the first that is there.
const TEST_FOLDERS: [&str; 5] = ["test", "val", "valid", "validation", "dev"];

/// Reads PNG and JPEG files in a folder for each class: `train/CLASS/*` and `test/CLASS/*` (or `val`,
/// `valid`, `validation`, `dev`), or `CLASS/*` alone, which is all training.
///
/// Classes are the names of the folders of both splits in order, images come by name. With `size =
/// [height, width]` the middle of every image is brought to that size; without it all must be of one.
///
/// # Errors
/// [`Error::NoDataset`] without an image; [`Error::Malformed`] for one that cannot be decoded;
/// [`Error::Sample`] for one of another size.
///
/// ```
/// let directory = tempfile::tempdir()?;
/// let error = kiti_data::vision::folder::read(directory.path(), None).unwrap_err();
/// assert!(error.to_string().contains("a folder for each class"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(path: impl AsRef<Path>, size: Option<[usize; 2]>) -> Result<ImageSplits> {
    let path = path.as_ref();
    let files = ImageFiles::list(path)?;
    let mut size = size;
    let resize = size.is_some();
    let train = read_split(&files.train, &mut size, resize)?;
    let test = read_split(&files.test, &mut size, resize)?;
    let [height, width] = size.unwrap_or_default();
    let images = |split: Split| {
        let size = [3, height, width];
        Images::new(size, split.pixels, split.labels, files.classes.clone())
    };
    Ok(ImageSplits {
        train: images(train)?,
        test: images(test)?,
    })
}

/// The image files of such a folder, not looked into yet.
///
/// ```
/// use kiti_data::vision::folder::ImageFiles;
///
/// let directory = tempfile::tempdir()?;
/// for name in ["cat/1.png", "dog/1.png", "dog/2.jpeg", "dog/notes.txt"] {
///     let file = directory.path().join(name);
///     std::fs::create_dir_all(file.parent().unwrap())?;
///     std::fs::write(file, "")?;
/// }
/// let files = ImageFiles::list(directory.path())?;
/// assert_eq!(files.classes, ["cat", "dog"]);
/// assert_eq!(files.train_counts(), [1, 2]);
/// assert_eq!(files.test_counts(), [0, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFiles {
    /// Names of the classes.
    pub classes: Vec<String>,
    train: Vec<Vec<PathBuf>>,
    test: Vec<Vec<PathBuf>>,
}

impl ImageFiles {
    /// Lists the image files of `path` by class.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::NoDataset`] without a training image.
    pub fn list(path: &Path) -> Result<Self> {
        let train = path.join("train");
        let (train, test) = if train.is_dir() {
            let test = TEST_FOLDERS
                .iter()
                .map(|name| path.join(name))
                .find(|folder| folder.is_dir());
            (train, test)
        } else {
            (path.to_owned(), None)
        };
        let mut classes = class_folders(&train)?;
        if let Some(test) = &test {
            classes.extend(class_folders(test)?);
        }
        let classes: Vec<String> = classes.into_iter().collect();
        let listed = |folder: Option<&Path>| -> Result<Vec<Vec<PathBuf>>> {
            let of_class = |class: &String| match folder.map(|folder| folder.join(class)) {
                Some(folder) if folder.is_dir() => {
                    let mut files = entries(&folder)?;
                    files.retain(|file| is_image(file));
                    Ok(files)
                }
                _ => Ok(Vec::new()),
            };
            classes.iter().map(of_class).collect()
        };
        let files = Self {
            train: listed(Some(&train))?,
            test: listed(test.as_deref())?,
            classes,
        };
        if files.train.iter().all(Vec::is_empty) {
            return Err(Error::NoDataset {
                path: path.to_owned(),
                expected: "PNG or JPEG files in a folder for each class, train/CLASS/*".to_owned(),
                found: "none".to_owned(),
            });
        }
        Ok(files)
    }

    /// Training images of each class.
    pub fn train_counts(&self) -> Vec<usize> {
        self.train.iter().map(Vec::len).collect()
    }

    /// Test images of each class.
    pub fn test_counts(&self) -> Vec<usize> {
        self.test.iter().map(Vec::len).collect()
    }
}

#[derive(Default)]
struct Split {
    labels: Vec<u32>,
    pixels: Vec<u8>,
}

fn read_split(
    files: &[Vec<PathBuf>],
    size: &mut Option<[usize; 2]>,
    resize: bool,
) -> Result<Split> {
    let mut split = Split::default();
    for (label, files) in files.iter().enumerate() {
        for file in files {
            let mut picture = Picture::read(file)?;
            let expected = *size.get_or_insert(picture.size());
            if resize {
                picture = picture.filling(expected);
            } else if picture.size() != expected {
                let [height, width] = expected;
                let [own_height, own_width] = picture.size();
                return Err(Error::Sample {
                    path: file.clone(),
                    place: "the whole image".to_owned(),
                    expected: format!(
                        "{width} x {height} pixels like the first, or a size to bring all to"
                    ),
                    found: format!("{own_width} x {own_height}"),
                });
            }
            split.labels.push(label as u32);
            split.pixels.extend_from_slice(picture.pixels());
        }
    }
    Ok(split)
}

fn class_folders(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in entries(folder)? {
        if entry.is_dir() {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            names.insert(name.into_owned());
        }
    }
    Ok(names)
}

/// What is in a folder, by name, without hidden files.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::io("list", folder, source);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    ["png", "jpg", "jpeg"].contains(&extension.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests;
