//! What the relative L2 error of a field alone does not tell: slopes, length scales, and how an error grows in time.

use candle::Device;
use kiti_data::Field;
use kiti_data::loader::Dataset;
use kiti_data::metrics::{Boundary, error_spectrum, relative_h1, relative_l2};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Result;
use crate::evaluate::predict;
use crate::operator::Operator;
use crate::task::with_channels;

/// How a model errs on one set of samples; all numbers are means over the samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldDiagnostics {
    /// Relative error with slopes counted too: see [`relative_h1`]. None for a grid of fewer than 3 points.
    pub relative_h1: Option<f64>,
    /// Relative L2 error of each predicted step.
    #[serde(deserialize_with = "numbers_or_null")]
    pub error_by_step: Vec<f64>,
    /// Norm of the prediction over that of the truth, step by step: a roll-out is stable while it stays near 1.
    #[serde(deserialize_with = "numbers_or_null")]
    pub norm_ratio_by_step: Vec<f64>,
    /// Mean square of the error by wavenumber: see [`error_spectrum`]. Empty where the fields are not periodic.
    #[serde(deserialize_with = "numbers_or_null")]
    pub error_spectrum: Vec<f64>,
    /// Mean square of the truth by wavenumber.
    #[serde(deserialize_with = "numbers_or_null")]
    pub target_spectrum: Vec<f64>,
}

/// JSON has no NaN: a number that is not finite is written as null.
fn numbers_or_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<f64>, D::Error> {
    let values = Vec::<Option<f64>>::deserialize(deserializer)?;
    let number = |value: Option<f64>| value.unwrap_or(f64::NAN);
    Ok(values.into_iter().map(number).collect())
}

impl FieldDiagnostics {
    /// The first step, from 1, at which the mean error reaches `limit` or is no number; none while it stays below. With a
    /// limit of 1, where nothing of the truth is left, this is how long a roll-out lasts.
    ///
    /// ```
    /// use kiti_models::diagnostics::FieldDiagnostics;
    ///
    /// let diagnostics = FieldDiagnostics {
    ///     relative_h1: None,
    ///     error_by_step: vec![0.1, 0.6, f64::NAN],
    ///     norm_ratio_by_step: vec![1.0, 1.3, f64::NAN],
    ///     error_spectrum: Vec::new(),
    ///     target_spectrum: Vec::new(),
    /// };
    /// assert_eq!(diagnostics.fails_at(0.5), Some(2));
    /// assert_eq!(diagnostics.fails_at(1.0), Some(3));
    /// ```
    pub fn fails_at(&self, limit: f64) -> Option<usize> {
        let holds = |error: &f64| *error < limit;
        let place = self.error_by_step.iter().position(|error| !holds(error))?;
        Some(place + 1)
    }
}

/// Sums over samples.
#[derive(Default)]
struct Sums {
    h1: Option<f64>,
    errors: Vec<f64>,
    ratios: Vec<f64>,
    error_spectrum: Vec<f64>,
    target_spectrum: Vec<f64>,
}

/// Rolls `model` out on every sample of `data`, `batch_size` at a time, and measures the error.
///
/// # Errors
///
/// Those of [`predict`]; samples that cannot be read.
pub fn diagnose(
    model: &dyn Operator,
    data: &Dataset,
    boundary: Boundary,
    batch_size: usize,
    device: &Device,
) -> Result<FieldDiagnostics> {
    let mut sums = Sums::default();
    for start in (0..data.len()).step_by(batch_size.max(1)) {
        let rows: Vec<usize> = (start..(start + batch_size.max(1)).min(data.len())).collect();
        let truth = data.targets().rows(&rows)?.into_tensor(&Device::Cpu)?;
        let truth = with_channels(&truth, model.dims())?;
        let steps = truth.dim(truth.rank() - 1)? / model.out_channels();
        let prediction = predict(model, &data.inputs().rows(&rows)?, steps, device)?;
        sums.add(model, boundary, &prediction, &Field::from_tensor(&truth)?)?;
    }
    let count = data.len() as f64;
    let mean = |values: Vec<f64>| values.into_iter().map(|sum| sum / count).collect();
    Ok(FieldDiagnostics {
        relative_h1: sums.h1.map(|sum| sum / count),
        error_by_step: mean(sums.errors),
        norm_ratio_by_step: mean(sums.ratios),
        error_spectrum: mean(sums.error_spectrum),
        target_spectrum: mean(sums.target_spectrum),
    })
}

impl Sums {
    fn add(
        &mut self,
        model: &dyn Operator,
        boundary: Boundary,
        prediction: &Field,
        truth: &Field,
    ) -> Result<()> {
        let (dims, channels) = (model.dims(), model.out_channels());
        let samples = truth.shape()[0] as f64;
        if truth.shape()[1..=dims].iter().all(|extent| *extent >= 3) {
            let errors = relative_h1(prediction, truth, dims, boundary)?;
            *self.h1.get_or_insert(0.0) += errors.iter().sum::<f64>();
        }
        let steps = truth.shape()[dims + 1] / channels;
        self.errors.resize(steps, 0.0);
        self.ratios.resize(steps, 0.0);
        for step in 0..steps {
            let truth = truth.narrow_last(step * channels, channels)?;
            let prediction = prediction.narrow_last(step * channels, channels)?;
            self.errors[step] += relative_l2(&prediction, &truth)?.iter().sum::<f64>();
            let sizes = norms(&prediction).into_iter().zip(norms(&truth));
            self.ratios[step] += sizes.map(|(p, t)| p / t).sum::<f64>();
        }
        if boundary == Boundary::Periodic {
            let found = error_spectrum(prediction, truth, dims)?;
            for (sums, values) in [
                (&mut self.error_spectrum, found.error),
                (&mut self.target_spectrum, found.target),
            ] {
                sums.resize(values.len(), 0.0);
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += samples * value;
                }
            }
        }
        Ok(())
    }
}

/// Norm of every sample.
fn norms(field: &Field) -> Vec<f64> {
    let samples = field.shape()[0];
    let width = field.data().len() / samples.max(1);
    let mut squares = vec![0.0; samples];
    for (index, value) in field.data().iter_f64().enumerate() {
        squares[index / width] += value * value;
    }
    squares.into_iter().map(f64::sqrt).collect()
}
