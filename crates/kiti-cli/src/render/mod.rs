//! Drawing: numbers, tables, line and interval charts, pictures of fields and matrices.
//!
//! Charts are SVG whose text is left to the viewer, and fields are PNG images, so no font and no system library
//! is needed to make them. Nothing here knows what a training run is.

pub mod chart_frame;
pub mod colour_map;
pub mod confusion_matrix;
pub mod field_picture;
pub mod html_page;
pub mod image_grid;
pub mod interval_chart;
pub mod line_chart;
pub mod number;
pub mod palette;
pub mod pixel_picture;
pub mod raster;
mod svg;
pub mod table;
