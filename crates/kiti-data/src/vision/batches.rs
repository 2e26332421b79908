//! Batches of normalised images, made ahead on threads of their own.

use std::sync::Arc;

use candle::{Device, Tensor};
use kiti_kinetics::rng::derive_seed;

use super::augment::{AugmentConfig, Change, LevelTable, Mixing};
use super::images::{ChannelStatistics, Images};
use crate::ahead::Ahead;
use crate::loader::epoch_order;
use crate::{Error, Result};

/// How images are cut into batches.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageLoaderSettings {
    /// Images of a batch; fewer images than that are one batch.
    pub batch_size: usize,
    /// Whether each epoch has its own order, drawn from `(seed, epoch)`.
    pub shuffle: bool,
    /// Whether a last batch of fewer images is left out.
    pub drop_last: bool,
    /// Seed of orders and changes.
    pub seed: u64,
    /// What is done to the images.
    pub augment: AugmentConfig,
    /// Threads that prepare batches; 0 prepares them when they are asked for.
    pub workers: usize,
}

impl Default for ImageLoaderSettings {
    /// Training: shuffled batches of 128, cropped and mirrored, prepared by one thread.
    fn default() -> Self {
        Self {
            batch_size: 128,
            shuffle: true,
            drop_last: false,
            seed: 0,
            augment: AugmentConfig::default(),
            workers: 1,
        }
    }
}

impl ImageLoaderSettings {
    /// Evaluation: in order, unchanged.
    pub fn evaluation(batch_size: usize) -> Self {
        Self {
            batch_size,
            shuffle: false,
            augment: AugmentConfig::none(),
            ..Self::default()
        }
    }
}

/// One batch.
#[derive(Clone, Debug)]
pub struct ImageBatch {
    /// Its number within the epoch, from 0.
    pub index: usize,
    /// Numbers of its images.
    pub rows: Vec<usize>,
    /// Normalised pixels, `(images, channels, height, width)`, single precision.
    pub pixels: Tensor,
    /// Classes of the images themselves, `(images)`, 32-bit unsigned.
    pub labels: Tensor,
    /// What to predict, `(images, classes)`: weights that sum to 1, smoothed and mixed as the settings say.
    pub targets: Tensor,
}

/// Cuts images into batches, epoch after epoch.
///
/// A batch depends on images, settings, epoch and its number only, whatever the number of threads:
/// any part of any epoch can be had at any time, which is what resuming needs.
///
/// ```
/// use std::sync::Arc;
/// use kiti_data::vision::{ImageLoader, ImageLoaderSettings, Images};
///
/// let images = Images::new([3, 8, 8], vec![7; 5 * 192], vec![0; 5], vec!["sea".to_owned()])?;
/// let statistics = images.statistics();
/// let settings = ImageLoaderSettings { batch_size: 2, ..ImageLoaderSettings::default() };
/// let loader = ImageLoader::new(Arc::new(images), &statistics, settings, &candle::Device::Cpu)?;
/// let batch = loader.epoch(0).next().unwrap()?;
/// assert_eq!(batch.pixels.dims(), [2, 3, 8, 8]);
/// # Ok::<(), kiti_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageLoader {
    images: Arc<Images>,
    table: Arc<LevelTable>,
    settings: ImageLoaderSettings,
    device: Device,
    order_seed: u64,
    change_seed: u64,
}

impl ImageLoader {
    /// A loader of `images`, normalised by `statistics` (those of the training images), onto `device`.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings out of range; [`Error::Shape`] without an image, or for
    /// statistics of another number of channels.
    pub fn new(
        images: Arc<Images>,
        statistics: &ChannelStatistics,
        settings: ImageLoaderSettings,
        device: &Device,
    ) -> Result<Self> {
        settings.augment.validate()?;
        let least = if settings.drop_last {
            settings.batch_size
        } else {
            1
        };
        if settings.batch_size == 0 {
            return Err(Error::Setting {
                key: "batch_size",
                found: "0".to_owned(),
                expected: "at least 1",
            });
        }
        let [channels, ..] = images.size();
        let statistics_fit = [&statistics.mean, &statistics.deviation]
            .iter()
            .all(|values| values.len() == channels && values.iter().all(|value| value.is_finite()));
        if images.len() < least || !statistics_fit {
            return Err(Error::Shape {
                array: "images".to_owned(),
                expected: format!(
                    "at least {least} of {} channels as the statistics have",
                    statistics.mean.len()
                ),
                found: [&[images.len()], &images.size()[..]].concat(),
            });
        }
        Ok(Self {
            table: Arc::new(LevelTable::new(statistics)),
            order_seed: derive_seed(settings.seed, "loader/order"),
            change_seed: derive_seed(settings.seed, "loader/augment"),
            images,
            settings,
            device: device.clone(),
        })
    }

    /// Its images.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// Batches of an epoch, at least one.
    pub fn batches_per_epoch(&self) -> usize {
        let (images, size) = (self.images.len(), self.settings.batch_size);
        if self.settings.drop_last {
            images / size
        } else {
            images.div_ceil(size)
        }
    }

    /// The batches of an epoch.
    pub fn epoch(&self, epoch: u64) -> ImageBatches {
        self.epoch_from(epoch, 0)
    }

    /// The batches of an epoch from number `first` on; none where the epoch has no more.
    pub fn epoch_from(&self, epoch: u64, first: usize) -> ImageBatches {
        let end = self.batches_per_epoch();
        let order = epoch_order(
            self.images.len(),
            self.settings.shuffle,
            self.order_seed,
            epoch,
        );
        let loader = self.clone();
        let prepared = Ahead::start(
            first.min(end)..end,
            self.settings.workers,
            2,
            move |batch| Ok(loader.prepare(&order, epoch, batch)),
        );
        ImageBatches {
            prepared,
            device: self.device.clone(),
        }
    }

    fn prepare(&self, order: &[usize], epoch: u64, batch: usize) -> Prepared {
        let size = self.images.size();
        let [channels, height, width] = size;
        let augment = &self.settings.augment;
        let start = batch * self.settings.batch_size;
        let rows = order[start..(start + self.settings.batch_size).min(order.len())].to_vec();
        let values = channels * height * width;
        let mut pixels = vec![0.0; rows.len() * values];
        let unchanged = *augment == AugmentConfig::none();
        for (image, out) in rows.iter().zip(pixels.chunks_exact_mut(values.max(1))) {
            let change = if unchanged {
                Change::NONE
            } else {
                Change::draw(augment, [height, width], self.change_seed, epoch, *image)
            };
            change.apply(self.images.pixels(*image), size, &self.table, out);
        }
        let labels: Vec<u32> = rows.iter().map(|&row| self.images.labels()[row]).collect();
        let classes = self.images.classes().len();
        let background = augment.label_smoothing / classes as f64;
        let mut targets = vec![background as f32; rows.len() * classes];
        for (target, &label) in targets.chunks_exact_mut(classes.max(1)).zip(&labels) {
            target[label as usize] = (1.0 - augment.label_smoothing + background) as f32;
        }
        if let Some(mixing) = Mixing::draw(augment, self.change_seed, epoch, batch, rows.len()) {
            mixing.apply(&mut pixels, values);
            mixing.apply(&mut targets, classes);
        }
        Prepared {
            index: batch,
            shape: [rows.len(), channels, height, width],
            classes,
            rows,
            pixels,
            labels,
            targets,
        }
    }
}

/// A batch in the host's memory.
#[derive(Debug)]
struct Prepared {
    index: usize,
    shape: [usize; 4],
    classes: usize,
    rows: Vec<usize>,
    pixels: Vec<f32>,
    labels: Vec<u32>,
    targets: Vec<f32>,
}

/// The batches of an epoch, in order. Dropping it ends its threads.
#[derive(Debug)]
pub struct ImageBatches {
    prepared: Ahead<Prepared>,
    device: Device,
}

impl Iterator for ImageBatches {
    type Item = Result<ImageBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let prepared = self.prepared.next()?;
        // On the caller's thread, so that a device sees one stream of work.
        let on_device = |batch: Prepared| {
            let [images, channels, height, width] = batch.shape;
            let shape = (images, channels, height, width);
            Ok(ImageBatch {
                index: batch.index,
                rows: batch.rows,
                pixels: Tensor::from_vec(batch.pixels, shape, &self.device)?,
                labels: Tensor::from_vec(batch.labels, images, &self.device)?,
                targets: Tensor::from_vec(batch.targets, (images, batch.classes), &self.device)?,
            })
        };
        Some(prepared.and_then(on_device))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.prepared.left();
        (usize::from(left > 0), Some(left))
    }
}

#[cfg(test)]
mod tests;
