//! What the networks predict, beside the truth.

use maud::{Markup, PreEscaped, html};

use super::set_title;
use crate::render::chart_frame::Theme;
use crate::render::colour_map::{ColourMap, finite_range};
use crate::render::field_picture::{FieldPicture, PanelGroup};
use crate::report::records::{Experiment, Prediction};

pub(super) fn section(experiment: &Experiment) -> Markup {
    let pictures = pictures(experiment);
    html! {
        p {
            "The first sample of every test set at the last of the predicted times: the true field, what the network predicts after feeding "
            "its own predictions back ten times, and the distance between the two. Within a test set all variants share both colour scales, "
            "so brighter error maps are worse predictions. One seed is shown."
        }
        @if pictures.is_empty() { p { "No finished run has stored a prediction yet." } }
        @for (index, (set, picture)) in pictures.iter().enumerate() {
            details open[index == 0] {
                summary { (set_title(set)) }
                figure { (PreEscaped(picture.to_svg(Theme::Inline))) }
            }
        }
    }
}

/// One picture a test set, with a row a variant.
pub(crate) fn pictures(experiment: &Experiment) -> Vec<(String, FieldPicture)> {
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
            let picture = picture(&set, &shown)?;
            Some((set, picture))
        })
        .collect()
}

fn picture(set: &str, shown: &[(String, Prediction)]) -> Option<FieldPicture> {
    let truths = shown
        .iter()
        .flat_map(|(_, prediction)| prediction.truth.values());
    let (low, high) = finite_range(truths)?;
    let errors: Vec<_> = shown
        .iter()
        .map(|(_, prediction)| prediction.predicted.absolute_difference(&prediction.truth))
        .collect::<Option<_>>()?;
    let (_, worst) = finite_range(errors.iter().flat_map(|error| error.values()))?;
    let rows = shown
        .iter()
        .zip(errors)
        .map(|((variant, prediction), error)| {
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
            (variant.clone(), groups)
        })
        .collect();
    Some(FieldPicture {
        title: format!("Predictions: {}", set_title(set)),
        rows,
        axes: ("x (0 \u{2026} 1)".into(), "y (0 \u{2026} 1)".into()),
        panel: 190,
    })
}
