//! How classes are told apart: scores, confusions, and images that were taken for something else.

use kiti_data::metrics::Classification;
use kiti_data::metrics::classification::CONFIDENCE_BINS;
use kiti_models::comparison::summarize;
use kiti_models::task::Misclassified;
use maud::{Markup, html};

use super::{figure, set_title};
use crate::render::chart_frame::Theme;
use crate::render::confusion_matrix::ConfusionMatrix;
use crate::render::image_grid::{ImageGrid, ImageTile};
use crate::render::number::{grouped, mean_deviation, significant};
use crate::render::table::Table;
use crate::report::records::Experiment;
use crate::report::statistics::{BASELINE, finished};

/// Images of a row, and the side of each.
const COLUMNS: usize = 8;
const SIDE: u32 = 96;

/// Pairs of classes that are named.
const PAIRS: usize = 5;

pub(super) fn section(experiment: &Experiment) -> Markup {
    let table = table(experiment);
    let confusions = confusions(experiment);
    let mistakes = mistakes(experiment);
    html! {
        p {
            "Accuracy is the share of samples whose most likely class is their own, the cross entropy is in nats. The calibration error says how far "
            "a network's probabilities are from its shares of right answers: predictions are sorted into " (CONFIDENCE_BINS)
            " bins by their probability, and the distance between mean probability and share of right answers is averaged over all samples. "
            "Mean \u{b1} standard deviation over seeds, of the last epoch."
        }
        @if table.is_empty() { p { "No finished run has measured this." } }
        @else { (table.to_html()) }
        @if !confusions.is_empty() {
            h3 { "Confusions" }
            p { "Of the samples of each class, the per cent that are taken for each class; all seeds together." }
            @for (index, (set, variant, matrix)) in confusions.iter().enumerate() {
                details open[index == 0] {
                    summary { (variant) ", " (set_title(set)) }
                    (figure(matrix.to_svg(Theme::Inline).ok_or("there is no class".into()), &commonest(matrix)))
                }
            }
        }
        @if !mistakes.is_empty() {
            h3 { "Wrong, and sure of it" }
            p { "The test images with the most probable wrong answers of one seed: the true class above, the answer with its probability below." }
            @for (index, (set, variant, grid)) in mistakes.iter().enumerate() {
                details open[index == 0] {
                    summary { (variant) ", " (set_title(set)) }
                    (figure(Ok(grid.to_svg(Theme::Inline)), ""))
                }
            }
        }
    }
}

/// The pairs of classes that are confused most often, as a sentence.
pub(crate) fn commonest(matrix: &ConfusionMatrix) -> String {
    let pairs: Vec<String> = matrix
        .commonest(PAIRS)
        .into_iter()
        .map(|(class, prediction, count)| {
            format!("{class} taken for {prediction} ({})", grouped(count))
        })
        .collect();
    match pairs.is_empty() {
        true => String::new(),
        false => format!("Most often: {}.", pairs.join(", ")),
    }
}

fn scores<'a>(experiment: &'a Experiment, variant: &'a str, set: &str) -> Vec<&'a Classification> {
    finished(experiment, variant)
        .filter_map(|run| run.result.as_ref()?.scores.get(set))
        .collect()
}

/// Scores of every residual on every test set.
pub(crate) fn table(experiment: &Experiment) -> Table {
    let mut table = Table::new()
        .text("set")
        .text("residual")
        .number("samples")
        .number("accuracy")
        .number("among the five most likely")
        .number("cross entropy")
        .number("calibration error");
    for set in experiment.test_sets() {
        for variant in experiment.variants() {
            let found = scores(experiment, &variant, &set);
            let Some(first) = found.first() else {
                continue;
            };
            let mean = |value: &dyn Fn(&Classification) -> Option<f64>| {
                let values: Option<Vec<f64>> = found.iter().map(|one| value(one)).collect();
                let summary = values.and_then(|values| summarize(&values));
                summary.map_or_else(String::new, |summary| match summary.standard_deviation {
                    Some(deviation) => mean_deviation(summary.mean, deviation),
                    None => significant(summary.mean, 3),
                })
            };
            let cells = [
                set_title(&set),
                variant.clone(),
                grouped(first.samples as u64),
                mean(&|one| Some(one.accuracy)),
                mean(&|one| one.top5),
                mean(&|one| Some(one.loss)),
                mean(&|one| Some(one.calibration_error)),
            ];
            if variant == BASELINE {
                table.marked_row(cells);
            } else {
                table.row(cells);
            }
        }
    }
    table
}

/// The confusions of every test set and residual, summed over seeds.
pub(crate) fn confusions(experiment: &Experiment) -> Vec<(String, String, ConfusionMatrix)> {
    let mut found = Vec::new();
    for set in experiment.test_sets() {
        for variant in experiment.variants() {
            let scores = scores(experiment, &variant, &set);
            let Some(first) = scores.first() else {
                continue;
            };
            let mut counts = first.confusion.clone();
            for other in &scores[1..] {
                for (row, other) in counts.iter_mut().zip(&other.confusion) {
                    for (count, other) in row.iter_mut().zip(other) {
                        *count += other;
                    }
                }
            }
            let matrix = ConfusionMatrix {
                title: format!("Confusions of {variant}: {}", set_title(&set)),
                classes: experiment.class_names(counts.len()),
                counts,
            };
            found.push((set.clone(), variant, matrix));
        }
    }
    found
}

/// The surest mistakes of every test set and residual, of its first finished seed.
fn mistakes(experiment: &Experiment) -> Vec<(String, String, ImageGrid)> {
    let mut found = Vec::new();
    for set in experiment.test_sets() {
        for variant in experiment.variants() {
            let run = finished(experiment, &variant).next();
            if let Some(mistakes) = run.and_then(|run| run.misclassified(&set)) {
                let title = format!("Mistakes of {variant}: {}", set_title(&set));
                let grid = grid(experiment, title, &mistakes);
                found.push((set.clone(), variant, grid));
            }
        }
    }
    found
}

fn grid(experiment: &Experiment, title: String, mistakes: &Misclassified) -> ImageGrid {
    let [channels, height, width] = mistakes.size;
    let largest = |of: fn(&kiti_data::metrics::Prediction) -> u32| {
        mistakes.predictions.iter().map(of).max().unwrap_or(0)
    };
    let classes = largest(|one| one.label).max(largest(|one| one.class)) as usize + 1;
    let names = experiment.class_names(classes);
    let name = |class: u32| names[class as usize].clone();
    let tiles = mistakes.images.iter().zip(&mistakes.predictions);
    let tiles = tiles.map(|(planes, prediction)| ImageTile {
        width,
        height,
        pixels: interleaved(planes, channels),
        lines: vec![
            name(prediction.label),
            format!(
                "{} {:.0} %",
                name(prediction.class),
                100.0 * prediction.confidence
            ),
        ],
    });
    ImageGrid {
        title,
        tiles: tiles.collect(),
        columns: COLUMNS,
        side: SIDE,
    }
}

/// Red, green and blue of each pixel from planes one after the other; one plane is grey.
fn interleaved(planes: &[u8], channels: usize) -> Vec<u8> {
    let area = planes.len() / channels.max(1);
    let plane = |colour: usize| colour.min(channels.saturating_sub(1)) * area;
    (0..area)
        .flat_map(|pixel| [0, 1, 2].map(|colour| planes[plane(colour) + pixel]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_become_pixels() {
        assert_eq!(interleaved(&[1, 2, 3, 4, 5, 6], 3), [1, 3, 5, 2, 4, 6]);
        assert_eq!(interleaved(&[7, 8], 1), [7, 7, 7, 8, 8, 8]);
    }
}
