//! Lines over a common axis, with bands around them and a legend beside.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart_frame::{Axis, Scale, Theme, UNITS, finish, text};
use super::palette::{INK, LineStyle};

/// Why a chart could not be drawn.
type DrawError = Box<dyn std::error::Error + Send + Sync>;

/// One line.
#[derive(Debug, Clone)]
pub struct Series {
    /// What the legend calls it; a series without a name is not listed there.
    pub name: String,
    /// How it is drawn.
    pub style: LineStyle,
    /// Its points from left to right.
    pub points: Vec<(f64, f64)>,
    /// Lower and upper edge at some places, drawn as a shaded band.
    pub band: Vec<(f64, f64, f64)>,
}

/// A chart of lines.
#[derive(Debug, Clone)]
pub struct LineChart {
    /// What it shows, written above.
    pub title: String,
    /// Quantity and unit along the horizontal axis.
    pub x_label: String,
    /// Quantity and unit along the vertical axis.
    pub y_label: String,
    /// Values that the vertical axis shows whatever the lines are, such as a natural zero.
    pub y_always: Vec<f64>,
    /// How the vertical axis is divided.
    pub y_scale: Scale,
    /// The lines.
    pub series: Vec<Series>,
    /// Width and height in pixels.
    pub size: (u32, u32),
}

impl LineChart {
    /// The chart as SVG.
    pub fn to_svg(&self, theme: Theme) -> Result<String, DrawError> {
        let mut svg = String::new();
        {
            let units = (self.size.0 * UNITS, self.size.1 * UNITS);
            let root = SVGBackend::with_string(&mut svg, units).into_drawing_area();
            self.draw(&root).map_err(|error| error.to_string())?;
            root.present().map_err(|error| error.to_string())?;
        }
        Ok(finish(svg, self.size, &self.title, theme))
    }

    fn axes(&self) -> (Axis, Axis) {
        let points = self.series.iter().flat_map(|series| &series.points);
        let edges = self.series.iter().flat_map(|series| &series.band);
        let x = Axis::covering(points.clone().map(|point| point.0), Scale::Linear, 0.0);
        let values = points
            .map(|point| point.1)
            .chain(edges.flat_map(|edge| [edge.1, edge.2]));
        let values = values.chain(self.y_always.iter().copied());
        (x, Axis::covering(values, self.y_scale, 0.04))
    }

    fn draw<Backend: DrawingBackend>(
        &self,
        root: &DrawingArea<Backend, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<Backend::ErrorType>> {
        let unit = UNITS as i32;
        let longest = self
            .series
            .iter()
            .map(|series| series.name.chars().count())
            .max();
        let legend = (longest.unwrap_or(0) as i32 * 7 + 44) * unit;
        let (plot, side) = root.split_horizontally(root.dim_in_pixel().0 as i32 - legend);
        let (x, y) = self.axes();
        let floor = y.low;
        let mut chart = ChartBuilder::on(&plot)
            .caption(&self.title, text(14.0))
            .margin(6 * unit)
            .margin_right(12 * unit)
            .x_label_area_size(40 * unit)
            .y_label_area_size(66 * unit)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .axis_desc_style(text(13.0))
            .label_style(text(12.0))
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(128, 128, 128).mix(0.25).stroke_width(UNITS))
            .axis_style(INK.stroke_width(UNITS))
            .draw()?;
        for series in &self.series {
            let place = |edge: f64| self.y_scale.place(edge).map(|place| place.max(floor));
            let edges: Vec<(f64, f64, f64)> = series
                .band
                .iter()
                .filter_map(|(at, low, high)| {
                    Some((*at, place(*low).unwrap_or(floor), place(*high)?))
                })
                .collect();
            if edges.len() > 1 {
                let upper = edges.iter().map(|(at, _, high)| (*at, *high));
                let lower = edges.iter().rev().map(|(at, low, _)| (*at, *low));
                let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
                chart.draw_series([Polygon::new(outline, series.style.colour.mix(0.14))])?;
            }
        }
        for series in &self.series {
            let points = series
                .points
                .iter()
                .filter_map(|(at, value)| Some((*at, self.y_scale.place(*value)?)))
                .collect::<Vec<_>>();
            let stroke = series.style.colour.stroke_width(2 * UNITS);
            match points.as_slice() {
                [point] => {
                    chart.draw_series([Circle::new(
                        *point,
                        4 * unit,
                        series.style.colour.filled(),
                    )])?;
                }
                _ if series.style.dashed => {
                    chart.draw_series(DashedLineSeries::new(
                        points,
                        6 * UNITS,
                        4 * UNITS,
                        stroke,
                    ))?;
                }
                _ => {
                    chart.draw_series(LineSeries::new(points, stroke))?;
                }
            }
        }
        self.draw_legend(&side)
    }

    fn draw_legend<Backend: DrawingBackend>(
        &self,
        side: &DrawingArea<Backend, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<Backend::ErrorType>> {
        let unit = UNITS as i32;
        let style = text(12.0).pos(Pos::new(HPos::Left, VPos::Center));
        let named = self.series.iter().filter(|series| !series.name.is_empty());
        for (index, series) in named.enumerate() {
            let middle = (44 + 20 * index as i32) * unit;
            let stroke = series.style.colour.stroke_width(3 * UNITS);
            let ends = if series.style.dashed {
                vec![(0, 9), (13, 22)]
            } else {
                vec![(0, 22)]
            };
            for (from, to) in ends {
                side.draw(&PathElement::new(
                    vec![(from * unit, middle), (to * unit, middle)],
                    stroke,
                ))?;
            }
            side.draw(&Text::new(
                series.name.clone(),
                (28 * unit, middle),
                style.clone(),
            ))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::palette::variant_style;

    fn chart() -> LineChart {
        let line = |name: &str, factor: f64| Series {
            name: name.into(),
            style: variant_style(name),
            points: (1..=50)
                .map(|i| (f64::from(i), factor / f64::from(i)))
                .collect(),
            band: (1..=50)
                .map(|i| {
                    (
                        f64::from(i),
                        0.8 * factor / f64::from(i),
                        1.2 * factor / f64::from(i),
                    )
                })
                .collect(),
        };
        LineChart {
            title: "Error & <loss>".into(),
            x_label: "epoch".into(),
            y_label: "relative L2 error".into(),
            y_always: Vec::new(),
            y_scale: Scale::Logarithmic,
            series: vec![line("additive", 1.0), line("elastic-annealed", 3.0)],
            size: (640, 360),
        }
    }

    #[test]
    fn svg_is_well_formed_and_holds_labels_lines_and_legend() {
        let svg = chart().to_svg(Theme::Inline).expect("drawn");
        let document = roxmltree::Document::parse(&svg).expect("well-formed");
        let texts: Vec<String> = document
            .descendants()
            .filter(|node| node.has_tag_name("text"))
            .filter_map(|node| node.text().map(|text| text.trim().to_owned()))
            .collect();
        for expected in [
            "epoch",
            "relative L2 error",
            "additive",
            "elastic-annealed",
            "0.1",
            "Error & <loss>",
        ] {
            assert!(
                texts.iter().any(|text| text == expected),
                "{expected} not in {texts:?}"
            );
        }
        assert!(svg.contains("currentColor") && !svg.contains("#010203"));
        assert_eq!(document.root_element().attribute("width"), Some("640"));
    }

    #[test]
    fn a_file_of_its_own_has_a_white_ground() {
        let svg = chart().to_svg(Theme::Standalone).expect("drawn");
        roxmltree::Document::parse(&svg).expect("well-formed");
        assert!(svg.contains("fill=\"#ffffff\""));
    }

    #[test]
    fn values_that_cannot_be_shown_are_left_out() {
        let mut chart = chart();
        chart.series[0].points = vec![(1.0, f64::NAN), (2.0, 0.0)];
        chart.series[1].points.clear();
        roxmltree::Document::parse(&chart.to_svg(Theme::Inline).expect("drawn"))
            .expect("well-formed");
    }
}
