//! Tensors from safetensors files, one at a time: beside what is kept, memory for no more than a piece of one.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle::{Device, Tensor};
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::{Error, Result};

/// The longest header, as the format has it.
const LARGEST_HEADER: u64 = 100_000_000;

/// Bytes converted at a time.
const PIECE: usize = 1 << 18;

/// A file of weights.
#[derive(Debug, Clone)]
pub(super) struct Shard {
    pub(super) path: PathBuf,
    /// The tensors that an index says are in it.
    tensors: Option<BTreeSet<String>>,
}

impl Shard {
    pub(super) fn whole(path: PathBuf) -> Self {
        Self {
            path,
            tensors: None,
        }
    }

    pub(super) fn of(path: PathBuf, tensors: BTreeSet<String>) -> Self {
        Self {
            path,
            tensors: Some(tensors),
        }
    }
}

/// Names every tensor of all files to `visit`, with a function that reads it in single precision.
pub(super) fn read_each(
    shards: &[Shard],
    device: &Device,
    mut visit: impl FnMut(&Path, &str, &mut dyn FnMut() -> Result<Tensor>) -> Result<()>,
) -> Result<()> {
    for shard in shards {
        let path = &shard.path;
        let mut file = WeightFile::open(path)?;
        let names: BTreeSet<String> = file.metadata.offset_keys().into_iter().collect();
        if let Some(expected) = &shard.tensors
            && *expected != names
        {
            let differing: Vec<&String> = expected.symmetric_difference(&names).take(5).collect();
            let message =
                format!("expected the tensors that the index names, found others: {differing:?}");
            return Err(Error::corrupt(path, message));
        }
        for name in names {
            let info = file.info(&name)?;
            visit(path, &name, &mut || file.read(&name, &info, device))?;
        }
    }
    Ok(())
}

/// An open file whose header has been checked against its length.
struct WeightFile {
    path: PathBuf,
    file: BufReader<File>,
    metadata: Metadata,
    data_start: u64,
}

impl WeightFile {
    fn open(path: &Path) -> Result<Self> {
        let failed = || Error::io(path, "read the weights");
        let mut file = File::open(path).map_err(failed())?;
        let length = file.metadata().map_err(failed())?.len();
        let damaged = |found: String| {
            Error::corrupt(
                path,
                format!("expected a whole safetensors file, found {found}; fetch it again"),
            )
        };
        let mut size = [0; 8];
        if length < 8 {
            return Err(damaged(format!("{length} bytes")));
        }
        file.read_exact(&mut size).map_err(failed())?;
        let header_length = u64::from_le_bytes(size);
        if header_length > LARGEST_HEADER.min(length - 8) {
            return Err(damaged(format!(
                "a header of {header_length} bytes in a file of {length}"
            )));
        }
        let mut header = vec![0; header_length as usize];
        file.read_exact(&mut header).map_err(failed())?;
        // Checks that the tensors follow each other without overlap and have the lengths of their shapes.
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|error| damaged(format!("a header with {error}")))?;
        let data_start = 8 + header_length;
        let end = data_start.checked_add(metadata.data_len() as u64);
        if end != Some(length) {
            return Err(damaged(format!(
                "{} bytes of tensors in its header, {} in the file",
                metadata.data_len(),
                length - data_start
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(PIECE, file),
            metadata,
            data_start,
        })
    }

    fn info(&self, name: &str) -> Result<TensorInfo> {
        self.metadata.info(name).cloned().ok_or_else(|| {
            Error::corrupt(&self.path, format!("expected a tensor {name}, found none"))
        })
    }

    fn read(&mut self, name: &str, info: &TensorInfo, device: &Device) -> Result<Tensor> {
        let failed = Error::io(&self.path, "read the weights");
        let (start, end) = info.data_offsets;
        self.file
            .seek(SeekFrom::Start(self.data_start + start as u64))
            .map_err(failed)?;
        let values = match info.dtype {
            Dtype::F32 => self.convert(end - start, f32::from_le_bytes),
            Dtype::F64 => self.convert(end - start, |bytes| f64::from_le_bytes(bytes) as f32),
            Dtype::F16 => self.convert(end - start, |bytes| f16::from_le_bytes(bytes).to_f32()),
            Dtype::BF16 => self.convert(end - start, |bytes| bf16::from_le_bytes(bytes).to_f32()),
            other => {
                let message = format!("expected floating-point numbers in {name}, found {other:?}");
                return Err(Error::corrupt(&self.path, message));
            }
        }?;
        Ok(Tensor::from_vec(values, &info.shape[..], device)?)
    }

    /// The next `bytes` bytes as numbers of `N` bytes each.
    fn convert<const N: usize>(
        &mut self,
        bytes: usize,
        number: impl Fn([u8; N]) -> f32,
    ) -> Result<Vec<f32>> {
        // The header's lengths have been checked against the file's.
        let mut values = Vec::with_capacity(bytes / N);
        let mut piece = vec![0; PIECE.min(bytes)];
        let mut left = bytes;
        while left > 0 {
            let read = left.min(piece.len());
            self.file
                .read_exact(&mut piece[..read])
                .map_err(Error::io(&self.path, "read the weights"))?;
            let numbers = piece[..read].as_chunks::<N>().0;
            values.extend(numbers.iter().map(|&bytes| number(bytes)));
            left -= read;
        }
        Ok(values)
    }
}
