//! The batches of an epoch, gathered on demand or ahead on a thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use candle::{Device, Tensor};

use super::{Change, Dataset};
use crate::field_io::Field;
use crate::{Error, Result};

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

/// What an epoch consists of.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) data: Dataset,
    pub(super) order: Vec<usize>,
    pub(super) batch_size: usize,
    pub(super) end: usize,
    pub(super) change: Change,
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
            inputs: self.data.inputs().changed_rows(&rows, &self.change)?,
            targets: self.data.targets().changed_rows(&rows, &self.change)?,
            rows,
        })
    }
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
    pub(super) fn start(plan: Plan, first: usize, prefetch: usize, device: Device) -> Self {
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
