//! Classification: from images or texts to classes, by the cross-entropy.

use std::collections::BTreeMap;

use candle::{D, DType, Device, Tensor};
use kiti_data::Field;
use kiti_data::loader::Dataset;
use kiti_data::metrics::{Classification, ClassificationMeter};
use kiti_nn::context::Context;

use super::{FieldSets, Loss, Measure, TRAIN, Task};
use crate::bert::TokenBatch;
use crate::diagnostics::FieldDiagnostics;
use crate::model::{Model, ModelDescription};
use crate::recipe::Recipe;
use crate::{Error, Result};

/// Classes of images, or of texts.
///
/// Targets are weights of the classes, which sum to 1; the loss of a sample is `-sum_c t_c log softmax(y)_c`, summed over
/// the batch. What is measured is the share of wrong predictions.
#[derive(Debug)]
pub struct ClassificationTask {
    sets: FieldSets,
    description: ModelDescription,
    evaluation_batch: usize,
}

impl ClassificationTask {
    /// The task of `recipe` on `sets`.
    pub fn new(recipe: &Recipe, sets: FieldSets) -> Self {
        Self {
            sets,
            description: ModelDescription::new(recipe.model.clone(), recipe.residual.config()),
            evaluation_batch: recipe.evaluation.batch_size,
        }
    }

    /// Every score on a set of samples.
    ///
    /// # Errors
    ///
    /// Samples that cannot be read or do not fit the model.
    pub fn scores(&self, model: &Model, data: &Dataset, device: &Device) -> Result<Classification> {
        let classes = self.description.model.out_channels();
        let mut meter = ClassificationMeter::new(classes);
        let size = self.evaluation_batch.max(1);
        // Texts of similar length together: filling up costs as much as text.
        let mut order: Vec<usize> = (0..data.len()).collect();
        if let Some(lengths) = data.inputs().lengths() {
            order.sort_by_key(|&row| lengths[row]);
        }
        for rows in order.chunks(size) {
            let inputs = data.inputs().rows(rows)?.into_tensor(device)?;
            let logits = logits(model, &inputs, &Context::evaluate())?;
            let weights = data.targets().rows(rows)?.into_f32();
            let labels: Vec<u32> = weights.chunks_exact(classes).map(largest).collect();
            let logits = logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
            meter.add(&logits, &labels)?;
        }
        Ok(meter.result())
    }
}

fn largest(weights: &[f32]) -> u32 {
    let mut found = 0;
    for (class, weight) in weights.iter().enumerate() {
        if *weight > weights[found] {
            found = class;
        }
    }
    found as u32
}

/// Logits `(batch, classes)` of images `(batch, channels, height, width)`, or of tokens `(batch, tokens, 3)`: number, segment
/// and 1 where there is one.
///
/// # Errors
///
/// [`Error::ModelConfig`] for a model that tells no classes apart; an input that does not fit.
pub fn logits(model: &Model, inputs: &Tensor, ctx: &Context) -> Result<Tensor> {
    match model {
        Model::Images(network) => network.forward_t(&inputs.to_dtype(DType::F32)?, ctx),
        Model::Texts(network) => {
            let part = |index: usize| -> Result<Tensor> {
                let part = inputs.narrow(D::Minus1, index, 1)?.squeeze(D::Minus1)?;
                Ok(part.to_dtype(DType::U32)?.contiguous()?)
            };
            let batch = TokenBatch {
                input_ids: part(0)?,
                token_type_ids: Some(part(1)?),
                attention_mask: Some(part(2)?),
            };
            network.forward_t(&batch, ctx)
        }
        other => Err(Error::ModelConfig {
            key: "kind",
            found: other.kind().to_owned(),
            expected: "resnet or bert",
        }),
    }
}

impl Task for ClassificationTask {
    fn measure(&self) -> Measure {
        Measure::ErrorRate
    }

    fn description(&self) -> ModelDescription {
        self.description.clone()
    }

    fn training_data(&self) -> &Dataset {
        self.sets.train()
    }

    fn loss(
        &self,
        model: &Model,
        inputs: &Tensor,
        targets: &Tensor,
        ctx: &Context,
    ) -> Result<Loss> {
        let logits = logits(model, inputs, ctx)?;
        let largest = logits.detach().max_keepdim(D::Minus1)?;
        let shifted = logits.broadcast_sub(&largest)?;
        let normalizer = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
        let log_probabilities = shifted.broadcast_sub(&normalizer)?;
        let weights = targets.to_dtype(log_probabilities.dtype())?;
        Ok(Loss {
            sum: (log_probabilities * weights)?.sum_all()?.neg()?,
            terms: inputs.dim(0)?,
        })
    }

    fn first_not_finite(
        &self,
        model: &Model,
        inputs: &Tensor,
        _targets: &Tensor,
        ctx: &Context,
    ) -> Result<Option<String>> {
        let logits = logits(model, inputs, ctx)?;
        Ok((!crate::fno::is_finite(&logits)?).then(|| "the logits".to_owned()))
    }

    /// The share of wrong predictions on every set; the training samples are evaluated unchanged.
    fn evaluate(&self, model: &Model, device: &Device) -> Result<BTreeMap<String, f64>> {
        let mut results = BTreeMap::new();
        for (name, data) in self.sets.iter() {
            let scores = self.scores(model, data, device)?;
            results.insert(name.to_owned(), 1.0 - scores.accuracy);
        }
        Ok(results)
    }

    /// None: there are no fields.
    fn diagnostics(&self, _: &Model, _: &Device) -> Result<BTreeMap<String, FieldDiagnostics>> {
        Ok(BTreeMap::new())
    }

    /// Of every set but the training samples: `SET.confusion`, samples by class and prediction, and `SET.scores`: accuracy, share
    /// among the five most likely (NaN with fewer than six classes), loss, calibration error, number of samples.
    fn predictions(&self, model: &Model, device: &Device) -> Result<BTreeMap<String, Field>> {
        let mut arrays = BTreeMap::new();
        for (name, data) in self.sets.iter().filter(|(name, _)| *name != TRAIN) {
            let scores = self.scores(model, data, device)?;
            let classes = scores.confusion.len();
            let counts = scores.confusion.concat();
            let counts = counts.into_iter().map(|count| count as f64).collect();
            let values = vec![
                scores.accuracy,
                scores.top5.unwrap_or(f64::NAN),
                scores.loss,
                scores.calibration_error,
                scores.samples as f64,
            ];
            let confusion = Field::from_f64(vec![classes, classes], counts)?;
            arrays.insert(format!("{name}.confusion"), confusion);
            arrays.insert(format!("{name}.scores"), Field::from_f64(vec![5], values)?);
        }
        Ok(arrays)
    }
}
