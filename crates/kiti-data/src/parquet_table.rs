//! Columns of a Parquet file: texts, bytes and integers, as data sets on the Hub have them.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::basic::Type as PhysicalType;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::{Error, Result};

/// The largest uncompressed content that is read out of one file: more is taken for a bomb.
const LARGEST_CONTENT: i64 = 8 << 30;

/// Rows decoded at a time.
const ROWS_AT_ONCE: usize = 1024;

/// An open Parquet file without nested lists.
pub(crate) struct ParquetTable {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    columns: Vec<String>,
    rows: usize,
}

impl ParquetTable {
    /// Opens a file and reads its description.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
        let bytes = file
            .metadata()
            .map_err(|source| Error::io("look at", path, source))?
            .len();
        let damaged = |error| malformed(path, "a Parquet file", error);
        let reader = guarded(path, || SerializedFileReader::new(file).map_err(damaged))?;
        let metadata = reader.metadata();
        let mut uncompressed = 0i64;
        for column in metadata
            .row_groups()
            .iter()
            .flat_map(|group| group.columns())
        {
            let start = column
                .dictionary_page_offset()
                .unwrap_or(i64::MAX)
                .min(column.data_page_offset());
            let (compressed, plain) = (column.compressed_size(), column.uncompressed_size());
            let end = start
                .checked_add(compressed)
                .and_then(|end| u64::try_from(end).ok());
            uncompressed = uncompressed.saturating_add(plain.max(0));
            let within = end.is_some_and(|end| end <= bytes) && start >= 0 && compressed >= 0;
            if !within || plain < 0 || uncompressed > LARGEST_CONTENT {
                return Err(Error::Malformed {
                    path: path.to_owned(),
                    array: None,
                    expected: format!(
                        "columns within {bytes} bytes, {LARGEST_CONTENT} uncompressed"
                    ),
                    found: format!("one from {start} of {compressed} bytes, {plain} uncompressed"),
                });
            }
        }
        let columns = metadata
            .file_metadata()
            .schema_descr()
            .columns()
            .iter()
            .map(|column| column.path().string())
            .collect();
        let rows = usize::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
        Ok(Self {
            path: path.to_owned(),
            reader,
            columns,
            rows,
        })
    }

    /// Names of its columns; a field of a structure is `structure.field`.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Hands row number and bytes of every row of a column to `visit`.
    pub(crate) fn visit_bytes(
        &self,
        column: &str,
        mut visit: impl FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let expected = "texts or bytes";
        self.visit_column(
            column,
            PhysicalType::BYTE_ARRAY,
            expected,
            |reader, first| {
                let ColumnReader::ByteArrayColumnReader(mut reader) = reader else {
                    return Err(self.wrong_type(column, expected));
                };
                self.visit_values(column, &mut reader, first, |row, value: &ByteArray| {
                    visit(row, value.data())
                })
            },
        )
    }

    /// The texts of a column.
    pub(crate) fn texts(&self, column: &str) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        self.visit_bytes(column, |row, bytes| {
            let text = std::str::from_utf8(bytes).map_err(|error| Error::Sample {
                path: self.path.clone(),
                place: format!("row {row}, column {column:?}"),
                expected: "UTF-8".to_owned(),
                found: error.to_string(),
            })?;
            texts.push(text.to_owned());
            Ok(())
        })?;
        Ok(texts)
    }

    /// The integers of a column of 32 or 64 bits.
    pub(crate) fn integers(&self, column: &str) -> Result<Vec<i64>> {
        let expected = "integers";
        let mut values = Vec::new();
        match self.physical_type(column)? {
            PhysicalType::INT32 => {
                self.visit_column(column, PhysicalType::INT32, expected, |reader, first| {
                    let ColumnReader::Int32ColumnReader(mut reader) = reader else {
                        return Err(self.wrong_type(column, expected));
                    };
                    self.visit_values(column, &mut reader, first, |_, value| {
                        values.push(i64::from(*value));
                        Ok(())
                    })
                })?;
            }
            _ => self.visit_column(column, PhysicalType::INT64, expected, |reader, first| {
                let ColumnReader::Int64ColumnReader(mut reader) = reader else {
                    return Err(self.wrong_type(column, expected));
                };
                self.visit_values(column, &mut reader, first, |_, value| {
                    values.push(*value);
                    Ok(())
                })
            })?,
        }
        Ok(values)
    }

    /// Whether a column holds texts or bytes.
    pub(crate) fn is_text(&self, column: &str) -> Result<bool> {
        Ok(self.physical_type(column)? == PhysicalType::BYTE_ARRAY)
    }

    fn index(&self, column: &str) -> Result<usize> {
        self.columns
            .iter()
            .position(|known| known == column)
            .ok_or_else(|| Error::ArrayNotFound {
                path: self.path.clone(),
                name: column.to_owned(),
                available: self.columns.clone(),
            })
    }

    fn physical_type(&self, column: &str) -> Result<PhysicalType> {
        let index = self.index(column)?;
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let descriptor = schema.column(index);
        if descriptor.max_rep_level() > 0 {
            return Err(self.wrong_type(column, "one value a row"));
        }
        Ok(descriptor.physical_type())
    }

    fn visit_column(
        &self,
        column: &str,
        kind: PhysicalType,
        expected: &str,
        mut visit: impl FnMut(ColumnReader, usize) -> Result<usize>,
    ) -> Result<()> {
        let index = self.index(column)?;
        if self.physical_type(column)? != kind {
            return Err(self.wrong_type(column, expected));
        }
        let damaged = |error| malformed(&self.path, "a Parquet file", error);
        let mut row = 0;
        for group in 0..self.reader.num_row_groups() {
            row += guarded(&self.path, || {
                let group = self.reader.get_row_group(group).map_err(damaged)?;
                let reader = group.get_column_reader(index).map_err(damaged)?;
                visit(reader, row)
            })?;
        }
        if row != self.rows {
            return Err(Error::Malformed {
                path: self.path.clone(),
                array: Some(column.to_owned()),
                expected: format!("{} rows", self.rows),
                found: row.to_string(),
            });
        }
        Ok(())
    }

    /// Visits the values of one row group, whose first row is `first`; returns their number.
    fn visit_values<T: DataType>(
        &self,
        column: &str,
        reader: &mut ColumnReaderImpl<T>,
        first: usize,
        mut visit: impl FnMut(usize, &T::T) -> Result<()>,
    ) -> Result<usize> {
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        let mut row = first;
        loop {
            values.clear();
            levels.clear();
            let (records, present, _) = reader
                .read_records(ROWS_AT_ONCE, Some(&mut levels), None, &mut values)
                .map_err(|error| malformed(&self.path, "a Parquet file", error))?;
            if records == 0 {
                return Ok(row - first);
            }
            if present != records {
                return Err(Error::Sample {
                    path: self.path.clone(),
                    place: format!("rows {row} to {}, column {column:?}", row + records),
                    expected: "a value in every row".to_owned(),
                    found: format!("{} rows without one", records - present),
                });
            }
            for value in &values {
                visit(row, value)?;
                row += 1;
            }
        }
    }

    fn wrong_type(&self, column: &str, expected: &str) -> Error {
        Error::Malformed {
            path: self.path.clone(),
            array: Some(column.to_owned()),
            expected: expected.to_owned(),
            found: "a column of another type".to_owned(),
        }
    }
}

/// Makes an error of a panic: the format's reader asserts what a damaged file need not keep to.
fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Error::Malformed {
            path: path.to_owned(),
            array: None,
            expected: "a Parquet file".to_owned(),
            found: "numbers that contradict each other".to_owned(),
        })
    })
}

fn malformed(path: &Path, expected: &str, error: parquet::errors::ParquetError) -> Error {
    Error::Malformed {
        path: path.to_owned(),
        array: None,
        expected: expected.to_owned(),
        found: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
