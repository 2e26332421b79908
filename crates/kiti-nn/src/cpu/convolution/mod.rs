//! Convolutions as products of the weights with blocks of gathered input.
//!
//! A convolution, and its gradient by the input, are both a [`Gather`]: each output position y is a sum over taps,
//!
//! ```text
//! out[m, y] = sum_{c, t} A[m, c, t] source[c, step y + tap_t]
//! ```
//!
//! with zeros outside the source. The gathered values of a few positions at a time are laid out as a matrix
//! (`Windows`), small enough to stay in the cache. The gradient by the weights is the product of the output's
//! gradient with the transposed matrix ([`weight_gradient`]).

mod gather;
mod weights;
mod windows;

pub(crate) use gather::gather;
pub(crate) use weights::weight_gradient;

/// A sum over taps at every position; see the module.
#[derive(Debug, Clone)]
pub(crate) struct Gather {
    /// Channels of the source.
    pub(crate) channels: usize,
    /// Rows and columns of the source.
    pub(crate) source: [usize; 2],
    /// Source rows and columns from one position to the next.
    pub(crate) step: [usize; 2],
    /// Rows and columns relative to the position's.
    pub(crate) taps: Vec<[isize; 2]>,
    /// Rows and columns of positions.
    pub(crate) positions: [usize; 2],
}

/// Where the positions of a gather lie in its output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    /// Rows and columns of the output.
    pub(crate) size: [usize; 2],
    /// From one position to the next.
    pub(crate) step: [usize; 2],
    /// The first position.
    pub(crate) offset: [usize; 2],
}

/// Some rows of positions of some samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    first_sample: usize,
    samples: usize,
    first_row: usize,
    rows: usize,
}

impl Gather {
    fn sites(&self) -> usize {
        self.positions[0] * self.positions[1]
    }

    /// Smallest and largest tap of a dimension.
    fn reach(&self, dimension: usize) -> [isize; 2] {
        let taps = || self.taps.iter().map(|tap| tap[dimension]);
        [taps().min().unwrap_or(0), taps().max().unwrap_or(0)]
    }

    /// Source elements of a dimension that `positions` neighbours reach.
    fn extent(&self, dimension: usize, positions: usize) -> usize {
        let [low, high] = self.reach(dimension);
        (positions - 1) * self.step[dimension] + (high - low) as usize + 1
    }

    /// Cuts the positions of all samples into tasks of about `target` positions: rows of one sample, or whole samples.
    fn tasks(&self, batch: usize, target: usize) -> Vec<Task> {
        let [rows, columns] = self.positions;
        if rows * columns == 0 {
            return Vec::new();
        }
        let at_once = (target / self.sites()).clamp(1, batch.max(1));
        let rows_at_once = target.div_ceil(columns).clamp(1, rows);
        let samples = (0..batch).step_by(at_once);
        let tasks = samples.flat_map(|first_sample| {
            (0..rows).step_by(rows_at_once).map(move |first_row| Task {
                first_sample,
                samples: at_once.min(batch - first_sample),
                first_row,
                rows: rows_at_once.min(rows - first_row),
            })
        });
        tasks.collect()
    }
}

impl Task {
    /// Positions of the task.
    fn columns(&self, gather: &Gather) -> usize {
        self.samples * self.rows * gather.positions[1]
    }

    /// The runs of neighbouring positions among the task's positions `start .. start + length`.
    fn pieces(self, gather: &Gather, start: usize, length: usize) -> impl Iterator<Item = Piece> {
        let width = gather.positions[1];
        let end = start + length;
        let mut column = start;
        std::iter::from_fn(move || {
            if column >= end {
                return None;
            }
            let (row, x) = (column / width, column % width);
            let piece = Piece {
                sample: row / self.rows,
                row: row % self.rows,
                x,
                at: column - start,
                length: (width - x).min(end - column),
            };
            column += piece.length;
            Some(piece)
        })
    }
}

/// Neighbouring positions of one row.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// Within the task.
    sample: usize,
    /// Within the task.
    row: usize,
    x: usize,
    /// Place of the first position among those asked for.
    at: usize,
    length: usize,
}
