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
    let mut size = size;
    let resize = size.is_some();
    let train_images = read_split(&train, &classes, &mut size, resize)?;
    let Some([height, width]) = size.filter(|_| !train_images.labels.is_empty()) else {
        return Err(Error::NoDataset {
            path: path.to_owned(),
            expected: "PNG or JPEG files in a folder for each class, train/CLASS/*".to_owned(),
            found: "none".to_owned(),
        });
    };
    let test_images = match &test {
        Some(test) => read_split(test, &classes, &mut size, resize)?,
        None => Split::default(),
    };
    let images = |split: Split| {
        let size = [3, height, width];
        Images::new(size, split.pixels, split.labels, classes.clone())
    };
    Ok(ImageSplits {
        train: images(train_images)?,
        test: images(test_images)?,
    })
}

#[derive(Default)]
struct Split {
    labels: Vec<u32>,
    pixels: Vec<u8>,
}

fn read_split(
    folder: &Path,
    classes: &[String],
    size: &mut Option<[usize; 2]>,
    resize: bool,
) -> Result<Split> {
    let mut split = Split::default();
    for (label, class) in classes.iter().enumerate() {
        let class_folder = folder.join(class);
        if !class_folder.is_dir() {
            continue;
        }
        for file in entries(&class_folder)? {
            if !is_image(&file) {
                continue;
            }
            let mut picture = Picture::read(&file)?;
            let expected = *size.get_or_insert(picture.size());
            if resize {
                picture = picture.filling(expected);
            } else if picture.size() != expected {
                let [height, width] = expected;
                let [own_height, own_width] = picture.size();
                return Err(Error::Sample {
                    path: file,
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
