//! A flow as files: CSV for spreadsheets, NPY for Python, VTI for ParaView.

pub mod vti;

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use kiti_data::Field;
use kiti_data::atomic_file;

use self::vti::{CellArray, ImageGrid, image_data};
use super::case::{Dimension, Setup};
use super::flow::{Flow, FlowQuantity, heading};
use crate::failure::Outcome;

const AXES: [&str; 3] = ["x", "y", "z"];

/// Writes `flow` as `NAME.csv`, `NAME.npy` and `NAME.vti` into `folder`; returns the paths.
///
/// # Errors
///
/// A failure that names the file.
pub fn write(setup: &Setup, flow: &Flow, folder: &Path, name: &str) -> Outcome<Vec<PathBuf>> {
    let path = |extension: &str| folder.join(format!("{name}.{extension}"));
    let (table, array, image) = (path("csv"), path("npy"), path("vti"));
    put(&table, csv(setup, flow).as_bytes())?;
    kiti_data::field_io::write(
        &array,
        &std::collections::BTreeMap::from([(name.to_owned(), field(setup, flow)?)]),
    )?;
    put(&image, vtk(setup, flow).as_bytes())?;
    Ok(vec![table, array, image])
}

/// Writes a file whole or not at all.
pub fn put(path: &Path, bytes: &[u8]) -> Outcome {
    Ok(atomic_file::write(path, |file| file.write_all(bytes))?)
}

/// One line a cell: its centre, then each quantity and its standard error.
fn csv(setup: &Setup, flow: &Flow) -> String {
    let length = Dimension::Length.unit(setup.system);
    let mut names: Vec<String> = AXES[..setup.dims()]
        .iter()
        .map(|axis| heading(axis, length))
        .collect();
    for column in &flow.columns {
        let unit = column.quantity.unit(setup.system);
        names.push(heading(&column.quantity.name(), unit));
        names.push(heading(
            &format!("{}_standard_error", column.quantity.name()),
            unit,
        ));
    }
    let mut text = names.join(",") + "\n";
    for cell in 0..setup.grid().cell_count() {
        let centre = setup.grid().centre(cell);
        let places = centre[..setup.dims()].iter().copied();
        let numbers = flow
            .columns
            .iter()
            .flat_map(|column| [column.values[cell], column.errors[cell]]);
        for (index, number) in places.chain(numbers).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}{number:e}");
        }
        text.push('\n');
    }
    text
}

/// An array of shape (quantities, z, y, x), axes that the flow does not depend on left out.
fn field(setup: &Setup, flow: &Flow) -> Outcome<Field> {
    let mut shape = vec![flow.columns.len()];
    shape.extend(setup.grid().cells[..setup.dims()].iter().rev());
    if setup.dims() == 0 {
        shape.push(1);
    }
    let values = flow
        .columns
        .iter()
        .flat_map(|column| column.values.iter().copied())
        .collect();
    Ok(Field::from_f64(shape, values)?)
}

fn vtk(setup: &Setup, flow: &Flow) -> String {
    // Along axes that the flow does not depend on a cell is as thick as it is wide: a picture, not a measure.
    let spacing = setup.grid().spacing();
    let thickness = if setup.dims() == 0 { 1.0 } else { spacing[0] };
    let grid = ImageGrid {
        origin: setup.grid().lower,
        spacing: std::array::from_fn(|axis| {
            if axis < setup.dims() {
                spacing[axis]
            } else {
                thickness
            }
        }),
        cells: setup.grid().cells,
    };
    let groups: [(&str, Vec<FlowQuantity>); 5] = [
        ("number_density", vec![FlowQuantity::NumberDensity]),
        ("velocity", (0..3).map(FlowQuantity::Velocity).collect()),
        ("temperature", vec![FlowQuantity::Temperature]),
        (
            "stress",
            // VTK orders a symmetric tensor xx, yy, zz, xy, yz, xz.
            [0, 1, 2, 3, 5, 4].map(FlowQuantity::Stress).into(),
        ),
        ("heat_flux", (0..3).map(FlowQuantity::HeatFlux).collect()),
    ];
    let arrays: Vec<CellArray<'_>> = groups
        .into_iter()
        .filter_map(|(name, quantities)| {
            let unit = quantities.first()?.unit(setup.system);
            let components = quantities
                .into_iter()
                .map(|quantity| Some(flow.column(quantity)?.values.as_slice()))
                .collect::<Option<Vec<_>>>()?;
            Some(CellArray {
                name: heading(name, unit),
                components,
            })
        })
        .collect();
    let comment = format!(
        "kiti {}: {}, steps {} to {}",
        env!("CARGO_PKG_VERSION"),
        setup.name,
        flow.steps.0,
        flow.steps.1
    );
    image_data(&grid, &arrays, &comment)
}
