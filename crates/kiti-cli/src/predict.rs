//! `kiti predict`: a trained model applied to fields from a file, to images or to texts.

mod images;
mod texts;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use kiti_data::Field;
use kiti_data::field_io::{Format, read_array, write};
use kiti_models::checkpoint::load_model;
use kiti_models::evaluate::predict;
use kiti_models::operator::Operator;

use crate::cli::PredictArguments;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::render::chart_frame::{Scale, Theme};
use crate::render::colour_map::{ColourMap, finite_range};
use crate::render::field_picture::{FieldPicture, PanelGroup};
use crate::render::line_chart::{LineChart, Series};
use crate::render::palette::indexed_style;
use crate::render::raster::Raster;

/// Runs the command.
pub fn run(arguments: &PredictArguments) -> Outcome {
    match (&arguments.input, &arguments.output) {
        (Some(input), Some(output)) => fields(arguments, input, output),
        _ if arguments.text.is_empty() => images::run(arguments),
        _ => texts::run(arguments),
    }
}

fn fields(arguments: &PredictArguments, source: &Path, output: &Path) -> Outcome {
    Format::of_path(output)?;
    if let Some(picture) = &arguments.picture {
        check_picture_name(picture)?;
    }
    let device = arguments.device.open()?;
    let model = load_model(&arguments.checkpoint, &device)?;
    let operator = model.operator()?;
    let mut input = read_array(source, arguments.array.as_deref())?;
    let dims = operator.dims();
    if input.shape().len() == dims + 1 {
        let shape = [input.shape(), &[1]].concat();
        input = Field::new(shape, input.data().clone())?;
    }
    let rank = dims + 2;
    if input.shape().len() != rank {
        return Err(Failure::refused(format!(
            "{}: expected {rank} axes (samples, {dims} of the grid, snapshots), found shape {:?}; reshape the array",
            source.display(),
            input.shape()
        )));
    }
    operator.check_grid(&input.shape()[1..rank - 1])?;
    let predicted = predict(operator, &input, arguments.snapshots, &device)?;
    if let Some(path) = &arguments.picture {
        let last = input.shape()[rank - 1] - 1;
        let last_given = shown(&input, "last given", last)?;
        let first = shown(&predicted, "predicted 1", 0)?;
        let mut panels = vec![last_given, first];
        if arguments.snapshots > 1 {
            let title = format!("predicted {}", arguments.snapshots);
            panels.push(shown(&predicted, &title, arguments.snapshots - 1)?);
        }
        write_picture(path, &picture("Prediction, first sample", panels)?)?;
    }
    let shape = predicted.shape().to_vec();
    write(
        output,
        &BTreeMap::from([("prediction".to_owned(), predicted)]),
    )?;
    output::line(format!(
        "{}: predicted snapshots of shape {shape:?}",
        output.display()
    ));
    Ok(())
}

/// One sample's snapshot along a line or over a plane.
pub enum Shown {
    /// Values along a line.
    Line(String, Vec<f32>),
    /// Values over a plane, x to the right and y upwards.
    Plane(String, Raster),
}

/// A drawing in the form its values need.
pub enum Picture {
    /// Over a line.
    Chart(LineChart),
    /// Over a plane.
    Fields(FieldPicture),
}

impl Picture {
    /// What it shows.
    pub fn title(&self) -> &str {
        match self {
            Picture::Chart(chart) => &chart.title,
            Picture::Fields(fields) => &fields.title,
        }
    }

    /// The picture as SVG.
    pub fn to_svg(&self, theme: Theme) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        match self {
            Picture::Chart(chart) => chart.to_svg(theme),
            Picture::Fields(fields) => Ok(fields.to_svg(theme)),
        }
    }
}

/// Snapshots of the first sample of `fields`, each with its title.
pub fn snapshots_picture(
    title: &str,
    fields: &Field,
    snapshots: &[(String, usize)],
) -> Outcome<Picture> {
    let shown = snapshots
        .iter()
        .map(|(title, snapshot)| shown(fields, title, *snapshot));
    picture(title, shown.collect::<Outcome<_>>()?)
}

fn shown(fields: &Field, title: &str, snapshot: usize) -> Outcome<Shown> {
    let cut = fields.narrow_last(snapshot, 1)?;
    let grid = cut.shape()[1..cut.shape().len() - 1].to_vec();
    let sample: usize = grid.iter().product();
    let values: Vec<f32> = cut
        .data()
        .iter_f64()
        .take(sample)
        .map(|value| value as f32)
        .collect();
    let plane = match grid.as_slice() {
        [_] => return Ok(Shown::Line(title.to_owned(), values)),
        [x, y] => plane(*x, *y, &values),
        _ => None,
    };
    plane
        .map(|raster| Shown::Plane(title.to_owned(), raster))
        .ok_or_else(|| {
            Failure::refused(format!(
                "a picture: expected samples on a line or a plane, found the grid {grid:?}"
            ))
        })
}

/// Values of shape `(x, y)` as a picture: x to the right, y upwards.
pub fn plane(x: usize, y: usize, values: &[f32]) -> Option<Raster> {
    if values.len() != x.checked_mul(y)? {
        return None;
    }
    let rows = (0..y)
        .rev()
        .flat_map(|row| (0..x).map(move |column| values[column * y + row]));
    Raster::new(y, x, rows.collect())
}

fn picture(title: &str, shown: Vec<Shown>) -> Outcome<Picture> {
    let mut panels = Vec::new();
    let mut series = Vec::new();
    for (index, shown) in shown.into_iter().enumerate() {
        match shown {
            Shown::Plane(title, raster) => panels.push((title, raster)),
            Shown::Line(name, values) => {
                let cells = values.len() as f64;
                series.push(Series {
                    name,
                    style: indexed_style(index),
                    points: values
                        .iter()
                        .enumerate()
                        .map(|(cell, value)| (cell as f64 / cells, f64::from(*value)))
                        .collect(),
                    band: Vec::new(),
                });
            }
        }
    }
    if !series.is_empty() {
        return Ok(Picture::Chart(LineChart {
            title: title.to_owned(),
            x_label: "x (period 1)".into(),
            y_label: "u".into(),
            y_always: Vec::new(),
            y_scale: Scale::Linear,
            series,
            size: (760, 400),
        }));
    }
    let (low, high) = finite_range(panels.iter().flat_map(|(_, raster)| raster.values()))
        .ok_or_else(|| Failure::failed("a picture: expected finite values, found none"))?;
    let group = PanelGroup {
        panels,
        map: ColourMap::sequential(low, high),
        unit: "u".into(),
    };
    Ok(Picture::Fields(FieldPicture {
        title: title.to_owned(),
        rows: vec![(title.to_owned(), vec![group])],
        axes: ("x (0 \u{2026} 1)".into(), "y (0 \u{2026} 1)".into()),
        panel: 256,
    }))
}

/// Refuses a picture whose format its name does not tell, before any work is done.
pub fn check_picture_name(path: &Path) -> Outcome {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg" | "png") => Ok(()),
        _ => Err(Failure::refused(format!(
            "{}: expected a picture's name to end in .svg or .png; rename it",
            path.display()
        ))),
    }
}

/// Writes a picture whole or not at all, in the format that the name tells.
pub fn write_picture(path: &Path, picture: &Picture) -> Outcome {
    let vector = path.extension().is_some_and(|extension| extension == "svg");
    let bytes = match (picture, vector) {
        (Picture::Chart(chart), true) => chart
            .to_svg(Theme::Standalone)
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?
            .into_bytes(),
        (Picture::Chart(_), false) => {
            return Err(Failure::refused(format!(
                "{}: values along a line are drawn as .svg only; rename the picture",
                path.display()
            )));
        }
        (Picture::Fields(fields), true) => fields.to_svg(Theme::Standalone).into_bytes(),
        (Picture::Fields(fields), false) => fields.to_png(),
    };
    Ok(kiti_data::atomic_file::write(path, |file| {
        file.write_all(&bytes)
    })?)
}
