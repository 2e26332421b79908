//! `kiti data show NAME --source PATH`: what a set of images or texts holds.

use std::path::Path;

use kiti_data::text::corpus::read_text;
use kiti_data::text::{Columns, Corpus, LengthRange, TextSource, TextSplits};
use kiti_data::vision::{CifarVariant, ImageSplits, folder};
use serde_json::{Map, Value, json};

use crate::failure::{Failure, Outcome};
use crate::output;
use crate::render::number::{grouped, significant};
use crate::render::table::Table;

const NAMES: &str = "cifar10, cifar100, images, imdb, snli, texts or language";

/// Describes the data set `name` that is at `source`.
pub fn show(name: &str, source: &Path, json: bool) -> Outcome {
    match name {
        "cifar10" => show_images(&CifarVariant::Cifar10.read(source)?, json),
        "cifar100" => show_images(&CifarVariant::Cifar100.read(source)?, json),
        "images" => show_images(&folder::read(source, None)?, json),
        "imdb" => show_texts(&TextSource::Imdb.read(source)?, json),
        "snli" => show_texts(&TextSource::Snli.read(source)?, json),
        "texts" => show_texts(&TextSource::Table(Columns::default()).read(source)?, json),
        "language" => show_corpus(source, json),
        other => Err(Failure::refused(format!(
            "{other}: with --source expected the name of a data set, {NAMES}"
        ))),
    }
}

fn show_images(splits: &ImageSplits, as_json: bool) -> Outcome {
    if as_json {
        let mut described = Map::new();
        for (name, images) in splits.named() {
            let counts: Map<String, Value> = images
                .classes()
                .iter()
                .zip(images.label_counts())
                .map(|(class, count)| (class.clone(), json!(count)))
                .collect();
            let statistics = (!images.is_empty()).then(|| images.statistics());
            described.insert(
                name.to_owned(),
                json!({
                    "images": images.len(),
                    "size": images.size(),
                    "labels": counts,
                    "mean": statistics.as_ref().map(|statistics| &statistics.mean),
                    "deviation": statistics.as_ref().map(|statistics| &statistics.deviation),
                }),
            );
        }
        output::line(format!("{:#}", Value::Object(described)));
        return Ok(());
    }
    let mut table = Table::new()
        .text("split")
        .number("images")
        .text("channels, height, width")
        .text("mean of each channel")
        .text("standard deviation");
    let listed = |values: &[f64]| {
        let texts: Vec<String> = values.iter().map(|&value| significant(value, 6)).collect();
        texts.join(" ")
    };
    for (name, images) in splits.named() {
        let statistics = images.statistics();
        table.row([
            name.to_owned(),
            grouped(images.len() as u64),
            format!("{:?}", images.size()),
            listed(&statistics.mean),
            listed(&statistics.deviation),
        ]);
    }
    output::line(table.to_text());
    let mut table = Table::new()
        .number("label")
        .text("class")
        .number("train")
        .number("test");
    let (train, test) = (splits.train.label_counts(), splits.test.label_counts());
    for (label, class) in splits.train.classes().iter().enumerate() {
        table.row([
            label.to_string(),
            class.clone(),
            grouped(train[label] as u64),
            grouped(test[label] as u64),
        ]);
    }
    output::line(table.to_text());
    Ok(())
}

fn show_texts(splits: &TextSplits, as_json: bool) -> Outcome {
    let summaries: Vec<_> = splits
        .iter()
        .map(|(name, examples)| (name, examples.summary()))
        .collect();
    if as_json {
        let described: Map<String, Value> = summaries
            .into_iter()
            .map(|(name, summary)| (name.clone(), json!(summary)))
            .collect();
        output::line(format!("{:#}", Value::Object(described)));
        return Ok(());
    }
    let mut table = Table::new()
        .text("split")
        .number("examples")
        .number("pairs")
        .number("undecided")
        .text("bytes: least, mean, most")
        .text("words")
        .text("labels");
    let range = |range: LengthRange| {
        format!(
            "{} {} {}",
            range.shortest,
            significant(range.mean, 4),
            range.longest
        )
    };
    for (name, summary) in summaries {
        let labels: Vec<String> = summary
            .labels
            .iter()
            .map(|(class, count)| format!("{class} {count}"))
            .collect();
        table.row([
            name.clone(),
            grouped(summary.examples as u64),
            grouped(summary.pairs as u64),
            grouped(summary.undecided as u64),
            range(summary.bytes),
            range(summary.words),
            labels.join(", "),
        ]);
    }
    output::line(table.to_text());
    Ok(())
}

fn show_corpus(source: &Path, as_json: bool) -> Outcome {
    let text = read_text(source)?;
    let corpus = Corpus::new(&text, None)?;
    let words = text.split_whitespace().count();
    if as_json {
        let described = json!({
            "bytes": text.len(),
            "characters": corpus.len(),
            "different_characters": corpus.vocabulary.len(),
            "words": words,
        });
        output::line(format!("{described:#}"));
        return Ok(());
    }
    let mut table = Table::new()
        .number("bytes")
        .number("characters")
        .number("different characters")
        .number("words");
    table.row(
        [text.len(), corpus.len(), corpus.vocabulary.len(), words]
            .map(|count| grouped(count as u64)),
    );
    output::line(table.to_text());
    Ok(())
}
