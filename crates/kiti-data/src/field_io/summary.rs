//! What a file holds, in a few numbers an array.

use std::path::Path;

use serde::Serialize;

use super::open;
use crate::Result;

/// One array of a file in a few numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArraySummary {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Type of its elements in the file, in numpy's words (`float32`, `int64`, ...).
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
/// As [`read`](super::read).
pub fn describe(path: impl AsRef<Path>) -> Result<Vec<ArraySummary>> {
    let mut container = open(path.as_ref())?;
    let mut summaries = Vec::new();
    for name in container.names() {
        let stored = container.read(&name)?;
        let mut summary = ArraySummary {
            name,
            shape: stored.field.shape().to_vec(),
            dtype: stored.element.name().to_owned(),
            min: f64::NAN,
            max: f64::NAN,
            sum: 0.,
            not_finite: 0,
        };
        for value in stored.field.data().iter_f64() {
            if value.is_finite() {
                summary.min = summary.min.min(value);
                summary.max = summary.max.max(value);
                summary.sum += value;
            } else {
                summary.not_finite += 1;
            }
        }
        summaries.push(summary);
    }
    Ok(summaries)
}
