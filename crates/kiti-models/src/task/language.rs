//! Language modelling: from tokens to the ones that follow, by the cross entropy.

use std::collections::BTreeMap;

use candle::{DType, Device, Tensor};
use kiti_data::Field;
use kiti_data::loader::Dataset;
use kiti_nn::context::Context;

use super::{FieldSets, Loss, Measure, TRAIN, Task};
use crate::gpt2::Gpt2;
use crate::model::{Model, ModelDescription};
use crate::recipe::{DataSection, Recipe};
use crate::{Error, Result};

/// The next token of a text at every place of it.
///
/// The loss of a window is `-sum_i ln p(t_(i+1) | t_0 .. t_i)`, summed over the batch. What is measured is its mean over all
/// tokens of a set, in bits where tokens are characters, as perplexity elsewhere. Each window begins without a past.
#[derive(Debug)]
pub struct LanguageTask {
    sets: FieldSets,
    description: ModelDescription,
    evaluation_batch: usize,
    measure: Measure,
}

impl LanguageTask {
    /// The task of `recipe` on `sets` of windows: inputs `(samples, window)`, targets the same one token later.
    pub fn new(recipe: &Recipe, sets: FieldSets) -> Self {
        let of_characters = match &recipe.data {
            DataSection::Language(section) => section.is_of_characters(),
            _ => false,
        };
        Self {
            sets,
            description: ModelDescription::new(recipe.model.clone(), recipe.residual.config()),
            evaluation_batch: recipe.evaluation.batch_size,
            measure: match of_characters {
                true => Measure::BitsPerCharacter,
                false => Measure::Perplexity,
            },
        }
    }

    /// Mean of `-ln p` over the tokens of a set, natural units.
    ///
    /// # Errors
    ///
    /// Samples that cannot be read or do not fit the model.
    pub fn cross_entropy(&self, model: &Model, data: &Dataset, device: &Device) -> Result<f64> {
        let model = network(model)?;
        let rows: Vec<usize> = (0..data.len()).collect();
        let mut sum = 0.0;
        for rows in rows.chunks(self.evaluation_batch.max(1)) {
            let inputs = data.inputs().rows(rows)?.into_tensor(device)?;
            let targets = data.targets().rows(rows)?.into_tensor(device)?;
            let loss = model.loss_t(
                &numbers(&inputs)?,
                &numbers(&targets)?,
                &Context::evaluate(),
            )?;
            sum += f64::from(loss.to_dtype(DType::F32)?.to_scalar::<f32>()?) * rows.len() as f64;
        }
        Ok(sum / data.len() as f64)
    }

    fn measured(&self, cross_entropy: f64) -> f64 {
        match self.measure {
            Measure::BitsPerCharacter => cross_entropy / std::f64::consts::LN_2,
            _ => cross_entropy.exp(),
        }
    }
}

fn network(model: &Model) -> Result<&Gpt2> {
    match model {
        Model::Language(network) => Ok(network),
        other => Err(Error::ModelConfig {
            key: "kind",
            found: other.kind().to_owned(),
            expected: "gpt2",
        }),
    }
}

fn numbers(tokens: &Tensor) -> candle::Result<Tensor> {
    tokens.to_dtype(DType::U32)
}

impl Task for LanguageTask {
    fn measure(&self) -> Measure {
        self.measure
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
        let terms = targets.elem_count();
        let mean = network(model)?.loss_t(&numbers(inputs)?, &numbers(targets)?, ctx)?;
        Ok(Loss {
            sum: mean.affine(terms as f64, 0.0)?,
            terms,
        })
    }

    fn first_not_finite(
        &self,
        model: &Model,
        inputs: &Tensor,
        _targets: &Tensor,
        ctx: &Context,
    ) -> Result<Option<String>> {
        let logits = network(model)?.forward_t(&numbers(inputs)?, ctx)?;
        Ok((!crate::fno::is_finite(&logits)?).then(|| "the logits".to_owned()))
    }

    fn evaluate(&self, model: &Model, device: &Device) -> Result<BTreeMap<String, f64>> {
        let mut results = BTreeMap::new();
        for (name, data) in self.sets.iter() {
            let cross_entropy = self.cross_entropy(model, data, device)?;
            results.insert(name.to_owned(), self.measured(cross_entropy));
        }
        Ok(results)
    }

    /// Of every set but the training windows: `SET.scores`, the mean of `-ln p`, the perplexity and the number of tokens.
    fn predictions(&self, model: &Model, device: &Device) -> Result<BTreeMap<String, Field>> {
        let mut arrays = BTreeMap::new();
        for (name, data) in self.sets.iter().filter(|(name, _)| *name != TRAIN) {
            let loss = self.cross_entropy(model, data, device)?;
            let tokens = data.len() * data.inputs().row_shape().iter().product::<usize>();
            let scores = vec![loss, loss.exp(), tokens as f64];
            arrays.insert(format!("{name}.scores"), Field::from_f64(vec![3], scores)?);
        }
        Ok(arrays)
    }
}
