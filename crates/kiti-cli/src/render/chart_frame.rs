//! What all charts share: scales with round ticks, the text size, and the theme of the finished SVG.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::style::{FontDesc, FontFamily, FontStyle, TextStyle};

use super::number::significant;
use super::palette::{INK, hex};

/// Charts are drawn at this many units a pixel, because the backend rounds coordinates to whole units.
pub const UNITS: u32 = 4;

/// Where a picture will be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Inside a page: no ground of its own, text in the page's colour.
    Inline,
    /// A file of its own: dark text on white ground.
    Standalone,
}

/// How values are placed along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By their logarithm; values that are not positive are left out.
    Logarithmic,
}

impl Scale {
    /// Where `value` lies along the axis; none where the scale cannot show it.
    pub fn place(self, value: f64) -> Option<f64> {
        let placed = match self {
            Self::Linear => value,
            Self::Logarithmic if value > 0.0 => value.log10(),
            Self::Logarithmic => return None,
        };
        placed.is_finite().then_some(placed)
    }
}

/// An axis: its range in places, and ticks with their texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// First place shown.
    pub low: f64,
    /// Last place shown.
    pub high: f64,
    /// Places and texts of the ticks.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis that shows all `values`, with a margin of `margin` of its length at both ends.
    pub fn covering(values: impl IntoIterator<Item = f64>, scale: Scale, margin: f64) -> Self {
        let range = values
            .into_iter()
            .filter_map(|value| scale.place(value))
            .fold(None, |range: Option<(f64, f64)>, place| {
                Some(range.map_or((place, place), |(a, b)| (a.min(place), b.max(place))))
            });
        let (low, high) = range.unwrap_or((0.0, 1.0));
        let (low, high) = if high - low > 1e-12 * high.abs().max(1e-300) {
            (low, high)
        } else {
            let pad = match scale {
                Scale::Linear => (low.abs() * 0.1).max(1e-12),
                Scale::Logarithmic => 0.1,
            };
            (low - pad, high + pad)
        };
        let pad = (high - low) * margin;
        Self::between(low - pad, high + pad, scale)
    }

    /// An axis from one place to another.
    pub fn between(low: f64, high: f64, scale: Scale) -> Self {
        let ticks = match scale {
            Scale::Linear => linear_ticks(low, high, 6)
                .into_iter()
                .map(|value| (value, tick_text(value, high - low)))
                .collect(),
            Scale::Logarithmic => logarithmic_ticks(low, high),
        };
        Self { low, high, ticks }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (first, last): (i32, i32)) -> i32 {
        let fraction = (place - self.low) / (self.high - self.low);
        first + (fraction * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(place, _)| *place).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, place: &f64) -> String {
        let tick = self.ticks.iter().find(|(tick, _)| tick == place);
        tick.map_or_else(String::new, |(_, text)| text.clone())
    }
}

fn linear_ticks(low: f64, high: f64, about: usize) -> Vec<f64> {
    let raw = (high - low) / about.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= raw * 0.999)
        .unwrap_or(10.0 * power);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

fn tick_text(value: f64, length: f64) -> String {
    let magnitude = value.abs().max(length);
    if !(1e-4..1e6).contains(&magnitude) {
        return significant(value, 2);
    }
    let decimals = (1.0 - (length / 6.0).log10().floor()).clamp(0.0, 8.0) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    if text == "-0" {
        "0".into()
    } else {
        text.replace('-', "\u{2212}")
    }
}

fn logarithmic_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let decades = high - low;
    if decades < 0.35 {
        // Less than a factor of two: round values of the quantity itself, placed by their logarithm.
        let (from, to) = (10f64.powf(low), 10f64.powf(high));
        return linear_ticks(from, to, 5)
            .into_iter()
            .filter(|value| *value > 0.0)
            .map(|value| (value.log10(), tick_text(value, to - from)))
            .collect();
    }
    let factors: &[f64] = match decades {
        d if d < 1.2 => &[1.0, 2.0, 3.0, 5.0, 7.0],
        d if d < 3.0 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    let stride = (decades / 8.0).ceil().max(1.0) as i32;
    let (first, last) = (low.floor() as i32, high.ceil() as i32);
    (first..=last)
        .filter(|exponent| exponent.rem_euclid(stride) == 0)
        .flat_map(|exponent| factors.iter().map(move |factor| (*factor, exponent)))
        .map(|(factor, exponent)| {
            let value = factor * 10f64.powi(exponent);
            (value.log10(), plain(value, exponent))
        })
        .filter(|(place, _)| (low..=high).contains(place))
        .collect()
}

fn plain(value: f64, exponent: i32) -> String {
    match exponent {
        -3..=-1 => format!("{value:.*}", -exponent as usize),
        0..=4 => format!("{value:.0}"),
        _ => format!("{value:.0e}"),
    }
}

/// The backend writes fonts of this fraction of the size that it is asked for.
const BACKEND_FONT_SCALE: f64 = 1.0 / 1.24;

/// Text of `size` pixels in the colour of text.
pub fn text(size: f64) -> TextStyle<'static> {
    TextStyle::from(FontDesc::new(
        FontFamily::SansSerif,
        size * f64::from(UNITS) / BACKEND_FONT_SCALE,
        FontStyle::Normal,
    ))
    .color(&INK)
}

/// Gives a drawn chart its theme, its size in pixels and a name for readers who do not see it.
pub fn finish(svg: String, size: (u32, u32), name: &str, theme: Theme) -> String {
    let (width, height) = (size.0 * UNITS, size.1 * UNITS);
    let drawn =
        format!("<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\"");
    let (style, ground) = match theme {
        Theme::Inline => ("", String::new()),
        Theme::Standalone => (
            " style=\"color:#1f2328\"",
            format!("\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"),
        ),
    };
    let opening = format!(
        "<svg width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\"{style} role=\"img\" aria-label=\"{}\"",
        size.0,
        size.1,
        escape(name)
    );
    let ink = hex(INK).to_uppercase();
    let svg = svg
        .replacen(&drawn, &opening, 1)
        .replace(&ink, "currentColor");
    match svg.split_once('>') {
        Some((head, rest)) => format!("{head}>{ground}{rest}"),
        None => svg,
    }
}

/// `text` for use inside XML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_axis() {
        assert_eq!(
            texts(&Axis::between(0.0, 250.0, Scale::Linear)),
            ["0", "50", "100", "150", "200", "250"]
        );
        assert_eq!(
            texts(&Axis::between(-0.02, 0.02, Scale::Linear)),
            ["\u{2212}0.02", "\u{2212}0.01", "0", "0.01", "0.02"]
        );
        let decade = Axis::covering([0.03, 0.9], Scale::Logarithmic, 0.0);
        assert_eq!(texts(&decade), ["0.05", "0.1", "0.2", "0.5"]);
        let narrow = Axis::covering([0.030, 0.036], Scale::Logarithmic, 0.0);
        assert!(texts(&narrow).contains(&"0.032"), "{narrow:?}");
        let wide = Axis::covering([1e-12, 1e6], Scale::Logarithmic, 0.0);
        assert!((4..10).contains(&wide.ticks.len()), "{wide:?}");
    }

    #[test]
    fn values_that_a_scale_cannot_show_do_not_spoil_it() {
        let axis = Axis::covering([f64::NAN, 0.0, -1.0, 10.0, 1000.0], Scale::Logarithmic, 0.0);
        assert_eq!((axis.low, axis.high), (1.0, 3.0));
        let constant = Axis::covering([5.0, 5.0], Scale::Linear, 0.05);
        assert!(constant.low < 5.0 && constant.high > 5.0);
        let nothing = Axis::covering([], Scale::Logarithmic, 0.05);
        assert!(nothing.high > nothing.low);
    }
}
