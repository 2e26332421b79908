//! What a file holds, in a few numbers an array.

use std::path::Path;

use serde::Serialize;

use super::{ArrayFile, AxisSlice, Field, Stored};
use crate::{Error, Result};

/// Elements that are looked at at a time in a file whose arrays can be read in parts.
const ELEMENTS_AT_A_TIME: usize = 1 << 24;

/// One array of a file in a few numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArraySummary {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Type of its elements in the file, in numpy's words (`float32`, `int64`, ...). Where they
    /// are no real numbers (text, say) nothing else is known of them.
    pub dtype: String,
    /// Least finite element; NaN where there is none.
    pub min: f64,
    /// Greatest finite element; NaN where there is none.
    pub max: f64,
    /// Sum of the finite elements.
    pub sum: f64,
    /// Number of elements that are NaN or infinite.
    pub not_finite: usize,
}

/// Summarises every array of a file, in the order of their names.
///
/// # Errors
/// As [`read`](super::read), but arrays that hold no real numbers are listed by their type.
pub fn describe(path: impl AsRef<Path>) -> Result<Vec<ArraySummary>> {
    let mut file = ArrayFile::open(path)?;
    let names = file.names();
    names.iter().map(|name| file.describe(name)).collect()
}

impl ArrayFile {
    fn describe(&mut self, name: &str) -> Result<ArraySummary> {
        let shape = self.shape(name)?;
        let mut summary = ArraySummary {
            name: name.to_owned(),
            dtype: String::new(),
            min: f64::NAN,
            max: f64::NAN,
            sum: 0.,
            not_finite: 0,
            shape,
        };
        for part in parts(&summary.shape, self.reads_slices()) {
            let stored = match part {
                None => self.container.read(name),
                Some(slices) => self.container.read_slice(name, &slices),
            };
            match stored {
                Ok(Stored { element, field }) => {
                    element.name().clone_into(&mut summary.dtype);
                    summary.add(&field);
                }
                Err(Error::UnsupportedElements { found, .. }) => {
                    summary.dtype = found;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(summary)
    }
}

/// The whole array (`None`), or parts of it along its longest axis.
fn parts(shape: &[usize], in_parts: bool) -> Vec<Option<Vec<AxisSlice>>> {
    let elements: usize = shape.iter().product();
    let longest = (0..shape.len()).max_by_key(|&axis| shape[axis]);
    let Some(axis) = longest.filter(|_| in_parts && elements > ELEMENTS_AT_A_TIME) else {
        return vec![None];
    };
    let whole: Vec<_> = shape.iter().map(|&extent| AxisSlice::all(extent)).collect();
    let at_a_time = (ELEMENTS_AT_A_TIME / (elements / shape[axis])).max(1);
    let starts = (0..shape[axis]).step_by(at_a_time);
    let part = |start: usize| {
        let mut slices = whole.clone();
        slices[axis] = AxisSlice::range(start, at_a_time.min(shape[axis] - start));
        Some(slices)
    };
    starts.map(part).collect()
}

impl ArraySummary {
    fn add(&mut self, field: &Field) {
        for value in field.data().iter_f64() {
            if value.is_finite() {
                self.min = self.min.min(value);
                self.max = self.max.max(value);
                self.sum += value;
            } else {
                self.not_finite += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_arrays_are_looked_at_in_parts_that_cover_them() {
        assert_eq!(parts(&[3, 1 << 30], false), [None]);
        assert_eq!(parts(&[], true), [None]);
        assert_eq!(parts(&[4, 4], true), [None]);
        let parts = parts(&[100, 1 << 20, 2], true);
        let mut next = 0;
        for part in parts {
            let slices = part.unwrap();
            assert_eq!(slices[1].start, next);
            assert!(
                slices.iter().map(|slice| slice.count).product::<usize>() <= ELEMENTS_AT_A_TIME
            );
            next += slices[1].count;
        }
        assert_eq!(next, 1 << 20);
    }
}
