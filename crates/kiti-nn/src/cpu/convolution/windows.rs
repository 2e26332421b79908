//! The part of the source that a task reads, with zeros around it.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{Gather, Piece, Task};
use crate::cpu::{Element, dispatch};

/// Elements copied at once. Copies of shorter runs write on into what is written next; buffers are longer by this
/// much.
pub(super) const CHUNK: usize = 16;

/// Sizes of a task's source with its margin, and where the taps lie in it.
pub(super) struct Windows<'a> {
    gather: &'a Gather,
    task: Task,
    rows: usize,
    columns: usize,
    /// Each tap's distance from the first element of its window, in elements of one channel.
    taps: Vec<usize>,
}

impl<'a> Windows<'a> {
    pub(super) fn new(gather: &'a Gather, task: Task) -> Self {
        let [low, _] = gather.reach(0);
        let [left, _] = gather.reach(1);
        let columns = gather.extent(1, gather.positions[1]);
        let distance =
            |tap: &[isize; 2]| (tap[0] - low) as usize * columns + (tap[1] - left) as usize;
        Self {
            gather,
            task,
            rows: gather.extent(0, task.rows),
            columns,
            taps: gather.taps.iter().map(distance).collect(),
        }
    }

    /// Elements of one channel of one sample.
    fn plane(&self) -> usize {
        self.rows * self.columns
    }

    /// Length of the buffer for so many channels.
    pub(super) fn length(&self, channels: usize) -> usize {
        self.task.samples * channels * self.plane() + CHUNK
    }

    /// For each row of the window: its place among the windows' rows, and the source's row (`None` outside).
    fn source_rows(&self) -> impl Iterator<Item = (usize, Option<usize>)> {
        let [low, _] = self.gather.reach(0);
        let first = (self.task.first_row * self.gather.step[0]) as isize + low;
        let height = self.gather.source[0];
        (0..self.rows).map(move |row| {
            let source = usize::try_from(first + row as isize).ok();
            (row, source.filter(|&source| source < height))
        })
    }

    /// The window's columns that lie in the source, and the first of them there.
    fn source_columns(&self) -> (Range<usize>, usize) {
        let [left, _] = self.gather.reach(1);
        let start = (-left).max(0) as usize;
        let end = (self.gather.source[1] as isize - left).max(0) as usize;
        let end = end.min(self.columns);
        let first = (left.max(0) as usize).min(self.gather.source[1]);
        (start.min(end)..end, first)
    }

    fn source_row<'s, T>(
        &self,
        source: &'s [T],
        sample: usize,
        channel: usize,
        row: usize,
    ) -> &'s [T] {
        let [height, width] = self.gather.source;
        let plane = (self.task.first_sample + sample) * self.gather.channels + channel;
        &source[(plane * height + row) * width..][..width]
    }

    /// Copies all channels into `windows` `(samples, channels, rows, columns)`.
    pub(super) fn fill<T: Element>(&self, source: &[T], windows: &mut [T]) {
        let (inside, first) = self.source_columns();
        let channels = self.gather.channels;
        for (index, plane) in windows.chunks_exact_mut(self.plane()).enumerate() {
            if index == self.task.samples * channels {
                break;
            }
            for (row, source_row) in self.source_rows() {
                let window = &mut plane[row * self.columns..][..self.columns];
                let Some(source_row) = source_row else {
                    window.fill(T::default());
                    continue;
                };
                let values =
                    self.source_row(source, index / channels, index % channels, source_row);
                window[..inside.start].fill(T::default());
                window[inside.clone()].copy_from_slice(&values[first..][..inside.len()]);
                window[inside.end..].fill(T::default());
            }
        }
    }

    /// Copies some channels into `windows` `(samples, rows, columns, channels)`.
    pub(super) fn fill_channels_last<T: Element>(
        &self,
        source: &[T],
        channels: Range<usize>,
        windows: &mut [T],
    ) {
        let (inside, first) = self.source_columns();
        let count = channels.len();
        for sample in 0..self.task.samples {
            let windows = &mut windows[sample * self.plane() * count..][..self.plane() * count];
            for (row, source_row) in self.source_rows() {
                let window = &mut windows[row * self.columns * count..][..self.columns * count];
                let Some(source_row) = source_row else {
                    window.fill(T::default());
                    continue;
                };
                window[..inside.start * count].fill(T::default());
                window[inside.end * count..].fill(T::default());
                let window = &mut window[inside.start * count..inside.end * count];
                for (index, channel) in channels.clone().enumerate() {
                    let values = self.source_row(source, sample, channel, source_row);
                    let values = &values[first..][..inside.len()];
                    for (pixel, value) in window.chunks_exact_mut(count).zip(values) {
                        pixel[index] = *value;
                    }
                }
            }
        }
    }

    /// First element of the window of a piece, in elements of one channel, counted from its sample's first.
    fn start(&self, piece: &Piece) -> usize {
        let [down, right] = self.gather.step;
        piece.row * down * self.columns + piece.x * right
    }

    /// The gathered values of the positions `start .. start + length`: a row for each of the channels and each tap, with
    /// `length` values.
    pub(super) fn gather<T: Element>(
        &self,
        windows: &[T],
        channels: Range<usize>,
        [start, length]: [usize; 2],
        rows: &mut [T],
    ) {
        let plane = self.plane();
        let pieces = self.task.pieces(self.gather, start, length);
        let pieces: Vec<[usize; 3]> = pieces
            .map(|piece| {
                let first = piece.sample * self.gather.channels * plane + self.start(&piece);
                [first, piece.at, piece.length]
            })
            .collect();
        dispatch(GatherRows {
            windows,
            channels,
            plane,
            taps: &self.taps,
            pieces: &pieces,
            step: self.gather.step[1],
            length,
            rows,
        });
    }

    /// The transpose: a row for each position with `taps x channels` values, of windows with the channels last.
    pub(super) fn gather_channels_last<T: Element>(
        &self,
        windows: &[T],
        channels: usize,
        [start, length]: [usize; 2],
        rows: &mut [T],
    ) {
        dispatch(GatherPositions {
            windows,
            channels,
            taps: &self.taps,
            starts: self
                .task
                .pieces(self.gather, start, length)
                .flat_map(|piece| {
                    let first = piece.sample * self.plane() + self.start(&piece);
                    (0..piece.length).map(move |index| first + index * self.gather.step[1])
                }),
            rows,
        });
    }
}

struct GatherRows<'a, T> {
    windows: &'a [T],
    channels: Range<usize>,
    plane: usize,
    taps: &'a [usize],
    /// First element, place and length of each run.
    pieces: &'a [[usize; 3]],
    step: usize,
    length: usize,
    rows: &'a mut [T],
}

impl<T: Element> WithSimd for GatherRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let mut row = 0;
        for channel in self.channels {
            for tap in self.taps {
                let from = channel * self.plane + tap;
                for &[first, at, length] in self.pieces {
                    let source = &self.windows[from + first..];
                    let target = &mut self.rows[row + at..];
                    if self.step == 1 {
                        let mut done = 0;
                        while done < length {
                            copy_chunk(&source[done..], &mut target[done..]);
                            done += CHUNK;
                        }
                    } else {
                        let values = source.iter().step_by(self.step);
                        for (target, value) in target[..length].iter_mut().zip(values) {
                            *target = *value;
                        }
                    }
                }
                row += self.length;
            }
        }
    }
}

struct GatherPositions<'a, T, I> {
    windows: &'a [T],
    channels: usize,
    taps: &'a [usize],
    /// First element of each position's window.
    starts: I,
    rows: &'a mut [T],
}

impl<T: Element, I: Iterator<Item = usize>> WithSimd for GatherPositions<'_, T, I> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let mut at = 0;
        for start in self.starts {
            for tap in self.taps {
                let source = &self.windows[(start + tap) * self.channels..];
                copy_chunk(source, &mut self.rows[at..]);
                at += self.channels;
            }
        }
    }
}

#[inline(always)]
fn copy_chunk<T: Element>(source: &[T], target: &mut [T]) {
    target[..CHUNK].copy_from_slice(&source[..CHUNK]);
}
