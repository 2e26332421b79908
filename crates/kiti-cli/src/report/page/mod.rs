//! report.html: one file that needs nothing else, for readers who have never heard of kinetic residuals.

pub(super) mod classes;
pub(super) mod collisions;
pub(super) mod comparison;
mod condensation;
pub(super) mod cost;
pub(super) mod curves;
pub(super) mod errors;
pub(super) mod headline;
pub(super) mod predictions;
pub(super) mod settings;

use kiti_models::task::Measure;
use maud::{Markup, PreEscaped, html};

use super::records::{Experiment, Run, utc};
use super::statistics::BASELINE;
use crate::render::html_page::html_page;
use crate::render::number::duration;

/// A chart as a figure, or a note that says why it could not be drawn.
type Drawn = Result<String, Box<dyn std::error::Error + Send + Sync>>;

/// The whole page.
pub fn page(experiment: &Experiment) -> String {
    let title = format!(
        "{} \u{2013} {} profile{}",
        experiment.title,
        experiment.profile,
        experiment
            .ablated
            .as_ref()
            .map_or_else(String::new, |key| format!(", by {key}"))
    );
    let mut sections = vec![
        ("results", "Final errors", headline::section(experiment)),
        (
            "comparison",
            "Errors beside collisions",
            comparison::section(experiment),
        ),
        ("curves", "Learning curves", curves::section(experiment)),
    ];
    if experiment.measure() == Measure::ErrorRate {
        let classes = classes::section(experiment);
        sections.push(("classes", "Classes and mistakes", classes));
    } else {
        let predictions = predictions::section(experiment);
        sections.push(("predictions", "Predictions", predictions));
        let errors = errors::section(experiment);
        sections.push(("errors", "Where the errors lie", errors));
    }
    sections.extend([
        ("cost", "Cost", cost::section(experiment)),
        (
            "collisions",
            "What the collisions did",
            collisions::section(experiment),
        ),
        (
            "condensation",
            "Condensation of the weights",
            condensation::section(experiment),
        ),
        ("settings", "Settings", settings::section(experiment)),
    ]);
    let body = html! {
        h1 { (title) }
        (introduction(experiment))
        (facts(experiment))
        nav { @for (id, heading, _) in &sections { a href={ "#" (id) } { (heading) } } }
        @for (id, heading, content) in &sections {
            section id=(id) { h2 { (heading) } (content) }
        }
    };
    html_page(&format!("kiti: {title}"), &body)
}

fn introduction(experiment: &Experiment) -> Markup {
    let unfinished = experiment
        .runs
        .iter()
        .filter(|run| run.result.is_none())
        .count();
    html! {
        p.lead {
            "A residual network adds to its features what a layer computed from them: "
            code { "x + f(x)" } ". KITINet reads the same two quantities as a gas: "
            code { "x" } " are positions of particles, " code { "f(x)" }
            " accelerates them, and during training the particles also collide before they move. "
            "After training nothing collides, so the trained network is an ordinary one. "
            "This page compares such collision rules with the plain addition, called "
            code { (BASELINE) } "."
        }
        p {
            "All variants start from the same weights and see the same batches, seed by seed; only the residual differs. "
            "Errors are those of the last epoch, never the best one seen."
        }
        @if unfinished > 0 {
            div.note {
                (unfinished) " of " (experiment.runs.len()) " runs are not finished. Their curves are shown as far as they go; "
                "tables of final values leave them out. The command that began them goes on where they stopped."
            }
        }
        @for failure in &experiment.failures {
            div.note { (failure) }
        }
    }
}

fn facts(experiment: &Experiment) -> Markup {
    let seeds = experiment.seeds();
    let seconds: f64 = experiment
        .runs
        .iter()
        .filter_map(|run| run.seconds.values().last())
        .sum();
    let facts = [
        ("Recipe", experiment.name.clone()),
        ("Profile", experiment.profile.clone()),
        ("Residuals", experiment.variants().len().to_string()),
        (
            "Seeds",
            seeds
                .iter()
                .map(u64::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        ),
        (
            "Commit",
            experiment.common(|run| {
                run.circumstances
                    .commit
                    .clone()
                    .unwrap_or_else(|| "unknown".into())
            }),
        ),
        (
            "Version",
            experiment.common(|run| run.circumstances.version.clone()),
        ),
        (
            "Device",
            experiment.common(|run| run.circumstances.device.clone()),
        ),
        (
            "Threads",
            experiment.common(|run| run.circumstances.threads.to_string()),
        ),
        (
            "Date",
            experiment
                .runs
                .iter()
                .filter_map(Run::date)
                .max()
                .map_or_else(String::new, utc),
        ),
        ("Training time, all runs", duration(seconds)),
    ];
    html! {
        dl.facts { @for (name, value) in &facts { div { dt { (name) } dd { (value) } } } }
    }
}

/// A drawn chart with the sentence that says how to read it.
fn figure(drawn: Drawn, caption: &str) -> Markup {
    html! {
        figure {
            @match drawn {
                Ok(svg) => (PreEscaped(svg)),
                Err(error) => div.note { "This chart could not be drawn: " (error) },
            }
            @if !caption.is_empty() { figcaption { (caption) } }
        }
    }
}

/// What a test set measures.
fn explain_set(set: &str) -> &'static str {
    match set {
        "train" => "The samples that the network was trained on, without collisions.",
        "validation" => "Training samples that were set aside.",
        "test" => "New samples, none of which was trained on.",
        "coarser" | "finer" => "New samples on a grid that the network has never seen.",
        "long" => "New samples, predicted further in time than in training.",
        "64-published" => {
            "The test data as published: on the fine grid the source is only one cell wide, so it heats half as much as in training. \
             A low error here says that a network happens to predict less heating, not that it learned the equation better."
        }
        _ if is_resolution(set) => {
            "New samples on a grid with this many points along each axis; where that is not the training grid, the network has never seen it."
        }
        _ => "",
    }
}

/// A test set's name in a sentence.
pub(super) fn set_title(set: &str) -> String {
    match set {
        "train" => "Training samples".into(),
        "validation" => "Validation samples".into(),
        "test" => "New samples".into(),
        "coarser" => "New samples, coarser grid".into(),
        "finer" => "New samples, finer grid".into(),
        "long" => "New samples, longer roll-out".into(),
        "64-published" => "Grid of 64 points an axis, published source".into(),
        _ if is_resolution(set) => format!("New samples, grid of {set} points an axis"),
        other => other.into(),
    }
}

/// Sets that differ in their grids are named by it.
fn is_resolution(set: &str) -> bool {
    !set.is_empty() && set.bytes().all(|byte| byte.is_ascii_digit())
}
