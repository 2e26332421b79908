//! Work done ahead of its use, on threads, delivered in order.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use crate::{Error, Result};

type Make<T> = dyn Fn(usize) -> Result<T> + Send + Sync;

/// Items of consecutive numbers, made ahead of their use by several threads. Dropping it ends the threads.
///
/// Thread `k` of `n` makes the items `k`, `k + n`, `k + 2n`, ... of the range: the order of delivery
/// does not depend on which of them is faster.
pub(crate) struct Ahead<T> {
    make: Arc<Make<T>>,
    workers: Vec<Worker<T>>,
    first: usize,
    next: usize,
    end: usize,
}

struct Worker<T> {
    receiver: Receiver<Result<T>>,
    thread: JoinHandle<()>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Makes the items of `range` on `workers` threads, each `depth` items ahead; without threads, or
    /// where the system grants none, an item is made when it is asked for.
    pub(crate) fn start(
        range: Range<usize>,
        workers: usize,
        depth: usize,
        make: impl Fn(usize) -> Result<T> + Send + Sync + 'static,
    ) -> Self {
        let make: Arc<Make<T>> = Arc::new(make);
        let count = workers.min(range.len());
        let spawned: std::io::Result<Vec<_>> = (0..count)
            .map(|worker| {
                let (sender, receiver) = sync_channel(depth.max(1));
                let (make, range) = (Arc::clone(&make), range.clone());
                let thread = std::thread::Builder::new()
                    .name("kiti-loader".to_owned())
                    .spawn(move || {
                        for item in range.skip(worker).step_by(count) {
                            // Nobody receives any more once the items have been dropped.
                            if sender.send(make(item)).is_err() {
                                break;
                            }
                        }
                    })?;
                Ok(Worker { receiver, thread })
            })
            .collect();
        Self {
            make,
            workers: spawned.unwrap_or_default(),
            first: range.start,
            next: range.start,
            end: range.end.max(range.start),
        }
    }

    /// Number of items that are still to come.
    pub(crate) fn left(&self) -> usize {
        self.end - self.next
    }
}

impl<T: Send + 'static> Iterator for Ahead<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.next == self.end {
            return None;
        }
        let delivered = self.next - self.first;
        let stopped = Error::LoaderStopped {
            delivered,
            expected: self.end - self.first,
        };
        let item = match delivered.checked_rem(self.workers.len()) {
            None => (self.make)(self.next),
            Some(worker) => self.workers[worker].receiver.recv().unwrap_or(Err(stopped)),
        };
        match item {
            Ok(_) => self.next += 1,
            Err(_) => self.end = self.next,
        }
        Some(item)
    }
}

impl<T> Drop for Ahead<T> {
    fn drop(&mut self) {
        for worker in self.workers.drain(..) {
            drop(worker.receiver);
            // A thread that panicked has been reported by its missing items.
            let _ = worker.thread.join();
        }
    }
}

impl<T> std::fmt::Debug for Ahead<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ahead")
            .field("next", &self.next)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_order_for_any_number_of_threads() {
        for workers in [0, 1, 2, 3, 20] {
            let items = Ahead::start(3..13, workers, 2, |item| Ok(item * item));
            let found: Vec<_> = items.map(Result::unwrap).collect();
            let expected: Vec<_> = (3..13).map(|item| item * item).collect();
            assert_eq!(found, expected, "{workers} threads");
        }
    }

    #[test]
    fn an_error_is_the_last_item_and_so_is_a_thread_that_panicked() {
        let failing = |item: usize| match item {
            4 => Err(Error::NoCacheDirectory),
            _ => Ok(item),
        };
        let found: Vec<_> = Ahead::start(0..9, 2, 1, failing).collect();
        assert_eq!(found.len(), 5);
        assert!(matches!(found[4], Err(Error::NoCacheDirectory)));

        let panicking = |item: usize| {
            if item == 1 {
                panic!("as intended")
            } else {
                Ok(item)
            }
        };
        let found: Vec<_> = Ahead::start(0..9, 2, 1, panicking).collect();
        let delivered = Err(Error::LoaderStopped {
            delivered: 1,
            expected: 9,
        });
        assert_eq!(
            format!("{:?}", found[1]),
            format!("{:?}", delivered as Result<usize>)
        );
    }

    #[test]
    fn dropping_it_early_ends_its_threads() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut items = Ahead::start(0..1_000_000, 2, 1, move |item| {
            sender.send(item).ok();
            Ok(item)
        });
        items.next().unwrap().unwrap();
        drop(items);
        // Both threads have dropped their senders, or this would wait for ever.
        assert!(receiver.iter().count() < 20);
    }
}
