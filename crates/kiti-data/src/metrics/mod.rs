//! How far a predicted field is from the true one, and how well classes are told apart.
//!
//! | function | says |
//! | --- | --- |
//! | [`relative_l2`] | the error's size over the field's, sample by sample |
//! | [`relative_h1`] | the same with the slopes counted too |
//! | [`error_spectrum`] | at which length scales the error lies |
//!
//! [`Classification`] has the scores of a classifier.
//!
//! Fields have the shape `(samples, d1, ..., dD, ...)`: after the samples come the axes of space,
//! then any others (time, channels), over which is summed or averaged.

pub mod classification;
mod norms;
mod spectrum;

pub use classification::{Classification, ClassificationMeter, ClassificationSummary, Prediction};
pub use norms::{Boundary, relative_h1, relative_l2};
pub use spectrum::{ErrorSpectrum, error_spectrum};

use crate::{Error, Field, Result};

/// Refuses fields of different shapes or without samples or `dimensions` axes of space.
fn check_shapes(prediction: &Field, target: &Field, dimensions: usize) -> Result<()> {
    let shape = target.shape();
    let wrong = |array: &str, expected: String, found: &[usize]| Error::Shape {
        array: array.to_owned(),
        expected,
        found: found.to_vec(),
    };
    if shape.len() <= dimensions || shape.contains(&0) {
        let expected = format!("samples, then {dimensions} axes of space, none of them empty");
        return Err(wrong("target", expected, shape));
    }
    if prediction.shape() != shape {
        let expected = format!("the target's shape {shape:?}");
        return Err(wrong("prediction", expected, prediction.shape()));
    }
    Ok(())
}
