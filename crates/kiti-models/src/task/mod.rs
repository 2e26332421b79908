//! Tasks: what a training session must know of what is learned, and nothing else. One file a task.

mod classification;
mod field_sets;
mod fields;
mod language;
mod misclassified;

use std::collections::BTreeMap;
use std::fmt;

use candle::{Device, Tensor};
use kiti_data::Field;
use kiti_data::cache::Cache;
use kiti_data::loader::Dataset;
use kiti_data::metrics::{Classification, ClassificationSummary};
use kiti_data::pde::Progress;
use kiti_nn::context::Context;
use serde::{Deserialize, Serialize};

pub use classification::{ClassificationTask, logits};
pub use field_sets::{FieldSets, TRAIN, VALIDATION};
pub use fields::FieldTask;
pub(crate) use fields::with_channels;
pub use language::LanguageTask;
pub use misclassified::Misclassified;

use crate::Result;
use crate::diagnostics::FieldDiagnostics;
use crate::model::{Model, ModelDescription};
use crate::recipe::{DataSection, Recipe};

/// What is learned: data, loss and measure, for one kind of model.
///
/// A session builds the model that [`description`](Self::description) describes, feeds it batches of
/// [`training_data`](Self::training_data), follows the gradient of [`loss`](Self::loss), and writes down what
/// [`evaluate`](Self::evaluate) finds.
pub trait Task: fmt::Debug + Send {
    /// What the evaluation measures.
    fn measure(&self) -> Measure;

    /// The model to train.
    fn description(&self) -> ModelDescription;

    /// The training samples.
    fn training_data(&self) -> &Dataset;

    /// The loss of a batch.
    ///
    /// # Errors
    ///
    /// A batch that does not fit the model.
    fn loss(&self, model: &Model, inputs: &Tensor, targets: &Tensor, ctx: &Context)
    -> Result<Loss>;

    /// Where a forward pass of a batch first leaves the finite numbers; none if it never does.
    ///
    /// # Errors
    ///
    /// Those of [`loss`](Self::loss).
    fn first_not_finite(
        &self,
        model: &Model,
        inputs: &Tensor,
        targets: &Tensor,
        ctx: &Context,
    ) -> Result<Option<String>>;

    /// The measure on every set of samples, by its name; the training samples are [`TRAIN`].
    ///
    /// # Errors
    ///
    /// Samples that cannot be read.
    fn evaluate(&self, model: &Model, device: &Device) -> Result<BTreeMap<String, f64>>;

    /// The measure on every set, and where classes are told apart their scores on it, from one pass.
    ///
    /// # Errors
    ///
    /// Samples that cannot be read.
    fn evaluate_with_scores(&self, model: &Model, device: &Device) -> Result<Evaluated> {
        Ok((self.evaluate(model, device)?, BTreeMap::new()))
    }

    /// How the model tells classes apart on each test set, by name; none for other tasks.
    ///
    /// # Errors
    ///
    /// Samples that cannot be read.
    fn scores(&self, _: &Model, _: &Device) -> Result<BTreeMap<String, Classification>> {
        Ok(BTreeMap::new())
    }

    /// How the model errs on each test set of fields, by name; none for other kinds of samples.
    ///
    /// # Errors
    ///
    /// Samples that cannot be read.
    fn diagnostics(&self, _: &Model, _: &Device) -> Result<BTreeMap<String, FieldDiagnostics>> {
        Ok(BTreeMap::new())
    }

    /// Arrays that a report shows, for instance the first sample of every set; none is allowed.
    ///
    /// # Errors
    ///
    /// Samples that cannot be read.
    fn predictions(&self, model: &Model, device: &Device) -> Result<BTreeMap<String, Field>>;
}

/// The measure by set, and the scores of a classifier by set.
pub type Evaluated = (
    BTreeMap<String, f64>,
    BTreeMap<String, ClassificationSummary>,
);

/// The loss of a batch.
#[derive(Debug)]
pub struct Loss {
    /// Sum over the terms, a scalar with a graph.
    pub sum: Tensor,
    /// Number of terms: predicted snapshots, labels, tokens.
    pub terms: usize,
}

/// What an evaluation measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// `|prediction - target| / |target|`, mean over samples; smaller is better.
    #[default]
    RelativeL2,
    /// Share of samples whose predicted class is wrong; smaller is better.
    ErrorRate,
    /// Mean of `-log2 p` of the next character; smaller is better.
    BitsPerCharacter,
    /// `exp` of the mean of `-ln p` of the next token; smaller is better.
    Perplexity,
}

impl Measure {
    /// Whether `found` is better than the best `before`; NaN never is.
    pub fn improves(self, found: f64, before: Option<f64>) -> bool {
        !found.is_nan() && before.is_none_or(|before| found < before)
    }

    /// As it stands in a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Measure::RelativeL2 => "relative L2 error",
            Measure::ErrorRate => "error rate",
            Measure::BitsPerCharacter => "bits per character",
            Measure::Perplexity => "perplexity",
        }
    }

    /// What the training loss is.
    pub fn loss_title(self) -> &'static str {
        match self {
            Measure::RelativeL2 => "relative L2, mean per snapshot",
            Measure::ErrorRate => "cross entropy",
            Measure::BitsPerCharacter | Measure::Perplexity => "cross entropy, mean per token",
        }
    }

    /// What a number of it means, in a sentence.
    pub fn explanation(self) -> &'static str {
        match self {
            Measure::RelativeL2 => {
                "The error is the relative L2 distance between predicted and true fields, |prediction \u{2212} truth| / |truth|, \
                 over the whole predicted sequence: 0.03 means 3 % wrong."
            }
            Measure::ErrorRate => {
                "The error is the share of samples whose predicted class is wrong: 0.03 means three of a hundred."
            }
            Measure::BitsPerCharacter => {
                "The error is the number of bits that the model needs for a character of the text: 2 means that it is as unsure of the next \
                 one as of four equally likely ones."
            }
            Measure::Perplexity => {
                "The error is the perplexity: 20 means that the model is as unsure of the next token as of twenty equally likely ones."
            }
        }
    }
}

/// What a run has to do, known without its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    /// Training samples, without those set aside for validation.
    pub samples: usize,
    /// Operations of forward and backward pass of one batch.
    pub step_flops: u64,
    /// Operations of one forward pass of one sample.
    pub inference_flops: u64,
    /// Operations of one evaluation of every set.
    pub evaluation_flops: u64,
    /// Bytes that the forward pass of one batch keeps for the backward pass, estimated.
    pub kept_bytes: u64,
}

/// Hears of the samples of a set as they are generated, from the threads that make them.
pub type DataObserver<'a> = &'a (dyn Fn(&str, Progress) + Sync);

/// The task of `recipe` with its samples generated, from `cache` or from files.
///
/// # Errors
///
/// [`Error::Data`](crate::Error::Data); samples that do not fit the model.
pub fn load(recipe: &Recipe, cache: &Cache, observer: DataObserver<'_>) -> Result<Box<dyn Task>> {
    of_sets(recipe, FieldSets::load(recipe, cache, observer)?)
}

/// The task of `recipe` on a single batch that is had at once: what a step is timed on.
///
/// # Errors
///
/// Those of [`load`].
pub fn trial(recipe: &Recipe) -> Result<Box<dyn Task>> {
    let (inputs, targets) = recipe.data.fields().trial(recipe.training.batch_size)?;
    let data = Dataset::new(inputs, targets)?;
    let sets = FieldSets::new(BTreeMap::from([(TRAIN.to_owned(), data)]))?;
    of_sets(recipe, sets)
}

fn of_sets(recipe: &Recipe, sets: FieldSets) -> Result<Box<dyn Task>> {
    Ok(match &recipe.data {
        DataSection::Images(_) | DataSection::Texts(_) => {
            Box::new(ClassificationTask::new(recipe, sets))
        }
        DataSection::Language(_) => Box::new(LanguageTask::new(recipe, sets)),
        _ => Box::new(FieldTask::new(recipe, sets)?),
    })
}

/// What the run of `recipe` has to do.
///
/// # Errors
///
/// Files that cannot be read.
pub fn workload(recipe: &Recipe) -> Result<Workload> {
    fields::workload(recipe)
}
