//! Restart files: the state of a run between two steps, whole and checked, or refused.
//!
//! Layout, all numbers little-endian: the bytes `kitigas\n`, the version of the layout (u32), the length of the header
//! (u64), the header as JSON (what the file is of, and its arrays' names, types and lengths), the arrays one after the
//! other, and the SHA-256 of everything before it.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::{Failure, Outcome};

/// Version of the layout and of the state's meaning; a file of another one is refused.
pub const VERSION: u32 = 1;
const MAGIC: &[u8; 8] = b"kitigas\n";
const DIGEST_BYTES: u64 = 32;
/// A header is a case's text and a list of arrays: a few kilobytes.
const LONGEST_HEADER: u64 = 1 << 24;
/// Words that are converted at once.
const CHUNK: usize = 1 << 13;

/// What a restart file is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestartHeader {
    /// The resolved case as TOML.
    pub case: String,
    /// Seed of the run.
    pub seed: u64,
    /// Steps done.
    pub step: u64,
    /// Seconds of work so far.
    pub elapsed_seconds: f64,
    /// The program's version.
    pub program: String,
}

/// An array of the state.
#[derive(Debug, Clone, PartialEq)]
pub enum Array {
    /// Real numbers.
    F64(Vec<f64>),
    /// Counts and keys.
    U64(Vec<u64>),
}

/// A run between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Restart {
    /// What it is of.
    pub header: RestartHeader,
    /// The state, by name.
    pub arrays: Vec<(String, Array)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    #[serde(flatten)]
    header: RestartHeader,
    arrays: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    length: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    F64,
    U64,
}

impl Array {
    fn kind_and_length(&self) -> (Kind, usize) {
        match self {
            Self::F64(values) => (Kind::F64, values.len()),
            Self::U64(values) => (Kind::U64, values.len()),
        }
    }

    fn write(&self, writer: &mut impl Write) -> std::io::Result<()> {
        match self {
            Self::F64(values) => write_words(values, f64::to_le_bytes, writer),
            Self::U64(values) => write_words(values, u64::to_le_bytes, writer),
        }
    }
}

fn write_words<T: Copy>(
    values: &[T],
    bytes: fn(T) -> [u8; 8],
    writer: &mut impl Write,
) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(8 * CHUNK.min(values.len()));
    for chunk in values.chunks(CHUNK) {
        buffer.clear();
        buffer.extend(chunk.iter().copied().flat_map(bytes));
        writer.write_all(&buffer)?;
    }
    Ok(())
}

impl Restart {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    ///
    /// A failure that names the file; what stood there before stays.
    pub fn write(&self, path: &Path) -> Outcome {
        let contents = Contents {
            header: self.header.clone(),
            arrays: self
                .arrays
                .iter()
                .map(|(name, array)| {
                    let (kind, length) = array.kind_and_length();
                    Entry {
                        name: name.clone(),
                        kind,
                        length: length as u64,
                    }
                })
                .collect(),
        };
        let header = serde_json::to_vec(&contents)
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
        kiti_data::atomic_file::write(path, |file| {
            let mut hashed = Hashing {
                inner: file,
                hash: Sha256::new(),
            };
            hashed.write_all(MAGIC)?;
            hashed.write_all(&VERSION.to_le_bytes())?;
            hashed.write_all(&(header.len() as u64).to_le_bytes())?;
            hashed.write_all(&header)?;
            for (_, array) in &self.arrays {
                array.write(&mut hashed)?;
            }
            let Hashing { inner, hash } = hashed;
            inner.write_all(&hash.finalize())
        })?;
        Ok(())
    }

    /// Reads the file; nothing in it is believed before it has been checked against the file's size, and the state not
    /// before the checksum has been.
    ///
    /// # Errors
    ///
    /// A refusal that names the file, what is wrong with it and what to do.
    pub fn read(path: &Path) -> Outcome<Self> {
        let io = |error: std::io::Error| Failure::io(path, "read the restart file", &error);
        let damaged = |what: String| {
            Failure::refused(format!(
                "{}: {what}; the file is damaged or no restart file: remove it to begin again, or bring back a copy",
                path.display()
            ))
        };
        let file = File::open(path).map_err(io)?;
        let total = file.metadata().map_err(io)?.len();
        let mut reader = Hashing {
            inner: BufReader::with_capacity(1 << 20, file),
            hash: Sha256::new(),
        };
        let mut start = [0; 20];
        if total < start.len() as u64 + DIGEST_BYTES {
            return Err(damaged(format!(
                "expected a restart file, found only {total} bytes"
            )));
        }
        reader.read_exact(&mut start).map_err(io)?;
        if &start[..8] != MAGIC {
            return Err(damaged(
                "expected the bytes `kitigas` at its start, found others".into(),
            ));
        }
        let version = u32::from_le_bytes([start[8], start[9], start[10], start[11]]);
        if version != VERSION {
            return Err(Failure::refused(format!(
                "{}: key `version`: expected {VERSION}, found {version}; the file is of another version of kiti: \
                 go on with that version, or remove the file to begin again",
                path.display()
            )));
        }
        let mut length = [0; 8];
        length.copy_from_slice(&start[12..]);
        let length = u64::from_le_bytes(length);
        let rest = total - start.len() as u64 - DIGEST_BYTES;
        if length > rest.min(LONGEST_HEADER) {
            return Err(damaged(format!(
                "its header of {length} bytes does not fit into {total} bytes"
            )));
        }
        let mut header = vec![0; length as usize];
        reader.read_exact(&mut header).map_err(io)?;
        let contents: Contents = serde_json::from_slice(&header)
            .map_err(|error| damaged(format!("its header cannot be read ({error})")))?;
        let expected = contents.arrays.iter().try_fold(0u64, |sum, entry| {
            sum.checked_add(entry.length.checked_mul(8)?)
        });
        let found = rest - length;
        if expected != Some(found) {
            return Err(damaged(format!(
                "expected {} bytes of state, found {found}; it was cut off",
                expected.map_or_else(|| "too many".into(), |bytes| bytes.to_string())
            )));
        }
        let mut arrays = Vec::with_capacity(contents.arrays.len());
        for entry in contents.arrays {
            let length = entry.length as usize;
            let array = match entry.kind {
                Kind::F64 => read_words(&mut reader, length, f64::from_le_bytes).map(Array::F64),
                Kind::U64 => read_words(&mut reader, length, u64::from_le_bytes).map(Array::U64),
            };
            arrays.push((entry.name, array.map_err(io)?));
        }
        let Hashing { mut inner, hash } = reader;
        let mut digest = [0; DIGEST_BYTES as usize];
        inner.read_exact(&mut digest).map_err(io)?;
        if hash.finalize()[..] != digest {
            return Err(damaged("its SHA-256 is not the one written with it".into()));
        }
        Ok(Self {
            header: contents.header,
            arrays,
        })
    }
}

/// Reads `length` words; the caller has seen that the file holds so many.
fn read_words<T>(
    reader: &mut impl Read,
    length: usize,
    word: fn([u8; 8]) -> T,
) -> std::io::Result<Vec<T>> {
    let mut values = Vec::with_capacity(length);
    let mut buffer = vec![0; 8 * CHUNK.min(length)];
    while values.len() < length {
        let bytes = 8 * CHUNK.min(length - values.len());
        reader.read_exact(&mut buffer[..bytes])?;
        values.extend(buffer[..bytes].chunks_exact(8).map(|chunk| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(chunk);
            word(bytes)
        }));
    }
    Ok(values)
}

/// Passes bytes on and hashes them on the way.
struct Hashing<T> {
    inner: T,
    hash: Sha256,
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hash.update(&bytes[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Restart {
        Restart {
            header: RestartHeader {
                case: "name = \"a\"".into(),
                seed: 7,
                step: 123,
                elapsed_seconds: 1.5,
                program: "0.1.0".into(),
            },
            arrays: vec![
                (
                    "x".into(),
                    Array::F64((0..20_000).map(|i| f64::from(i) / 3.0).collect()),
                ),
                ("empty".into(), Array::F64(Vec::new())),
                ("counts".into(), Array::U64(vec![u64::MAX, 0, 5])),
            ],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("restart.kiti");
        example().write(&path).expect("written");
        assert_eq!(Restart::read(&path).expect("read"), example());
    }

    #[test]
    fn damage_and_other_versions_are_refused_and_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("restart.kiti");
        example().write(&path).expect("written");
        let whole = std::fs::read(&path).expect("bytes");
        let refused = |bytes: &[u8], words: &[&str]| {
            std::fs::write(&path, bytes).expect("written");
            let failure = Restart::read(&path).expect_err("refused");
            assert_eq!(failure.exit_code(), 2);
            for word in words.iter().chain(&["restart.kiti", "remove"]) {
                assert!(
                    failure.to_string().contains(word),
                    "{word} not in {failure}"
                );
            }
        };
        for length in [0, 7, 19, 40, 60, whole.len() / 2, whole.len() - 1] {
            refused(&whole[..length], &[]);
        }
        refused(&whole[..whole.len() - 8], &["cut off"]);
        let mut other = whole.clone();
        other[8] = 2;
        refused(&other, &["version", "expected 1, found 2"]);
        let mut garbage = whole.clone();
        garbage[12..20].copy_from_slice(&u64::MAX.to_le_bytes());
        refused(&garbage, &["header"]);
        for place in [100, whole.len() / 2, whole.len() - 1] {
            let mut flipped = whole.clone();
            flipped[place] ^= 1;
            refused(&flipped, &[]);
        }
        refused(
            b"a text file that is long enough to hold a start and a checksum of 32 bytes",
            &["kitigas"],
        );
    }

    #[test]
    fn lengths_that_no_memory_holds_are_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("restart.kiti");
        let mut restart = example();
        restart.arrays.truncate(1);
        restart.write(&path).expect("written");
        let bytes = std::fs::read(&path).expect("bytes");
        let text = String::from_utf8_lossy(&bytes[20..]).into_owned();
        let header = &text[..text.find("}]}").expect("a header") + 3];
        let huge = header.replace("20000", &u64::MAX.to_string());
        let mut forged = bytes[..12].to_vec();
        forged.extend((huge.len() as u64).to_le_bytes());
        forged.extend(huge.as_bytes());
        forged.extend(&bytes[20 + header.len()..]);
        std::fs::write(&path, forged).expect("written");
        let failure = Restart::read(&path).expect_err("refused");
        assert!(failure.to_string().contains("too many"), "{failure}");
    }
}
