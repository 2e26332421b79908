//! `kiti condense`: how far the neurons of a checkpoint have condensed into common directions.

mod measures;
mod pictures;
mod weights;

use std::io::Write;
use std::path::Path;

use maud::{PreEscaped, html};

pub use measures::{EXPLANATION, measures_table, summarised};
pub use pictures::{chosen_weights, heat_map};
pub use weights::read_tensors;

use crate::cli::CondenseArguments;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::render::chart_frame::Theme;
use crate::render::html_page::html_page;
use weights::{Weight, weights};

/// Runs the command.
pub fn run(arguments: &CondenseArguments) -> Outcome {
    let weights = weights(&arguments.checkpoint, arguments.initial.as_deref())?;
    if weights.is_empty() {
        return Err(Failure::refused(format!(
            "{}: expected weights of neurons (names that end in `weight`, two or more dimensions), found none",
            arguments.checkpoint.display()
        )));
    }
    let rows: Vec<_> = weights
        .iter()
        .flat_map(|weight| {
            let initial = weight.initial.map(|measures| ("before training", measures));
            [("now", weight.now)]
                .into_iter()
                .chain(initial)
                .chain([("random numbers", weight.random)])
                .map(|(state, measures)| (weight.name.clone(), state.to_owned(), measures))
        })
        .collect();
    output::line(measures_table("weight", &rows).to_text());
    if let Some(folder) = &arguments.out {
        write(folder, &arguments.checkpoint, &weights, &rows)?;
    }
    Ok(())
}

type Row = (String, String, kiti_nn::condensation::Measures);

fn write(folder: &Path, checkpoint: &Path, weights: &[Weight], rows: &[Row]) -> Outcome {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::io(folder, "create the folder", &error))?;
    let put = |name: &str, bytes: &[u8]| -> Outcome {
        let path = folder.join(name);
        kiti_data::atomic_file::write(&path, |file| file.write_all(bytes))?;
        output::line(path.display());
        Ok(())
    };
    let values: Vec<_> = weights
        .iter()
        .map(|weight| {
            serde_json::json!({
                "weight": weight.name,
                "now": weight.now,
                "initial": weight.initial,
                "random": weight.random,
            })
        })
        .collect();
    let document = serde_json::json!({ "checkpoint": checkpoint, "weights": values });
    put("condensation.json", format!("{document:#}\n").as_bytes())?;
    let mut inline = Vec::new();
    for weight in weights {
        if let Some(picture) = pictures::of_weight(weight)? {
            put(
                &format!("{}.svg", weight.name),
                picture.to_svg(Theme::Standalone).as_bytes(),
            )?;
            inline.push(picture.to_svg(Theme::Inline));
        }
    }
    let body = html! {
        h1 { "Condensation of " (checkpoint.display()) }
        p { (EXPLANATION) }
        (measures_table("weight", rows).to_html())
        @for picture in inline { figure { (PreEscaped(picture)) } }
    };
    put(
        "condensation.html",
        html_page("kiti: condensation", &body).as_bytes(),
    )
}
