//! Final values by variant: one dot a seed, and the interval of the difference from a baseline.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart_frame::{Axis, Scale, Theme, UNITS, finish, text};
use super::palette::{INK, LineStyle};

/// Values of one variant in one column.
#[derive(Debug, Clone)]
pub struct IntervalCell {
    /// One value a seed.
    pub values: Vec<f64>,
    /// Baseline's mean plus the ends of the interval of the paired difference.
    pub interval: Option<(f64, f64)>,
}

/// A variant.
#[derive(Debug, Clone)]
pub struct IntervalRow {
    /// Its name.
    pub name: String,
    /// How it is drawn.
    pub style: LineStyle,
    /// One cell a column.
    pub cells: Vec<IntervalCell>,
}

/// A quantity.
#[derive(Debug, Clone)]
pub struct IntervalColumn {
    /// Quantity and unit along the axis.
    pub x_label: String,
    /// How the axis is divided.
    pub scale: Scale,
    /// Values that the axis shows whatever the cells hold.
    pub always: Vec<f64>,
    /// Value of the baseline, drawn as a vertical line.
    pub baseline: Option<f64>,
}

/// Rows of dots, over an axis a column.
#[derive(Debug, Clone)]
pub struct IntervalChart {
    /// What it shows.
    pub title: String,
    /// The quantities, from left to right.
    pub columns: Vec<IntervalColumn>,
    /// The variants, first on top.
    pub rows: Vec<IntervalRow>,
    /// Width in pixels; the height follows from the rows.
    pub width: u32,
}

impl IntervalChart {
    /// The chart as SVG.
    pub fn to_svg(&self, theme: Theme) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let size = (self.width, 92 + 26 * self.rows.len() as u32);
        let mut svg = String::new();
        {
            let units = (size.0 * UNITS, size.1 * UNITS);
            let root = SVGBackend::with_string(&mut svg, units).into_drawing_area();
            self.draw(&root).map_err(|error| error.to_string())?;
            root.present().map_err(|error| error.to_string())?;
        }
        Ok(finish(svg, size, &self.title, theme))
    }

    fn draw<Backend: DrawingBackend>(
        &self,
        root: &DrawingArea<Backend, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<Backend::ErrorType>> {
        let unit = UNITS as i32;
        let names = self.rows.iter().map(|row| row.name.chars().count());
        let names = (names.max().unwrap_or(0) as i32 * 7 + 14) * unit;
        let (_, plots) = root
            .titled(&self.title, text(14.0))?
            .split_horizontally(names);
        let mut heights = Vec::new();
        for (index, area) in plots
            .split_evenly((1, self.columns.len()))
            .iter()
            .enumerate()
        {
            heights = self.draw_column(index, area)?;
        }
        let style = text(12.0).pos(Pos::new(HPos::Right, VPos::Center));
        for (row, height) in self.rows.iter().zip(heights) {
            let position = (names - 8 * unit, height);
            root.draw(&Text::new(row.name.clone(), position, style.clone()))?;
        }
        Ok(())
    }

    /// Draws a column and returns the height of every row in the picture.
    fn draw_column<Backend: DrawingBackend>(
        &self,
        index: usize,
        area: &DrawingArea<Backend, Shift>,
    ) -> Result<Vec<i32>, DrawingAreaErrorKind<Backend::ErrorType>> {
        let unit = UNITS as i32;
        let column = &self.columns[index];
        let scale = column.scale;
        let axis = self.axis(index);
        let (first, last) = (axis.low, axis.high);
        let depth = -(self.rows.len() as f64);
        let mut chart = ChartBuilder::on(area)
            .margin(6 * unit)
            .margin_right(16 * unit)
            .x_label_area_size(40 * unit)
            .build_cartesian_2d(axis, depth..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .x_desc(&column.x_label)
            .axis_desc_style(text(13.0))
            .label_style(text(12.0))
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(128, 128, 128).mix(0.25).stroke_width(UNITS))
            .axis_style(INK.stroke_width(UNITS))
            .draw()?;
        if let Some(place) = column.baseline.and_then(|value| scale.place(value)) {
            chart.draw_series(DashedLineSeries::new(
                [(place, depth), (place, 0.0)],
                4 * UNITS,
                4 * UNITS,
                INK.mix(0.6).stroke_width(UNITS),
            ))?;
        }
        let mut heights = Vec::new();
        for (number, row) in self.rows.iter().enumerate() {
            let height = -(number as f64) - 0.5;
            heights.push(chart.backend_coord(&(first, height)).1);
            let Some(cell) = row.cells.get(index) else {
                continue;
            };
            if let Some((low, high)) = cell.interval {
                let low = scale.place(low).unwrap_or(first).max(first);
                let high = scale.place(high).unwrap_or(first).min(last);
                if high > low {
                    chart.draw_series([PathElement::new(
                        vec![(low, height), (high, height)],
                        row.style.colour.mix(0.35).stroke_width(9 * UNITS),
                    )])?;
                }
            }
            for place in cell.values.iter().filter_map(|value| scale.place(*value)) {
                let dot = if row.style.dashed {
                    row.style.colour.stroke_width(2 * UNITS)
                } else {
                    row.style.colour.filled()
                };
                chart.draw_series([Circle::new((place, height), 4 * unit, dot)])?;
            }
        }
        Ok(heights)
    }

    fn axis(&self, index: usize) -> Axis {
        let column = &self.columns[index];
        let cells = || self.rows.iter().filter_map(|row| row.cells.get(index));
        let values = || cells().flat_map(|cell| cell.values.iter().copied());
        let ends = cells()
            .filter_map(|cell| cell.interval)
            .flat_map(|(low, high)| [low, high]);
        // An interval may reach below zero, which a logarithm cannot show: values decide the axis.
        let smallest = values().fold(f64::INFINITY, f64::min);
        let shown = values()
            .chain(ends.filter(|end| *end > smallest / 3.0))
            .chain(column.baseline)
            .chain(column.always.iter().copied());
        Axis::covering(shown, column.scale, 0.05)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::palette::variant_style;

    #[test]
    fn every_seed_is_a_dot_and_every_variant_a_name() {
        let row = |name: &str, values: &[f64], interval| IntervalRow {
            name: name.into(),
            style: variant_style(name),
            cells: vec![
                IntervalCell {
                    values: values.to_vec(),
                    interval,
                },
                IntervalCell {
                    values: vec![0.5],
                    interval: None,
                },
            ],
        };
        let column = |name: &str, baseline| IntervalColumn {
            x_label: name.into(),
            scale: Scale::Logarithmic,
            always: Vec::new(),
            baseline,
        };
        let chart = IntervalChart {
            title: "test 32".into(),
            columns: vec![
                column("relative L2 error", Some(0.033)),
                column("acceptance rate", None),
            ],
            rows: vec![
                row("additive", &[0.033, 0.034, 0.032], None),
                row("reflection", &[0.036, 0.035, 0.037], Some((0.034, 0.038))),
                row("published-free", &[0.15, 0.14, 0.16], Some((-0.01, 0.2))),
            ],
            width: 640,
        };
        let svg = chart.to_svg(Theme::Inline).expect("drawn");
        let document = roxmltree::Document::parse(&svg).expect("well-formed");
        let dots = document
            .descendants()
            .filter(|node| node.has_tag_name("circle"))
            .count();
        assert_eq!(dots, 9 + 3);
        for name in [
            "additive",
            "reflection",
            "published-free",
            "relative L2 error",
            "acceptance rate",
        ] {
            assert_eq!(svg.matches(name).count(), 1, "{name}");
        }
    }
}
