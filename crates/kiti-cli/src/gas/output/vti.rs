//! VTK image data (`.vti`): fields on a uniform grid, as ParaView and VisIt open them.
//!
//! Format: VTK File Formats, "XML File Formats", `ImageData`; arrays are in base64 behind their length in bytes.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::render::chart_frame::escape;

/// A uniform grid of one to three dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageGrid {
    /// Lower corner.
    pub origin: [f64; 3],
    /// Extents of a cell.
    pub spacing: [f64; 3],
    /// Cells along each axis; 1 along an axis that the flow does not depend on.
    pub cells: [usize; 3],
}

/// A quantity with a value, or several components, in each cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellArray<'a> {
    /// Name, with its unit.
    pub name: String,
    /// Values of each component, the first axis of the grid fastest.
    pub components: Vec<&'a [f64]>,
}

/// The file's text; `comment` says what made it.
pub fn image_data(grid: &ImageGrid, arrays: &[CellArray<'_>], comment: &str) -> String {
    let triple = |values: [f64; 3]| format!("{} {} {}", values[0], values[1], values[2]);
    let [x, y, z] = grid.cells;
    let extent = format!("0 {x} 0 {y} 0 {z}");
    let mut text = format!(
        "<?xml version=\"1.0\"?>\n<!-- {} -->\n\
         <VTKFile type=\"ImageData\" version=\"1.0\" byte_order=\"LittleEndian\" header_type=\"UInt64\">\n\
         <ImageData WholeExtent=\"{extent}\" Origin=\"{}\" Spacing=\"{}\">\n\
         <Piece Extent=\"{extent}\">\n<CellData>\n",
        escape(comment).replace("--", "- -"),
        triple(grid.origin),
        triple(grid.spacing)
    );
    for array in arrays {
        let count = array.components.len();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "<DataArray type=\"Float64\" Name=\"{}\" NumberOfComponents=\"{count}\" format=\"binary\">{}</DataArray>",
            escape(&array.name),
            encode(&array.components)
        );
    }
    text.push_str("</CellData>\n</Piece>\n</ImageData>\n</VTKFile>\n");
    text
}

fn encode(components: &[&[f64]]) -> String {
    let cells = components.first().map_or(0, |component| component.len());
    let bytes = cells * components.len() * size_of::<f64>();
    let mut data = Vec::with_capacity(8 + bytes);
    data.extend((bytes as u64).to_le_bytes());
    for cell in 0..cells {
        for component in components {
            data.extend(component[cell].to_le_bytes());
        }
    }
    STANDARD.encode(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_well_formed_and_its_arrays_decode() {
        let grid = ImageGrid {
            origin: [0.0, -1.0, 0.0],
            spacing: [0.5, 0.25, 1.0],
            cells: [2, 3, 1],
        };
        let density: Vec<f64> = (0..6).map(f64::from).collect();
        let speed: Vec<f64> = density.iter().map(|value| -value).collect();
        let arrays = [
            CellArray {
                name: "number density (1/m^3)".into(),
                components: vec![&density],
            },
            CellArray {
                name: "velocity <m/s>".into(),
                components: vec![&speed, &density, &density],
            },
        ];
        let text = image_data(&grid, &arrays, "kiti -- a & b");
        let document = roxmltree::Document::parse(&text).expect("well-formed");
        let image = document
            .descendants()
            .find(|node| node.has_tag_name("ImageData"))
            .expect("an image");
        assert_eq!(image.attribute("WholeExtent"), Some("0 2 0 3 0 1"));
        assert_eq!(image.attribute("Spacing"), Some("0.5 0.25 1"));
        let found: Vec<_> = document
            .descendants()
            .filter(|node| node.has_tag_name("DataArray"))
            .collect();
        assert_eq!(found[1].attribute("Name"), Some("velocity <m/s>"));
        let bytes = STANDARD
            .decode(found[1].text().expect("data"))
            .expect("base64");
        assert_eq!(bytes[..8], (6 * 3 * 8u64).to_le_bytes());
        let values: Vec<f64> = bytes[8..]
            .chunks_exact(8)
            .map(|chunk| f64::from_le_bytes(chunk.try_into().expect("eight bytes")))
            .collect();
        assert_eq!(
            values[3..6],
            [-1.0, 1.0, 1.0],
            "components of a cell stand together"
        );
    }
}
