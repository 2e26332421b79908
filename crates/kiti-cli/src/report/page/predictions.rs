//! What the networks predict, beside the truth.

use maud::{Markup, html};

use super::set_title;
use crate::predict::Picture;
use crate::render::chart_frame::{Scale, Theme};
use crate::render::colour_map::{ColourMap, finite_range};
use crate::render::field_picture::{FieldPicture, PanelGroup};
use crate::render::line_chart::{LineChart, Series};
use crate::render::palette::{INK, LineStyle};
use crate::report::records::{Experiment, PlanePrediction, Prediction};
use crate::report::statistics::thinned;

/// More points than this cannot be told apart at the charts' width.
const POINTS: usize = 400;

pub(super) fn section(experiment: &Experiment) -> Markup {
    let pictures = pictures(experiment);
    html! {
        p {
            "The first sample of every test set: the truth, what the network predicts, and for fields over a plane the distance between "
            "the two, at the first, the middle and the last predicted time where there are several. A network that predicts several "
            "times is fed its own predictions back. Within a test set all variants share their scales, so brighter error maps are worse "
            "predictions. One seed is shown."
        }
        @if pictures.is_empty() { p { "No finished run has stored a prediction yet." } }
        @for (index, (set, picture)) in pictures.iter().enumerate() {
            details open[index == 0] {
                summary { (set_title(set)) }
                (super::figure(picture.to_svg(Theme::Inline), ""))
            }
        }
    }
}

/// One picture a test set.
pub(crate) fn pictures(experiment: &Experiment) -> Vec<(String, Picture)> {
    let sets = experiment.test_sets();
    sets.into_iter()
        .filter_map(|set| {
            let shown: Vec<(String, Prediction)> = experiment
                .variants()
                .into_iter()
                .filter_map(|variant| {
                    let prediction = experiment
                        .runs_of(&variant)
                        .find(|run| run.result.is_some())?
                        .prediction(&set)?;
                    Some((variant, prediction))
                })
                .collect();
            let title = format!("Predictions: {}", set_title(&set));
            let picture = match shown.first()? {
                (_, Prediction::Line { .. }) => Picture::Chart(lines(experiment, title, &shown)),
                (_, Prediction::Plane(_)) => Picture::Fields(planes(title, &shown)?),
            };
            Some((set, picture))
        })
        .collect()
}

/// The input, the truth, and a line a variant.
fn lines(experiment: &Experiment, title: String, shown: &[(String, Prediction)]) -> LineChart {
    let series = |name: &str, style: LineStyle, values: &[f32]| {
        let points = values.iter().enumerate();
        let points: Vec<(f64, f64)> = points
            .map(|(point, value)| (point as f64 / values.len() as f64, f64::from(*value)))
            .collect();
        Series {
            name: name.to_owned(),
            style,
            points: thinned(&points, POINTS),
            band: Vec::new(),
        }
    };
    let ink = |dashed| LineStyle {
        colour: INK,
        dashed,
    };
    let mut drawn = Vec::new();
    for (variant, prediction) in shown {
        let Prediction::Line {
            input,
            truth,
            predicted,
        } = prediction
        else {
            continue;
        };
        if drawn.is_empty() {
            drawn.push(series("input", ink(true), input));
            drawn.push(series("truth", ink(false), truth));
        }
        drawn.push(series(variant, experiment.line_style(variant), predicted));
    }
    LineChart {
        title,
        x_label: "x (0 \u{2026} 1)".into(),
        y_label: "u".into(),
        y_always: Vec::new(),
        y_scale: Scale::Linear,
        series: drawn,
        size: (820, 420),
    }
}

/// A row a variant and time.
fn planes(title: String, shown: &[(String, Prediction)]) -> Option<FieldPicture> {
    let mut fields: Vec<(String, &PlanePrediction)> = Vec::new();
    for (variant, prediction) in shown {
        let Prediction::Plane(times) = prediction else {
            continue;
        };
        for prediction in times {
            let label = match times.len() {
                1 => variant.clone(),
                _ => format!("{variant}, predicted time {}", prediction.time),
            };
            fields.push((label, prediction));
        }
    }
    let truths = fields
        .iter()
        .flat_map(|(_, prediction)| prediction.truth.values());
    let (low, high) = finite_range(truths)?;
    let errors: Vec<_> = fields
        .iter()
        .map(|(_, prediction)| prediction.predicted.absolute_difference(&prediction.truth))
        .collect::<Option<_>>()?;
    let (_, worst) = finite_range(errors.iter().flat_map(|error| error.values()))?;
    let rows = fields
        .iter()
        .zip(errors)
        .map(|((label, prediction), error)| {
            let groups = vec![
                PanelGroup {
                    panels: vec![
                        ("truth".into(), prediction.truth.clone()),
                        ("prediction".into(), prediction.predicted.clone()),
                    ],
                    map: ColourMap::sequential(low, high),
                    unit: "u".into(),
                },
                PanelGroup {
                    panels: vec![("|prediction \u{2212} truth|".into(), error)],
                    map: ColourMap::magnitude(worst),
                    unit: "|\u{394}u|".into(),
                },
            ];
            (label.clone(), groups)
        })
        .collect();
    Some(FieldPicture {
        title,
        rows,
        axes: ("x (0 \u{2026} 1)".into(), "y (0 \u{2026} 1)".into()),
        panel: 190,
    })
}
