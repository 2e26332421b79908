//! Batches in a seeded order, gathered ahead on a thread.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use candle::{Device, Tensor};

use kiti_kinetics::rng::{Stream, derive_seed};

use crate::field_io::{Field, FieldData};
use crate::{Error, Result};

/// Where rows come from: memory, or a file that they are read from when they are asked for.
pub trait RowSource: fmt::Debug + Send + Sync {
    /// Number of rows.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of the rows with these numbers, in this order.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn rows(&self, rows: &[usize]) -> Result<Field>;
}

impl RowSource for Field {
    fn len(&self) -> usize {
        self.shape().first().copied().unwrap_or(0)
    }

    fn rows(&self, rows: &[usize]) -> Result<Field> {
        pick_rows(self, rows)
    }
}

/// Samples: rows of inputs and of targets, shared and never changed.
#[derive(Clone, Debug)]
pub struct Dataset {
    inputs: Arc<dyn RowSource>,
    targets: Arc<dyn RowSource>,
}

impl Dataset {
    /// Pairs row `i` of `inputs` with row `i` of `targets` (first axis of both).
    ///
    /// # Errors
    /// [`Error::Shape`] where a field has no axis or no row, or the numbers of rows differ.
    pub fn new(inputs: Field, targets: Field) -> Result<Self> {
        let shape_error = |array: &str, expected: String, field: &Field| Error::Shape {
            array: array.to_owned(),
            expected,
            found: field.shape().to_vec(),
        };
        let Some(&rows) = inputs.shape().first().filter(|&&rows| rows > 0) else {
            let expected = "at least one sample on the first axis".to_owned();
            return Err(shape_error("inputs", expected, &inputs));
        };
        if targets.shape().first() != Some(&rows) {
            let expected = format!("{rows} samples on the first axis, as many as inputs");
            return Err(shape_error("targets", expected, &targets));
        }
        Self::from_rows(inputs, targets)
    }

    /// Pairs row `i` of `inputs` with row `i` of `targets`, wherever they come from.
    ///
    /// # Errors
    /// [`Error::Shape`] where there is no row, or the numbers of rows differ.
    pub fn from_rows(
        inputs: impl RowSource + 'static,
        targets: impl RowSource + 'static,
    ) -> Result<Self> {
        if inputs.is_empty() || inputs.len() != targets.len() {
            return Err(Error::Shape {
                array: "targets".to_owned(),
                expected: format!("{} rows, as many as inputs and not none", inputs.len()),
                found: vec![targets.len()],
            });
        }
        Ok(Self {
            inputs: Arc::new(inputs),
            targets: Arc::new(targets),
        })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Never: a data set has a sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a data set is cut into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoaderSettings {
    /// Samples of a batch; a data set smaller than that is one batch.
    pub batch_size: usize,
    /// Whether each epoch has its own order, drawn from `(seed, epoch)`; otherwise the data set's.
    pub shuffle: bool,
    /// Seed of the orders.
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

/// One batch.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its number within the epoch, from 0.
    pub index: usize,
    /// The rows of the data set that it holds, in order.
    pub rows: Vec<usize>,
    /// Their inputs, shape `(rows, ...)`, in the data set's precision.
    pub inputs: Tensor,
    /// Their targets.
    pub targets: Tensor,
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
    pub fn order(&self, epoch: u64) -> Vec<usize> {
        epoch_order(
            self.data.len(),
            self.settings.shuffle,
            self.order_seed,
            epoch,
        )
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
        };
        Batches::start(plan, first, self.settings.prefetch, self.device.clone())
    }
}

/// The numbers below `rows` in the order of an epoch: shuffled by `(seed, epoch)`, or as they are.
pub(crate) fn epoch_order(rows: usize, shuffle: bool, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<_> = (0..rows).collect();
    if shuffle {
        let words = [epoch as u32, (epoch >> 32) as u32, 0];
        Stream::new(seed, words).shuffle(&mut order);
    }
    order
}

/// What an epoch consists of.
#[derive(Debug)]
struct Plan {
    data: Dataset,
    order: Vec<usize>,
    batch_size: usize,
    end: usize,
}

/// A batch in the host's memory.
struct Gathered {
    rows: Vec<usize>,
    inputs: Field,
    targets: Field,
}

impl Plan {
    fn gather(&self, index: usize) -> Result<Gathered> {
        let start = index * self.batch_size;
        let end = (start + self.batch_size).min(self.order.len());
        let rows = self.order[start..end].to_vec();
        Ok(Gathered {
            inputs: self.data.inputs.rows(&rows)?,
            targets: self.data.targets.rows(&rows)?,
            rows,
        })
    }
}

/// A copy of rows of the first axis.
pub(crate) fn pick_rows(field: &Field, rows: &[usize]) -> Result<Field> {
    fn pick<T: Copy>(values: &[T], width: usize, rows: &[usize]) -> Vec<T> {
        let mut picked = Vec::with_capacity(rows.len() * width);
        for row in rows {
            picked.extend_from_slice(&values[row * width..(row + 1) * width]);
        }
        picked
    }
    let mut shape = field.shape().to_vec();
    let width = shape[1..].iter().product();
    shape[0] = rows.len();
    let data = match field.data() {
        FieldData::F32(values) => FieldData::F32(pick(values, width, rows)),
        FieldData::F64(values) => FieldData::F64(pick(values, width, rows)),
    };
    Field::new(shape, data)
}

/// The batches of an epoch, in order. Dropping it ends its thread.
#[derive(Debug)]
pub struct Batches {
    gathering: Gathering,
    next: usize,
    first: usize,
    end: usize,
    device: Device,
}

#[derive(Debug)]
enum Gathering {
    OnDemand(Arc<Plan>),
    Ahead(Receiver<Result<Gathered>>, JoinHandle<()>),
    Ended,
}

impl Batches {
    fn start(plan: Plan, first: usize, prefetch: usize, device: Device) -> Self {
        let end = plan.end;
        let plan = Arc::new(plan);
        let gathering = if prefetch == 0 {
            Gathering::OnDemand(plan)
        } else {
            let (sender, receiver) = sync_channel(prefetch);
            let ahead = Arc::clone(&plan);
            let thread = std::thread::Builder::new()
                .name("kiti-loader".to_owned())
                .spawn(move || {
                    for index in first..end {
                        // Nobody receives any more once the iterator has been dropped.
                        if sender.send(ahead.gather(index)).is_err() {
                            break;
                        }
                    }
                });
            match thread {
                Ok(thread) => Gathering::Ahead(receiver, thread),
                // Where the system grants no thread the batches still come, only not ahead.
                Err(_) => Gathering::OnDemand(plan),
            }
        };
        Self {
            gathering,
            next: first.min(end),
            first: first.min(end),
            end,
            device,
        }
    }

    fn gathered(&mut self) -> Result<Gathered> {
        let stopped = Error::LoaderStopped {
            delivered: self.next - self.first,
            expected: self.end - self.first,
        };
        match &self.gathering {
            Gathering::OnDemand(plan) => plan.gather(self.next),
            Gathering::Ahead(receiver, _) => receiver.recv().unwrap_or(Err(stopped)),
            Gathering::Ended => Err(stopped),
        }
    }

    fn batch(&mut self) -> Result<Batch> {
        let gathered = self.gathered()?;
        // On the caller's thread, so that a device sees one stream of work.
        Ok(Batch {
            index: self.next,
            rows: gathered.rows,
            inputs: gathered.inputs.into_tensor(&self.device)?,
            targets: gathered.targets.into_tensor(&self.device)?,
        })
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.end {
            return None;
        }
        let batch = self.batch();
        match batch {
            Ok(_) => self.next += 1,
            Err(_) => self.end = self.next,
        }
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (
            usize::from(self.next < self.end),
            Some(self.end - self.next),
        )
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        let gathering = std::mem::replace(&mut self.gathering, Gathering::Ended);
        if let Gathering::Ahead(receiver, thread) = gathering {
            drop(receiver);
            // A thread that panicked has been reported by its missing batches.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
