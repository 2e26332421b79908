//! The product of a matrix with gathered values: a convolution, or its gradient by the input.

use rayon::prelude::*;

use super::windows::{CHUNK, Windows};
use super::{Gather, Placement, Task};
use crate::cpu::storage::Scattered;
use crate::cpu::{Element, Start, Strided, product, with_scratch};

/// Positions whose gathered values are laid out at a time.
const TILE: usize = 32;
/// Terms of a sum laid out at a time, about.
const DEPTH: usize = 256;

/// `out[b, m, y] = bias[m] + sum_{c, t} matrix[m, (c, t)] source[b, c, step y + tap_t]` at the places `placement` of
/// `output` `(batch, outputs, size)`.
///
/// # Safety
///
/// No other thread uses those places of `output`.
pub(crate) unsafe fn gather<T: Element>(
    gather: &Gather,
    [batch, outputs]: [usize; 2],
    source: &[T],
    matrix: &[T],
    bias: Option<&[T]>,
    placement: Placement,
    output: &Scattered<T>,
) {
    // Enough tasks for many threads, but of at least a few tiles: each reads the whole matrix.
    let target = (batch * gather.sites() / 16).clamp(4 * TILE, 32 * TILE);
    gather
        .tasks(batch, target)
        .into_par_iter()
        .for_each(|task| {
            let windows = Windows::new(gather, task);
            let columns = task.columns(gather);
            let tiles = columns.div_ceil(TILE);
            let terms = gather.taps.len();
            let channels = (DEPTH / terms.max(1)).clamp(1, gather.channels.max(1));
            let lengths = [
                windows.length(gather.channels),
                channels * terms * TILE + CHUNK,
                tiles * outputs * TILE,
            ];
            with_scratch(lengths, |[window, panel, results]| {
                windows.fill(source, window);
                let mut first = 0;
                while first == 0 || first < gather.channels {
                    let range = first..(first + channels).min(gather.channels);
                    for tile in 0..tiles {
                        let start = tile * TILE;
                        let length = TILE.min(columns - start);
                        windows.gather(window, range.clone(), [start, length], panel);
                        let start = match bias {
                            _ if first > 0 => Start::Accumulate,
                            Some(bias) => Start::Rows(bias),
                            None => Start::Zero,
                        };
                        let part = Strided {
                            values: &matrix[first * terms..],
                            row: gather.channels * terms,
                            column: 1,
                        };
                        let results = &mut results[tile * outputs * TILE..][..outputs * TILE];
                        let size = [outputs, length, range.len() * terms];
                        product(size, part, panel, length, results, TILE, start);
                    }
                    first += channels;
                }
                for tile in 0..tiles {
                    let results = &results[tile * outputs * TILE..][..outputs * TILE];
                    // SAFETY: each position of each task occurs once; handed on besides.
                    unsafe { place(gather, task, outputs, tile, results, placement, output) };
                }
            });
        });
}

/// # Safety
///
/// As [`gather`].
unsafe fn place<T: Element>(
    gather: &Gather,
    task: Task,
    outputs: usize,
    tile: usize,
    results: &[T],
    placement: Placement,
    output: &Scattered<T>,
) {
    let Placement { size, step, offset } = placement;
    let start = tile * TILE;
    let length = TILE.min(task.columns(gather) - start);
    for piece in task.pieces(gather, start, length) {
        let row = (task.first_row + piece.row) * step[0] + offset[0];
        let column = piece.x * step[1] + offset[1];
        for channel in 0..outputs {
            let plane = (task.first_sample + piece.sample) * outputs + channel;
            let at = (plane * size[0] + row) * size[1] + column;
            let values = &results[channel * TILE + piece.at..][..piece.length];
            // SAFETY: handed on.
            unsafe {
                if step[1] == 1 {
                    output.zeroed(at..at + values.len()).copy_from_slice(values);
                } else {
                    for (index, value) in values.iter().enumerate() {
                        let at = at + index * step[1];
                        output.zeroed(at..at + 1)[0] = *value;
                    }
                }
            }
        }
    }
}
