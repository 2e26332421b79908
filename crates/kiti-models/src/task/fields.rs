//! Operator learning: from fields to fields, by the relative L2 error.

use std::collections::BTreeMap;

use candle::{DType, Device, Tensor};
use kiti_data::Field;
use kiti_data::loader::Dataset;
use kiti_data::metrics::Boundary;
use kiti_data::transform::unit_gaussian::UnitGaussianNormalizer;
use kiti_kinetics::rng::{Stream, derive_seed};
use kiti_nn::context::Context;
use rayon::prelude::*;

use super::{FieldSets, Loss, Measure, TRAIN, Task, Workload};
use crate::diagnostics::{FieldDiagnostics, diagnose};
use crate::evaluate::{evaluate, predict};
use crate::model::{Model, ModelDescription};
use crate::operator::{Normalization, Operator};
use crate::recipe::Recipe;
use crate::rollout::{first_not_finite, roll_out_loss};
use crate::{Error, Result};

/// Fields to be predicted from fields. The loss is the relative L2 error of every predicted snapshot, summed over the
/// roll-out and over the batch; the gradient goes back through the whole roll-out.
#[derive(Debug)]
pub struct FieldTask {
    sets: FieldSets,
    description: ModelDescription,
    evaluation_batch: usize,
    input_noise: f64,
    boundary: Boundary,
}

impl FieldTask {
    /// The task of `recipe` on `sets`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for samples that do not fit the recipe's model; where values are scaled, samples whose
    /// deviation cannot be had.
    pub fn new(recipe: &Recipe, sets: FieldSets) -> Result<Self> {
        let mut description = ModelDescription::new(recipe.model.clone(), recipe.residual.config());
        for (name, data) in sets.iter() {
            check_shapes(recipe, name, data)?;
        }
        if recipe.data.fields().normalizes() {
            let train = sets.train();
            description.normalization = Some(Normalization {
                inputs: UnitGaussianNormalizer::fit_rows(train.inputs())?,
                targets: UnitGaussianNormalizer::fit_rows(train.targets())?,
            });
        }
        Ok(Self {
            sets,
            description,
            evaluation_batch: recipe.evaluation.batch_size,
            input_noise: recipe.training.input_noise,
            boundary: recipe.data.fields().boundary(),
        })
    }

    /// Its samples.
    pub fn sets(&self) -> &FieldSets {
        &self.sets
    }
}

fn check_shapes(recipe: &Recipe, set: &str, data: &Dataset) -> Result<()> {
    let model = &recipe.model;
    let dims = model.dims();
    let (input, target) = (data.inputs().row_shape(), data.targets().row_shape());
    let channels = |shape: &[usize]| match shape.len() {
        rank if rank == dims => Some(1),
        rank if rank == dims + 1 => shape.last().copied(),
        _ => None,
    };
    let wrong = |part: &str, channels: String, found: &[usize]| Error::Shape {
        name: format!("{part} of a sample of {set}"),
        expected: format!("{dims} axes of space, then {channels}"),
        found: found.to_vec(),
    };
    if channels(&input) != Some(model.in_channels()) {
        return Err(wrong(
            "input",
            format!("{} channels", model.in_channels()),
            &input,
        ));
    }
    let fits = |count: usize| count > 0 && count.is_multiple_of(model.out_channels());
    if !channels(&target).is_some_and(fits) || target[..dims] != input[..dims] {
        let expected = format!("the input's, and {} channels a step", model.out_channels());
        return Err(wrong("target", expected, &target));
    }
    Ok(())
}

/// A batch as operators take it: single precision, channels last, also where there is but one.
pub(crate) fn with_channels(fields: &Tensor, dims: usize) -> candle::Result<Tensor> {
    let fields = fields.to_dtype(DType::F32)?;
    if fields.rank() == dims + 1 {
        return fields.unsqueeze(dims + 1);
    }
    Ok(fields)
}

/// Adds to each sample normal noise of `level` times the root mean square of its values, drawn from the context's seed,
/// its step and the sample's place in the batch.
fn add_noise(inputs: &Tensor, level: f64, ctx: &Context) -> candle::Result<Tensor> {
    let seed = derive_seed(ctx.seed, "task/input-noise");
    let samples = inputs.dim(0)?;
    let mut values = inputs.flatten_all()?.to_vec1::<f32>()?;
    let width = values.len() / samples.max(1);
    values
        .par_chunks_mut(width.max(1))
        .enumerate()
        .for_each(|(sample, values)| {
            let squares: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
            let deviation = level * (squares / width as f64).sqrt();
            let words = [ctx.step as u32, (ctx.step >> 32) as u32, sample as u32];
            let mut stream = Stream::new(seed, words);
            for value in values {
                *value += (deviation * stream.normal()) as f32;
            }
        });
    Tensor::from_vec(values, inputs.shape(), inputs.device())
}

impl Task for FieldTask {
    fn measure(&self) -> Measure {
        Measure::RelativeL2
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
        let operator = model.operator()?;
        let mut inputs = with_channels(inputs, operator.dims())?;
        if self.input_noise > 0.0 && ctx.is_training() {
            inputs = add_noise(&inputs, self.input_noise, ctx)?;
        }
        let targets = with_channels(targets, operator.dims())?;
        let steps = targets.dim(targets.rank() - 1)? / operator.out_channels();
        Ok(Loss {
            sum: roll_out_loss(operator, &inputs, &targets, ctx)?,
            terms: steps * targets.dim(0)?,
        })
    }

    fn first_not_finite(
        &self,
        model: &Model,
        inputs: &Tensor,
        targets: &Tensor,
        ctx: &Context,
    ) -> Result<Option<String>> {
        let operator = model.operator()?;
        let inputs = with_channels(inputs, operator.dims())?;
        let targets = with_channels(targets, operator.dims())?;
        let steps = targets.dim(targets.rank() - 1)? / operator.out_channels();
        first_not_finite(operator, &inputs, steps, ctx)
    }

    fn evaluate(&self, model: &Model, device: &Device) -> Result<BTreeMap<String, f64>> {
        let mut results = BTreeMap::new();
        for (name, data) in self.sets.iter() {
            let found = evaluate(model.operator()?, data, self.evaluation_batch, device)?;
            results.insert(name.to_owned(), found.relative_l2);
        }
        Ok(results)
    }

    fn diagnostics(
        &self,
        model: &Model,
        device: &Device,
    ) -> Result<BTreeMap<String, FieldDiagnostics>> {
        let mut found = BTreeMap::new();
        for (name, data) in self.sets.iter().filter(|(name, _)| *name != TRAIN) {
            let (model, batch) = (model.operator()?, self.evaluation_batch);
            let diagnostics = diagnose(model, data, self.boundary, batch, device)?;
            found.insert(name.to_owned(), diagnostics);
        }
        Ok(found)
    }

    /// The first sample of every set: `SET.input`, `SET.truth`, `SET.prediction`, each `(d1 .. dN, channels)`.
    fn predictions(&self, model: &Model, device: &Device) -> Result<BTreeMap<String, Field>> {
        let operator = model.operator()?;
        let dims = operator.dims();
        let mut arrays = BTreeMap::new();
        for (set, data) in self.sets.iter() {
            let first = |field: &Field| -> Result<Tensor> {
                Ok(with_channels(&field.to_tensor(&Device::Cpu)?, dims)?)
            };
            let input = first(&data.inputs().rows(&[0])?)?;
            let truth = first(&data.targets().rows(&[0])?)?;
            let steps = truth.dim(dims + 1)? / operator.out_channels();
            let given = Field::from_tensor(&input)?;
            let prediction = predict(operator, &given, steps, device)?;
            let prediction = prediction.to_tensor(&Device::Cpu)?;
            for (part, tensor) in [
                ("input", input),
                ("truth", truth),
                ("prediction", prediction),
            ] {
                arrays.insert(
                    format!("{set}.{part}"),
                    Field::from_tensor(&tensor.get(0)?)?,
                );
            }
        }
        Ok(arrays)
    }
}

/// What the run of a recipe with fields has to do.
pub(super) fn workload(recipe: &Recipe) -> Result<Workload> {
    let source = recipe.data.fields();
    let model = &recipe.model;
    let residual = recipe.residual.config();
    let train = source.extent(None)?;
    let steps = |outputs: usize| outputs / model.out_channels().max(1);
    let batch = recipe.training.batch_size.min(train.samples);
    let mut evaluation_flops = 0;
    let tests = recipe.evaluation.sets.values().map(Some);
    for set in std::iter::once(None).chain(tests) {
        let extent = source.extent(set)?;
        let outputs = steps(extent.outputs);
        let samples = match (set, recipe.evaluation.training_samples) {
            (None, Some(evaluated)) => extent.samples.min(evaluated),
            _ => extent.samples,
        };
        evaluation_flops += model
            .flops(&residual, samples, &extent.grid, outputs)
            .forward;
    }
    let outputs = steps(train.outputs);
    Ok(Workload {
        samples: train
            .samples
            .saturating_sub(recipe.training.validation_samples),
        step_flops: model
            .flops(&residual, batch, &train.grid, outputs)
            .training_step,
        inference_flops: model.flops(&residual, 1, &train.grid, 1).forward,
        evaluation_flops,
        kept_bytes: model.kept_bytes(batch, &train.grid, outputs),
    })
}
