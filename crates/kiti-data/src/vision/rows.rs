//! Images as rows that a [`Loader`](crate::loader::Loader) cuts into batches.

use std::sync::Arc;

use super::augment::{AugmentConfig, ImageChange, LevelTable, Mixing};
use super::images::{ChannelStatistics, Images};
use crate::loader::{Change, Dataset, RowSource};
use crate::{Error, Field, Result};

/// Images as inputs `(images, channels, height, width)`, normalised by `statistics` (those of the training images), with
/// the weights of their classes as targets `(images, classes)`, which sum to 1.
///
/// In training both are changed as `augment` says; what happens to an image depends on seed, epoch and its number only
/// (and, where images are mixed, on the batch that it is in).
///
/// # Errors
/// [`Error::Setting`] for settings out of range; [`Error::Shape`] without an image, or for statistics of another number of
/// channels.
///
/// ```
/// use std::sync::Arc;
/// use kiti_data::loader::{Loader, LoaderSettings};
/// use kiti_data::vision::{AugmentConfig, Images, image_rows};
///
/// let images = Images::new([3, 8, 8], vec![7; 5 * 192], vec![0; 5], vec!["sea".to_owned()])?;
/// let statistics = images.statistics();
/// let data = image_rows(Arc::new(images), &statistics, &AugmentConfig::default())?;
/// let settings = LoaderSettings { batch_size: 2, ..LoaderSettings::default() };
/// let loader = Loader::new(data, settings, &candle::Device::Cpu)?;
/// let batch = loader.epoch(0).next().unwrap()?;
/// assert_eq!((batch.inputs.dims(), batch.targets.dims()), (&[2, 3, 8, 8][..], &[2, 1][..]));
/// # Ok::<(), kiti_data::Error>(())
/// ```
pub fn image_rows(
    images: Arc<Images>,
    statistics: &ChannelStatistics,
    augment: &AugmentConfig,
) -> Result<Dataset> {
    augment.validate()?;
    let [channels, ..] = images.size();
    let statistics_fit = [&statistics.mean, &statistics.deviation]
        .iter()
        .all(|values| values.len() == channels && values.iter().all(|value| value.is_finite()));
    if images.is_empty() || !statistics_fit {
        return Err(Error::Shape {
            array: "images".to_owned(),
            expected: format!("at least one of {} channels", statistics.mean.len()),
            found: [&[images.len()], &images.size()[..]].concat(),
        });
    }
    let inputs = PixelRows {
        images: Arc::clone(&images),
        table: LevelTable::new(statistics),
        statistics: statistics.clone(),
        augment: augment.clone(),
    };
    let targets = ClassRows {
        images,
        augment: augment.clone(),
    };
    Dataset::from_rows(inputs, targets)
}

#[derive(Debug)]
struct PixelRows {
    images: Arc<Images>,
    table: LevelTable,
    statistics: ChannelStatistics,
    augment: AugmentConfig,
}

impl PixelRows {
    fn gather(&self, rows: &[usize], change: impl Fn(usize) -> ImageChange) -> Vec<f32> {
        let size = self.images.size();
        let values: usize = size.iter().product();
        let mut pixels = vec![0.0; rows.len() * values];
        for (&image, out) in rows.iter().zip(pixels.chunks_exact_mut(values.max(1))) {
            change(image).apply(self.images.pixels(image), size, &self.table, out);
        }
        pixels
    }

    fn field(&self, rows: &[usize], pixels: Vec<f32>) -> Result<Field> {
        Field::from_f32([&[rows.len()], &self.images.size()[..]].concat(), pixels)
    }
}

impl RowSource for PixelRows {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn row_shape(&self) -> Vec<usize> {
        self.images.size().to_vec()
    }

    fn rows(&self, rows: &[usize]) -> Result<Field> {
        self.field(rows, self.gather(rows, |_| ImageChange::NONE))
    }

    fn changed_rows(&self, rows: &[usize], change: &Change) -> Result<Field> {
        let [channels, height, width] = self.images.size();
        let (augment, Change { seed, epoch }) = (&self.augment, *change);
        let mut pixels = self.gather(rows, |image| {
            ImageChange::draw(augment, [height, width], seed, epoch, image)
        });
        if let Some(mixing) = Mixing::draw(augment, seed, epoch, rows) {
            mixing.apply(&mut pixels, channels * height * width);
        }
        self.field(rows, pixels)
    }

    fn channel_statistics(&self) -> Option<&ChannelStatistics> {
        Some(&self.statistics)
    }
}

#[derive(Debug)]
struct ClassRows {
    images: Arc<Images>,
    augment: AugmentConfig,
}

impl ClassRows {
    /// Weights of the classes, `smoothing` of them spread evenly.
    fn weights(&self, rows: &[usize], smoothing: f64) -> Vec<f32> {
        let classes = self.images.classes().len();
        let background = smoothing / classes as f64;
        let mut weights = vec![background as f32; rows.len() * classes];
        for (weights, &row) in weights.chunks_exact_mut(classes).zip(rows) {
            weights[self.images.labels()[row] as usize] = (1.0 - smoothing + background) as f32;
        }
        weights
    }

    fn field(&self, rows: &[usize], weights: Vec<f32>) -> Result<Field> {
        Field::from_f32(vec![rows.len(), self.images.classes().len()], weights)
    }
}

impl RowSource for ClassRows {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn row_shape(&self) -> Vec<usize> {
        vec![self.images.classes().len()]
    }

    fn rows(&self, rows: &[usize]) -> Result<Field> {
        self.field(rows, self.weights(rows, 0.0))
    }

    fn changed_rows(&self, rows: &[usize], change: &Change) -> Result<Field> {
        let mut weights = self.weights(rows, self.augment.label_smoothing);
        if let Some(mixing) = Mixing::draw(&self.augment, change.seed, change.epoch, rows) {
            mixing.apply(&mut weights, self.images.classes().len());
        }
        self.field(rows, weights)
    }

    fn classes(&self) -> &[String] {
        self.images.classes()
    }
}

#[cfg(test)]
mod tests;
