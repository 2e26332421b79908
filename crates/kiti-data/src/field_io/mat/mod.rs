//! MATLAB's `.mat` format, version 5 (what `save` writes by default and with `-v6`, `-v7`).
//!
//! Parsed here and strictly, as `.npy` is: the general parser for it takes the whole file into
//! memory and knows no sizes to refuse. Format: *MAT-File Format*, The MathWorks, chapter 1.

mod elements;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use flate2::read::ZlibDecoder;

use super::array_error::ArrayError;
use super::element::ByteOrder;
use super::{Container, Stored};
use crate::{Error, Result};

use elements::{Elements, Matrix, Tag, read_tag};

const FILE_HEADER: u64 = 128;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

type Parsed<T> = std::result::Result<T, ArrayError>;

/// An open file and where its arrays are.
pub(crate) struct MatFile {
    path: PathBuf,
    file: File,
    order: ByteOrder,
    variables: Vec<Variable>,
}

/// An array of the file.
struct Variable {
    /// Where its element begins in the file, tag included, and how long it is.
    place: (u64, u64),
    compressed: bool,
    matrix: Matrix,
}

impl MatFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::io("read", path, source);
        let file = File::open(path).map_err(failed)?;
        let total = file.metadata().map_err(failed)?.len();
        let order = read_file_header(&file, total).map_err(|error| located(error, path, None))?;
        let mut opened = Self {
            path: path.to_owned(),
            file,
            order,
            variables: Vec::new(),
        };
        let mut position = FILE_HEADER;
        while position < total {
            let (next, variable) = opened
                .index(position, total)
                .map_err(|error| located(error, path, None))?;
            opened.variables.extend(variable);
            position = next;
        }
        opened
            .variables
            .sort_by(|a, b| a.matrix.name.cmp(&b.matrix.name));
        Ok(opened)
    }

    /// The position after the element at `position`, and the array that it is, if it is one.
    fn index(&self, position: u64, total: u64) -> Parsed<(u64, Option<Variable>)> {
        let mut reader = self.at(position, total - position)?;
        let Tag { kind, size, .. } = read_tag(&mut reader, self.order)?;
        let end = position + 8 + u64::from(size);
        if end > total {
            return Err(ArrayError::malformed(
                format!("{size} bytes of the element at byte {position}"),
                format!("the end of the file after {}", total - position - 8),
            ));
        }
        let compressed = kind == COMPRESSED;
        if !compressed && kind != MATRIX {
            return Ok((end, None));
        }
        let place = (position, end - position);
        let matrix = self.with_elements(place, compressed, |elements| elements.matrix())?;
        // The format's own bookkeeping (of objects) has no name.
        let variable = (!matrix.name.is_empty()).then_some(Variable {
            place,
            compressed,
            matrix,
        });
        Ok((end, variable))
    }

    fn at(&self, position: u64, length: u64) -> io::Result<Take<BufReader<&File>>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(position))?;
        Ok(BufReader::new(file).take(length))
    }

    /// Has `read` read the element at `place`, unpacked where it is compressed.
    fn with_elements<T>(
        &self,
        place: (u64, u64),
        compressed: bool,
        read: impl FnOnce(&mut Elements<'_>) -> Parsed<T>,
    ) -> Parsed<T> {
        let mut reader = self.at(place.0, place.1)?;
        if !compressed {
            return read(&mut Elements::new(&mut reader, self.order)?);
        }
        read_tag(&mut reader, self.order)?;
        let mut reader = ZlibDecoder::new(reader);
        read(&mut Elements::new(&mut reader, self.order)?)
    }

    fn variable(&self, name: &str) -> Result<&Variable> {
        let found = self.variables.iter().find(|one| one.matrix.name == name);
        found.ok_or_else(|| Error::ArrayNotFound {
            path: self.path.clone(),
            name: name.to_owned(),
            available: self.names(),
        })
    }
}

impl Container for MatFile {
    fn names(&self) -> Vec<String> {
        let names = self.variables.iter().map(|one| one.matrix.name.clone());
        names.collect()
    }

    fn shape(&mut self, name: &str) -> Result<Vec<usize>> {
        Ok(self.variable(name)?.matrix.field_shape())
    }

    fn read(&mut self, name: &str) -> Result<Stored> {
        let variable = self.variable(name)?;
        self.with_elements(variable.place, variable.compressed, |elements| {
            let matrix = elements.matrix()?;
            let stored = elements.numbers(&matrix)?;
            if variable.compressed {
                elements.expect_end()?;
            }
            Ok(stored)
        })
        .map_err(|error| located(error, &self.path, Some(name)))
    }
}

fn located(error: ArrayError, path: &Path, array: Option<&str>) -> Error {
    match (error, array) {
        (error, Some(array)) => error.located(path, array),
        (ArrayError::Malformed(expected, found), None) => Error::Malformed {
            path: path.to_owned(),
            array: None,
            expected,
            found,
        },
        (error, None) => error.located(path, ""),
    }
}

/// Reads the first 128 bytes: version 5 and the order of bytes.
fn read_file_header(mut file: &File, total: u64) -> Parsed<ByteOrder> {
    let mut header = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(FILE_HEADER).read_to_end(&mut header)?;
    // Version 4 has no text at its start but a small number, of either byte order.
    if header.len() >= 4 && header[..4].contains(&0) {
        return Err(ArrayError::malformed(
            "a MATLAB file of version 5",
            "no text at its start, as in version 4 (in MATLAB, save it again with -v7)",
        ));
    }
    let Some(end) = header.get(124..) else {
        return Err(ArrayError::malformed(
            format!("a MATLAB file of version 5, {FILE_HEADER} bytes at least"),
            format!("{total} bytes"),
        ));
    };
    let (order, version) = match end {
        [_, version, b'I', b'M'] => (ByteOrder::Little, version),
        [version, _, b'M', b'I'] => (ByteOrder::Big, version),
        other => {
            return Err(ArrayError::malformed(
                "a MATLAB file of version 5, the letters IM or MI at byte 126",
                format!("{:?}", String::from_utf8_lossy(&other[2..])),
            ));
        }
    };
    if *version != 1 {
        return Err(ArrayError::malformed(
            "a MATLAB file of version 5",
            format!("the version number {version} in its header"),
        ));
    }
    Ok(order)
}
