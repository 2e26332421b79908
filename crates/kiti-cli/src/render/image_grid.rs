//! Small images in rows, each with its lines of text, as SVG.

use super::chart_frame::Theme;
use super::raster::{data_url, encode_png};
use super::svg::{frame, image, opening, text};

/// One image with the lines below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTile {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Red, green and blue of each pixel, row by row.
    pub pixels: Vec<u8>,
    /// What stands below it.
    pub lines: Vec<String>,
}

/// Rows of images.
#[derive(Debug, Clone)]
pub struct ImageGrid {
    /// What it shows.
    pub title: String,
    /// The images, row by row.
    pub tiles: Vec<ImageTile>,
    /// Images of a row.
    pub columns: usize,
    /// Side of the square that an image is fitted into, in pixels.
    pub side: u32,
}

const GAP: u32 = 14;
const LINE: u32 = 15;
/// Letters of a line that fit below an image are about this wide.
const LETTER: u32 = 7;

impl ImageGrid {
    /// The picture as SVG, the images embedded as PNG.
    pub fn to_svg(&self, theme: Theme) -> String {
        let columns = self.columns.max(1);
        let rows = self.tiles.len().div_ceil(columns) as u32;
        let lines = self.tiles.iter().map(|tile| tile.lines.len()).max();
        let lines = lines.unwrap_or(0) as u32;
        let (across, down) = (self.side + GAP, self.side + lines * LINE + GAP);
        let shown = self.tiles.len().min(columns) as u32;
        let mut svg = opening(
            &self.title,
            (shown * across + GAP, rows * down + GAP),
            theme,
        );
        for (index, tile) in self.tiles.iter().enumerate() {
            let (column, row) = ((index % columns) as u32, (index / columns) as u32);
            let (left, top) = (GAP + column * across, GAP + row * down);
            self.tile(&mut svg, tile, left, top);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn tile(&self, svg: &mut String, tile: &ImageTile, left: u32, top: u32) {
        let longest = tile.width.max(tile.height).max(1) as u32;
        let fitted = |edge: usize| (edge as u32 * self.side / longest).max(1);
        let (width, height) = (fitted(tile.width), fitted(tile.height));
        let (x, y) = (
            left + (self.side - width) / 2,
            top + (self.side - height) / 2,
        );
        let png = encode_png(tile.width, tile.height, &tile.pixels);
        svg.push_str(&image(x, y, width, height, &data_url(&png)));
        svg.push_str(&frame(x, y, width, height));
        let room = (self.side + GAP) / LETTER;
        for (line, content) in (1..).zip(&tile.lines) {
            let middle = left + self.side / 2;
            let content = shortened(content, room as usize);
            svg.push_str(&text(
                middle,
                top + self.side + line * LINE,
                "middle",
                "",
                &content,
            ));
        }
    }
}

/// At most `room` letters, the last one an ellipsis where some are left out.
fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{kept}\u{2026}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_is_there_with_its_lines() {
        let tile = |width: usize, name: &str| ImageTile {
            width,
            height: 2,
            pixels: vec![9; width * 2 * 3],
            lines: vec![
                name.to_owned(),
                "cat & dog, a very long line of text".to_owned(),
            ],
        };
        let grid = ImageGrid {
            title: "wrong".into(),
            tiles: vec![tile(2, "a"), tile(4, "b"), tile(2, "c")],
            columns: 2,
            side: 64,
        };
        for theme in [Theme::Inline, Theme::Standalone] {
            let svg = grid.to_svg(theme);
            let document = roxmltree::Document::parse(&svg).expect("well-formed");
            let images: Vec<_> = document
                .descendants()
                .filter(|node| node.has_tag_name("image"))
                .filter_map(|node| Some((node.attribute("width")?, node.attribute("height")?)))
                .collect();
            assert_eq!(images, [("64", "64"), ("64", "32"), ("64", "64")]);
            assert!(svg.contains("cat &amp; dog") && svg.contains('\u{2026}'));
        }
    }
}
