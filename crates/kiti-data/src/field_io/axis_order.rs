//! The order in which an array's elements are stored.

use std::io;

use super::field::FieldData;

/// Most axes of an array: numpy's own limit.
pub(crate) const MOST_AXES: usize = 64;

/// Rearranges elements that are stored first axis fastest, as Fortran and MATLAB do.
pub(crate) fn last_axis_fastest(data: FieldData, shape: &[usize]) -> io::Result<FieldData> {
    Ok(match data {
        FieldData::F32(values) => FieldData::F32(rearrange(values, shape)?),
        FieldData::F64(values) => FieldData::F64(rearrange(values, shape)?),
    })
}

fn rearrange<T: Copy>(stored: Vec<T>, shape: &[usize]) -> io::Result<Vec<T>> {
    if shape.len() < 2 || stored.is_empty() {
        return Ok(stored);
    }
    let mut values = Vec::new();
    values
        .try_reserve_exact(stored.len())
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut index = vec![0; shape.len()];
    let mut position = 0;
    while values.len() < stored.len() {
        values.push(stored[position]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            position += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            position -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    Ok(values)
}
