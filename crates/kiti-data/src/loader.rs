//! Batches in a seeded order, gathered ahead on a thread.

mod batches;
mod dataset;

use candle::Device;

use kiti_kinetics::rng::{Stream, derive_seed};

use crate::{Error, Result};
use batches::Plan;

pub use batches::{Batch, Batches};
pub(crate) use dataset::pick_rows;
pub use dataset::{Change, Dataset, RowSource};

/// Batches whose rows are put in the order of their lengths together.
const POOLED_BATCHES: usize = 50;

/// How a data set is cut into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoaderSettings {
    /// Samples of a batch; a data set smaller than that is one batch.
    pub batch_size: usize,
    /// Whether each epoch has its own order, drawn from `(seed, epoch)`; otherwise the data set's.
    pub shuffle: bool,
    /// Seed of the orders, and of random changes to the rows.
    pub seed: u64,
    /// Whether a last batch of fewer samples is left out.
    pub drop_last: bool,
    /// Batches gathered ahead on a thread; 0 gathers them when they are asked for.
    pub prefetch: usize,
}

impl Default for LoaderSettings {
    /// Shuffled batches of 20, the smaller last one kept, two gathered ahead.
    fn default() -> Self {
        Self {
            batch_size: 20,
            shuffle: true,
            seed: 0,
            drop_last: false,
            prefetch: 2,
        }
    }
}

/// Cuts a data set into batches, epoch after epoch.
///
/// Order and values depend on the data set, the settings and the epoch only: any epoch can be
/// had at any time, and any part of it, which is what resuming needs.
///
/// ```
/// use kiti_data::loader::{Dataset, Loader, LoaderSettings};
/// use kiti_data::Field;
///
/// let column = |values: Vec<f32>| Field::from_f32(vec![5, 1], values);
/// let data = Dataset::new(column(vec![0., 1., 2., 3., 4.])?, column(vec![0.; 5])?)?;
/// let settings = LoaderSettings { batch_size: 2, ..LoaderSettings::default() };
/// let loader = Loader::new(data, settings, &candle::Device::Cpu)?;
/// assert_eq!(loader.batches_per_epoch(), 3);
///
/// let all: Vec<_> = loader.epoch(4).collect::<Result<_, _>>()?;
/// let resumed: Vec<_> = loader.epoch_from(4, 1).collect::<Result<_, _>>()?;
/// assert_eq!(all[1].rows, resumed[0].rows);
/// # Ok::<(), kiti_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Loader {
    data: Dataset,
    settings: LoaderSettings,
    device: Device,
    order_seed: u64,
    change_seed: u64,
}

impl Loader {
    /// A loader of `data` onto `device`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a batch size of 0, or where `drop_last` would leave no batch.
    pub fn new(data: Dataset, settings: LoaderSettings, device: &Device) -> Result<Self> {
        if settings.batch_size == 0 {
            return Err(Error::Setting {
                key: "batch_size",
                found: "0".to_owned(),
                expected: "at least 1",
            });
        }
        if settings.drop_last && data.len() < settings.batch_size {
            return Err(Error::Setting {
                key: "drop_last",
                found: format!(
                    "true for {} samples in batches of {}",
                    data.len(),
                    settings.batch_size
                ),
                expected: "as many samples as a batch takes, or drop_last = false",
            });
        }
        Ok(Self {
            data,
            settings,
            device: device.clone(),
            order_seed: derive_seed(settings.seed, "loader/order"),
            change_seed: derive_seed(settings.seed, "loader/change"),
        })
    }

    /// Its data set.
    pub fn data(&self) -> &Dataset {
        &self.data
    }

    /// Batches of an epoch, at least one.
    pub fn batches_per_epoch(&self) -> usize {
        let (samples, size) = (self.data.len(), self.settings.batch_size);
        if self.settings.drop_last {
            samples / size
        } else {
            samples.div_ceil(size)
        }
    }

    /// The rows of the data set in the order of an epoch.
    ///
    /// Rows that differ in length come in batches of similar ones: shuffled rows are taken fifty batches at a time,
    /// put in the order of their lengths within those, cut into batches, and the whole batches shuffled.
    pub fn order(&self, epoch: u64) -> Vec<usize> {
        let mut rows: Vec<_> = (0..self.data.len()).collect();
        if !self.settings.shuffle {
            return rows;
        }
        let words = |use_of| [epoch as u32, (epoch >> 32) as u32, use_of];
        Stream::new(self.order_seed, words(0)).shuffle(&mut rows);
        let Some(lengths) = self.data.inputs().lengths() else {
            return rows;
        };
        let size = self.settings.batch_size;
        for pool in rows.chunks_mut(size.saturating_mul(POOLED_BATCHES)) {
            pool.sort_by_key(|&row| lengths[row]);
        }
        let mut batches: Vec<&[usize]> = rows.chunks_exact(size).collect();
        Stream::new(self.order_seed, words(1)).shuffle(&mut batches);
        let rest = rows.chunks_exact(size).remainder();
        [batches.concat(), rest.to_vec()].concat()
    }

    /// The batches of an epoch.
    pub fn epoch(&self, epoch: u64) -> Batches {
        self.epoch_from(epoch, 0)
    }

    /// The batches of an epoch from number `first` on; none where the epoch has no more.
    pub fn epoch_from(&self, epoch: u64, first: usize) -> Batches {
        let plan = Plan {
            data: self.data.clone(),
            order: self.order(epoch),
            batch_size: self.settings.batch_size,
            end: self.batches_per_epoch(),
            change: Change {
                seed: self.change_seed,
                epoch,
            },
        };
        Batches::start(plan, first, self.settings.prefetch, self.device.clone())
    }
}

#[cfg(test)]
mod tests;
