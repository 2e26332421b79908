//! Training loss and test errors over epochs.

use maud::{Markup, html};

use super::{figure, set_title};
use crate::render::chart_frame::{Scale, Theme};
use crate::render::line_chart::{LineChart, Series};
use crate::render::palette::variant_style;
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
        .filter(|chart| !chart.series.is_empty())
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
                style: variant_style(&variant),
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
