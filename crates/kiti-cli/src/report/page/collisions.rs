//! How often particles collided, what that did to their energy, and what the network saw of it.

use kiti_models::train::{EpochMetrics, LayerMetrics};
use maud::{Markup, html};

use super::figure;
use crate::render::chart_frame::{Scale, Theme};
use crate::render::line_chart::{LineChart, Series};
use crate::render::number::significant;
use crate::render::palette::indexed_style;
use crate::render::table::Table;
use crate::report::records::Experiment;
use crate::report::statistics::{BASELINE, BandPoint, band, thinned};

/// More points than this cannot be told apart at the charts' width.
const POINTS: usize = 150;

/// Fewer collisions than this share of the pairs that could have collided are no mechanism.
const HARDLY_ANY: f64 = 1e-6;

pub(super) fn section(experiment: &Experiment) -> Markup {
    let kinetic = kinetic_variants(experiment);
    html! {
        @if kinetic.is_empty() {
            p { "None of the residuals compared here has collisions." }
        } @else {
            p {
                "The " b { "acceptance rate" } " is the share of candidate pairs of particles that collided. The " b { "energy ratio" }
                " is the kinetic energy (sum of squared velocities) after the collisions over that before: elastic collisions keep it at 1, "
                "the published rule does not. The " b { "momentum error" } " is how far the sum of all velocities moved, relative to their size; "
                "every rule keeps it, so only round-off should be seen."
            }
            @for verdict in without_collisions(experiment) {
                div.note {
                    b { (verdict) } ". Particles lie far apart where features are many; a larger " code { "residual.length_scale" }
                    " lets them meet."
                }
            }
            (layer_table(experiment).to_html())
            @for variant in &kinetic {
                details open[kinetic.len() <= 4] {
                    summary { (variant) ", layer by layer" }
                    div.charts { @for chart in layer_charts(experiment, variant) {
                        (figure(chart.to_svg(Theme::Inline), ""))
                    } }
                }
            }
            h3 { "Does training with collisions prepare for evaluation without?" }
            p {
                "On the same batch, the training loss without collisions over that with collisions. At 1 the network does not notice the difference; "
                "far above 1 it was trained for features that it never meets again, and its evaluation pays for that."
            }
            @if let Some(chart) = mismatch_chart(experiment) { (figure(chart.to_svg(Theme::Inline), "")) }
            @else { p { "These runs did not record it." } }
        }
    }
}

/// Variants whose runs have recorded collisions.
pub(crate) fn kinetic_variants(experiment: &Experiment) -> Vec<String> {
    let collides = |variant: &String| {
        experiment
            .runs_of(variant)
            .any(|run| run.epochs.iter().any(|epoch| !epoch.layers.is_empty()))
    };
    experiment.variants().into_iter().filter(collides).collect()
}

/// A sentence on every kinetic variant that accepted no pair, or practically none.
pub(crate) fn without_collisions(experiment: &Experiment) -> Vec<String> {
    kinetic_variants(experiment)
        .into_iter()
        .filter_map(|variant| {
            let rates: Vec<f64> = experiment
                .runs_of(&variant)
                .flat_map(|run| &run.epochs)
                .flat_map(|epoch| &epoch.layers)
                .map(|layer| layer.acceptance_rate)
                .collect();
            let mean = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
            (!rates.is_empty() && mean < HARDLY_ANY).then(|| verdict(&variant, mean))
        })
        .collect()
}

fn verdict(variant: &str, rate: f64) -> String {
    if rate == 0.0 {
        return format!("{variant} never collided: it is {BASELINE} under another name");
    }
    format!(
        "{variant} hardly ever collided, {} of the candidate pairs: it is {BASELINE} but for what so few collisions set off",
        significant(rate, 2)
    )
}

fn layers(experiment: &Experiment, variant: &str) -> Vec<u32> {
    let mut layers: Vec<u32> = experiment
        .runs_of(variant)
        .flat_map(|run| &run.epochs)
        .flat_map(|epoch| epoch.layers.iter().map(|layer| layer.layer))
        .collect();
    layers.sort_unstable();
    layers.dedup();
    layers
}

type Quantity = fn(&LayerMetrics) -> f64;

fn points(experiment: &Experiment, variant: &str, layer: u32, value: Quantity) -> Vec<BandPoint> {
    band(experiment.runs_of(variant), |epoch| {
        epoch
            .layers
            .iter()
            .find(|record| record.layer == layer)
            .map(value)
    })
}

/// First, last and extreme values of every layer.
pub(crate) fn layer_table(experiment: &Experiment) -> Table {
    let mut table = Table::new()
        .text("residual")
        .number("layer")
        .number("acceptance, first epoch")
        .number("acceptance, last epoch")
        .number("energy ratio, first epoch")
        .number("energy ratio, last epoch")
        .number("largest momentum error");
    let shown = |point: Option<&BandPoint>| {
        point.map_or_else(String::new, |point| significant(point.mean, 3))
    };
    for variant in kinetic_variants(experiment) {
        for layer in layers(experiment, &variant) {
            let rates = points(experiment, &variant, layer, |record| record.acceptance_rate);
            let ratios = points(experiment, &variant, layer, |record| record.energy_ratio);
            let errors = points(experiment, &variant, layer, |record| record.momentum_error);
            let largest = errors
                .iter()
                .map(|point| point.high)
                .fold(None, |largest, value| {
                    Some(largest.map_or(value, |other: f64| other.max(value)))
                });
            table.row([
                variant.clone(),
                (layer + 1).to_string(),
                shown(rates.first()),
                shown(rates.last()),
                shown(ratios.first()),
                shown(ratios.last()),
                largest.map_or_else(String::new, |value| significant(value, 2)),
            ]);
        }
    }
    table
}

fn layer_charts(experiment: &Experiment, variant: &str) -> Vec<LineChart> {
    let quantities: [(&str, &str, Scale, &[f64], Quantity); 3] = [
        (
            "Acceptance rate",
            "accepted / candidate pairs",
            Scale::Linear,
            &[0.0, 1.0],
            |record| record.acceptance_rate,
        ),
        (
            "Energy ratio",
            "energy after / before",
            Scale::Logarithmic,
            &[0.8, 1.25],
            |record| record.energy_ratio,
        ),
        (
            "Momentum error",
            "relative change",
            Scale::Logarithmic,
            &[],
            |record| record.momentum_error,
        ),
    ];
    let layers = layers(experiment, variant);
    quantities
        .into_iter()
        .map(|(title, y_label, y_scale, always, quantity)| LineChart {
            title: format!("{title}: {variant}"),
            x_label: "epoch".into(),
            y_label: y_label.into(),
            y_always: always.to_vec(),
            y_scale,
            series: layers
                .iter()
                .enumerate()
                .map(|(index, layer)| {
                    let points = thinned(&points(experiment, variant, *layer, quantity), POINTS);
                    Series {
                        name: format!("layer {}", layer + 1),
                        style: indexed_style(index),
                        points: points.iter().map(|p| (p.epoch, p.mean)).collect(),
                        band: points.iter().map(|p| (p.epoch, p.low, p.high)).collect(),
                    }
                })
                .collect(),
            size: (400, 270),
        })
        .collect()
}

/// Loss without collisions over loss with them.
pub(crate) fn mismatch_chart(experiment: &Experiment) -> Option<LineChart> {
    let ratio =
        |epoch: &EpochMetrics| Some(epoch.train_loss_without_collisions? / epoch.train_loss);
    let series: Vec<Series> = kinetic_variants(experiment)
        .into_iter()
        .filter_map(|variant| {
            let points = thinned(&band(experiment.runs_of(&variant), ratio), POINTS);
            (!points.is_empty()).then(|| Series {
                style: experiment.line_style(&variant),
                points: points.iter().map(|p| (p.epoch, p.mean)).collect(),
                band: points.iter().map(|p| (p.epoch, p.low, p.high)).collect(),
                name: variant,
            })
        })
        .collect();
    (!series.is_empty()).then(|| LineChart {
        title: "Training loss without / with collisions".into(),
        x_label: "epoch".into(),
        y_label: "ratio of losses".into(),
        y_always: vec![0.9, 1.1],
        y_scale: Scale::Logarithmic,
        series,
        size: (760, 340),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_at_all_and_hardly_any_are_told_apart() {
        assert_eq!(
            verdict("elastic", 0.0),
            "elastic never collided: it is additive under another name"
        );
        let few = verdict("elastic", 1.6e-7);
        assert!(few.contains("hardly ever collided, 1.6e-7 of"), "{few}");
    }
}
