//! Final values by variant: one dot a seed, and the interval of the difference from a baseline.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart_frame::{Axis, Scale, Theme, UNITS, finish, text};
use super::palette::{INK, LineStyle};

/// Values of one variant.
#[derive(Debug, Clone)]
pub struct IntervalRow {
    /// The variant's name.
    pub name: String,
    /// How it is drawn.
    pub style: LineStyle,
    /// One value a seed.
    pub values: Vec<f64>,
    /// Baseline's mean plus the ends of the interval of the paired difference.
    pub interval: Option<(f64, f64)>,
}

/// Rows of dots over one logarithmic axis.
#[derive(Debug, Clone)]
pub struct IntervalChart {
    /// What it shows.
    pub title: String,
    /// Quantity and unit along the axis.
    pub x_label: String,
    /// Mean of the baseline, drawn as a vertical line.
    pub baseline: Option<f64>,
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
        let scale = Scale::Logarithmic;
        let values = self.rows.iter().flat_map(|row| &row.values).copied();
        let ends = self
            .rows
            .iter()
            .filter_map(|row| row.interval)
            .flat_map(|(a, b)| [a, b]);
        // An interval may reach below zero, which a logarithm cannot show: values decide the axis.
        let smallest = values.clone().fold(f64::INFINITY, f64::min);
        let axis = Axis::covering(
            values
                .chain(ends.filter(|end| *end > smallest / 3.0))
                .chain(self.baseline),
            scale,
            0.05,
        );
        let (first, last) = (axis.low, axis.high);
        let count = self.rows.len();
        let longest = self
            .rows
            .iter()
            .map(|row| row.name.chars().count())
            .max()
            .unwrap_or(0);
        let names = (longest as i32 * 7 + 14) * unit;
        let (side, plot) = root.split_horizontally(names);
        let mut chart = ChartBuilder::on(&plot)
            .caption(&self.title, text(14.0))
            .margin(6 * unit)
            .margin_right(16 * unit)
            .x_label_area_size(40 * unit)
            .build_cartesian_2d(axis, -(count as f64)..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .x_desc(&self.x_label)
            .axis_desc_style(text(13.0))
            .label_style(text(12.0))
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(128, 128, 128).mix(0.25).stroke_width(UNITS))
            .axis_style(INK.stroke_width(UNITS))
            .draw()?;
        if let Some(place) = self.baseline.and_then(|mean| scale.place(mean)) {
            let line = [(place, -(count as f64)), (place, 0.0)];
            chart.draw_series(DashedLineSeries::new(
                line,
                4 * UNITS,
                4 * UNITS,
                INK.mix(0.6).stroke_width(UNITS),
            ))?;
        }
        let name_style = text(12.0).pos(Pos::new(HPos::Right, VPos::Center));
        for (index, row) in self.rows.iter().enumerate() {
            let height = -(index as f64) - 0.5;
            if let Some((low, high)) = row.interval {
                let low = scale.place(low).unwrap_or(first).max(first);
                let high = scale.place(high).unwrap_or(first).min(last);
                if high > low {
                    chart.draw_series([PathElement::new(
                        vec![(low, height), (high, height)],
                        row.style.colour.mix(0.35).stroke_width(9 * UNITS),
                    )])?;
                }
            }
            for place in row.values.iter().filter_map(|value| scale.place(*value)) {
                let dot = if row.style.dashed {
                    row.style.colour.stroke_width(2 * UNITS)
                } else {
                    row.style.colour.filled()
                };
                chart.draw_series([Circle::new((place, height), 4 * unit, dot)])?;
            }
            let (_, at) = chart.backend_coord(&(first, height));
            let position = (names - 8 * unit, at);
            side.draw(&Text::new(row.name.clone(), position, name_style.clone()))?;
        }
        Ok(())
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
            values: values.to_vec(),
            interval,
        };
        let chart = IntervalChart {
            title: "test 32".into(),
            x_label: "relative L2 error".into(),
            baseline: Some(0.033),
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
        assert_eq!(dots, 9);
        for name in ["additive", "reflection", "published-free"] {
            assert!(svg.contains(name));
        }
    }
}
