//! Pixels and labels in memory.

use kiti_kinetics::rng::{Stream, derive_seed};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Images of one size with a class each: 8 bits a channel, rows from the top, channel after channel.
///
/// ```
/// use kiti_data::vision::Images;
///
/// let classes = vec!["dark".to_owned(), "light".to_owned()];
/// let images = Images::new([1, 1, 2], vec![0, 0, 255, 255], vec![0, 1], classes)?;
/// assert_eq!(images.pixels(1), [255, 255]);
/// assert_eq!(images.label_counts(), [1, 1]);
/// let statistics = images.statistics();
/// assert_eq!((statistics.mean[0], statistics.deviation[0]), (0.5, 0.5));
/// # Ok::<(), kiti_data::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    size: [usize; 3],
    pixels: Vec<u8>,
    labels: Vec<u32>,
    classes: Vec<String>,
}

/// A data set's training and test images; either may be empty where a source has only the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSplits {
    /// What is learned from.
    pub train: Images,
    /// What is tested on.
    pub test: Images,
}

/// Mean and standard deviation of each channel over all pixels of all images, on the scale from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelStatistics {
    /// Means.
    pub mean: Vec<f64>,
    /// Standard deviations.
    pub deviation: Vec<f64>,
}

impl Images {
    /// Images of `size = [channels, height, width]`, one after the other in `pixels`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the numbers of pixels and labels do not agree; [`Error::Setting`]
    /// for a label without a class.
    pub fn new(
        size: [usize; 3],
        pixels: Vec<u8>,
        labels: Vec<u32>,
        classes: Vec<String>,
    ) -> Result<Self> {
        let needed = size
            .iter()
            .try_fold(labels.len(), |product, &extent| product.checked_mul(extent));
        if needed != Some(pixels.len()) {
            return Err(Error::Shape {
                array: "pixels".to_owned(),
                expected: format!("{} images of {size:?}", labels.len()),
                found: vec![pixels.len()],
            });
        }
        if let Some(label) = labels
            .iter()
            .find(|&&label| label as usize >= classes.len())
        {
            return Err(Error::Setting {
                key: "label",
                found: label.to_string(),
                expected: "the number of a class",
            });
        }
        Ok(Self {
            size,
            pixels,
            labels,
            classes,
        })
    }

    /// No image of this size and these classes.
    pub fn empty(size: [usize; 3], classes: Vec<String>) -> Self {
        Self {
            size,
            pixels: Vec::new(),
            labels: Vec::new(),
            classes,
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// `[channels, height, width]`.
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// The class of each image.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The pixels of one image, `(channels, height, width)`, last axis fastest.
    ///
    /// # Panics
    /// Where there is no image of that number.
    pub fn pixels(&self, image: usize) -> &[u8] {
        let bytes: usize = self.size.iter().product();
        &self.pixels[image * bytes..(image + 1) * bytes]
    }

    /// A copy of the images with these numbers, in this order.
    ///
    /// # Panics
    /// Where there is no image of such a number.
    pub fn select(&self, images: &[usize]) -> Self {
        let bytes: usize = self.size.iter().product();
        let mut pixels = Vec::with_capacity(images.len() * bytes);
        for &image in images {
            pixels.extend_from_slice(self.pixels(image));
        }
        Self {
            size: self.size,
            pixels,
            labels: images.iter().map(|&image| self.labels[image]).collect(),
            classes: self.classes.clone(),
        }
    }

    /// Number of images of each class.
    pub fn label_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &label in &self.labels {
            counts[label as usize] += 1;
        }
        counts
    }

    /// Mean and standard deviation of each channel, from exact sums; NaN without an image.
    pub fn statistics(&self) -> ChannelStatistics {
        let [channels, height, width] = self.size;
        let (mut sums, mut squares) = (vec![0u64; channels], vec![0u64; channels]);
        let area = height * width;
        for (index, plane) in self.pixels.chunks_exact(area.max(1)).enumerate() {
            let channel = index % channels;
            for &pixel in plane {
                let pixel = u64::from(pixel);
                sums[channel] += pixel;
                squares[channel] += pixel * pixel;
            }
        }
        let count = (self.len() * area) as f64;
        let mean: Vec<f64> = sums.iter().map(|&sum| sum as f64 / count / 255.0).collect();
        let deviation = squares
            .iter()
            .zip(&mean)
            .map(|(&square, mean)| {
                (square as f64 / count / 65025.0 - mean * mean)
                    .max(0.0)
                    .sqrt()
            })
            .collect();
        ChannelStatistics { mean, deviation }
    }
}

/// How many of `count` images of a class are set aside as a share of them: at least one, and never all.
///
/// ```
/// use kiti_data::vision::images::held_out;
/// assert_eq!([0, 1, 2, 3, 10].map(|count| held_out(count, 0.2)), [0, 0, 1, 1, 2]);
/// ```
pub fn held_out(count: usize, share: f64) -> usize {
    let wanted = (count as f64 * share).round() as usize;
    wanted.max(1).min(count.saturating_sub(1))
}

impl ImageSplits {
    /// Sets aside a share of the training images of each class as test images, chosen by `seed`, where there are no test
    /// images.
    ///
    /// # Errors
    /// [`Error::Setting`] for a share that is not between 0 and 1.
    ///
    /// ```
    /// use kiti_data::vision::{ImageSplits, Images};
    ///
    /// let classes = vec!["dark".to_owned(), "light".to_owned()];
    /// let images = Images::new([1, 1, 1], (0..20).collect(), [0, 1].repeat(10), classes.clone())?;
    /// let all = ImageSplits { train: images, test: Images::empty([1, 1, 1], classes) };
    /// let splits = all.with_test_images(0.2, 7)?;
    /// assert_eq!((splits.train.label_counts(), splits.test.label_counts()), (vec![8, 8], vec![2, 2]));
    /// # Ok::<(), kiti_data::Error>(())
    /// ```
    pub fn with_test_images(self, share: f64, seed: u64) -> Result<Self> {
        if !(share > 0.0 && share < 1.0) {
            return Err(Error::Setting {
                key: "test_share",
                found: share.to_string(),
                expected: "a number between 0 and 1",
            });
        }
        if !self.test.is_empty() {
            return Ok(self);
        }
        let seed = derive_seed(seed, "images/split");
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for class in 0..self.train.classes.len() as u32 {
            let labels = self.train.labels.iter().enumerate();
            let mut own: Vec<usize> = labels
                .filter(|(_, label)| **label == class)
                .map(|(image, _)| image)
                .collect();
            Stream::new(seed, [class, 0, 0]).shuffle(&mut own);
            let count = held_out(own.len(), share);
            test.extend_from_slice(&own[..count]);
            train.extend_from_slice(&own[count..]);
        }
        train.sort_unstable();
        test.sort_unstable();
        Ok(Self {
            test: self.train.select(&test),
            train: self.train.select(&train),
        })
    }

    /// The splits by name, `train` first.
    pub fn named(&self) -> [(&'static str, &Images); 2] {
        [("train", &self.train), ("test", &self.test)]
    }
}
