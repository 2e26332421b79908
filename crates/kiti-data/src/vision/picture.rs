//! One image file: PNG or JPEG, told apart by its first bytes.

use std::io::Cursor;
use std::path::Path;

use png::{ColorType, Transformations};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::{Error, Result, archive};

/// The largest image file that is read.
const LARGEST_FILE: u64 = 256 << 20;

/// The longest edge that is decoded: a few hundred bytes can claim to hold millions of rows.
const LONGEST_EDGE: usize = 16_384;

/// The most pixels that are decoded.
const MOST_PIXELS: usize = 1 << 27;

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG_SIGNATURE: &[u8] = b"\xff\xd8\xff";

/// An image in red, green and blue, 8 bits each: three planes, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    size: [usize; 2],
    pixels: Vec<u8>,
}

impl Picture {
    /// Reads a PNG or JPEG file; grey becomes three equal channels, transparency is dropped.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Malformed`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = archive::read_file(path, LARGEST_FILE)?;
        Self::decode(&bytes).map_err(|found| Error::Malformed {
            path: path.to_owned(),
            array: None,
            expected: "a PNG or JPEG image".to_owned(),
            found,
        })
    }

    /// Decodes the content of such a file; an error says what is wrong with it.
    pub(crate) fn decode(bytes: &[u8]) -> std::result::Result<Self, String> {
        if bytes.starts_with(PNG_SIGNATURE) {
            Self::decode_png(bytes)
        } else if bytes.starts_with(JPEG_SIGNATURE) {
            Self::decode_jpeg(bytes)
        } else {
            Err("another format".to_owned())
        }
    }

    fn decode_png(bytes: &[u8]) -> std::result::Result<Self, String> {
        let mut decoder = png::Decoder::new(Cursor::new(bytes));
        decoder.set_transformations(Transformations::normalize_to_color8());
        let header = decoder
            .read_header_info()
            .map_err(|error| error.to_string())?;
        let size = checked_size(header.height as usize, header.width as usize)?;
        let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
        let length = reader.output_buffer_size().ok_or("an image too large")?;
        let mut content = vec![0; length];
        let frame = reader
            .next_frame(&mut content)
            .map_err(|error| error.to_string())?;
        content.truncate(frame.buffer_size());
        let (step, channels) = match frame.color_type {
            ColorType::Grayscale => (1, [0, 0, 0]),
            ColorType::GrayscaleAlpha => (2, [0, 0, 0]),
            ColorType::Rgb => (3, [0, 1, 2]),
            ColorType::Rgba => (4, [0, 1, 2]),
            ColorType::Indexed => return Err("a palette that could not be applied".to_owned()),
        };
        Ok(Self::from_interleaved(size, &content, step, channels))
    }

    fn decode_jpeg(bytes: &[u8]) -> std::result::Result<Self, String> {
        let options = DecoderOptions::default()
            .set_max_width(LONGEST_EDGE)
            .set_max_height(LONGEST_EDGE)
            .jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder
            .decode_headers()
            .map_err(|error| format!("{error:?}"))?;
        let (width, height) = decoder.dimensions().ok_or("an image without a size")?;
        let size = checked_size(height, width)?;
        let content = decoder.decode().map_err(|error| format!("{error:?}"))?;
        if content.len() != 3 * height * width {
            return Err(format!("{} bytes of pixels", content.len()));
        }
        Ok(Self::from_interleaved(size, &content, 3, [0, 1, 2]))
    }

    fn from_interleaved(
        size: [usize; 2],
        content: &[u8],
        step: usize,
        channels: [usize; 3],
    ) -> Self {
        let mut pixels = Vec::with_capacity(3 * size[0] * size[1]);
        for channel in channels {
            pixels.extend(content.iter().skip(channel).step_by(step));
        }
        Self { size, pixels }
    }

    /// `[height, width]`.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// The pixels, `(3, height, width)`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The image at another size, each axis filtered by a triangle as wide as two pixels of the coarser grid.
    pub fn resized(&self, size: [usize; 2]) -> Self {
        if self.size == size {
            return self.clone();
        }
        let [height, width] = self.size;
        let rows = Taps::new(height, size[0]);
        let columns = Taps::new(width, size[1]);
        let mut pixels = Vec::with_capacity(3 * size[0] * size[1]);
        let mut narrow = vec![0.0; height * size[1]];
        for plane in self.pixels.chunks_exact((height * width).max(1)) {
            for (row, out) in plane
                .chunks_exact(width)
                .zip(narrow.chunks_exact_mut(size[1]))
            {
                for (value, taps) in out.iter_mut().zip(&columns.0) {
                    *value = taps
                        .iter()
                        .map(|&(at, weight)| weight * f32::from(row[at]))
                        .sum();
                }
            }
            for taps in &rows.0 {
                for column in 0..size[1] {
                    let value: f32 = taps
                        .iter()
                        .map(|&(at, weight)| weight * narrow[at * size[1] + column])
                        .sum();
                    pixels.push(value.round() as u8);
                }
            }
        }
        Self { size, pixels }
    }

    /// The middle of the image with the proportions of `size`, at that size.
    pub fn filling(&self, size: [usize; 2]) -> Self {
        self.middle(size, 1.0)
    }

    /// As [`filling`](Self::filling), of a middle that is smaller by the factor `share` along both edges.
    pub fn middle(&self, size: [usize; 2], share: f64) -> Self {
        let [height, width] = self.size;
        // The largest part of these proportions has all of one edge.
        let part_height = (width * size[0] / size[1].max(1)).clamp(1, height);
        let part_width = (height * size[1] / size[0].max(1)).clamp(1, width);
        let shared = |edge: usize| ((edge as f64 * share).round() as usize).clamp(1, edge);
        let (part_height, part_width) = (shared(part_height), shared(part_width));
        let (top, left) = ((height - part_height) / 2, (width - part_width) / 2);
        let mut pixels = Vec::with_capacity(3 * part_height * part_width);
        for plane in self.pixels.chunks_exact(height * width) {
            for row in plane.chunks_exact(width).skip(top).take(part_height) {
                pixels.extend_from_slice(&row[left..left + part_width]);
            }
        }
        let part = Self {
            size: [part_height, part_width],
            pixels,
        };
        part.resized(size)
    }
}

/// Which old positions make each new one, with their weights, which sum to 1.
struct Taps(Vec<Vec<(usize, f32)>>);

impl Taps {
    fn new(old: usize, new: usize) -> Self {
        let scale = old as f64 / new as f64;
        let reach = scale.max(1.0);
        let taps = (0..new).map(|position| {
            let centre = (position as f64 + 0.5) * scale - 0.5;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor().max(0.0) as usize).min(old - 1);
            let weight = |at: usize| 1.0 - (at as f64 - centre).abs() / reach;
            let sum: f64 = (first..=last).map(weight).sum();
            (first..=last)
                .map(|at| (at, (weight(at) / sum) as f32))
                .collect()
        });
        Self(taps.collect())
    }
}

fn checked_size(height: usize, width: usize) -> std::result::Result<[usize; 2], String> {
    let edges = 1..=LONGEST_EDGE;
    if edges.contains(&height) && edges.contains(&width) && height * width <= MOST_PIXELS {
        Ok([height, width])
    } else {
        Err(format!("an image of {width} x {height} pixels"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(size: [usize; 2], level: impl Fn(usize, usize) -> u8) -> Picture {
        let plane: Vec<u8> = (0..size[0] * size[1])
            .map(|at| level(at / size[1], at % size[1]))
            .collect();
        Picture {
            size,
            pixels: plane.repeat(3),
        }
    }

    /// A linear ramp is the same function on every grid, away from its ends.
    #[test]
    fn a_ramp_stays_a_ramp_at_any_size() {
        let ramp = grey([8, 40], |_, x| (5 * x) as u8);
        for width in [10, 20, 80] {
            let resized = ramp.resized([4, width]);
            assert_eq!(resized.size(), [4, width]);
            let step = 40.0 / width as f64;
            for x in width / 5..width - width / 5 {
                let expected = 5.0 * ((x as f64 + 0.5) * step - 0.5);
                let found = f64::from(resized.pixels()[width + x]);
                assert!(
                    (found - expected).abs() <= 0.51,
                    "{found} at {x} of {width}"
                );
            }
        }
    }

    #[test]
    fn filling_takes_the_middle() {
        let image = grey([2, 6], |_, x| x as u8);
        assert_eq!(image.filling([2, 2]).pixels()[..4], [2, 3, 2, 3]);
        let image = grey([6, 2], |y, _| y as u8);
        assert_eq!(image.filling([2, 2]).pixels()[..4], [2, 2, 3, 3]);
        assert_eq!(image.filling([1, 1]).size(), [1, 1]);
        let image = grey([6, 8], |_, x| x as u8);
        assert_eq!(image.middle([2, 2], 1.0 / 3.0).pixels()[..4], [3, 4, 3, 4]);
    }

    fn png(color: ColorType, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(color);
        if color == ColorType::Indexed {
            encoder.set_palette(vec![1, 2, 3, 4, 5, 6]);
        }
        encoder
            .write_header()
            .unwrap()
            .write_image_data(content)
            .unwrap();
        bytes
    }

    #[test]
    fn every_kind_of_png_becomes_three_planes() {
        let planes = |color, content: &[u8]| {
            let picture = Picture::decode(&png(color, content)).unwrap();
            assert_eq!(picture.size(), [1, 2]);
            picture.pixels().to_vec()
        };
        assert_eq!(
            planes(ColorType::Rgb, &[1, 2, 3, 4, 5, 6]),
            [1, 4, 2, 5, 3, 6]
        );
        assert_eq!(
            planes(ColorType::Rgba, &[1, 2, 3, 0, 4, 5, 6, 9]),
            [1, 4, 2, 5, 3, 6]
        );
        assert_eq!(planes(ColorType::Grayscale, &[7, 8]), [7, 8, 7, 8, 7, 8]);
        assert_eq!(
            planes(ColorType::GrayscaleAlpha, &[7, 0, 8, 0]),
            [7, 8, 7, 8, 7, 8]
        );
        assert_eq!(planes(ColorType::Indexed, &[1, 0]), [4, 1, 5, 2, 6, 3]);
    }

    #[test]
    fn damaged_images_do_not_panic() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/images/smooth.jpg"
        );
        let images = [
            std::fs::read(path).unwrap(),
            png(ColorType::Rgb, &[1, 2, 3, 4, 5, 6]),
        ];
        for intact in images {
            for position in 0..intact.len() {
                let _ = Picture::decode(&intact[..position]);
                let mut damaged = intact.clone();
                damaged[position] ^= 0xff;
                let _ = Picture::decode(&damaged);
            }
        }
    }
}
