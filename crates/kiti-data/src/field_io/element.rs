//! Types of stored elements, and their conversion into [`FieldData`].

use std::io::{self, Read};

use half::{bf16, f16};
use safetensors::Dtype;

use super::field::FieldData;

/// The type of an element in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ElementType {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F16,
    Bf16,
    F32,
    F64,
}

impl ElementType {
    /// From numpy's type text without the byte order, such as `f8`.
    pub(crate) fn from_numpy(code: &str) -> Option<Self> {
        Some(match code {
            "b1" => ElementType::Bool,
            "i1" => ElementType::I8,
            "u1" => ElementType::U8,
            "i2" => ElementType::I16,
            "u2" => ElementType::U16,
            "i4" => ElementType::I32,
            "u4" => ElementType::U32,
            "i8" => ElementType::I64,
            "u8" => ElementType::U64,
            "f2" => ElementType::F16,
            "f4" => ElementType::F32,
            "f8" => ElementType::F64,
            _ => return None,
        })
    }

    /// From the type in a safetensors header.
    pub(crate) fn from_safetensors(dtype: Dtype) -> Option<Self> {
        Some(match dtype {
            Dtype::BOOL => ElementType::Bool,
            Dtype::I8 => ElementType::I8,
            Dtype::U8 => ElementType::U8,
            Dtype::I16 => ElementType::I16,
            Dtype::U16 => ElementType::U16,
            Dtype::I32 => ElementType::I32,
            Dtype::U32 => ElementType::U32,
            Dtype::I64 => ElementType::I64,
            Dtype::U64 => ElementType::U64,
            Dtype::F16 => ElementType::F16,
            Dtype::BF16 => ElementType::Bf16,
            Dtype::F32 => ElementType::F32,
            Dtype::F64 => ElementType::F64,
            _ => return None,
        })
    }

    /// numpy's name of the type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ElementType::Bool => "bool",
            ElementType::I8 => "int8",
            ElementType::U8 => "uint8",
            ElementType::I16 => "int16",
            ElementType::U16 => "uint16",
            ElementType::I32 => "int32",
            ElementType::U32 => "uint32",
            ElementType::I64 => "int64",
            ElementType::U64 => "uint64",
            ElementType::F16 => "float16",
            ElementType::Bf16 => "bfloat16",
            ElementType::F32 => "float32",
            ElementType::F64 => "float64",
        }
    }

    /// Bytes of one element.
    pub(crate) fn size(self) -> usize {
        match self {
            ElementType::Bool | ElementType::I8 | ElementType::U8 => 1,
            ElementType::I16 | ElementType::U16 | ElementType::F16 | ElementType::Bf16 => 2,
            ElementType::I32 | ElementType::U32 | ElementType::F32 => 4,
            ElementType::I64 | ElementType::U64 | ElementType::F64 => 8,
        }
    }
}

/// Order of the bytes of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

/// Reads `count` elements and converts them.
///
/// Memory grows with what was really read, so that a header cannot make it allocate more than
/// the file holds. Ends with [`io::ErrorKind::UnexpectedEof`] where elements are missing.
pub(crate) fn decode(
    reader: &mut dyn Read,
    element: ElementType,
    order: ByteOrder,
    count: usize,
) -> io::Result<FieldData> {
    macro_rules! as_f32 {
        ($type:ty, $convert:expr) => {
            FieldData::F32(collect(
                reader,
                count,
                order,
                <$type>::from_le_bytes,
                <$type>::from_be_bytes,
                $convert,
            )?)
        };
    }
    macro_rules! as_f64 {
        ($type:ty, $convert:expr) => {
            FieldData::F64(collect(
                reader,
                count,
                order,
                <$type>::from_le_bytes,
                <$type>::from_be_bytes,
                $convert,
            )?)
        };
    }
    Ok(match element {
        ElementType::Bool => as_f32!(u8, |value| f32::from(value != 0)),
        ElementType::I8 => as_f32!(i8, f32::from),
        ElementType::U8 => as_f32!(u8, f32::from),
        ElementType::I16 => as_f32!(i16, f32::from),
        ElementType::U16 => as_f32!(u16, f32::from),
        ElementType::F16 => as_f32!(f16, f32::from),
        ElementType::Bf16 => as_f32!(bf16, f32::from),
        ElementType::F32 => as_f32!(f32, |value| value),
        ElementType::I32 => as_f64!(i32, f64::from),
        ElementType::U32 => as_f64!(u32, f64::from),
        ElementType::I64 => as_f64!(i64, |value| value as f64),
        ElementType::U64 => as_f64!(u64, |value| value as f64),
        ElementType::F64 => as_f64!(f64, |value| value),
    })
}

fn collect<Stored, Value, const SIZE: usize>(
    reader: &mut dyn Read,
    count: usize,
    order: ByteOrder,
    from_little: impl Fn([u8; SIZE]) -> Stored,
    from_big: impl Fn([u8; SIZE]) -> Stored,
    convert: impl Fn(Stored) -> Value,
) -> io::Result<Vec<Value>> {
    const PIECE: usize = 1 << 15;
    let mut buffer = vec![0; PIECE.min(count) * SIZE];
    let mut values = Vec::new();
    while values.len() < count {
        let elements = PIECE.min(count - values.len());
        let bytes = &mut buffer[..elements * SIZE];
        reader.read_exact(bytes)?;
        values
            .try_reserve(elements)
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let (stored, _) = bytes.as_chunks::<SIZE>();
        match order {
            ByteOrder::Little => values.extend(stored.iter().map(|&b| convert(from_little(b)))),
            ByteOrder::Big => values.extend(stored.iter().map(|&b| convert(from_big(b)))),
        }
    }
    Ok(values)
}

/// Writes the elements, little-endian.
pub(crate) fn encode(data: &FieldData, writer: &mut dyn io::Write) -> io::Result<()> {
    match data {
        FieldData::F32(values) => {
            for value in values {
                writer.write_all(&value.to_le_bytes())?;
            }
        }
        FieldData::F64(values) => {
            for value in values {
                writer.write_all(&value.to_le_bytes())?;
            }
        }
    }
    Ok(())
}
