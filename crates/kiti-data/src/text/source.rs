//! Where texts with classes come from.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::examples::{RawExample, TextSplits, number_classes};
use super::imdb;
use super::table::{self, TableFormat};
use crate::archive::{self, Packing, visit_files};
use crate::{Error, Result};

/// The largest table that is read.
const LARGEST_FILE: u64 = 4 << 30;

/// A data set of texts with classes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextSource {
    /// IMDb reviews (Maas et al. 2011): the original `aclImdb_v1.tar.gz`, its unpacked folder, or tables.
    Imdb,
    /// SNLI (Bowman et al. 2015): the original `snli_1.0.zip` or JSON lines, or tables.
    Snli,
    /// Tables of one's own.
    Table(Columns),
}

/// Columns of a table; those left out are found by their usual names.
///
/// | column | usual names |
/// | --- | --- |
/// | text | `text`, `sentence1`, `premise`, `review`, `sentence`, `content` |
/// | second | `sentence2`, `hypothesis`, `text_pair`; none is allowed |
/// | label | `label`, `gold_label`, `sentiment`, `class`, `target` |
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// The text, or the first of two.
    pub text: Option<String>,
    /// The second of two.
    pub second: Option<String>,
    /// The label.
    pub label: Option<String>,
}

impl TextSource {
    /// Reads every split that is at `path`: a table (`.csv`, `.tsv`, `.jsonl`, each also with `.gz`, `.parquet`), a
    /// folder, tar or zip archive of them (Parquet in a folder only), or for IMDb its own folders of files.
    ///
    /// A table's name says its split: `train`, `test`, or `validation` where it has `dev` or `val` in it; any other is
    /// `train`. Labels are numbers from 0 on, or names: those of IMDb and SNLI have the order of the Hub's data sets
    /// (`neg`, `pos`; `entailment`, `neutral`, `contradiction`), others that of the alphabet. Examples labelled `-` or
    /// -1 are left out and counted.
    ///
    /// # Errors
    /// [`Error::NoDataset`] where nothing of the kind is there; [`Error::Sample`] with the line for a missing label or
    /// text, or bytes that are not UTF-8; [`Error::ArrayNotFound`] for a column that is not there; [`Error::Malformed`] for a
    /// damaged archive.
    ///
    /// ```
    /// use kiti_data::text::{Columns, TextSource};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("mine.csv");
    /// std::fs::write(&path, "text,label\n\"Good, really\",positive\nNo,negative\n")?;
    /// let splits = TextSource::Table(Columns::default()).read(&path)?;
    /// assert_eq!(splits["train"].examples[0].first, "Good, really");
    /// assert_eq!(splits["train"].examples[0].label, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(&self, path: impl AsRef<Path>) -> Result<TextSplits> {
        let path = path.as_ref();
        if !path.exists() {
            return Err(Error::io("read", path, std::io::ErrorKind::NotFound.into()));
        }
        let mut splits = BTreeMap::new();
        if *self == Self::Imdb && Packing::of_path(path).is_some() {
            splits = imdb::read(path)?;
        }
        if splits.is_empty() {
            splits = self.read_tables(path)?;
        }
        if splits.values().all(Vec::is_empty) {
            return Err(Error::NoDataset {
                path: path.to_owned(),
                expected: self.expectation().to_owned(),
                found: "no example".to_owned(),
            });
        }
        number_classes(path, splits)
    }

    fn expectation(&self) -> &'static str {
        match self {
            Self::Imdb => "aclImdb_v1.tar.gz, its folder, or tables with a text and a label",
            Self::Snli => "snli_1.0.zip, .jsonl files, or tables with two texts and a label",
            Self::Table(_) => ".csv, .tsv, .jsonl or .parquet files with a text and a label",
        }
    }

    fn read_tables(&self, path: &Path) -> Result<BTreeMap<String, Vec<RawExample>>> {
        let columns = match self {
            Self::Table(columns) => columns.clone(),
            _ => Columns::default(),
        };
        let mut splits: BTreeMap<String, Vec<RawExample>> = BTreeMap::new();
        let mut add = |name: &str, examples| {
            splits
                .entry(split_of(name).to_owned())
                .or_default()
                .extend::<Vec<_>>(examples);
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match (Packing::of_path(path), TableFormat::of_name(&name)) {
            (None, Some(TableFormat::Parquet)) => add(&name, table::read_parquet(path, &columns)?),
            (None, Some(format)) => {
                let content = archive::read_file(path, LARGEST_FILE)?;
                add(
                    &name,
                    table::parse(path, &name, format, &content, &columns)?,
                );
            }
            (None, None) => {
                return Err(Error::NoDataset {
                    path: path.to_owned(),
                    expected: self.expectation().to_owned(),
                    found: "a file of another kind".to_owned(),
                });
            }
            (Some(Packing::Folder), _) => {
                for file in archive::files_below(path)? {
                    let name = file.file_name().unwrap_or_default().to_string_lossy();
                    let examples = match TableFormat::of_name(&name) {
                        None => continue,
                        Some(TableFormat::Parquet) => table::read_parquet(&file, &columns)?,
                        Some(format) => {
                            let content = archive::read_file(&file, LARGEST_FILE)?;
                            table::parse(&file, &name, format, &content, &columns)?
                        }
                    };
                    add(&name, examples);
                }
            }
            (Some(_), _) => {
                let readable = |name: &str| {
                    let format = TableFormat::of_name(name);
                    format.is_some_and(|format| format != TableFormat::Parquet)
                };
                visit_files(path, LARGEST_FILE, readable, |name, content| {
                    if let Some(format) = TableFormat::of_name(name) {
                        let content = archive::uncompressed(path, name, content, LARGEST_FILE)?;
                        add(name, table::parse(path, name, format, &content, &columns)?);
                    }
                    Ok(())
                })?;
            }
        }
        Ok(splits)
    }
}

/// The split that a file's name says.
fn split_of(name: &str) -> &'static str {
    let name = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    if name.contains("train") {
        "train"
    } else if name.contains("test") {
        "test"
    } else if name.contains("dev") || name.contains("val") {
        "validation"
    } else {
        "train"
    }
}

#[cfg(test)]
mod tests;
