//! What every variant costs.

use kiti_models::train::Cost;
use maud::{Markup, html};

use super::set_title;
use crate::render::number::{bytes, duration, grouped, prefixed, significant};
use crate::render::table::Table;
use crate::report::records::Experiment;
use crate::report::statistics::{BASELINE, cost_of_baseline_quality, mean_of};

pub(super) fn section(experiment: &Experiment) -> Markup {
    let set = experiment
        .test_sets()
        .into_iter()
        .next()
        .unwrap_or_default();
    html! {
        p {
            "Operations are counted from the layers' sizes, not measured: those of one training step (forward, backward, one batch) "
            "and of one inference step (forward, one batch). In inference nothing collides, so all variants do the same work. "
            "Seconds a step are the median measured on this machine and vary with what else it does; waiting for data is the share of the "
            "training time in which no step could begin because its batch was not ready; "
            "peak memory is that of a run's whole process."
        }
        (table(experiment).to_html())
        p.soft {
            "The last columns say after how many steps and seconds of training a run is as good on the set \u{201c}" (set_title(&set)) "\u{201d}"
            " as the run of " code { (BASELINE) } " with the same seed is at its end, and how many seeds get there. "
            "Errors are looked at every few epochs, so these are upper bounds."
        }
    }
}

/// The table of costs.
pub(crate) fn table(experiment: &Experiment) -> Table {
    let set = experiment
        .test_sets()
        .into_iter()
        .next()
        .unwrap_or_default();
    let mut table = Table::new()
        .text("residual")
        .number("parameters")
        .number("operations, training step")
        .number("operations, inference step")
        .number("time a step")
        .number("of additive")
        .number("waiting for data")
        .number("peak memory")
        .number("training time")
        .number("steps to baseline's error")
        .number("time to baseline's error")
        .number("seeds that get there");
    let seconds_per_step = |variant: &str| {
        mean_of(experiment, variant, |run| {
            Some(run.result.as_ref()?.cost.step_seconds)
        })
    };
    let baseline = seconds_per_step(BASELINE);
    for variant in experiment.variants() {
        let number = |value: &dyn Fn(&Cost) -> Option<f64>| {
            mean_of(experiment, &variant, |run| {
                value(&run.result.as_ref()?.cost)
            })
        };
        let text = |value: Option<f64>, format: &dyn Fn(f64) -> String| {
            value.map_or_else(String::new, format)
        };
        let step = seconds_per_step(&variant);
        let target = cost_of_baseline_quality(experiment, &variant, &set);
        let reached = target.as_ref();
        let cells = [
            variant.clone(),
            text(number(&|cost| Some(cost.parameters as f64)), &|count| {
                grouped(count as u64)
            }),
            text(
                number(&|cost| Some(cost.training_step_flops as f64)),
                &|count| format!("{}FLOP", prefixed(count)),
            ),
            text(
                number(&|cost| Some(cost.inference_flops as f64)),
                &|count| format!("{}FLOP", prefixed(count)),
            ),
            text(step, &duration),
            text(
                step.zip(baseline).map(|(own, other)| own / other),
                &|ratio| format!("{}\u{d7}", significant(ratio, 3)),
            ),
            text(number(&|cost| cost.loading_share), &|share| {
                format!("{} %", significant(100.0 * share, 2))
            }),
            text(
                number(&|cost| cost.peak_memory_bytes.map(|bytes| bytes as f64)),
                &|count| bytes(count as u64),
            ),
            text(number(&|cost| Some(cost.wall_seconds)), &duration),
            text(reached.and_then(|target| target.steps), &|steps| {
                grouped(steps.round() as u64)
            }),
            text(reached.and_then(|target| target.seconds), &duration),
            reached.map_or_else(String::new, |target| {
                format!("{} of {}", target.reached, target.seeds)
            }),
        ];
        if variant == BASELINE {
            table.marked_row(cells)
        } else {
            table.row(cells)
        }
    }
    table
}
