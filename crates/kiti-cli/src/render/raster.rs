//! A grid of numbers as a PNG image, one pixel a cell.

use base64::Engine;

use super::colour_map::ColourMap;

/// The palette's last colour of the scale, and the one after it.
const LAST_COLOUR: f64 = 254.0;
const NOT_A_NUMBER: u8 = 255;

/// A two-dimensional array of values, row by row; the first row is drawn on top.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Raster {
    /// `values` in `rows` rows of `columns`; none where the count does not fit.
    pub fn new(rows: usize, columns: usize, values: Vec<f32>) -> Option<Self> {
        (rows > 0 && columns > 0 && values.len() == rows.checked_mul(columns)?).then_some(Self {
            rows,
            columns,
            values,
        })
    }

    /// Rows and columns.
    pub fn size(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The value at `row` and `column`.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        f64::from(self.values[row * self.columns + column])
    }

    /// Cell by cell `|self - other|`; none where the sizes differ.
    pub fn absolute_difference(&self, other: &Self) -> Option<Self> {
        let values = self
            .values
            .iter()
            .zip(&other.values)
            .map(|(a, b)| (a - b).abs())
            .collect();
        (self.size() == other.size()).then_some(Self { values, ..*self })
    }

    /// The picture as PNG bytes, in 255 colours of `map` and one for what is not a number.
    pub fn to_png(&self, map: &ColourMap) -> Vec<u8> {
        let (low, high) = map.range();
        let palette: Vec<u8> = (0..=u8::MAX)
            .flat_map(|index| match index {
                NOT_A_NUMBER => map.colour(f64::NAN),
                index => map.colour(low + (high - low) * f64::from(index) / LAST_COLOUR),
            })
            .collect();
        let pixels: Vec<u8> = self
            .values
            .iter()
            .map(|value| {
                let position = (f64::from(*value) - low) / (high - low);
                let index = (position.clamp(0.0, 1.0) * LAST_COLOUR).round();
                if value.is_nan() {
                    NOT_A_NUMBER
                } else {
                    index as u8
                }
            })
            .collect();
        encode(self.columns, self.rows, &pixels, Some(palette))
    }

    /// The picture as a `data:` address for use inside SVG or HTML.
    pub fn to_data_url(&self, map: &ColourMap) -> String {
        data_url(&self.to_png(map))
    }
}

/// PNG bytes of `width * height` RGB pixels.
pub fn encode_png(width: usize, height: usize, pixels: &[u8]) -> Vec<u8> {
    encode(width, height, pixels, None)
}

fn encode(width: usize, height: usize, pixels: &[u8], palette: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    match palette {
        Some(palette) => {
            encoder.set_color(png::ColorType::Indexed);
            encoder.set_palette(palette);
        }
        None => encoder.set_color(png::ColorType::Rgb),
    }
    let written = encoder.write_header().and_then(|mut writer| {
        writer
            .write_image_data(pixels)
            .and_then(|()| writer.finish())
    });
    // Writing to memory with a matching count of pixels has no way to fail.
    debug_assert!(written.is_ok(), "{written:?}");
    bytes
}

/// A `data:` address of PNG bytes.
pub fn data_url(png: &[u8]) -> String {
    format!(
        "data:image/png;base64,{}",
        base64::engine::general_purpose::STANDARD.encode(png)
    )
}

/// A vertical bar of a map's colours, the largest value on top, as a `data:` address.
pub fn colour_bar(map: &ColourMap) -> String {
    let (low, high) = map.range();
    let steps = 128;
    let values = (0..steps)
        .map(|step| (high - (high - low) * f64::from(step) / f64::from(steps - 1)) as f32)
        .collect();
    Raster {
        rows: steps as usize,
        columns: 1,
        values,
    }
    .to_data_url(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn png_decodes_to_the_colours_of_the_values() {
        let raster = Raster::new(2, 3, vec![0.0, 1.0, 2.0, 3.0, f32::NAN, 5.0]).expect("fits");
        let map = ColourMap::sequential(0.0, 5.0);
        let mut decoder = png::Decoder::new(std::io::Cursor::new(raster.to_png(&map)));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().expect("a PNG header");
        let mut pixels = vec![0; 2 * 3 * 3];
        let info = reader.next_frame(&mut pixels).expect("a frame");
        assert_eq!((info.width, info.height), (3, 2));
        assert_eq!(pixels[..3], map.colour(0.0));
        assert_eq!(pixels[12..15], [128, 128, 128]);
        assert_eq!(pixels[15..], map.colour(5.0));
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert!(Raster::new(2, 2, vec![0.0; 3]).is_none());
        assert!(Raster::new(0, 0, vec![]).is_none());
    }
}
