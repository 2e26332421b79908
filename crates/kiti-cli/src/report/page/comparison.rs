//! Final errors beside what the collisions of the training did: one figure.

use maud::{Markup, html};

use super::collisions::kinetic_variants;
use super::{figure, headline, set_title};
use crate::render::chart_frame::{Scale, Theme};
use crate::render::interval_chart::{IntervalCell, IntervalChart, IntervalColumn, IntervalRow};
use crate::render::palette::variant_style;
use crate::report::records::Experiment;
use crate::report::statistics::{CollisionMeans, collision_means, final_errors};

pub(super) fn section(experiment: &Experiment) -> Markup {
    let chart = chart(experiment);
    html! {
        @if let Some(key) = &experiment.ablated {
            p {
                "Values of " code { (key) } " are compared: " code { "residual@value" } " was trained with that value, and a residual without one does "
                "not depend on it."
            }
        }
        @match chart {
            Some(chart) => {
                p {
                    "Left the final error, as above. In the middle the share of candidate pairs that collided, mean over all layers and epochs. Right the "
                    "energy after the collisions over that before, geometric mean over the same: elastic collisions keep it at 1 (dashed). Dots are seeds."
                }
                (figure(chart.to_svg(Theme::Inline), ""))
            }
            None => p { "No finished run has collisions." },
        }
    }
}

/// The figure; none without finished kinetic runs.
pub(crate) fn chart(experiment: &Experiment) -> Option<IntervalChart> {
    if kinetic_variants(experiment).is_empty() {
        return None;
    }
    let set = experiment.test_sets().into_iter().next()?;
    let means = collision_means(experiment);
    let errors = final_errors(experiment, &set);
    let (column, rows) = headline::column(&errors, experiment.measure());
    let rows = rows
        .into_iter()
        .map(|(name, error)| {
            let of = |value: fn(&CollisionMeans) -> f64| IntervalCell {
                values: means
                    .iter()
                    .filter(|mean| mean.variant == name)
                    .map(value)
                    .collect(),
                interval: None,
            };
            IntervalRow {
                style: variant_style(&name),
                cells: vec![
                    error,
                    of(|mean| mean.acceptance_rate),
                    of(|mean| mean.energy_ratio),
                ],
                name,
            }
        })
        .collect();
    let by = experiment
        .ablated
        .as_ref()
        .map_or_else(String::new, |key| format!(" by {key}"));
    Some(IntervalChart {
        title: format!("Error beside collisions{by}: {}", set_title(&set)),
        columns: vec![
            column,
            IntervalColumn {
                x_label: "acceptance rate".into(),
                scale: Scale::Linear,
                always: vec![0.0, 1.0],
                baseline: None,
            },
            IntervalColumn {
                x_label: "energy ratio (logarithmic)".into(),
                scale: Scale::Logarithmic,
                always: vec![0.8, 1.25],
                baseline: Some(1.0),
            },
        ],
        rows,
        width: 980,
    })
}
