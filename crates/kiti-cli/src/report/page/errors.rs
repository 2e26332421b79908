//! How errors grow in time, and at which length scales they lie.

use kiti_models::diagnostics::FieldDiagnostics;
use maud::{Markup, html};

use super::{figure, set_title};
use crate::render::chart_frame::{Scale, Theme};
use crate::render::line_chart::{LineChart, Series};
use crate::render::number::significant;
use crate::render::palette::{INK, LineStyle};
use crate::render::table::Table;
use crate::report::records::Experiment;
use crate::report::statistics::thinned;

/// More points than this cannot be told apart at the charts' width.
const POINTS: usize = 250;

/// An error of this size leaves nothing of the truth.
const LOST: f64 = 1.0;

pub(super) fn section(experiment: &Experiment) -> Markup {
    let table = table(experiment);
    html! {
        p {
            "The relative H1 error counts slopes too, so it weighs fine structures more. A roll-out is stable while the norm of the prediction "
            "stays near that of the truth, and lost when the error reaches 1. The spectrum says at which length scales the error lies: "
            "where it meets the truth's own spectrum, that scale is not predicted at all. Means over samples and seeds."
        }
        @if table.is_empty() { p { "No finished run has measured this." } }
        @else { (table.to_html()) }
        div.charts { @for chart in charts(experiment) { (figure(chart.to_svg(Theme::Inline), "")) } }
    }
}

/// Slopes and stability, a row a test set and variant.
pub(crate) fn table(experiment: &Experiment) -> Table {
    let mut table = Table::new()
        .text("set")
        .text("residual")
        .number("relative H1 error")
        .number("error, first step")
        .number("error, last step")
        .number("norm ratio, last step")
        .number("lost at step");
    for set in experiment.test_sets() {
        for variant in experiment.variants() {
            let found = diagnostics(experiment, &variant, &set);
            if found.is_empty() {
                continue;
            }
            let number = |value: Option<f64>| value.map_or_else(String::new, |v| significant(v, 3));
            let errors = mean(&found, |one| &one.error_by_step);
            let ratios = mean(&found, |one| &one.norm_ratio_by_step);
            let slopes: Option<Vec<f64>> = found.iter().map(|one| one.relative_h1).collect();
            let slopes = slopes.map(|values| values.iter().sum::<f64>() / values.len() as f64);
            let lost = found.iter().filter_map(|one| one.fails_at(LOST)).min();
            table.row([
                set_title(&set),
                variant,
                number(slopes),
                number(errors.first().copied()),
                number(errors.last().copied()),
                number(ratios.last().copied()),
                lost.map_or_else(|| "never".to_owned(), |step| step.to_string()),
            ]);
        }
    }
    table
}

/// The error by step of each set that has several, then the spectrum of each set that has one.
pub(crate) fn charts(experiment: &Experiment) -> Vec<LineChart> {
    let sets = experiment.test_sets();
    let growth = sets.iter().map(|set| {
        let title = format!("Error by predicted step: {}", set_title(set));
        let series = series(experiment, set, 1.0, &|one| &one.error_by_step);
        chart(title, "predicted step", "relative L2 error", series)
    });
    let spectra = sets.iter().map(|set| {
        let mut lines = series(experiment, set, 0.0, &|one| &one.error_spectrum);
        let truth = series(experiment, set, 0.0, &|one| &one.target_spectrum);
        lines.extend(truth.into_iter().take(1).map(|line| Series {
            name: "truth".into(),
            style: LineStyle {
                colour: INK,
                dashed: false,
            },
            ..line
        }));
        let title = format!("Spectrum of the error: {}", set_title(set));
        chart(title, "wavenumber", "mean square", lines)
    });
    growth
        .chain(spectra)
        .filter(|chart| chart.series.iter().any(|line| line.points.len() > 1))
        .collect()
}

fn diagnostics<'a>(
    experiment: &'a Experiment,
    variant: &'a str,
    set: &str,
) -> Vec<&'a FieldDiagnostics> {
    experiment
        .runs_of(variant)
        .filter_map(|run| run.result.as_ref()?.diagnostics.get(set))
        .collect()
}

/// Mean over runs, number by number.
fn mean(found: &[&FieldDiagnostics], values: impl Fn(&FieldDiagnostics) -> &Vec<f64>) -> Vec<f64> {
    let length = found.iter().map(|one| values(one).len()).min().unwrap_or(0);
    (0..length)
        .map(|at| found.iter().map(|one| values(one)[at]).sum::<f64>() / found.len() as f64)
        .collect()
}

/// A line a variant; the first value stands at `first`. Zeros and what is no number cannot stand on a logarithmic axis.
fn series(
    experiment: &Experiment,
    set: &str,
    first: f64,
    values: &dyn Fn(&FieldDiagnostics) -> &Vec<f64>,
) -> Vec<Series> {
    let variants = experiment.variants();
    let lines = variants.into_iter().map(|variant| {
        let found = mean(&diagnostics(experiment, &variant, set), values);
        let points: Vec<(f64, f64)> = found
            .into_iter()
            .enumerate()
            .map(|(at, value)| (first + at as f64, value))
            .filter(|(_, value)| *value > 0.0 && value.is_finite())
            .collect();
        Series {
            style: experiment.line_style(&variant),
            points: thinned(&points, POINTS),
            band: Vec::new(),
            name: variant,
        }
    });
    lines.filter(|line| !line.points.is_empty()).collect()
}

fn chart(title: String, x_label: &str, y_label: &str, series: Vec<Series>) -> LineChart {
    LineChart {
        title,
        x_label: x_label.into(),
        y_label: y_label.into(),
        y_always: Vec::new(),
        y_scale: Scale::Logarithmic,
        series,
        size: (620, 350),
    }
}
