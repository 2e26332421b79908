//! Classification: from images or texts to classes, by the cross-entropy.

use std::collections::BTreeMap;

use candle::{D, DType, Device, Tensor};
use kiti_data::Field;
use kiti_data::loader::Dataset;
use kiti_data::metrics::{Classification, ClassificationMeter};
use kiti_data::vision::ImageInput;
use kiti_nn::context::Context;

use super::{Evaluated, FieldSets, Loss, Measure, Misclassified, TRAIN, Task};
use crate::bert::TokenBatch;
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
        let mut description = ModelDescription::new(recipe.model.clone(), recipe.residual.config());
        let train = sets.train();
        description.classes = train.targets().classes().to_vec();
        let statistics = train.inputs().channel_statistics();
        if let (Some(statistics), [_, height, width]) =
            (statistics, &train.inputs().row_shape()[..])
        {
            description.image = Some(ImageInput {
                size: [*height, *width],
                middle: 1.0,
                statistics: statistics.clone(),
            });
        }
        Self {
            sets,
            description,
            evaluation_batch: recipe.evaluation.batch_size,
        }
    }

    /// Every score on a set of samples.
    ///
    /// # Errors
    ///
    /// Samples that cannot be read or do not fit the model.
    pub fn scores_on(
        &self,
        model: &Model,
        data: &Dataset,
        device: &Device,
    ) -> Result<Classification> {
        Ok(self.measured(model, data, device)?.1.result())
    }

    /// The rows of a set in the order of the meter's samples, and the meter.
    fn measured(
        &self,
        model: &Model,
        data: &Dataset,
        device: &Device,
    ) -> Result<(Vec<usize>, ClassificationMeter)> {
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
        Ok((order, meter))
    }

    fn test_sets(&self) -> impl Iterator<Item = (&str, &Dataset)> {
        self.sets.iter().filter(|(name, _)| *name != TRAIN)
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
        Ok(self.evaluate_with_scores(model, device)?.0)
    }

    fn evaluate_with_scores(&self, model: &Model, device: &Device) -> Result<Evaluated> {
        let (mut rates, mut summaries) = (BTreeMap::new(), BTreeMap::new());
        for (name, data) in self.sets.iter() {
            let scores = self.scores_on(model, data, device)?;
            rates.insert(name.to_owned(), 1.0 - scores.accuracy);
            summaries.insert(name.to_owned(), scores.summary());
        }
        Ok((rates, summaries))
    }

    fn scores(&self, model: &Model, device: &Device) -> Result<BTreeMap<String, Classification>> {
        let scored = |(name, data): (&str, &Dataset)| {
            Ok((name.to_owned(), self.scores_on(model, data, device)?))
        };
        self.test_sets().map(scored).collect()
    }

    /// Of every set of images but the training samples: those that the model is surest and wrong about, see
    /// [`Misclassified`].
    fn predictions(&self, model: &Model, device: &Device) -> Result<BTreeMap<String, Field>> {
        let mut arrays = BTreeMap::new();
        for (name, data) in self.test_sets() {
            if data.inputs().channel_statistics().is_none() {
                continue;
            }
            let (order, meter) = self.measured(model, data, device)?;
            if let Some(found) = Misclassified::surest(data, &order, meter.predictions())? {
                arrays.extend(found.into_arrays(name)?);
            }
        }
        Ok(arrays)
    }
}
