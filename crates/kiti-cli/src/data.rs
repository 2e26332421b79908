//! `kiti data`: look into data files, generate data.

mod fetch;
mod pairs;
mod sets;

use std::collections::BTreeMap;

use kiti_data::Field;
use kiti_data::field_io::{describe, write};
use kiti_data::pde::heat::{HeatConfig, Source, generate};

use crate::cli::{DataArguments, DataCommand, DataShowArguments, Equation, HeatArguments};
use crate::failure::Outcome;
use crate::output;
use crate::predict::{check_picture_name, snapshots_picture, write_picture};
use crate::render::number::significant;
use crate::render::table::Table;

/// Runs the command.
pub fn run(arguments: &DataArguments) -> Outcome {
    match &arguments.command {
        DataCommand::Show(arguments) => show(arguments),
        DataCommand::Fetch(arguments) => fetch::run(arguments),
        DataCommand::Generate(arguments) => match &arguments.equation {
            Equation::Heat(arguments) => generate_heat(arguments),
            Equation::Burgers(arguments) => pairs::burgers(arguments),
            Equation::NavierStokes(arguments) => pairs::navier_stokes(arguments),
            Equation::Darcy(arguments) => pairs::darcy(arguments),
        },
    }
}

fn show(arguments: &DataShowArguments) -> Outcome {
    if let Some(source) = &arguments.source {
        return sets::show(&arguments.file.to_string_lossy(), source, arguments.json);
    }
    let summaries = describe(&arguments.file)?;
    if arguments.json {
        output::line(format!("{:#}", serde_json::json!(summaries)));
        return Ok(());
    }
    let mut table = Table::new()
        .text("array")
        .text("shape")
        .text("type")
        .number("smallest")
        .number("largest")
        .number("sum")
        .number("not finite");
    for summary in summaries {
        table.row([
            summary.name,
            format!("{:?}", summary.shape),
            summary.dtype,
            significant(summary.min, 6),
            significant(summary.max, 6),
            significant(summary.sum, 6),
            summary.not_finite.to_string(),
        ]);
    }
    output::line(table.to_text());
    Ok(())
}

fn generate_heat(arguments: &HeatArguments) -> Outcome {
    if let Some(picture) = &arguments.picture {
        check_picture_name(picture)?;
    }
    let config = HeatConfig {
        resolution: arguments.resolution,
        samples: arguments.samples,
        snapshots: arguments.snapshots,
        source: if arguments.source == "one-cell" {
            Source::OneCell
        } else {
            Source::Frame
        },
        seed: arguments.seed,
        ..HeatConfig::default()
    };
    let fields: Field = generate(&config)?.into_fields();
    let shape = fields.shape().to_vec();
    if let Some(path) = &arguments.picture {
        let last = config.snapshots - 1;
        let shown = [0, last / 2, last].map(|snapshot| {
            (
                format!("t = {}", snapshot as f64 * config.snapshot_interval),
                snapshot,
            )
        });
        let picture = snapshots_picture("Heat equation, first sample", &fields, &shown)?;
        write_picture(path, &picture)?;
    }
    write(
        &arguments.output,
        &BTreeMap::from([("u".to_owned(), fields)]),
    )?;
    output::line(format!(
        "{}: array u of shape {shape:?} (samples, x, y, snapshots {} apart in time)",
        arguments.output.display(),
        config.snapshot_interval
    ));
    Ok(())
}
