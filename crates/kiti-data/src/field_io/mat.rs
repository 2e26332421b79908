//! MATLAB's `.mat` format, version 5 (what `save` writes by default and with `-v6`, `-v7`).
//!
//! Parsed here and strictly, as `.npy` is: the general parser for it takes the whole file into
//! memory and knows no sizes to refuse. Format: *MAT-File Format*, The MathWorks, chapter 1.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use flate2::read::ZlibDecoder;

use super::array_error::ArrayError;
use super::axis_order::{MOST_AXES, last_axis_fastest};
use super::element::{ByteOrder, ElementType, decode};
use super::field::{Field, FieldData, element_count};
use super::{Container, Stored};
use crate::{Error, Result};

const FILE_HEADER: u64 = 128;
const LONGEST_NAME: u32 = 4096;
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

/// The description that precedes an array's elements.
struct Matrix {
    name: String,
    class: u8,
    complex: bool,
    logical: bool,
    shape: Vec<usize>,
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

/// What an element is: its type, its size in bytes, and the data where they are in the tag.
struct Tag {
    kind: u32,
    size: u32,
    inside: Option<[u8; 4]>,
}

fn read_tag(reader: &mut dyn Read, order: ByteOrder) -> Parsed<Tag> {
    let word = |bytes: [u8; 4]| match order {
        ByteOrder::Little => u32::from_le_bytes(bytes),
        ByteOrder::Big => u32::from_be_bytes(bytes),
    };
    let (mut first, mut second) = ([0; 4], [0; 4]);
    reader.read_exact(&mut first)?;
    reader.read_exact(&mut second)?;
    let kind = word(first);
    let small = kind >> 16;
    if small == 0 {
        return Ok(Tag {
            kind,
            size: word(second),
            inside: None,
        });
    }
    if small > 4 {
        return Err(ArrayError::malformed(
            "at most 4 bytes in a small element",
            small.to_string(),
        ));
    }
    Ok(Tag {
        kind: kind & 0xffff,
        size: small,
        inside: Some(second),
    })
}

/// The elements within an array's element, one after the other.
struct Elements<'a> {
    reader: Take<&'a mut dyn Read>,
    order: ByteOrder,
}

impl<'a> Elements<'a> {
    /// Reads the tag of an array's element.
    fn new(reader: &'a mut dyn Read, order: ByteOrder) -> Parsed<Self> {
        let tag = read_tag(reader, order)?;
        if tag.kind != MATRIX || tag.inside.is_some() {
            return Err(ArrayError::malformed(
                "an array (an element of type 14)",
                format!("an element of type {}", tag.kind),
            ));
        }
        Ok(Self {
            reader: reader.take(tag.size.into()),
            order,
        })
    }

    /// Reads a tag whose data must lie within the array's element.
    fn tag(&mut self) -> Parsed<Tag> {
        let tag = read_tag(&mut self.reader, self.order)?;
        if tag.inside.is_none() && u64::from(tag.size) > self.reader.limit() {
            return Err(ArrayError::malformed(
                format!("at most {} bytes more of the array", self.reader.limit()),
                format!("an element of {}", tag.size),
            ));
        }
        Ok(tag)
    }

    /// Reads a short element, of `kind` and at most `longest` bytes.
    fn short(&mut self, kind: &[u32], longest: u32, what: &str) -> Parsed<Vec<u8>> {
        let tag = self.tag()?;
        if !kind.contains(&tag.kind) || tag.size > longest {
            return Err(ArrayError::malformed(
                format!("{what}: an element of type {kind:?} and at most {longest} bytes"),
                format!("type {} and {} bytes", tag.kind, tag.size),
            ));
        }
        if let Some(inside) = tag.inside {
            return Ok(inside[..tag.size as usize].to_vec());
        }
        let mut bytes = vec![0; tag.size as usize];
        self.reader.read_exact(&mut bytes)?;
        self.skip_padding(tag.size)?;
        Ok(bytes)
    }

    fn skip_padding(&mut self, size: u32) -> Parsed<()> {
        let padding = (8 - size % 8) % 8;
        // Some writers leave the padding out at an array's end.
        let padding = u64::from(padding).min(self.reader.limit());
        io::copy(&mut (&mut self.reader).take(padding), &mut io::sink())?;
        Ok(())
    }

    /// Reads what precedes the numbers.
    fn matrix(&mut self) -> Parsed<Matrix> {
        let flags = self.short(&[6], 8, "array flags")?;
        let (&[a, b, c, d], _) = flags.split_first_chunk().ok_or_else(|| {
            ArrayError::malformed("8 bytes of array flags", flags.len().to_string())
        })?;
        let (class, bits) = match self.order {
            ByteOrder::Little => (a, b),
            ByteOrder::Big => (d, c),
        };
        // Objects of newer MATLAB versions have no dimensions.
        if class == OPAQUE {
            return Ok(Matrix {
                name: String::new(),
                class,
                complex: false,
                logical: false,
                shape: Vec::new(),
            });
        }
        let extents = self.short(&[5], 4 * MOST_AXES as u32, "dimensions")?;
        let (extents, rest) = extents.as_chunks::<4>();
        let bad = |found: String| ArrayError::malformed("dimensions that are not negative", found);
        if !rest.is_empty() {
            return Err(bad(format!("{} odd bytes", rest.len())));
        }
        let mut shape = Vec::new();
        for &extent in extents {
            let extent = match self.order {
                ByteOrder::Little => i32::from_le_bytes(extent),
                ByteOrder::Big => i32::from_be_bytes(extent),
            };
            shape.push(usize::try_from(extent).map_err(|_| bad(extent.to_string()))?);
        }
        // Eight-bit text, as MATLAB's names are; UTF-8 where another program wrote them.
        let name = self.short(&[1, 2, 16], LONGEST_NAME, "name")?;
        Ok(Matrix {
            name: String::from_utf8_lossy(&name).into_owned(),
            class,
            complex: bits & 0x08 != 0,
            logical: bits & 0x02 != 0,
            shape,
        })
    }

    /// Reads the numbers of a numeric array.
    fn numbers(&mut self, matrix: &Matrix) -> Parsed<Stored> {
        let element = matrix.element()?;
        let count = element_count(&matrix.shape).ok_or_else(|| {
            ArrayError::malformed("a shape whose product fits", format!("{:?}", matrix.shape))
        })?;
        let real = self.part(element, &matrix.shape, count)?;
        let data = if matrix.complex {
            let imaginary = self.part(element, &matrix.shape, count)?;
            interleave(real, imaginary)
        } else {
            real
        };
        let field = Field::new(matrix.field_shape(), data)
            .map_err(|error| ArrayError::malformed("as many numbers", error.to_string()))?;
        Ok(Stored { element, field })
    }

    /// Reads the real or the imaginary parts, which may be stored in a shorter type.
    fn part(&mut self, element: ElementType, shape: &[usize], count: usize) -> Parsed<FieldData> {
        let tag = self.tag()?;
        let stored = stored_type(tag.kind).ok_or_else(|| {
            ArrayError::malformed("numbers", format!("an element of type {}", tag.kind))
        })?;
        if count as u128 * stored.size() as u128 != u128::from(tag.size) {
            return Err(ArrayError::malformed(
                format!("{count} numbers of {} bytes", stored.size()),
                format!("{} bytes", tag.size),
            ));
        }
        let data = match tag.inside {
            Some(inside) => decode(&mut inside.as_slice(), stored, self.order, count)?,
            None => decode(&mut self.reader, stored, self.order, count)?,
        };
        if tag.inside.is_none() {
            self.skip_padding(tag.size)?;
        }
        let data = last_axis_fastest(data, shape)?;
        let wide = matches!(
            element,
            ElementType::F64
                | ElementType::I32
                | ElementType::U32
                | ElementType::I64
                | ElementType::U64
        );
        Ok(match data {
            FieldData::F32(values) if wide => {
                FieldData::F64(values.into_iter().map(f64::from).collect())
            }
            FieldData::F64(values) if !wide => {
                FieldData::F32(values.into_iter().map(|value| value as f32).collect())
            }
            data => data,
        })
    }

    /// Reads to the end, so that the checksum of compressed data is compared.
    fn expect_end(&mut self) -> Parsed<()> {
        let beyond = io::copy(&mut self.reader, &mut io::sink())?;
        let more = self.reader.get_mut().read(&mut [0])?;
        if beyond > 0 || more > 0 {
            return Err(ArrayError::malformed("the end of the array", "more bytes"));
        }
        Ok(())
    }
}

const OPAQUE: u8 = 17;

impl Matrix {
    /// Its shape as a field: a complex array has a last axis of real and imaginary parts.
    fn field_shape(&self) -> Vec<usize> {
        let parts = self.complex.then_some(2);
        self.shape.iter().copied().chain(parts).collect()
    }

    fn element(&self) -> Parsed<ElementType> {
        if self.logical {
            return Ok(ElementType::Bool);
        }
        Ok(match self.class {
            6 => ElementType::F64,
            7 => ElementType::F32,
            8 => ElementType::I8,
            9 => ElementType::U8,
            10 => ElementType::I16,
            11 => ElementType::U16,
            12 => ElementType::I32,
            13 => ElementType::U32,
            14 => ElementType::I64,
            15 => ElementType::U64,
            class => {
                let name = match class {
                    1 => "cell",
                    2 => "struct",
                    3 => "object",
                    4 => "char",
                    5 => "sparse",
                    16 => "function handle",
                    _ => "unknown",
                };
                return Err(ArrayError::Unsupported(name.to_owned()));
            }
        })
    }
}

fn stored_type(kind: u32) -> Option<ElementType> {
    Some(match kind {
        1 => ElementType::I8,
        2 => ElementType::U8,
        3 => ElementType::I16,
        4 => ElementType::U16,
        5 => ElementType::I32,
        6 => ElementType::U32,
        7 => ElementType::F32,
        9 => ElementType::F64,
        12 => ElementType::I64,
        13 => ElementType::U64,
        _ => return None,
    })
}

/// Real and imaginary part of each element beside each other; both of the same precision.
fn interleave(real: FieldData, imaginary: FieldData) -> FieldData {
    fn zip<T>(real: Vec<T>, imaginary: Vec<T>) -> Vec<T> {
        let pairs = real.into_iter().zip(imaginary);
        pairs
            .flat_map(|(real, imaginary)| [real, imaginary])
            .collect()
    }
    match (real, imaginary) {
        (FieldData::F32(real), FieldData::F32(imaginary)) => FieldData::F32(zip(real, imaginary)),
        (real, imaginary) => FieldData::F64(zip(
            real.iter_f64().collect(),
            imaginary.iter_f64().collect(),
        )),
    }
}
