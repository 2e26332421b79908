//! Samples that are read from a file when they are asked for.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::Layout;
use crate::field_io::{ArrayFile, AxisSlice, Field, FieldData};
use crate::loader::RowSource;
use crate::{Error, Result};

/// Samples of an array in a file.
pub struct StoredRows {
    layout: Layout,
    first: usize,
    end: usize,
    file: Mutex<ArrayFile>,
    streams: bool,
}

impl fmt::Debug for StoredRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredRows")
            .field("path", &self.layout.path)
            .field("array", &self.layout.array)
            .field("samples", &(self.first..self.end))
            .finish_non_exhaustive()
    }
}

impl StoredRows {
    pub(super) fn open(layout: Layout, first: usize, end: usize) -> Result<Self> {
        let file = ArrayFile::open(&layout.path)?;
        Ok(Self {
            layout,
            first,
            end,
            streams: file.reads_slices(),
            file: Mutex::new(file),
        })
    }

    pub(super) fn streams(&self) -> bool {
        self.streams
    }

    /// Reads samples by their number in the file, neighbours at once.
    pub(super) fn rows_from_file(&self, rows: &[usize]) -> Result<Field> {
        // A panic elsewhere leaves the file as it was: reading has no state to break.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = |start: usize, count: usize| {
            let mut slices = self.layout.slices.clone();
            slices[self.layout.sample_axis] = AxisSlice::range(start, count);
            permute(
                &file.read_slice(&self.layout.array, &slices)?,
                &self.layout.order,
            )
        };
        let mut parts = Vec::new();
        let mut rest = rows;
        while let Some(&start) = rest.first() {
            let neighbours = rest
                .iter()
                .zip(start..)
                .take_while(|&(&row, next)| row == next);
            let count = neighbours.count();
            parts.push(read(start, count)?);
            rest = &rest[count..];
        }
        join(parts, rows.len())
    }
}

impl RowSource for StoredRows {
    fn len(&self) -> usize {
        self.end - self.first
    }

    fn row_shape(&self) -> Vec<usize> {
        self.layout.sample_shape()
    }

    fn rows(&self, rows: &[usize]) -> Result<Field> {
        // In the file's order, so that neighbours come together, then back in the asked one.
        let mut sorted: Vec<_> = rows.iter().map(|row| row + self.first).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let read = self.rows_from_file(&sorted)?;
        let wanted: Vec<_> = rows
            .iter()
            .map(|row| sorted.partition_point(|&one| one < row + self.first))
            .collect();
        let field = crate::loader::pick_rows(&read, &wanted)?;
        field.check_finite(&format!(
            "{} of {}",
            self.layout.array,
            self.layout.path.display()
        ))?;
        Ok(field)
    }
}

/// The field whose axis `i` is the axis `order[i]` of `field`.
fn permute(field: &Field, order: &[usize]) -> Result<Field> {
    fn rearrange<T: Copy>(values: &[T], shape: &[usize], order: &[usize]) -> Vec<T> {
        let strides: Vec<usize> = (0..shape.len())
            .map(|axis| shape[axis + 1..].iter().product())
            .collect();
        let mut index = vec![0; order.len()];
        let mut position = 0;
        let mut rearranged = Vec::with_capacity(values.len());
        while rearranged.len() < values.len() {
            rearranged.push(values[position]);
            for (place, &axis) in order.iter().enumerate().rev() {
                index[place] += 1;
                position += strides[axis];
                if index[place] < shape[axis] {
                    break;
                }
                position -= strides[axis] * shape[axis];
                index[place] = 0;
            }
        }
        rearranged
    }
    if order.is_sorted() {
        return Ok(field.clone());
    }
    let shape = order.iter().map(|&axis| field.shape()[axis]).collect();
    let data = match field.data() {
        FieldData::F32(values) => FieldData::F32(rearrange(values, field.shape(), order)),
        FieldData::F64(values) => FieldData::F64(rearrange(values, field.shape(), order)),
    };
    Field::new(shape, data)
}

/// Puts parts one after the other along the first axis.
fn join(mut parts: Vec<Field>, rows: usize) -> Result<Field> {
    if parts.len() == 1 {
        return Ok(parts.remove(0));
    }
    let Some(first) = parts.first() else {
        return Err(Error::Shape {
            array: "rows".to_owned(),
            expected: "at least one row".to_owned(),
            found: vec![0],
        });
    };
    let mut shape = first.shape().to_vec();
    shape[0] = rows;
    let single = matches!(first.data(), FieldData::F32(_));
    if single {
        let values = parts.into_iter().flat_map(Field::into_f32).collect();
        Field::from_f32(shape, values)
    } else {
        let values = parts.into_iter().flat_map(Field::into_f64).collect();
        Field::from_f64(shape, values)
    }
}
