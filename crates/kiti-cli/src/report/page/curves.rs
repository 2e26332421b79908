//! Training loss and test errors over epochs.

use kiti_data::metrics::ClassificationSummary;
use maud::{Markup, html};

use super::{figure, set_title};
use crate::render::chart_frame::{Scale, Theme};
use crate::render::line_chart::{LineChart, Series};
use crate::report::records::{Experiment, Run};
use crate::report::statistics::{BandPoint, band, evaluated_band, thinned};

/// More points than this cannot be told apart at the charts' width.
const POINTS: usize = 250;

pub(super) fn section(experiment: &Experiment) -> Markup {
    html! {
        p {
            "Lines are means over seeds, shaded bands reach from the smallest to the largest seed. "
            "The training loss is measured while particles collide, the other errors with collisions switched off, "
            "as the network is used in the end."
        }
        div.charts { @for chart in charts(experiment) { (figure(chart.to_svg(Theme::Inline), "")) } }
    }
}

/// Training loss, then one chart a test set.
pub(crate) fn charts(experiment: &Experiment) -> Vec<LineChart> {
    let measure = experiment.measure();
    let loss = chart(
        experiment,
        "Training loss, with collisions".into(),
        measure.loss_title(),
        &|runs| band(runs, |epoch| Some(epoch.train_loss)),
    );
    let sets = experiment.all_sets();
    let errors = sets.iter().map(|set| {
        chart(
            experiment,
            format!("Error: {}", set_title(set)),
            measure.title(),
            &|runs| evaluated_band(runs, set),
        )
    });
    std::iter::once(loss)
        .chain(errors)
        .chain(score_charts(experiment))
        .filter(|chart| !chart.series.is_empty())
        .collect()
}

/// Cross entropy and calibration error of a classifier on each set of new samples.
fn score_charts(experiment: &Experiment) -> Vec<LineChart> {
    type Score = fn(&ClassificationSummary) -> f64;
    let scores: [(&str, &str, Score); 2] = [
        ("Cross entropy", "cross entropy, nats", |scores| scores.loss),
        ("Calibration error", "calibration error", |scores| {
            scores.calibration_error
        }),
    ];
    let sets = experiment.test_sets();
    scores
        .into_iter()
        .flat_map(|(title, label, score)| {
            sets.iter().map(move |set| {
                let title = format!("{title}: {}", set_title(set));
                chart(experiment, title, label, &|runs| {
                    band(runs, |epoch| Some(score(epoch.scores.get(set)?)))
                })
            })
        })
        .collect()
}

fn chart(
    experiment: &Experiment,
    title: String,
    y_label: &str,
    points_of: &dyn Fn(&mut dyn Iterator<Item = &Run>) -> Vec<BandPoint>,
) -> LineChart {
    let series = experiment
        .variants()
        .into_iter()
        .filter_map(|variant| {
            let points = points_of(&mut experiment.runs_of(&variant));
            let points = thinned(&points, POINTS);
            // One point makes no curve.
            (points.len() > 1).then(|| Series {
                style: experiment.line_style(&variant),
                points: points
                    .iter()
                    .map(|point| (point.epoch, point.mean))
                    .collect(),
                band: points
                    .iter()
                    .map(|point| (point.epoch, point.low, point.high))
                    .collect(),
                name: variant,
            })
        })
        .collect();
    LineChart {
        title,
        x_label: "epoch".into(),
        y_label: y_label.into(),
        y_always: Vec::new(),
        y_scale: Scale::Logarithmic,
        series,
        size: (620, 350),
    }
}
