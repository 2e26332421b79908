//! The safetensors format: a JSON header, then the elements of every array, little-endian.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::element::{ByteOrder, ElementType, decode, encode};
use super::field::{Field, FieldData, element_count};
use super::{Container, Stored};
use crate::{Error, Result};

/// The format's own limit on its header.
const LONGEST_HEADER: u64 = 100_000_000;

/// An open file and its header.
pub(crate) struct SafetensorsFile {
    path: PathBuf,
    reader: BufReader<File>,
    data_start: u64,
    metadata: Metadata,
}

impl SafetensorsFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::io("read", path, source);
        let malformed = |expected: String, found: String| Error::Malformed {
            path: path.to_owned(),
            array: None,
            expected,
            found,
        };
        let file = File::open(path).map_err(failed)?;
        let total = file.metadata().map_err(failed)?.len();
        let mut reader = BufReader::new(file);
        if total < 8 {
            return Err(malformed(
                "a safetensors file of 8 bytes at least".to_owned(),
                format!("{total} bytes"),
            ));
        }
        let mut length = [0; 8];
        reader.read_exact(&mut length).map_err(failed)?;
        let length = u64::from_le_bytes(length);
        if length > (total - 8).min(LONGEST_HEADER) {
            return Err(malformed(
                format!(
                    "a header of at most {} bytes",
                    (total - 8).min(LONGEST_HEADER)
                ),
                format!("a header of {length} bytes"),
            ));
        }
        // Bounded by the file's own size above.
        let mut header = vec![0; length as usize];
        reader.read_exact(&mut header).map_err(failed)?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| {
            malformed(
                "a header that describes arrays one after the other".to_owned(),
                error.to_string(),
            )
        })?;
        let present = total - 8 - length;
        if metadata.data_len() as u64 != present {
            return Err(malformed(
                format!("{} bytes of data", metadata.data_len()),
                present.to_string(),
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            reader,
            data_start: 8 + length,
            metadata,
        })
    }
}

impl SafetensorsFile {
    fn info(&self, name: &str) -> Result<TensorInfo> {
        let found = self.metadata.info(name).cloned();
        found.ok_or_else(|| Error::ArrayNotFound {
            path: self.path.clone(),
            name: name.to_owned(),
            available: self.names(),
        })
    }
}

impl Container for SafetensorsFile {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.metadata.tensors().into_keys().collect();
        names.sort();
        names
    }

    fn shape(&mut self, name: &str) -> Result<Vec<usize>> {
        Ok(self.info(name)?.shape)
    }

    fn read(&mut self, name: &str) -> Result<Stored> {
        let info = self.info(name)?;
        let malformed = |expected: &str, found: String| Error::Malformed {
            path: self.path.clone(),
            array: Some(name.to_owned()),
            expected: expected.to_owned(),
            found,
        };
        let element = ElementType::from_safetensors(info.dtype).ok_or_else(|| {
            Error::UnsupportedElements {
                path: self.path.clone(),
                array: name.to_owned(),
                found: format!("{:?}", info.dtype),
            }
        })?;
        let count = element_count(&info.shape)
            .ok_or_else(|| malformed("a shape whose product fits", format!("{:?}", info.shape)))?;
        let failed = |source| Error::io("read", self.path.clone(), source);
        self.reader
            .seek(SeekFrom::Start(
                self.data_start + info.data_offsets.0 as u64,
            ))
            .map_err(failed)?;
        let data = decode(&mut self.reader, element, ByteOrder::Little, count).map_err(
            |error| match error.kind() {
                io::ErrorKind::OutOfMemory => Error::TooLarge {
                    what: format!("{}, array {name:?}", self.path.display()),
                    bytes: count as u128 * element.size() as u128,
                },
                _ => failed(error),
            },
        )?;
        Ok(Stored {
            element,
            field: Field::new(info.shape, data)?,
        })
    }
}

/// Writes the arrays in the order of their names, double precision first so that each is aligned.
pub(crate) fn write(arrays: &BTreeMap<String, Field>, writer: &mut dyn Write) -> io::Result<()> {
    let mut ordered: Vec<_> = arrays.iter().collect();
    ordered.sort_by_key(|(_, field)| matches!(field.data(), FieldData::F32(_)));
    let mut offset = 0;
    let mut infos = Vec::with_capacity(ordered.len());
    for (name, field) in &ordered {
        let (dtype, size) = match field.data() {
            FieldData::F32(_) => (Dtype::F32, 4),
            FieldData::F64(_) => (Dtype::F64, 8),
        };
        let end = offset + field.data().len() * size;
        infos.push((
            (*name).clone(),
            TensorInfo {
                dtype,
                shape: field.shape().to_vec(),
                data_offsets: (offset, end),
            },
        ));
        offset = end;
    }
    let metadata = Metadata::new(None, infos).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&metadata)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    writer.write_all(&(header.len() as u64).to_le_bytes())?;
    writer.write_all(&header)?;
    for (_, field) in ordered {
        encode(field.data(), writer)?;
    }
    Ok(())
}
