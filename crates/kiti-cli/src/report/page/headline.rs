//! Final errors of every variant, and whether they differ from the baseline's.

use kiti_models::comparison::Verdict;
use kiti_models::task::Measure;
use maud::{Markup, html};

use super::{explain_set, figure, set_title};
use crate::render::chart_frame::{Scale, Theme};
use crate::render::interval_chart::{IntervalCell, IntervalChart, IntervalColumn, IntervalRow};
use crate::render::number::{mean_deviation, signed, significant};
use crate::render::palette::variant_style;
use crate::render::table::Table;
use crate::report::records::Experiment;
use crate::report::statistics::{BASELINE, FinalError, final_errors};

pub(super) fn section(experiment: &Experiment) -> Markup {
    let sets = experiment.test_sets();
    html! {
        p {
            (experiment.measure().explanation()) " Lower is better. The table gives mean \u{b1} standard deviation over seeds, "
            "then the difference from " code { (BASELINE) } " of the same seed with the interval that holds the true mean difference "
            "with 95 % confidence. Where that interval holds 0, this experiment saw no difference."
        }
        @for set in &sets {
            @let errors = final_errors(experiment, set);
            h3 { (set_title(set)) }
            p.soft { (explain_set(set)) }
            (error_table(&errors).to_html())
            (figure(chart(&errors, set, experiment.measure()).to_svg(Theme::Inline), ""))
        }
        @if sets.is_empty() { p { "No run has been evaluated yet." } }
        p.soft {
            "Dots are seeds (hollow: the collisions fade out during training), the dashed line is the mean of " code { (BASELINE) }
            ", and the bar is the 95 % interval of the paired difference, drawn from that line: a bar that does not touch the line is a difference."
        }
    }
}

/// The table of one test set.
pub(crate) fn error_table(errors: &[FinalError]) -> Table {
    let mut table = Table::new()
        .text("residual")
        .number("seeds")
        .number("error, mean \u{b1} sd")
        .number("difference")
        .number("95 % interval")
        .text("compared with additive");
    for error in errors {
        let mean =
            error
                .summary
                .map_or_else(String::new, |summary| match summary.standard_deviation {
                    Some(deviation) => mean_deviation(summary.mean, deviation),
                    None => significant(summary.mean, 3),
                });
        let difference = error.difference;
        let interval = difference.and_then(|difference| {
            Some(format!(
                "{} \u{2026} {}",
                signed(difference.low?, 2),
                signed(difference.high?, 2)
            ))
        });
        let cells = [
            error.variant.clone(),
            error.values.len().to_string(),
            mean,
            difference.map_or_else(String::new, |difference| signed(difference.mean, 2)),
            interval.unwrap_or_default(),
            difference.map_or_else(String::new, |difference| verdict(difference.verdict).into()),
        ];
        if error.variant == BASELINE {
            table.marked_row(cells)
        } else {
            table.row(cells)
        }
    }
    table
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NoDifferenceSeen => "no difference seen",
        Verdict::Lower => "better",
        Verdict::Higher => "worse",
        Verdict::TooFewPairs => "too few seeds to say",
    }
}

/// The picture of one test set.
pub(crate) fn chart(errors: &[FinalError], set: &str, measure: Measure) -> IntervalChart {
    let (column, rows) = column(errors, measure);
    let rows = rows.into_iter().map(|(name, cell)| IntervalRow {
        style: variant_style(&name),
        cells: vec![cell],
        name,
    });
    IntervalChart {
        title: format!("Final error: {}", set_title(set)),
        columns: vec![column],
        rows: rows.collect(),
        width: 820,
    }
}

/// Errors as a column of a chart: its axis, and a named cell a variant.
pub(crate) fn column(
    errors: &[FinalError],
    measure: Measure,
) -> (IntervalColumn, Vec<(String, IntervalCell)>) {
    let baseline = errors
        .iter()
        .find(|error| error.variant == BASELINE)
        .and_then(|error| error.summary)
        .map(|summary| summary.mean);
    let cells = errors.iter().map(|error| {
        let interval = error
            .difference
            .zip(baseline)
            .and_then(|(difference, mean)| Some((mean + difference.low?, mean + difference.high?)));
        let values = error.values.iter().map(|(_, value)| *value).collect();
        (error.variant.clone(), IntervalCell { values, interval })
    });
    let column = IntervalColumn {
        x_label: format!("{} (logarithmic)", measure.title()),
        scale: Scale::Logarithmic,
        always: Vec::new(),
        baseline,
    };
    (column, cells.collect())
}
