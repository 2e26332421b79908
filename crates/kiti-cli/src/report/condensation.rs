//! Condensation of the trained models of an experiment, over seeds and weights.

use candle::Device;
use kiti_models::train::{WeightCondensation, initial_variables};
use kiti_nn::condensation::{Measures, Neurons, neurons};
use serde_json::{Value, json};

use super::records::{Experiment, Run};
use super::statistics::finished;
use crate::condense::{chosen_weights, heat_map, measures_table, read_tensors, summarised};
use crate::failure::Outcome;
use crate::render::colour_map::ColourMap;
use crate::render::field_picture::{FieldPicture, PanelGroup};
use crate::render::raster::Raster;
use crate::render::table::Table;

/// Weights shown as heat maps.
const SHOWN: usize = 4;

type Row = (String, String, Measures);

/// For JSON: measures of every weight of every finished run.
pub fn all(experiment: &Experiment) -> Value {
    let runs: Vec<Value> = experiment
        .runs
        .iter()
        .filter_map(|run| {
            let weights = &run.result.as_ref()?.condensation;
            Some(json!({ "variant": run.variant, "seed": run.seed, "weights": weights }))
        })
        .collect();
    Value::Array(runs)
}

/// Means over all weights and seeds: one row a variant, then what they started from and chance.
pub fn summary_table(experiment: &Experiment) -> Table {
    let mut rows: Vec<Row> = Vec::new();
    let mean = |variant: &str, value: fn(&WeightCondensation) -> Measures| {
        let runs = finished(experiment, variant).filter_map(|run| run.result.as_ref());
        let all: Vec<Measures> = runs
            .flat_map(|result| result.condensation.iter().map(value))
            .collect();
        let runs = finished(experiment, variant).count().max(1);
        summarised(&all).map(|mean| per_run(mean, runs))
    };
    let variants = experiment.variants();
    for variant in &variants {
        rows.extend(
            mean(variant, |weight| weight.trained).map(|m| (variant.clone(), "trained".into(), m)),
        );
    }
    if let Some(first) = variants.first() {
        let initial = mean(first, |weight| weight.initial);
        rows.extend(initial.map(|m| ("(every residual)".into(), "before training".into(), m)));
        let random = mean(first, |weight| weight.random);
        rows.extend(random.map(|m| ("(no network)".into(), "random numbers".into(), m)));
    }
    if rows.is_empty() {
        Table::new()
    } else {
        measures_table("residual", &rows)
    }
}

/// Counts of several runs together, as those of one.
fn per_run(mut mean: Measures, runs: usize) -> Measures {
    mean.neurons /= runs;
    mean.dropped /= runs;
    let runs = runs as f64;
    mean.participation_ratio /= runs;
    mean.effective_rank /= runs;
    mean.stable_rank /= runs;
    mean
}

/// Means over seeds of every weight.
pub fn weight_tables(experiment: &Experiment) -> Vec<(String, Table)> {
    let variants = experiment.variants();
    let Some(first) = variants
        .iter()
        .find_map(|variant| finished(experiment, variant).next())
    else {
        return Vec::new();
    };
    let of = |run: &Run| {
        run.result
            .as_ref()
            .map(|result| result.condensation.clone())
    };
    let names = of(first)
        .unwrap_or_default()
        .into_iter()
        .map(|weight| weight.weight);
    names
        .map(|name| {
            let mean = |variant: &str, value: fn(&WeightCondensation) -> Measures| {
                let all: Vec<Measures> = finished(experiment, variant)
                    .filter_map(|run| run.result.as_ref())
                    .flat_map(|result| &result.condensation)
                    .filter(|weight| weight.weight == name)
                    .map(value)
                    .collect();
                summarised(&all).map(|mean| per_run(mean, all.len()))
            };
            let mut rows: Vec<Row> = Vec::new();
            for variant in &variants {
                rows.extend(
                    mean(variant, |w| w.trained).map(|m| (variant.clone(), "trained".into(), m)),
                );
            }
            rows.extend(
                mean(&first.variant, |w| w.initial)
                    .map(|m| ("(every residual)".into(), "before training".into(), m)),
            );
            rows.extend(
                mean(&first.variant, |w| w.random)
                    .map(|m| ("(no network)".into(), "random numbers".into(), m)),
            );
            (name, measures_table("residual", &rows))
        })
        .collect()
}

/// Heat maps of a few weights: before training, of random numbers, and of every variant with one seed.
pub fn picture(experiment: &Experiment) -> Outcome<Option<FieldPicture>> {
    let variants = experiment.variants();
    let runs: Vec<&Run> = variants
        .iter()
        .filter_map(|variant| finished(experiment, variant).next())
        .collect();
    let Some(first) = runs.first() else {
        return Ok(None);
    };
    let before = initial_variables(&first.files.read_recipe()?, first.seed, &Device::Cpu)?;
    let before = neurons(&before.tensors())?;
    let names = chosen_weights(&before, SHOWN);
    let random = |neurons: &Neurons| neurons.random_like(first.seed);
    let mut rows = vec![(
        "before training".to_owned(),
        panels(&names, |name| Ok(before.get(name).cloned()))?,
    )];
    let chance = |name: &str| Ok(before.get(name).map(random).transpose()?);
    rows.push(("random numbers".to_owned(), panels(&names, chance)?));
    for run in runs {
        let tensors = read_tensors(&run.files.model())?;
        let trained = neurons(&tensors)?;
        let row = panels(&names, |name| Ok(trained.get(name).cloned()))?;
        rows.push((format!("{}, trained", run.variant), row));
    }
    rows.retain(|(_, panels)| !panels.is_empty());
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(label, panels)| (label, vec![group(panels)]))
        .collect();
    Ok((!rows.is_empty()).then(|| FieldPicture {
        title: "|cos| between neurons".into(),
        rows,
        axes: ("neuron".into(), "neuron".into()),
        panel: 150,
    }))
}

fn panels(
    names: &[String],
    neurons: impl Fn(&str) -> Outcome<Option<Neurons>>,
) -> Outcome<Vec<(String, Raster)>> {
    let mut panels = Vec::new();
    for name in names {
        if let Some(raster) = neurons(name)?.as_ref().map(heat_map).transpose()?.flatten() {
            panels.push((name.clone(), raster));
        }
    }
    Ok(panels)
}

fn group(panels: Vec<(String, Raster)>) -> PanelGroup {
    PanelGroup {
        panels,
        map: ColourMap::sequential(0.0, 1.0),
        unit: "|cos|".into(),
    }
}
