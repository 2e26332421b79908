//! Random changes to training images, each decided by seed, epoch and the image's number.

use kiti_kinetics::rng::Stream;
use serde::{Deserialize, Serialize};

use super::images::ChannelStatistics;
use crate::{Error, Result};

/// What is done to training images.
///
/// In this order: shifted by up to `padding` pixels in each direction over a black border
/// (`RandomCrop` of an image padded by as much), mirrored with probability 1/2, normalised, a square of
/// side `cutout` around a random pixel replaced by the mean (DeVries and Taylor 2017,
/// arXiv:1708.04552), and the batch mixed with itself in another order (Zhang et al. 2018,
/// arXiv:1710.09412).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Pixels of border to crop from; 0 does not crop.
    pub padding: usize,
    /// Whether half of the images are mirrored left to right.
    pub flip: bool,
    /// Side of the square that is cut out, in pixels; 0 cuts nothing.
    pub cutout: usize,
    /// Both parameters of the Beta distribution of the mixing weight; 0 does not mix.
    pub mixup: f64,
    /// Share of a target's weight that is spread evenly over all classes.
    pub label_smoothing: f64,
}

impl Default for AugmentConfig {
    /// What CIFAR is usually trained with: a border of 4 pixels and mirroring.
    fn default() -> Self {
        Self {
            padding: 4,
            flip: true,
            cutout: 0,
            mixup: 0.0,
            label_smoothing: 0.0,
        }
    }
}

impl AugmentConfig {
    /// Images and targets as they are.
    pub fn none() -> Self {
        Self {
            padding: 0,
            flip: false,
            cutout: 0,
            mixup: 0.0,
            label_smoothing: 0.0,
        }
    }

    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<()> {
        let refuse = |key, found: String, expected| {
            Err(Error::Setting {
                key,
                found,
                expected,
            })
        };
        if self.padding > 4096 || self.cutout > 4096 {
            let found = format!("{} and {}", self.padding, self.cutout);
            return refuse("padding, cutout", found, "at most 4096 pixels");
        }
        if !(self.mixup.is_finite() && self.mixup >= 0.0) {
            return refuse("mixup", self.mixup.to_string(), "a number from 0 on");
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            let found = self.label_smoothing.to_string();
            return refuse("label_smoothing", found, "a number from 0 to less than 1");
        }
        Ok(())
    }
}

/// Normalised values of every level of every channel.
#[derive(Clone, Debug)]
pub(crate) struct LevelTable {
    levels: Vec<[f32; 256]>,
}

impl LevelTable {
    /// `(level / 255 - mean) / deviation`; a channel that does not vary is only centred.
    pub(crate) fn new(statistics: &ChannelStatistics) -> Self {
        let levels = statistics
            .mean
            .iter()
            .zip(&statistics.deviation)
            .map(|(mean, deviation)| {
                let scale = if *deviation > 0.0 {
                    1.0 / deviation
                } else {
                    1.0
                };
                std::array::from_fn(|level| ((level as f64 / 255.0 - mean) * scale) as f32)
            })
            .collect();
        Self { levels }
    }

    /// Appends the normalised values of an image, whose channels are planes of `area` pixels.
    pub(crate) fn extend(&self, pixels: &[u8], area: usize, values: &mut Vec<f32>) {
        for (plane, levels) in pixels.chunks_exact(area).zip(&self.levels) {
            values.extend(plane.iter().map(|&level| levels[usize::from(level)]));
        }
    }
}

/// What is done to one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImageChange {
    /// Down and right, in pixels.
    shift: [isize; 2],
    mirrored: bool,
    /// Middle of the square that is cut out, and its side.
    cut: Option<([isize; 2], isize)>,
}

impl ImageChange {
    /// Nothing.
    pub(crate) const NONE: Self = Self {
        shift: [0, 0],
        mirrored: false,
        cut: None,
    };

    /// Draws the change of image number `image` in an epoch.
    pub(crate) fn draw(
        config: &AugmentConfig,
        [height, width]: [usize; 2],
        seed: u64,
        epoch: u64,
        image: usize,
    ) -> Self {
        // One draw each, whatever is switched on: switching one on leaves the others as they were.
        let mut stream = Stream::new(seed, [epoch as u32, image as u32, 0]);
        let mut below = |n: usize| stream.below(n as u64) as isize;
        let reach = 2 * config.padding + 1;
        let padding = config.padding as isize;
        let shift = [below(reach) - padding, below(reach) - padding];
        let mirrored = below(2) == 1 && config.flip;
        let middle = [below(height), below(width)];
        Self {
            shift,
            mirrored,
            cut: (config.cutout > 0).then_some((middle, config.cutout as isize)),
        }
    }

    /// Writes the changed and normalised image.
    pub(crate) fn apply(
        &self,
        pixels: &[u8],
        [channels, height, width]: [usize; 3],
        table: &LevelTable,
        out: &mut [f32],
    ) {
        let inside = |position: isize, extent: usize| {
            usize::try_from(position).ok().filter(|&at| at < extent)
        };
        for channel in 0..channels {
            let levels = &table.levels[channel];
            let plane = &pixels[channel * height * width..][..height * width];
            for y in 0..height {
                let target = &mut out[(channel * height + y) * width..][..width];
                let Some(source_y) = inside(y as isize + self.shift[0], height) else {
                    target.fill(levels[0]);
                    continue;
                };
                let row = &plane[source_y * width..][..width];
                for (x, value) in target.iter_mut().enumerate() {
                    let x = if self.mirrored { width - 1 - x } else { x };
                    let source = inside(x as isize + self.shift[1], width);
                    *value = levels[source.map_or(0, |source| usize::from(row[source]))];
                }
            }
            if let Some((middle, side)) = self.cut {
                let [rows, columns] =
                    [(middle[0], height), (middle[1], width)].map(|(at, extent)| {
                        let start = at - side / 2;
                        let within = |position: isize| position.clamp(0, extent as isize) as usize;
                        within(start)..within(start + side)
                    });
                for y in rows {
                    out[(channel * height + y) * width..][columns.clone()].fill(0.0);
                }
            }
        }
    }
}

/// Weight of a batch and order of the one that it is mixed with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mixing {
    /// Weight of the batch itself.
    pub(crate) weight: f64,
    /// Position of each image's partner.
    pub(crate) partners: Vec<usize>,
}

impl Mixing {
    /// Draws the mixing of a batch of these images in an epoch; none where nothing is mixed.
    pub(crate) fn draw(
        config: &AugmentConfig,
        seed: u64,
        epoch: u64,
        images: &[usize],
    ) -> Option<Self> {
        // An image is in one batch of an epoch: the first one's number names the batch.
        let first = *images.first().filter(|_| config.mixup > 0.0)?;
        let mut stream = Stream::new(seed, [epoch as u32, first as u32, 1]);
        let weight = symmetric_beta(&mut stream, config.mixup);
        let mut partners: Vec<_> = (0..images.len()).collect();
        stream.shuffle(&mut partners);
        Some(Self { weight, partners })
    }

    /// Mixes rows of `width` values.
    pub(crate) fn apply(&self, rows: &mut [f32], width: usize) {
        let unmixed = rows.to_vec();
        let (own, other) = (self.weight as f32, (1.0 - self.weight) as f32);
        for (row, &partner) in rows.chunks_exact_mut(width).zip(&self.partners) {
            let partner = &unmixed[partner * width..][..width];
            for (value, partner) in row.iter_mut().zip(partner) {
                *value = own * *value + other * partner;
            }
        }
    }
}

/// A draw from Beta(a, a): `x / (x + y)` of two draws from Gamma(a).
fn symmetric_beta(stream: &mut Stream, a: f64) -> f64 {
    let (x, y) = (log_gamma_draw(stream, a), log_gamma_draw(stream, a));
    // In logarithms, since draws for a small `a` underflow.
    1.0 / (1.0 + (y - x).exp())
}

/// Logarithm of a draw from Gamma(a) (Marsaglia and Tsang 2000; for `a < 1` from Gamma(a + 1)).
fn log_gamma_draw(stream: &mut Stream, a: f64) -> f64 {
    let boost = if a < 1.0 {
        (1.0 - stream.uniform()).ln() / a
    } else {
        0.0
    };
    let shape = if a < 1.0 { a + 1.0 } else { a };
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let normal = stream.normal();
        let v = (1.0 + c * normal).powi(3);
        if v <= 0.0 {
            continue;
        }
        let accept = 0.5 * normal * normal + d - d * v + d * v.ln();
        if (1.0 - stream.uniform()).ln() < accept {
            return d.ln() + v.ln() + boost;
        }
    }
}

#[cfg(test)]
mod tests;
