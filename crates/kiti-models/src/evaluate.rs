//! Evaluating a trained model, and predicting with it.

use std::collections::BTreeMap;
use std::path::Path;

use candle::{DType, Device, Tensor};
use kiti_data::Field;
use kiti_data::loader::Dataset;
use kiti_nn::context::Context;
use serde::{Deserialize, Serialize};

use crate::checkpoint::load_model;
use crate::operator::Operator;
use crate::recipe::Recipe;
use crate::task;
use crate::task::with_channels;
use crate::{Error, Result};

/// How well a model predicts one set of samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Mean over the samples of `|p - t| / |t|`, norms over the whole predicted trajectory.
    pub relative_l2: f64,
    /// The same for each sample.
    pub samples: Vec<f64>,
}

impl Evaluation {
    fn of(samples: Vec<f64>) -> Self {
        let relative_l2 = samples.iter().sum::<f64>() / samples.len() as f64;
        Self {
            relative_l2,
            samples,
        }
    }
}

/// Evaluates `model` on samples: rolls it out over the snapshots of the targets, `batch_size` samples at a time, in
/// evaluation mode.
///
/// Inputs are `(N, d1 .. dN, in_channels)`, targets `(N, d1 .. dN, K out_channels)`; an axis of one channel may be
/// missing. Norms are summed in double precision. Built from detached weights, a model keeps no graph here.
///
/// # Errors
///
/// Those of [`Operator::roll_out`]; samples that cannot be read.
pub fn evaluate(
    model: &dyn Operator,
    data: &Dataset,
    batch_size: usize,
    device: &Device,
) -> Result<Evaluation> {
    let mut samples = Vec::new();
    for start in (0..data.len()).step_by(batch_size.max(1)) {
        let rows: Vec<usize> = (start..(start + batch_size.max(1)).min(data.len())).collect();
        let inputs = data.inputs().rows(&rows)?.into_tensor(device)?;
        let inputs = with_channels(&inputs, model.dims())?;
        let truth = data.targets().rows(&rows)?.into_tensor(&Device::Cpu)?;
        let truth = with_channels(&truth, model.dims())?;
        let steps = truth.dim(truth.rank() - 1)? / model.out_channels();
        let predicted = predict_tensor(model, &inputs, steps)?.to_device(&Device::Cpu)?;
        for sample in 0..rows.len() {
            let values = |tensor: &Tensor| -> Result<Vec<f32>> {
                Ok(tensor.get(sample)?.flatten_all()?.to_vec1()?)
            };
            samples.push(relative_error(&values(&predicted)?, &values(&truth)?));
        }
    }
    Ok(Evaluation::of(samples))
}

/// `|p - t| / |t|`, summed in double precision in the order of the values.
fn relative_error(prediction: &[f32], truth: &[f32]) -> f64 {
    let (mut difference, mut size) = (0.0f64, 0.0f64);
    for (p, t) in prediction.iter().zip(truth) {
        let (p, t) = (f64::from(*p), f64::from(*t));
        difference += (p - t) * (p - t);
        size += t * t;
    }
    (difference / size).sqrt()
}

/// Evaluates a saved model (file, checkpoint or run) on the sets of `recipe`.
///
/// # Errors
///
/// Those of [`load_model`], of the data, and of the evaluation.
pub fn evaluate_checkpoint(
    path: &Path,
    recipe: &Recipe,
    cache: &kiti_data::cache::Cache,
    device: &Device,
) -> Result<BTreeMap<String, f64>> {
    let model = load_model(path, device)?;
    task::load(recipe, cache, &|_, _| {})?.evaluate(&model, device)
}

/// Evaluates a saved model on trajectories of one's own: `fields` is `(N, d1 .. dN, in_channels + K)`, of which the
/// first `in_channels` snapshots are given and the other K predicted.
///
/// # Errors
///
/// [`Error::Shape`] for fields with too few snapshots; [`Error::Data`] for NaN; those of [`load_model`].
pub fn evaluate_fields(
    path: &Path,
    fields: &Field,
    batch_size: usize,
    device: &Device,
) -> Result<Evaluation> {
    let model = load_model(path, device)?;
    let operator = model.operator()?;
    fields.check_finite("fields")?;
    let given = operator.in_channels();
    let snapshots = *fields.shape().last().unwrap_or(&0);
    if snapshots <= given || fields.shape().len() != operator.dims() + 2 {
        return Err(Error::Shape {
            name: "fields".to_owned(),
            expected: format!(
                "(samples, {} grid dimensions, more than {given} snapshots)",
                operator.dims(),
            ),
            found: fields.shape().to_vec(),
        });
    }
    let inputs = fields.narrow_last(0, given)?;
    let targets = fields.narrow_last(given, snapshots - given)?;
    let data = Dataset::new(inputs, targets)?;
    evaluate(operator, &data, batch_size, device)
}

/// Predicts `steps` times after `fields` `(N, d1 .. dN, >= in_channels)`, of which the last `in_channels` snapshots are
/// used: `(N, d1 .. dN, steps out_channels)`. An axis of one channel may be missing.
///
/// # Errors
///
/// [`Error::Shape`] for fields with too few snapshots; [`Error::Data`] for NaN; those of [`Operator::roll_out`].
pub fn predict(
    model: &dyn Operator,
    fields: &Field,
    steps: usize,
    device: &Device,
) -> Result<Field> {
    fields.check_finite("fields")?;
    let wanted = model.in_channels();
    let history = with_channels(&fields.to_tensor(device)?, model.dims())?;
    let last = history.rank() - 1;
    let Some(first) = history.dim(last)?.checked_sub(wanted) else {
        return Err(Error::Shape {
            name: "fields".to_owned(),
            expected: format!("at least {wanted} snapshots on the last axis"),
            found: fields.shape().to_vec(),
        });
    };
    if steps == 0 {
        return Err(Error::Shape {
            name: "prediction".to_owned(),
            expected: "at least 1 step".to_owned(),
            found: vec![0],
        });
    }
    let history = history.narrow(last, first, wanted)?.contiguous()?;
    Ok(Field::from_tensor(&predict_tensor(
        model, &history, steps,
    )?)?)
}

fn predict_tensor(model: &dyn Operator, history: &Tensor, steps: usize) -> Result<Tensor> {
    let predictions = model.roll_out(history, steps, &Context::evaluate())?;
    let predicted = Tensor::cat(&predictions, history.rank() - 1)?;
    Ok(predicted.to_dtype(DType::F32)?)
}
