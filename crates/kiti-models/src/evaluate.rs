//! Evaluating a trained model, and predicting with it.

use std::collections::BTreeMap;
use std::path::Path;

use candle::{Device, Tensor};
use kiti_data::Field;
use kiti_nn::context::Context;
use serde::{Deserialize, Serialize};

use crate::checkpoint::load_model;
use crate::data::HeatFields;
use crate::fno::Fno;
use crate::recipe::Recipe;
use crate::rollout::roll_out;
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

/// Evaluates `model` on trajectories: rolls it out over the snapshots of `targets`, `batch_size` samples at a
/// time, in evaluation mode.
///
/// `inputs` is `(N, d1 .. dN, in_channels)`, `targets` `(N, d1 .. dN, K)`. Norms are summed in double precision.
/// Built from detached weights, a model keeps no graph here: see [`Fno::forward_t`].
///
/// # Errors
///
/// Those of [`roll_out`].
pub fn evaluate(
    model: &Fno,
    inputs: &Field,
    targets: &Field,
    batch_size: usize,
    device: &Device,
) -> Result<Evaluation> {
    let steps = *targets.shape().last().unwrap_or(&0);
    let mut samples = Vec::new();
    let inputs = inputs.to_tensor(&Device::Cpu)?;
    let targets = targets.to_tensor(&Device::Cpu)?;
    let count = inputs.dim(0)?;
    for start in (0..count).step_by(batch_size.max(1)) {
        let size = batch_size.max(1).min(count - start);
        let batch = inputs
            .narrow(0, start, size)?
            .contiguous()?
            .to_device(device)?;
        let predicted = predict_tensor(model, &batch, steps)?.to_device(&Device::Cpu)?;
        let truth = targets.narrow(0, start, size)?;
        for sample in 0..size {
            let values = |tensor: &Tensor| -> Result<Vec<f32>> {
                let flat = tensor.get(sample)?.flatten_all()?;
                Ok(flat.to_dtype(candle::DType::F32)?.to_vec1()?)
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

/// Evaluates `model` on every test set of a recipe; `train` is the training samples.
///
/// # Errors
///
/// Those of [`evaluate`].
pub fn evaluate_sets(
    model: &Fno,
    fields: &HeatFields,
    batch_size: usize,
    device: &Device,
) -> Result<BTreeMap<String, f64>> {
    let mut results = BTreeMap::new();
    for (name, (inputs, targets)) in fields.sets() {
        let found = evaluate(model, inputs, targets, batch_size, device)?;
        results.insert(name.to_owned(), found.relative_l2);
    }
    Ok(results)
}

/// Evaluates a saved model (file, checkpoint or run) on the test sets of `recipe`.
///
/// # Errors
///
/// Those of [`load_model`] and [`evaluate`], and of the data.
pub fn evaluate_checkpoint(
    path: &Path,
    recipe: &Recipe,
    cache: &kiti_data::cache::Cache,
    device: &Device,
) -> Result<BTreeMap<String, f64>> {
    let (_, model) = load_model(path, device)?;
    let fields = HeatFields::load(recipe, cache)?;
    evaluate_sets(&model, &fields, recipe.evaluation.batch_size, device)
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
    let (config, model) = load_model(path, device)?;
    fields.check_finite("fields")?;
    let snapshots = *fields.shape().last().unwrap_or(&0);
    if snapshots <= config.in_channels || fields.shape().len() != config.dims() + 2 {
        return Err(Error::Shape {
            name: "fields".to_owned(),
            expected: format!(
                "(samples, {} grid dimensions, more than {} snapshots)",
                config.dims(),
                config.in_channels
            ),
            found: fields.shape().to_vec(),
        });
    }
    let inputs = fields.narrow_last(0, config.in_channels)?;
    let targets = fields.narrow_last(config.in_channels, snapshots - config.in_channels)?;
    evaluate(&model, &inputs, &targets, batch_size, device)
}

/// Predicts `steps` snapshots from `fields` `(N, d1 .. dN, >= in_channels)`, of which the last `in_channels` snapshots are
/// used: `(N, d1 .. dN, steps)`.
///
/// # Errors
///
/// [`Error::Shape`] for fields with too few snapshots; [`Error::Data`] for NaN; those of
/// [`roll_out`].
pub fn predict(model: &Fno, fields: &Field, steps: usize, device: &Device) -> Result<Field> {
    fields.check_finite("fields")?;
    let config = model.config();
    let snapshots = *fields.shape().last().unwrap_or(&0);
    let Some(first) = snapshots.checked_sub(config.in_channels) else {
        return Err(Error::Shape {
            name: "fields".to_owned(),
            expected: format!("at least {} snapshots on the last axis", config.in_channels),
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
    let history = fields
        .narrow_last(first, config.in_channels)?
        .to_tensor(device)?;
    let history = history.to_dtype(candle::DType::F32)?;
    Ok(Field::from_tensor(&predict_tensor(
        model, &history, steps,
    )?)?)
}

fn predict_tensor(model: &Fno, history: &Tensor, steps: usize) -> Result<Tensor> {
    let predictions = roll_out(model, history, steps, &Context::evaluate())?;
    Ok(Tensor::cat(&predictions, history.rank() - 1)?)
}
