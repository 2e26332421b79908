//! One image file: PNG or JPEG, told apart by its first bytes.

use std::io::Cursor;
use std::path::Path;

use image::imageops::FilterType;
use image::{ImageFormat, ImageReader, Limits, RgbImage};

use crate::{Error, Result, archive};

/// The largest image file that is read.
const LARGEST_FILE: u64 = 256 << 20;

/// The longest edge that is decoded: a few hundred bytes can claim to hold millions of rows.
const LONGEST_EDGE: u32 = 16_384;

/// The most memory that a decoder may take.
const LARGEST_MEMORY: u64 = 1 << 30;

/// An image in red, green and blue, 8 bits each, `(channels, height, width)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    image: RgbImage,
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
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| error.to_string())?;
        match reader.format() {
            Some(ImageFormat::Png | ImageFormat::Jpeg) => {}
            _ => return Err("another format".to_owned()),
        }
        let mut limits = Limits::default();
        limits.max_image_width = Some(LONGEST_EDGE);
        limits.max_image_height = Some(LONGEST_EDGE);
        limits.max_alloc = Some(LARGEST_MEMORY);
        reader.limits(limits);
        let image = reader.decode().map_err(|error| error.to_string())?;
        Ok(Self {
            image: image.into_rgb8(),
        })
    }

    /// `[height, width]`.
    pub fn size(&self) -> [usize; 2] {
        [self.image.height() as usize, self.image.width() as usize]
    }

    /// The image at another size, by a triangular filter as wide as a pixel of the coarser grid.
    pub fn resized(&self, [height, width]: [usize; 2]) -> Self {
        if self.size() == [height, width] {
            return self.clone();
        }
        let image = image::imageops::resize(
            &self.image,
            width as u32,
            height as u32,
            FilterType::Triangle,
        );
        Self { image }
    }

    /// The middle of the image with the proportions of `size`, at that size.
    pub fn filling(&self, [height, width]: [usize; 2]) -> Self {
        let [own_height, own_width] = self.size();
        // The largest part of these proportions: all of one edge.
        let part_width = (own_height * width / height.max(1)).clamp(1, own_width);
        let part_height = (own_width * height / width.max(1)).clamp(1, own_height);
        let part = image::imageops::crop_imm(
            &self.image,
            ((own_width - part_width) / 2) as u32,
            ((own_height - part_height) / 2) as u32,
            part_width as u32,
            part_height as u32,
        );
        let image = part.to_image();
        Self { image }.resized([height, width])
    }

    /// Appends the pixels, `(channels, height, width)`.
    pub(crate) fn append_to(&self, pixels: &mut Vec<u8>) {
        let raw = self.image.as_raw();
        for channel in 0..3 {
            pixels.extend(raw.iter().skip(channel).step_by(3));
        }
    }

    /// The pixels, `(3, height, width)`.
    pub fn to_pixels(&self) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(self.image.as_raw().len());
        self.append_to(&mut pixels);
        pixels
    }
}
