//! The elements that an array of a MATLAB file is made of.

use std::io::{self, Read, Take};

use super::super::Stored;
use super::super::array_error::ArrayError;
use super::super::axis_order::{MOST_AXES, last_axis_fastest};
use super::super::element::{ByteOrder, ElementType, decode};
use super::super::field::{Field, FieldData, element_count};
use super::{MATRIX, Parsed};

const LONGEST_NAME: u32 = 4096;
const OPAQUE: u8 = 17;

/// The description that precedes an array's elements.
pub(super) struct Matrix {
    /// Its name; empty for the format's own bookkeeping.
    pub(super) name: String,
    class: u8,
    complex: bool,
    logical: bool,
    shape: Vec<usize>,
}

/// What an element is: its type, its size in bytes, and the data where they are in the tag.
pub(super) struct Tag {
    pub(super) kind: u32,
    pub(super) size: u32,
    pub(super) inside: Option<[u8; 4]>,
}

/// Reads an element's first 8 bytes.
pub(super) fn read_tag(reader: &mut dyn Read, order: ByteOrder) -> Parsed<Tag> {
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
pub(super) struct Elements<'a> {
    reader: Take<&'a mut dyn Read>,
    order: ByteOrder,
}

impl<'a> Elements<'a> {
    /// Reads the tag of an array's element.
    pub(super) fn new(reader: &'a mut dyn Read, order: ByteOrder) -> Parsed<Self> {
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
    pub(super) fn matrix(&mut self) -> Parsed<Matrix> {
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
    pub(super) fn numbers(&mut self, matrix: &Matrix) -> Parsed<Stored> {
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
    pub(super) fn expect_end(&mut self) -> Parsed<()> {
        let beyond = io::copy(&mut self.reader, &mut io::sink())?;
        let more = self.reader.get_mut().read(&mut [0])?;
        if beyond > 0 || more > 0 {
            return Err(ArrayError::malformed("the end of the array", "more bytes"));
        }
        Ok(())
    }
}

impl Matrix {
    /// Its shape as a field: a complex array has a last axis of real and imaginary parts.
    pub(super) fn field_shape(&self) -> Vec<usize> {
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
