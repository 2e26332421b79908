//! Panels with titles and colour bars as one PNG, lettered with a built-in 8x8 bitmap font.

use font8x8::UnicodeFonts;

use super::colour_map::ColourMap;
use super::field_picture::FieldPicture;
use super::number::significant;
use super::raster::{Raster, encode_png};

const LETTER: usize = 8;
const MARGIN: usize = 12;
const BAR: usize = 14;
const BAR_TEXT: usize = 10 * LETTER;

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![255; width * height * 3],
        }
    }

    fn set(&mut self, x: usize, y: usize, colour: [u8; 3]) {
        if x < self.width && y < self.height {
            let start = (y * self.width + x) * 3;
            self.pixels[start..start + 3].copy_from_slice(&colour);
        }
    }

    fn write(&mut self, x: usize, y: usize, text: &str) {
        for (position, letter) in text.chars().enumerate() {
            let Some(glyph) = font8x8::BASIC_FONTS.get(letter) else {
                continue;
            };
            for (row, bits) in glyph.iter().enumerate() {
                for column in (0..LETTER).filter(|column| bits & (1 << column) != 0) {
                    self.set(x + position * LETTER + column, y + row, [31, 35, 40]);
                }
            }
        }
    }

    fn raster(&mut self, x: usize, y: usize, side: usize, raster: &Raster, map: &ColourMap) {
        let (rows, columns) = raster.size();
        for row in 0..side {
            for column in 0..side {
                let value = raster.at(row * rows / side, column * columns / side);
                self.set(x + column, y + row, map.colour(value));
            }
        }
    }

    fn bar(&mut self, x: usize, y: usize, side: usize, map: &ColourMap) {
        let (low, high) = map.range();
        for row in 0..side {
            let value = high - (high - low) * row as f64 / (side - 1).max(1) as f64;
            for column in 0..BAR {
                self.set(x + column, y + row, map.colour(value));
            }
        }
        let rows = [
            (high, 0),
            ((low + high) / 2.0, side / 2 - LETTER / 2),
            (low, side - LETTER),
        ];
        for (value, row) in rows {
            self.write(x + BAR + 4, y + row, &significant(value, 3));
        }
    }
}

impl FieldPicture {
    /// The picture as PNG bytes.
    pub fn to_png(&self) -> Vec<u8> {
        let side = self.panel as usize;
        let row_height = 2 * MARGIN + LETTER + side;
        let width = self.rows.iter().map(|(_, groups)| {
            groups
                .iter()
                .map(|group| group.panels.len() * (side + MARGIN) + BAR + BAR_TEXT + MARGIN)
                .sum::<usize>()
        });
        let height = self.rows.len() * row_height + 2 * MARGIN;
        let mut canvas = Canvas::new(width.max().unwrap_or(0) + MARGIN, height);
        for (index, (label, groups)) in self.rows.iter().enumerate() {
            let top = MARGIN + index * row_height;
            let mut left = MARGIN;
            for (number, group) in groups.iter().enumerate() {
                for (position, (title, raster)) in group.panels.iter().enumerate() {
                    let labelled = number == 0 && position == 0 && !label.is_empty();
                    let title = if labelled {
                        format!("{label}: {title}")
                    } else {
                        title.clone()
                    };
                    canvas.write(left, top, &title);
                    canvas.raster(left, top + LETTER + 4, side, raster, &group.map);
                    left += side + MARGIN;
                }
                canvas.write(left, top, &group.unit);
                canvas.bar(left, top + LETTER + 4, side, &group.map);
                left += BAR + BAR_TEXT + MARGIN;
            }
        }
        encode_png(canvas.width, canvas.height, &canvas.pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::field_picture::PanelGroup;

    #[test]
    fn png_holds_the_panel_in_its_colours_and_dark_letters() {
        let map = ColourMap::sequential(0.0, 3.0);
        let raster = Raster::new(2, 2, vec![0.0, 1.0, 2.0, 3.0]).expect("fits");
        let picture = FieldPicture {
            title: String::new(),
            rows: vec![(
                String::new(),
                vec![PanelGroup {
                    panels: vec![("u".into(), raster)],
                    map,
                    unit: "K".into(),
                }],
            )],
            axes: (String::new(), String::new()),
            panel: 64,
        };
        let png = picture.to_png();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png))
            .read_info()
            .expect("header");
        let mut pixels = vec![0; reader.output_buffer_size().expect("size")];
        let info = reader.next_frame(&mut pixels).expect("frame");
        let at = |x: usize, y: usize| {
            let start = (y * info.width as usize + x) * 3;
            [pixels[start], pixels[start + 1], pixels[start + 2]]
        };
        let top = MARGIN + LETTER + 4;
        assert_eq!(at(MARGIN + 1, top + 1), map.colour(0.0));
        assert_eq!(at(MARGIN + 62, top + 62), map.colour(3.0));
        assert!(
            pixels.chunks(3).any(|pixel| pixel == [31, 35, 40]),
            "letters are drawn"
        );
    }
}
