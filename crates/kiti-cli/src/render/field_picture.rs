//! Fields and matrices side by side with their colour bars, as SVG.

use super::chart_frame::Theme;
use super::colour_map::ColourMap;
use super::number::significant;
use super::raster::{Raster, colour_bar};
use super::svg::{TEXT, frame, image, opening, text};

/// Panels that share a colour scale, followed by its bar.
#[derive(Debug, Clone)]
pub struct PanelGroup {
    /// Titles and contents.
    pub panels: Vec<(String, Raster)>,
    /// The common scale.
    pub map: ColourMap,
    /// Quantity and unit of the scale.
    pub unit: String,
}

/// Rows of groups of panels.
#[derive(Debug, Clone)]
pub struct FieldPicture {
    /// What it shows.
    pub title: String,
    /// A label for every row, and its groups.
    pub rows: Vec<(String, Vec<PanelGroup>)>,
    /// Text below and beside every panel.
    pub axes: (String, String),
    /// Side of a panel in pixels.
    pub panel: u32,
}

const GAP: u32 = 14;
const BAR: u32 = 12;
const BAR_TEXT: u32 = 62;
const TITLE: u32 = 22;
const AXIS: u32 = 20;
const BESIDE: u32 = 18;

impl FieldPicture {
    fn size(&self) -> (u32, u32) {
        let width = self
            .rows
            .iter()
            .map(|(_, groups)| self.row_width(groups))
            .max()
            .unwrap_or(0);
        let row_height = TITLE + self.panel + AXIS + GAP;
        let labels = self
            .rows
            .iter()
            .filter(|(label, _)| !label.is_empty())
            .count() as u32;
        (
            width + GAP,
            self.rows.len() as u32 * row_height + labels * TITLE + GAP,
        )
    }

    fn row_width(&self, groups: &[PanelGroup]) -> u32 {
        let group = |group: &PanelGroup| {
            group.panels.len() as u32 * (BESIDE + self.panel + GAP) + BAR + BAR_TEXT
        };
        groups.iter().map(group).sum()
    }

    /// The picture as SVG, the panels embedded as PNG.
    pub fn to_svg(&self, theme: Theme) -> String {
        let mut svg = opening(&self.title, self.size(), theme);
        let mut top = 0;
        for (label, groups) in &self.rows {
            if !label.is_empty() {
                svg.push_str(&text(
                    0,
                    top + 16,
                    "start",
                    &format!("font-weight=\"600\" font-size=\"{}\"", TEXT + 1),
                    label,
                ));
                top += TITLE;
            }
            let mut left = 0;
            for group in groups {
                left = self.group(&mut svg, group, left, top);
            }
            top += TITLE + self.panel + AXIS + GAP;
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn group(&self, svg: &mut String, group: &PanelGroup, left: u32, top: u32) -> u32 {
        let mut left = left;
        let (panel, upper) = (self.panel, top + TITLE);
        for (title, raster) in &group.panels {
            left += BESIDE;
            let middle = left + panel / 2;
            svg.push_str(&text(middle, top + 15, "middle", "", title));
            svg.push_str(&image(
                left,
                upper,
                panel,
                panel,
                &raster.to_data_url(&group.map),
            ));
            svg.push_str(&frame(left, upper, panel, panel));
            svg.push_str(&text(
                middle,
                upper + panel + 15,
                "middle",
                "opacity=\"0.75\"",
                &self.axes.0,
            ));
            let (x, y) = (left - 6, upper + panel / 2);
            let turned = format!("opacity=\"0.75\" transform=\"rotate(-90 {x} {y})\"");
            svg.push_str(&text(x, y, "middle", &turned, &self.axes.1));
            left += panel + GAP;
        }
        svg.push_str(&image(left, upper, BAR, panel, &colour_bar(&group.map)));
        svg.push_str(&frame(left, upper, BAR, panel));
        let (low, high) = group.map.range();
        for (value, y) in [
            (high, upper + 9),
            ((low + high) / 2.0, upper + panel / 2 + 4),
            (low, upper + panel),
        ] {
            let label = significant(
                if value.abs() < (high - low) * 1e-9 {
                    0.0
                } else {
                    value
                },
                3,
            );
            svg.push_str(&text(left + BAR + 4, y, "start", "", &label));
        }
        svg.push_str(&text(left, top + 15, "start", "", &group.unit));
        left + BAR + BAR_TEXT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_titles_and_bar_ends_are_there() {
        let raster = Raster::new(4, 4, (0..16).map(|value| value as f32).collect()).expect("fits");
        let picture = FieldPicture {
            title: "a & b".into(),
            rows: vec![(
                "row <1>".into(),
                vec![PanelGroup {
                    panels: vec![
                        ("truth".into(), raster.clone()),
                        ("prediction".into(), raster),
                    ],
                    map: ColourMap::sequential(0.0, 15.0),
                    unit: "u".into(),
                }],
            )],
            axes: ("x".into(), "y".into()),
            panel: 160,
        };
        for theme in [Theme::Inline, Theme::Standalone] {
            let svg = picture.to_svg(theme);
            let document = roxmltree::Document::parse(&svg).expect("well-formed");
            let images = document
                .descendants()
                .filter(|node| node.has_tag_name("image"))
                .count();
            assert_eq!(images, 3, "two panels and a bar");
            for expected in ["truth", "prediction", "15.0", "7.50", "row &lt;1&gt;"] {
                assert!(svg.contains(expected), "{expected}");
            }
        }
    }
}
