//! `kiti predict --image`: what a classifier takes image files for.

use std::path::Path;

use kiti_data::vision::Picture;
use kiti_models::image_classifier::{ImageClassifier, RankedClass};
use serde_json::{Value, json};

use crate::cli::PredictArguments;
use crate::failure::Outcome;
use crate::output;
use crate::render::number::significant;
use crate::render::table::Table;

/// Runs the command: nothing is printed unless every image has been read.
pub fn run(arguments: &PredictArguments) -> Outcome {
    let device = arguments.device.open()?;
    let classifier = ImageClassifier::load(&arguments.checkpoint, &device)?;
    let mut pictures = Vec::new();
    for path in &arguments.image {
        pictures.push(Picture::read(path)?);
    }
    let mut ranked = classifier.classify(&pictures)?;
    for classes in &mut ranked {
        classes.truncate(arguments.top as usize);
    }
    let images: Vec<_> = arguments.image.iter().zip(&pictures).zip(ranked).collect();
    if arguments.json {
        let images = images.iter().map(|((path, picture), classes)| {
            described(path, picture, !classifier.input().keeps(picture), classes)
        });
        let value = json!({
            "checkpoint": arguments.checkpoint,
            "images": images.collect::<Vec<_>>(),
        });
        output::line(format!("{value:#}"));
        return Ok(());
    }
    let [height, width] = classifier.input().size;
    for ((path, picture), classes) in &images {
        let [own_height, own_width] = picture.size();
        let fitted = if classifier.input().keeps(picture) {
            String::new()
        } else {
            format!("; its middle brought to {width} x {height} as in training")
        };
        output::line(format!(
            "{}: {own_width} x {own_height} pixels{fitted}",
            path.display()
        ));
        output::line(table(classes).to_text());
    }
    Ok(())
}

fn table(classes: &[RankedClass]) -> Table {
    let mut table = Table::new().text("class").number("probability");
    for found in classes {
        table.row([found.class.clone(), significant(found.probability, 3)]);
    }
    table
}

fn described(path: &Path, picture: &Picture, fitted: bool, classes: &[RankedClass]) -> Value {
    let classes: Vec<Value> = classes
        .iter()
        .map(|found| {
            json!({
                "class": found.class,
                "number": found.number,
                "probability": found.probability,
            })
        })
        .collect();
    json!({
        "image": path,
        "size": picture.size(),
        "fitted": fitted,
        "classes": classes,
    })
}
