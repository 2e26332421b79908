//! Pieces of SVG that pictures are put together from.

use super::chart_frame::{Theme, escape};

/// Size of letters.
pub const TEXT: u32 = 12;

/// The beginning of a picture of `size = (width, height)`; `</svg>` ends it.
pub fn opening(title: &str, (width, height): (u32, u32), theme: Theme) -> String {
    let style = match theme {
        Theme::Inline => "",
        Theme::Standalone => " style=\"color:#1f2328\"",
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\"{style} \
         role=\"img\" aria-label=\"{}\" font-family=\"sans-serif\" font-size=\"{TEXT}\" fill=\"currentColor\">\n",
        escape(title)
    );
    if theme == Theme::Standalone {
        svg.push_str(&format!(
            "<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
        ));
    }
    svg
}

/// A line of text; `attributes` are written as they are.
pub fn text(x: u32, y: u32, anchor: &str, attributes: &str, content: &str) -> String {
    format!(
        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" {attributes}>{}</text>\n",
        escape(content)
    )
}

/// An image at `url`, stretched without smoothing.
pub fn image(x: u32, y: u32, width: u32, height: u32, url: &str) -> String {
    format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" href=\"{url}\"/>\n"
    )
}

/// A thin frame.
pub fn frame(x: u32, y: u32, width: u32, height: u32) -> String {
    format!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\"0.5\"/>\n"
    )
}
