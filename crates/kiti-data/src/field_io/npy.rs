//! numpy's `.npy` format, versions 1 to 3.
//!
//! The header is parsed here and strictly: it is read from files that others made, and the
//! general parsers for it trust its lengths, overflow on its shapes or recurse without bound.
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::array_error::ArrayError;
use super::axis_order::{MOST_AXES, last_axis_fastest};
use super::element::{ByteOrder, ElementType, decode, encode};
use super::field::{Field, FieldData, element_count};
use super::{Container, Stored};
use crate::{Error, Result};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// numpy itself refuses headers above 10,000 bytes unless told to trust the file.
const LONGEST_HEADER: usize = 1 << 16;

/// A file with one array, which goes by the file's name without extension.
pub(crate) struct NpyFile {
    path: PathBuf,
    name: String,
    reader: BufReader<File>,
    header: Header,
}

impl NpyFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let name = array_name(path);
        let failed = |source| Error::io("read", path, source);
        let file = File::open(path).map_err(failed)?;
        let total = file.metadata().map_err(failed)?.len();
        let mut reader = BufReader::new(file);
        let header = read_header(&mut reader, total).map_err(|error| error.located(path, &name))?;
        Ok(Self {
            path: path.to_owned(),
            name,
            reader,
            header,
        })
    }
}

impl Container for NpyFile {
    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn shape(&mut self, _: &str) -> Result<Vec<usize>> {
        Ok(self.header.shape.clone())
    }

    fn read(&mut self, name: &str) -> Result<Stored> {
        let start = SeekFrom::Start(self.header.length);
        self.reader
            .seek(start)
            .map_err(|source| Error::io("read", &self.path, source))?;
        let field = read_data(&mut self.reader, &self.header)
            .map_err(|error| error.located(&self.path, name))?;
        Ok(Stored {
            element: self.header.element,
            field,
        })
    }
}

/// The name of a `.npy` file's array: the file's, without extension.
pub(crate) fn array_name(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The header of a `.npy` file.
pub(crate) struct Header {
    /// Bytes before the data.
    length: u64,
    pub(crate) element: ElementType,
    pub(crate) order: ByteOrder,
    fortran_order: bool,
    pub(crate) shape: Vec<usize>,
    pub(crate) count: usize,
}

/// Reads the header and checks that `total` bytes, those of the whole file, are what it demands.
pub(crate) fn read_header(
    reader: &mut dyn Read,
    total: u64,
) -> std::result::Result<Header, ArrayError> {
    let mut start = [0; 8];
    if total < start.len() as u64 {
        return Err(ArrayError::malformed(
            "a numpy file",
            format!("{total} bytes"),
        ));
    }
    reader.read_exact(&mut start)?;
    if &start[..6] != MAGIC {
        return Err(ArrayError::malformed(
            "the bytes \\x93NUMPY at its start",
            format!("{:?}", String::from_utf8_lossy(&start[..6])),
        ));
    }
    let (length, before) = match start[6] {
        1 => {
            let mut bytes = [0; 2];
            reader.read_exact(&mut bytes)?;
            (usize::from(u16::from_le_bytes(bytes)), 10)
        }
        2 | 3 => {
            let mut bytes = [0; 4];
            reader.read_exact(&mut bytes)?;
            (u32::from_le_bytes(bytes) as usize, 12)
        }
        version => {
            return Err(ArrayError::malformed(
                "format version 1, 2 or 3",
                format!("version {version}"),
            ));
        }
    };
    if length > LONGEST_HEADER {
        return Err(ArrayError::malformed(
            format!("a header of at most {LONGEST_HEADER} bytes"),
            format!("{length} bytes"),
        ));
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let mut header = parse_header(&text)?;
    header.length = (before + length) as u64;
    let demanded = (header.count as u128) * (header.element.size() as u128);
    let present = u128::from(total.saturating_sub(header.length));
    if demanded != present {
        return Err(ArrayError::malformed(
            format!("{demanded} bytes of data for shape {:?}", header.shape),
            format!("{present}"),
        ));
    }
    Ok(header)
}

/// Reads the elements that follow the header.
pub(crate) fn read_data(
    reader: &mut dyn Read,
    header: &Header,
) -> std::result::Result<Field, ArrayError> {
    let data = decode(reader, header.element, header.order, header.count)
        .and_then(|data| {
            if header.fortran_order {
                last_axis_fastest(data, &header.shape)
            } else {
                Ok(data)
            }
        })
        .map_err(|error| match error.kind() {
            io::ErrorKind::OutOfMemory => {
                ArrayError::TooLarge(header.count as u128 * header.element.size() as u128)
            }
            _ => error.into(),
        })?;
    Field::new(header.shape.clone(), data)
        .map_err(|error| ArrayError::malformed("a shape that fits its data", error.to_string()))
}

/// Writes header and elements: little-endian, last axis fastest, data aligned to 64 bytes.
pub(crate) fn write(field: &Field, writer: &mut dyn Write) -> io::Result<()> {
    let descr = match field.data() {
        FieldData::F32(_) => "<f4",
        FieldData::F64(_) => "<f8",
    };
    let mut shape = String::new();
    for extent in field.shape() {
        shape.push_str(&format!("{extent}, "));
    }
    let shape = match field.shape() {
        [_] => shape.trim_end(),
        _ => shape.trim_end_matches(", "),
    };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let length = u16::try_from(text.len()).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, "too many axes for a .npy file")
    })?;
    writer.write_all(MAGIC)?;
    writer.write_all(&[1, 0])?;
    writer.write_all(&length.to_le_bytes())?;
    writer.write_all(text.as_bytes())?;
    encode(field.data(), writer)
}

/// Parses `{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }`, keys in any order.
fn parse_header(text: &str) -> std::result::Result<Header, ArrayError> {
    let bad = |expected: &str| {
        let start: String = text.chars().take(80).collect();
        ArrayError::malformed(format!("{expected} in the header"), format!("{start:?}"))
    };
    let mut rest = Cursor(text);
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    if !rest.take('{') {
        return Err(bad("an opening brace"));
    }
    while !rest.take('}') {
        let key = rest.quoted().ok_or_else(|| bad("a quoted key"))?;
        if !rest.take(':') {
            return Err(bad("a colon after each key"));
        }
        match key {
            "descr" if rest.starts_with('[') => {
                return Err(ArrayError::Unsupported("structured records".to_owned()));
            }
            "descr" => descr = Some(rest.quoted().ok_or_else(|| bad("a quoted type"))?),
            "fortran_order" => {
                fortran_order = Some(rest.boolean().ok_or_else(|| bad("True or False"))?);
            }
            "shape" => shape = Some(rest.integers().ok_or_else(|| bad("a tuple of extents"))?),
            _ => return Err(bad("only the keys descr, fortran_order and shape")),
        }
        if !rest.take(',') && !rest.starts_with('}') {
            return Err(bad("a comma after each value"));
        }
    }
    let (Some(descr), Some(fortran_order), Some(shape)) = (descr, fortran_order, shape) else {
        return Err(bad("the keys descr, fortran_order and shape"));
    };
    if shape.len() > MOST_AXES {
        return Err(bad("at most 64 axes"));
    }
    let unsupported = || ArrayError::Unsupported(descr.to_owned());
    let (order, code) = match descr.split_at_checked(1) {
        Some(("<" | "|" | "=", code)) => (ByteOrder::Little, code),
        Some((">", code)) => (ByteOrder::Big, code),
        _ => return Err(unsupported()),
    };
    let element = ElementType::from_numpy(code).ok_or_else(unsupported)?;
    let count = element_count(&shape).ok_or_else(|| bad("a shape whose product fits"))?;
    Ok(Header {
        length: 0,
        element,
        order,
        fortran_order,
        shape,
        count,
    })
}

/// What is left of a header's text.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn starts_with(&mut self, wanted: char) -> bool {
        self.0 = self.0.trim_start();
        self.0.starts_with(wanted)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.starts_with(wanted);
        if found {
            self.0 = &self.0[wanted.len_utf8()..];
        }
        found
    }

    fn quoted(&mut self) -> Option<&'a str> {
        let quote = if self.take('\'') {
            '\''
        } else if self.take('"') {
            '"'
        } else {
            return None;
        };
        let (text, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        Some(text)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.0 = self.0.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Some(value);
            }
        }
        None
    }

    fn integers(&mut self) -> Option<Vec<usize>> {
        if !self.take('(') {
            return None;
        }
        let mut values = Vec::new();
        while !self.take(')') {
            self.0 = self.0.trim_start();
            let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
            values.push(self.0[..digits].parse().ok()?);
            self.0 = &self.0[digits..];
            // Python 2 wrote long integers with this suffix.
            self.take('L');
            if !self.take(',') && !self.starts_with(')') {
                return None;
            }
        }
        Some(values)
    }
}
