//! The gradient of a convolution's weights.

use super::Gather;
use super::windows::{CHUNK, Windows};
use crate::cpu::storage::filled;
use crate::cpu::{Element, Start, Strided, product, with_scratch};

/// Input channels that one task handles.
const CHANNELS: usize = CHUNK;
/// Positions whose gathered values are laid out at a time.
const POSITIONS: usize = 256;
/// Tasks to aim at; the samples are cut if the channels are too few.
const TASKS: usize = 16;

/// `sum_{b, y} gradient[b, m, y] source[b, c, step y + tap_t]`: `(outputs, channels, taps)`.
pub(crate) fn weight_gradient<T: Element>(
    gather: &Gather,
    [batch, outputs]: [usize; 2],
    source: &[T],
    gradient: &[T],
) -> Vec<T> {
    let (channels, taps) = (gather.channels, gather.taps.len());
    let blocks = channels.div_ceil(CHANNELS);
    let tasks = gather.tasks(batch, POSITIONS);
    let parts = TASKS.div_ceil(blocks.max(1)).clamp(1, tasks.len().max(1));
    let length = outputs * CHANNELS.min(channels) * taps;
    let [partial] = filled(blocks * parts, [length], |index, [sums]| {
        let (block, part) = (index / parts, index % parts);
        let range = block * CHANNELS..((block + 1) * CHANNELS).min(channels);
        let first = part * tasks.len() / parts;
        let end = (part + 1) * tasks.len() / parts;
        for &task in &tasks[first..end] {
            let windows = Windows::new(gather, task);
            let (count, columns) = (range.len(), task.columns(gather));
            let width = count * taps;
            let at_once = POSITIONS.min(columns);
            // Rows that are no power of two apart, which would meet in the same cache sets.
            let stride = at_once.next_multiple_of(CHUNK) + CHUNK;
            let lengths = [
                windows.length(count),
                at_once * width + CHUNK,
                outputs * stride,
            ];
            with_scratch(lengths, |[window, rows, gradients]| {
                windows.fill_channels_last(source, range.clone(), window);
                for start in (0..columns).step_by(POSITIONS) {
                    let length = POSITIONS.min(columns - start);
                    windows.gather_channels_last(window, count, [start, length], rows);
                    for piece in task.pieces(gather, start, length) {
                        for channel in 0..outputs {
                            let plane = (task.first_sample + piece.sample) * outputs + channel;
                            let row = plane * gather.positions[0] + task.first_row + piece.row;
                            let values = &gradient[row * gather.positions[1] + piece.x..];
                            gradients[channel * stride + piece.at..][..piece.length]
                                .copy_from_slice(&values[..piece.length]);
                        }
                    }
                    let gradients = Strided::rows(gradients, stride);
                    let (size, start) = ([outputs, width, length], Start::Accumulate);
                    product(size, gradients, rows, width, sums, width, start);
                }
            });
        }
    });
    in_order(&partial, [blocks, parts, length], [channels, taps])
}

/// Adds up the parts of each block and puts `(outputs, taps, channels)` of the blocks into the order of the weights.
fn in_order<T: Element>(
    partial: &[T],
    [blocks, parts, length]: [usize; 3],
    [channels, taps]: [usize; 2],
) -> Vec<T> {
    let outputs = length / (CHANNELS.min(channels) * taps).max(1);
    let [weights] = filled(outputs, [channels * taps], |output, [weights]| {
        for block in 0..blocks {
            let first = block * CHANNELS;
            let count = CHANNELS.min(channels - first);
            let weights = &mut weights[first * taps..][..count * taps];
            for part in 0..parts {
                let sums = &partial[(block * parts + part) * length..][..length];
                let sums = &sums[output * taps * count..][..taps * count];
                for (tap, sums) in sums.chunks_exact(count).enumerate() {
                    for (channel, sum) in sums.iter().enumerate() {
                        weights[channel * taps + tap] += *sum;
                    }
                }
            }
        }
    });
    weights
}
