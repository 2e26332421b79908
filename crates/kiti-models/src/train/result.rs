//! What came out of a run.

use std::collections::BTreeMap;
use std::path::Path;

use kiti_data::field_io;
use kiti_data::metrics::Classification;
use kiti_nn::condensation::{self, Measures};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::directory::{Circumstances, put};
use super::metrics::{EpochMetrics, EpochTiming, read_lines};
use super::plan;
use super::session::Session;
use super::trainer::initial_variables;
use crate::checkpoint::save_model;
use crate::diagnostics::FieldDiagnostics;
use crate::task::Measure;
use crate::{Error, Result};

/// The content of `result.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunResult {
    /// Title of the recipe.
    pub title: String,
    /// Recipe, variant, seed, commit, device, threads.
    pub circumstances: Circumstances,
    /// What `evaluation` in the metrics measures.
    #[serde(default)]
    pub measure: Measure,
    /// Metrics of the last epoch: no epoch is chosen by its test error.
    pub last: EpochMetrics,
    /// How the final model errs on each test set of fields.
    #[serde(default)]
    pub diagnostics: BTreeMap<String, FieldDiagnostics>,
    /// How the final model tells classes apart on each test set of a classification.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, Classification>,
    /// What it cost.
    pub cost: Cost,
    /// How condensed each weight is, beside the same weight before training and random numbers; tables of large vocabularies
    /// are left out.
    pub condensation: Vec<WeightCondensation>,
}

/// How condensed one weight is, and what to compare it with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightCondensation {
    /// The weight.
    pub weight: String,
    /// After training, with the relative change since the initial values.
    pub trained: Measures,
    /// Before training.
    pub initial: Measures,
    /// Of independent normal numbers in the same shape.
    pub random: Measures,
}

/// What a run cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Trainable numbers.
    pub parameters: usize,
    /// Operations of one optimiser step with its whole roll-out, counted.
    pub training_step_flops: u64,
    /// Operations of one forward pass of one sample on the training grid, counted.
    pub inference_flops: u64,
    /// Median seconds of an optimiser step over the epochs.
    pub step_seconds: f64,
    /// Share of the training time that was spent waiting for batches; not known of runs before this was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading_share: Option<f64>,
    /// Seconds of the whole run, interruptions left out.
    pub wall_seconds: f64,
    /// Largest resident memory of the process in bytes, where the caller measured it.
    pub peak_memory_bytes: Option<u64>,
}

/// Reads a `result.json`.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Corrupt`].
pub fn read_result(path: &Path) -> Result<RunResult> {
    let text = std::fs::read(path).map_err(Error::io(path, "read the result"))?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::corrupt(path, format!("not a run's result: {error}")))
}

/// Writes a `result.json`, whole or not at all: for values that only the caller knows, such as
/// [`Cost::peak_memory_bytes`].
///
/// # Errors
///
/// [`Error::Data`] with the path.
pub fn write_result(path: &Path, result: &RunResult) -> Result<()> {
    let text = serde_json::to_vec_pretty(result).map_err(|error| Error::corrupt(path, error))?;
    put(path, &text)
}

/// The final model, its predictions and the result, the result last.
pub(super) fn write_all(session: &Session<'_>) -> Result<RunResult> {
    let files = &session.directory.files;
    let tensors = session.evaluated_weights();
    save_model(&files.model(), &session.description, &tensors)?;
    let model = session.evaluated_model()?;
    let predictions = session.task.predictions(&model, session.device)?;
    if !predictions.is_empty() {
        field_io::write(files.predictions(), &predictions)?;
    }
    let metrics: Vec<EpochMetrics> = read_lines(&files.metrics())?;
    let timing: Vec<EpochTiming> = read_lines(&files.timing())?;
    let Some(last) = metrics.last().cloned() else {
        return Err(Error::corrupt(
            &files.metrics(),
            "expected a line for every epoch, found none",
        ));
    };
    let (training_step_flops, inference_flops) = plan::counted(session.recipe)?;
    let mut steps: Vec<f64> = timing.iter().map(|epoch| epoch.step_seconds).collect();
    let result = RunResult {
        title: session.recipe.title.clone(),
        circumstances: session.circumstances.clone(),
        measure: session.task.measure(),
        last,
        diagnostics: session.task.diagnostics(&model, session.device)?,
        scores: session.task.scores(&model, session.device)?,
        cost: Cost {
            parameters: session.store.parameter_count(),
            training_step_flops,
            inference_flops,
            step_seconds: median(&mut steps),
            loading_share: loading_share(&timing),
            wall_seconds: session.elapsed(),
            peak_memory_bytes: None,
        },
        condensation: condensation(session)?,
    };
    write_result(&files.result(), &result)?;
    Ok(result)
}

/// A weight of more rows is a vocabulary's table: its rows are no neurons, and comparing all of them takes as long as training.
const MOST_NEURONS: usize = 4096;

fn condensation(session: &Session<'_>) -> Result<Vec<WeightCondensation>> {
    let seed = session.circumstances.seed;
    let initial = initial_variables(session.recipe, seed, session.device)?.tensors();
    let mut initial = condensation::neurons(&initial)?;
    let trained = condensation::neurons(&session.evaluated_weights())?;
    let pairs: Vec<_> = trained
        .into_iter()
        .filter(|(_, neurons)| neurons.count() <= MOST_NEURONS)
        .filter_map(|(weight, neurons)| Some((initial.remove(&weight)?, weight, neurons)))
        .collect();
    pairs
        .into_par_iter()
        .map(|(before, weight, neurons)| {
            let mut trained = neurons.measures()?;
            trained.relative_change = neurons.relative_change(&before)?;
            Ok(WeightCondensation {
                weight,
                trained,
                initial: before.measures()?,
                random: before.random_like(seed)?.measures()?,
            })
        })
        .collect()
}

/// Seconds of waiting for batches over those of waiting and training; none where an epoch does not tell.
fn loading_share(timing: &[EpochTiming]) -> Option<f64> {
    let waiting: Vec<f64> = timing
        .iter()
        .map(|epoch| epoch.loading_seconds)
        .collect::<Option<_>>()?;
    let waiting: f64 = waiting.iter().sum();
    let training: f64 = timing.iter().map(|epoch| epoch.training_seconds).sum();
    let share = waiting / (waiting + training);
    share.is_finite().then_some(share)
}

/// The middle value, or the mean of the two middle ones; NaN of none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count.is_multiple_of(2) => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}
