//! Parts of an array.

use std::path::Path;

use super::field::{Field, FieldData};
use crate::{Error, Result};

/// Which elements of an axis: `start`, `start + step`, ..., `count` of them.
///
/// ```
/// use kiti_data::field_io::AxisSlice;
/// let every_eighth = AxisSlice { start: 0, count: 1024, step: 8 };
/// assert_eq!(every_eighth.last(), Some(8184));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AxisSlice {
    /// The first element.
    pub start: usize,
    /// Number of elements.
    pub count: usize,
    /// Distance from one to the next, at least 1.
    pub step: usize,
}

impl AxisSlice {
    /// All elements of an axis of so many.
    pub fn all(extent: usize) -> Self {
        Self::range(0, extent)
    }

    /// `count` elements from `start` on.
    pub fn range(start: usize, count: usize) -> Self {
        Self {
            start,
            count,
            step: 1,
        }
    }

    /// The last element, `None` where there is none or its number overflows.
    pub fn last(&self) -> Option<usize> {
        let steps = self.count.checked_sub(1)?;
        self.start.checked_add(steps.checked_mul(self.step)?)
    }

    fn fits(&self, extent: usize) -> bool {
        self.step > 0 && (self.count == 0 || self.last().is_some_and(|last| last < extent))
    }
}

/// Refuses slices that an array of `shape` does not have.
pub(crate) fn check(path: &Path, name: &str, shape: &[usize], slices: &[AxisSlice]) -> Result<()> {
    let fitting = shape.len() == slices.len()
        && shape
            .iter()
            .zip(slices)
            .all(|(&extent, slice)| slice.fits(extent));
    if fitting {
        return Ok(());
    }
    let wanted: Vec<_> = slices
        .iter()
        .map(|slice| format!("{} + {} x {}", slice.start, slice.count, slice.step))
        .collect();
    Err(Error::Shape {
        array: format!("{name} of {}", path.display()),
        expected: format!("axes with the elements [{}]", wanted.join(", ")),
        found: shape.to_vec(),
    })
}

/// Copies the elements of `slices`, which have been checked.
pub(crate) fn cut(field: &Field, slices: &[AxisSlice]) -> Result<Field> {
    fn pick<T: Copy>(values: &[T], shape: &[usize], slices: &[AxisSlice]) -> Vec<T> {
        let (Some((&extent, inner)), Some((slice, inner_slices))) =
            (shape.split_first(), slices.split_first())
        else {
            return values.to_vec();
        };
        let width: usize = inner.iter().product();
        debug_assert_eq!(values.len(), extent * width);
        let mut picked = Vec::new();
        for element in 0..slice.count {
            let at = (slice.start + element * slice.step) * width;
            picked.extend(pick(&values[at..at + width], inner, inner_slices));
        }
        picked
    }
    let shape: Vec<_> = slices.iter().map(|slice| slice.count).collect();
    let data = match field.data() {
        FieldData::F32(values) => FieldData::F32(pick(values, field.shape(), slices)),
        FieldData::F64(values) => FieldData::F64(pick(values, field.shape(), slices)),
    };
    Field::new(shape, data)
}
