//! numpy's `.npz` format: a zip archive whose members are `.npy` files, stored or deflated.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::array_error::ArrayError;
use super::field::Field;
use super::npy;
use super::{Container, Stored};
use crate::{Error, Result};

/// An open archive and where its arrays are.
pub(crate) struct NpzFile {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
    members: BTreeMap<String, usize>,
}

impl NpzFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
        let failed = |error| zip_error(path, None, error);
        let archive = ZipArchive::new(BufReader::new(file)).map_err(failed)?;
        let mut members = BTreeMap::new();
        for index in 0..archive.len() {
            let Some(member) = archive.name_for_index(index) else {
                continue;
            };
            let member = member.map_err(failed)?;
            if let Some(name) = member.strip_suffix(".npy") {
                members.insert(name.to_owned(), index);
            }
        }
        Ok(Self {
            path: path.to_owned(),
            archive,
            members,
        })
    }
}

impl NpzFile {
    fn member(&self, name: &str) -> Result<usize> {
        self.members
            .get(name)
            .copied()
            .ok_or_else(|| Error::ArrayNotFound {
                path: self.path.clone(),
                name: name.to_owned(),
                available: self.names(),
            })
    }
}

impl Container for NpzFile {
    fn names(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    fn shape(&mut self, name: &str) -> Result<Vec<usize>> {
        let index = self.member(name)?;
        let mut member = self
            .archive
            .by_index(index)
            .map_err(|error| zip_error(&self.path, Some(name), error))?;
        let total = member.size();
        let header = npy::read_header(&mut member, total)
            .map_err(|error| error.located(&self.path, name))?;
        Ok(header.shape)
    }

    fn read(&mut self, name: &str) -> Result<Stored> {
        let index = self.member(name)?;
        let mut member = self
            .archive
            .by_index(index)
            .map_err(|error| zip_error(&self.path, Some(name), error))?;
        let located = |error: ArrayError| error.located(&self.path, name);
        let total = member.size();
        let header = npy::read_header(&mut member, total).map_err(located)?;
        let field = npy::read_data(&mut member, &header).map_err(located)?;
        // The archive's checksum is compared when the end is reached.
        let beyond = member
            .read(&mut [0])
            .map_err(|error| located(error.into()))?;
        if beyond != 0 {
            return Err(Error::Malformed {
                path: self.path.clone(),
                array: Some(name.to_owned()),
                expected: format!("{total} bytes"),
                found: "more".to_owned(),
            });
        }
        Ok(Stored {
            element: header.element,
            field,
        })
    }
}

/// Writes the arrays, stored without compression as `numpy.savez` does, with a fixed date: the
/// same arrays give the same bytes.
pub(crate) fn write(
    arrays: &BTreeMap<String, Field>,
    writer: &mut (impl Write + Seek),
) -> io::Result<()> {
    let mut target = FirstFailure::new(writer);
    let mut archive = ZipWriter::new(&mut target);
    for (name, field) in arrays {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .large_file(field.data().len() > (u32::MAX / 16) as usize);
        archive.start_file(format!("{name}.npy"), options)?;
        npy::write(field, &mut archive)?;
    }
    archive.finish()?;
    match target.failure {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

/// A writer that keeps the first failure for the end and swallows what comes after it.
///
/// An archive writer that meets a full disk tries again when it is dropped and complains on the
/// terminal, which a library must not do.
struct FirstFailure<W> {
    writer: W,
    position: u64,
    length: u64,
    failure: Option<io::Error>,
}

impl<W: Write + Seek> FirstFailure<W> {
    fn new(writer: W) -> Self {
        Self {
            writer,
            position: 0,
            length: 0,
            failure: None,
        }
    }

    fn attempt(&mut self, action: impl FnOnce(&mut W) -> io::Result<()>) {
        if self.failure.is_none() {
            self.failure = action(&mut self.writer).err();
        }
    }
}

impl<W: Write + Seek> Write for FirstFailure<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|writer| writer.write_all(bytes));
        self.position += bytes.len() as u64;
        self.length = self.length.max(self.position);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(|writer| writer.flush());
        Ok(())
    }
}

impl<W: Write + Seek> Seek for FirstFailure<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let before_start = || io::Error::from(io::ErrorKind::InvalidInput);
        self.position = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::Current(by) => self
                .position
                .checked_add_signed(by)
                .ok_or_else(before_start)?,
            SeekFrom::End(by) => self
                .length
                .checked_add_signed(by)
                .ok_or_else(before_start)?,
        };
        let position = SeekFrom::Start(self.position);
        self.attempt(|writer| writer.seek(position).map(|_| ()));
        Ok(self.position)
    }
}

fn zip_error(path: &Path, array: Option<&str>, error: ZipError) -> Error {
    match error {
        ZipError::Io(source)
            if !matches!(
                source.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData
            ) =>
        {
            Error::io("read", path, source)
        }
        other => Error::Malformed {
            path: path.to_owned(),
            array: array.map(str::to_owned),
            expected: "an intact zip archive, stored or deflated".to_owned(),
            found: other.to_string(),
        },
    }
}
