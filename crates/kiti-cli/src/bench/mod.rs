//! `kiti bench`: how long things take, each beside a reference in the same run.

mod heat;
mod kinetic;
mod models;
mod operations;
mod reference;
mod timing;

use std::io::Write;

use serde::Serialize;

use timing::Timing;

use crate::cli::{BenchArguments, BenchTopic};
use crate::failure::Outcome;
use crate::output;
use crate::render::number::{bytes, significant};
use crate::render::table::Table;
use crate::train::COMMIT;

/// One row of the tables, and of the JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// What is timed, e.g. `20x160x128 dense`.
    pub case: String,
    /// How, e.g. `published, exact directions`.
    pub method: String,
    /// The times.
    #[serde(flatten)]
    pub timing: Timing,
    /// What the ratio is to: another method of the same case.
    pub reference: Option<&'static str>,
    /// Time over the reference's time.
    pub ratio: Option<f64>,
    /// A number that says what was done, e.g. the share of accepted pairs.
    pub note: String,
    /// Milliseconds of PyTorch in the same sitting.
    pub pytorch_ms: Option<f64>,
    /// PyTorch's time over this one's.
    pub speedup: Option<f64>,
    /// PyTorch's extra memory over this one's.
    pub memory_saving: Option<f64>,
}

impl Measurement {
    /// A row without a reference.
    fn new(case: impl Into<String>, method: impl Into<String>, timing: Timing) -> Self {
        Self {
            case: case.into(),
            method: method.into(),
            timing,
            reference: None,
            ratio: None,
            note: String::new(),
            pytorch_ms: None,
            speedup: None,
            memory_saving: None,
        }
    }

    /// Notes what was done.
    fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// Runs the command.
pub fn run(arguments: &BenchArguments) -> Outcome {
    let device = arguments.device.open()?;
    let all = [
        BenchTopic::Kinetic,
        BenchTopic::Models,
        BenchTopic::Heat,
        BenchTopic::Ops,
    ];
    let (seconds, only) = (arguments.seconds, arguments.only.as_str());
    let topics = if arguments.topics.is_empty() {
        &all[..]
    } else {
        &arguments.topics
    };
    let threads = candle::utils::get_num_threads();
    output::line(format!(
        "device {}, {threads} threads, commit {}; the smallest time of each counts",
        arguments.device,
        COMMIT.unwrap_or("unknown")
    ));
    // The two programs take turns, so that both meet the machine in the same state.
    let rounds = if arguments.against.is_some() { 2 } else { 1 };
    let mut document = serde_json::Map::new();
    for topic in topics {
        let mut rows = Vec::new();
        let mut pytorch = reference::References::default();
        for _ in 0..rounds {
            let measured = match topic {
                BenchTopic::Kinetic => kinetic::measure(&device, seconds)?,
                BenchTopic::Models => models::measure(&device, seconds, only)?,
                BenchTopic::Heat => heat::measure(&device, seconds, only)?,
                BenchTopic::Ops => operations::measure(seconds, only)?,
            };
            merge(&mut rows, measured);
            if let Some(python) = &arguments.against {
                pytorch.add(reference::run(
                    *topic,
                    python,
                    &arguments.reference,
                    threads,
                    seconds,
                    only,
                )?);
            }
        }
        finish(&mut rows, &pytorch);
        let (name, heading) = match topic {
            BenchTopic::Kinetic => ("kinetic", "Kinetic step, forward and backward, f32"),
            BenchTopic::Models => (
                "models",
                "Whole training steps, inferences, loading a checkpoint",
            ),
            BenchTopic::Ops => (
                "ops",
                "Operations on the processor, f32: rate, and share of a 1024 x 1024 product's or a copy's",
            ),
            BenchTopic::Heat => (
                "heat",
                "Training step of the heat experiment: 20 samples, 32 x 32",
            ),
        };
        output::line(format!("\n{heading}\n{}", table(&rows).to_text()));
        for (method, mean) in mean_speedups(&rows) {
            output::line(format!(
                "{method}: {}\u{d7} faster than PyTorch in the geometric mean",
                significant(mean, 3)
            ));
        }
        document.insert(name.to_owned(), serde_json::json!(rows));
    }
    if let Some(path) = &arguments.json {
        let value = serde_json::json!({
            "device": arguments.device.to_string(),
            "threads": threads,
            "commit": COMMIT,
            "version": env!("CARGO_PKG_VERSION"),
            "topics": document,
        });
        kiti_data::atomic_file::write(path, |file| writeln!(file, "{value:#}"))?;
        output::line(format!("\nwritten to {}", path.display()));
    }
    Ok(())
}

/// Keeps the smallest times of several rounds.
fn merge(rows: &mut Vec<Measurement>, measured: Vec<Measurement>) {
    for new in measured {
        match rows
            .iter_mut()
            .find(|row| row.case == new.case && row.method == new.method)
        {
            Some(row) => row.timing = row.timing.merged(new.timing),
            None => rows.push(new),
        }
    }
}

/// Fills in the ratios, which need all times.
fn finish(rows: &mut [Measurement], pytorch: &reference::References) {
    let times: Vec<(String, String, f64)> = rows
        .iter()
        .map(|row| (row.case.clone(), row.method.clone(), row.timing.min_ms))
        .collect();
    for row in rows {
        row.ratio = row.reference.and_then(|reference| {
            let (_, _, time) = times
                .iter()
                .find(|(case, method, _)| *case == row.case && method == reference)?;
            Some(row.timing.min_ms / time)
        });
        let Some(reference) = pytorch.of(&row.case, &row.method) else {
            continue;
        };
        row.pytorch_ms = Some(reference.milliseconds);
        row.speedup = Some(reference.milliseconds / row.timing.min_ms);
        let own = row.timing.extra_bytes.filter(|bytes| *bytes > 0);
        row.memory_saving = reference
            .extra_bytes
            .zip(own)
            .map(|(other, own)| other / own as f64);
    }
}

/// The geometric mean over the cases of how much faster each method is than PyTorch.
fn mean_speedups(rows: &[Measurement]) -> Vec<(String, f64)> {
    let mut logarithms = std::collections::BTreeMap::<&str, Vec<f64>>::new();
    for row in rows {
        if let Some(speedup) = row.speedup {
            logarithms
                .entry(&row.method)
                .or_default()
                .push(speedup.ln());
        }
    }
    logarithms
        .into_iter()
        .filter(|(_, all)| all.len() > 1)
        .map(|(method, all)| {
            (
                method.to_owned(),
                (all.iter().sum::<f64>() / all.len() as f64).exp(),
            )
        })
        .collect()
}

fn table(rows: &[Measurement]) -> Table {
    let beside = rows.iter().any(|row| row.pytorch_ms.is_some());
    let mut table = Table::new()
        .text("case")
        .text("method")
        .number("smallest ms")
        .number("median ms")
        .number("times")
        .number("extra memory")
        .number("ratio")
        .text("to")
        .text("note");
    if beside {
        table = table
            .number("PyTorch ms")
            .number("faster")
            .number("memory saved");
    }
    for row in rows {
        let mut cells = vec![
            row.case.clone(),
            row.method.clone(),
            significant(row.timing.min_ms, 3),
            significant(row.timing.median_ms, 3),
            row.timing.repeats.to_string(),
            row.timing.extra_bytes.map_or_else(String::new, bytes),
            row.ratio.map_or_else(String::new, |ratio| {
                format!("{}\u{d7}", significant(ratio, 3))
            }),
            row.ratio.and(row.reference).unwrap_or_default().to_owned(),
            row.note.clone(),
        ];
        if beside {
            cells.push(
                row.pytorch_ms
                    .map_or_else(String::new, |time| significant(time, 3)),
            );
            let times = |ratio: Option<f64>| {
                ratio.map_or_else(String::new, |ratio| {
                    format!("{}\u{d7}", significant(ratio, 3))
                })
            };
            cells.extend([times(row.speedup), times(row.memory_saving)]);
        }
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(method: &str, milliseconds: f64) -> Measurement {
        let timing = Timing {
            min_ms: milliseconds,
            median_ms: milliseconds,
            repeats: 3,
            extra_bytes: None,
        };
        Measurement::new("case", method, timing)
    }

    #[test]
    fn rounds_keep_the_smallest_times_and_ratios_are_of_those() {
        let mut rows = Vec::new();
        merge(&mut rows, vec![row("additive", 4.0), row("elastic", 5.0)]);
        merge(&mut rows, vec![row("additive", 2.0), row("elastic", 6.0)]);
        rows[1].reference = Some("additive");
        finish(&mut rows, &reference::References::default());
        assert_eq!((rows[0].timing.min_ms, rows[1].timing.min_ms), (2.0, 5.0));
        assert_eq!(rows[1].ratio, Some(2.5));
        assert_eq!(rows[0].timing.repeats, 6);
        assert!(table(&rows).to_text().contains("2.50\u{d7}"));
    }
}
