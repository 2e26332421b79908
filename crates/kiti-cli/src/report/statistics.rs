//! Numbers of an experiment over its seeds: final errors and their paired differences, curves, costs.

use kiti_models::comparison::{
    CONFIDENCE, CurvePoint, PairedDifference, Summary, paired_difference, reaching, summarize,
};
use kiti_models::train::EpochMetrics;
use serde::Serialize;

use super::records::{Experiment, Run};

/// The residual that all others are compared with.
pub const BASELINE: &str = "additive";

/// Final errors of one variant on one test set.
#[derive(Debug, Clone, Serialize)]
pub struct FinalError {
    /// The variant.
    pub variant: String,
    /// Error of the last epoch, one a finished seed.
    pub values: Vec<(u64, f64)>,
    /// Mean and spread; none without a finished run.
    pub summary: Option<Summary>,
    /// Variant minus baseline over common seeds; none for the baseline itself.
    pub difference: Option<PairedDifference>,
}

/// Final errors of all variants on `set`, in the experiment's order.
pub fn final_errors(experiment: &Experiment, set: &str) -> Vec<FinalError> {
    let values = |variant: &str| -> Vec<(u64, f64)> {
        finished(experiment, variant)
            .filter_map(|run| Some((run.seed, run.final_error(set)?)))
            .collect()
    };
    let baseline = values(BASELINE);
    experiment
        .variants()
        .into_iter()
        .map(|variant| {
            let values = values(&variant);
            let plain: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
            FinalError {
                summary: summarize(&plain),
                difference: (variant != BASELINE)
                    .then(|| paired_difference(&values, &baseline, CONFIDENCE))
                    .flatten(),
                variant,
                values,
            }
        })
        .collect()
}

/// The finished runs of `variant`.
pub fn finished<'a>(experiment: &'a Experiment, variant: &'a str) -> impl Iterator<Item = &'a Run> {
    experiment
        .runs_of(variant)
        .filter(|run| run.result.is_some())
}

/// What the collisions of one finished run did, over all its layers and epochs.
#[derive(Debug, Clone, Serialize)]
pub struct CollisionMeans {
    /// The variant.
    pub variant: String,
    /// The seed.
    pub seed: u64,
    /// Mean of accepted over candidate pairs.
    pub acceptance_rate: f64,
    /// Geometric mean of energy after over energy before.
    pub energy_ratio: f64,
}

/// Means of every finished run with collisions.
pub fn collision_means(experiment: &Experiment) -> Vec<CollisionMeans> {
    let finished = experiment.runs.iter().filter(|run| run.result.is_some());
    let of_run = |run: &Run| {
        let layers: Vec<_> = run.epochs.iter().flat_map(|epoch| &epoch.layers).collect();
        let count = layers.len() as f64;
        let rates: f64 = layers.iter().map(|layer| layer.acceptance_rate).sum();
        let logarithms: f64 = layers.iter().map(|layer| layer.energy_ratio.ln()).sum();
        (!layers.is_empty()).then(|| CollisionMeans {
            variant: run.variant.clone(),
            seed: run.seed,
            acceptance_rate: rates / count,
            energy_ratio: (logarithms / count).exp(),
        })
    };
    finished.filter_map(of_run).collect()
}

/// One point of a curve over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BandPoint {
    /// Epochs done: a whole number but for evaluations in the course of one.
    pub epoch: f64,
    /// Mean over the seeds that have a value there.
    pub mean: f64,
    /// Smallest of them.
    pub low: f64,
    /// Largest of them.
    pub high: f64,
}

/// Mean, smallest and largest of what `value` finds in the epochs of `runs`. Epochs that only some of the runs have
/// reached are left out, so that no curve jumps where a run ends.
pub fn band<'a>(
    runs: impl Iterator<Item = &'a Run>,
    value: impl Fn(&EpochMetrics) -> Option<f64>,
) -> Vec<BandPoint> {
    band_of(runs, |epoch| {
        value(epoch)
            .map(|value| (epoch.step, value))
            .into_iter()
            .collect()
    })
}

/// The same of the error on `set`, evaluations in the course of an epoch among them.
pub fn evaluated_band<'a>(runs: impl Iterator<Item = &'a Run>, set: &str) -> Vec<BandPoint> {
    band_of(runs, |epoch| {
        let midway = epoch.midway.iter();
        let midway = midway.filter_map(|one| Some((one.step, *one.evaluation.get(set)?)));
        let end = epoch.evaluation.as_ref().and_then(|errors| errors.get(set));
        midway
            .chain(end.map(|error| (epoch.step, *error)))
            .collect()
    })
}

/// The same of values at optimiser steps.
fn band_of<'a>(
    runs: impl Iterator<Item = &'a Run>,
    values: impl Fn(&EpochMetrics) -> Vec<(u64, f64)>,
) -> Vec<BandPoint> {
    let runs: Vec<&Run> = runs.filter(|run| !run.epochs.is_empty()).collect();
    let mut found = std::collections::BTreeMap::<u64, (f64, Vec<f64>)>::new();
    for run in &runs {
        for epoch in &run.epochs {
            let steps = epoch.step as f64 / epoch.epoch.max(1) as f64;
            for (step, value) in values(epoch) {
                if value.is_finite() {
                    let place = found.entry(step).or_default();
                    place.0 = step as f64 / steps;
                    place.1.push(value);
                }
            }
        }
    }
    found
        .into_values()
        .filter(|(_, values)| values.len() == runs.len())
        .map(|(epoch, values)| BandPoint {
            epoch,
            mean: values.iter().sum::<f64>() / values.len() as f64,
            low: values.iter().copied().fold(f64::INFINITY, f64::min),
            high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
        .collect()
}

/// At most `limit` of `points`, evenly chosen, the first and last among them.
pub fn thinned<T: Copy>(points: &[T], limit: usize) -> Vec<T> {
    if points.len() <= limit || limit < 2 {
        return points.to_vec();
    }
    (0..limit)
        .map(|index| points[index * (points.len() - 1) / (limit - 1)])
        .collect()
}

/// What it cost a variant to get as good as the baseline ended.
#[derive(Debug, Clone, Serialize)]
pub struct TargetCost {
    /// Seeds that got there.
    pub reached: usize,
    /// Seeds that could have.
    pub seeds: usize,
    /// Mean steps of those that did.
    pub steps: Option<f64>,
    /// Mean seconds of those that did.
    pub seconds: Option<f64>,
}

/// Steps and seconds until each run of `variant` reaches the final error on `set` of the baseline with the same seed.
pub fn cost_of_baseline_quality(
    experiment: &Experiment,
    variant: &str,
    set: &str,
) -> Option<TargetCost> {
    let mut points = Vec::new();
    let mut seeds = 0;
    for run in finished(experiment, variant) {
        let baseline = finished(experiment, BASELINE).find(|other| other.seed == run.seed)?;
        let target = baseline.final_error(set)?;
        seeds += 1;
        let curve: Vec<CurvePoint> = run
            .epochs
            .iter()
            .filter_map(|epoch| {
                Some(CurvePoint {
                    step: epoch.step,
                    seconds: run.seconds.get(&epoch.epoch).copied().unwrap_or(f64::NAN),
                    value: *epoch.evaluation.as_ref()?.get(set)?,
                })
            })
            .collect();
        points.extend(reaching(&curve, target));
    }
    let mean = |value: fn(&CurvePoint) -> f64| {
        let sum: f64 = points.iter().map(value).sum();
        (!points.is_empty())
            .then(|| sum / points.len() as f64)
            .filter(|mean| mean.is_finite())
    };
    (seeds > 0).then(|| TargetCost {
        reached: points.len(),
        seeds,
        steps: mean(|point| point.step as f64),
        seconds: mean(|point| point.seconds),
    })
}

/// Mean of what `value` finds in the finished runs of `variant`.
pub fn mean_of(
    experiment: &Experiment,
    variant: &str,
    value: impl Fn(&Run) -> Option<f64>,
) -> Option<f64> {
    let values: Vec<f64> = finished(experiment, variant).filter_map(value).collect();
    summarize(&values).map(|summary| summary.mean)
}
