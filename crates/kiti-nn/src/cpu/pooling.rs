//! Maxima and averages of windows of one plane, and their gradients.

use std::ops::Range;

use super::{Element, with_scratch};

/// Whether a value takes the place of the largest one before it: the first of equal ones stays, and NaN wins.
fn beats<T: Element>(value: T, largest: T) -> bool {
    let is_nan = |value: T| value.partial_cmp(&value).is_none();
    (value > largest) | (is_nan(value) & !is_nan(largest))
}

fn larger<T: Element>(value: T, largest: T) -> T {
    if beats(value, largest) {
        value
    } else {
        largest
    }
}

/// What becomes of the values of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first of the largest; NaN wins.
    Max,
    /// Their sum over the window's size, zeros around the plane included.
    Average,
}

/// Windows over rows and columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pool {
    pub(crate) kind: Kind,
    pub(crate) size: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
}

impl Pool {
    /// Rows and columns of the output; the caller has checked that the kernel fits.
    pub(crate) fn output(&self) -> [usize; 2] {
        std::array::from_fn(|d| {
            (self.size[d] + 2 * self.padding[d] - self.kernel[d]) / self.stride[d] + 1
        })
    }

    /// The part of a window within the plane.
    fn window(&self, dimension: usize, position: usize) -> Range<usize> {
        let start = position * self.stride[dimension];
        let end = start + self.kernel[dimension];
        let padding = self.padding[dimension];
        start.saturating_sub(padding)..end.saturating_sub(padding).min(self.size[dimension])
    }

    /// Calls `f` with each position's index and the rows and columns of its window.
    fn windows(&self, mut f: impl FnMut(usize, Range<usize>, Range<usize>)) {
        let [rows, columns] = self.output();
        for row in 0..rows {
            for column in 0..columns {
                f(
                    row * columns + column,
                    self.window(0, row),
                    self.window(1, column),
                );
            }
        }
    }

    fn share<T: Element>(&self) -> T {
        T::from_f64(1.0 / (self.kernel[0] * self.kernel[1]) as f64)
    }

    /// Place of the largest value of a window.
    fn largest<T: Element>(&self, x: &[T], rows: Range<usize>, columns: Range<usize>) -> usize {
        let mut place = rows.start * self.size[1] + columns.start;
        let mut value = x[place];
        for row in rows {
            for column in columns.clone() {
                let at = row * self.size[1] + column;
                let better = beats(x[at], value);
                // Values, not jumps: which one is larger can't be foretold.
                place = if better { at } else { place };
                value = if better { x[at] } else { value };
            }
        }
        place
    }

    pub(crate) fn forward<T: Element>(&self, x: &[T], y: &mut [T]) {
        match self.kind {
            Kind::Max => self.maxima(x, y),
            Kind::Average => self.windows(|index, rows, columns| {
                let mut sum = T::default();
                for row in rows {
                    let row = &x[row * self.size[1]..][columns.clone()];
                    sum = row.iter().fold(sum, |sum, value| sum + *value);
                }
                y[index] = sum * self.share();
            }),
        }
    }

    /// The largest value of each column of a row of windows, and of these the largest in each window.
    fn maxima<T: Element>(&self, x: &[T], y: &mut [T]) {
        let [rows, columns] = self.output();
        with_scratch([self.size[1]], |[largest]: [&mut [T]; 1]| {
            for (row, y) in y.chunks_exact_mut(columns).take(rows).enumerate() {
                let mut window = self.window(0, row).map(|row| &x[row * self.size[1]..]);
                if let Some(first) = window.next() {
                    largest.copy_from_slice(&first[..self.size[1]]);
                }
                for row in window {
                    for (largest, &value) in largest.iter_mut().zip(row) {
                        *largest = larger(value, *largest);
                    }
                }
                for (column, y) in y.iter_mut().enumerate() {
                    let window = &largest[self.window(1, column)];
                    *y = window
                        .iter()
                        .fold(window[0], |max, &value| larger(value, max));
                }
            }
        });
    }

    /// Adds the gradient of the plane.
    pub(crate) fn backward<T: Element>(&self, x: &[T], gradient: &[T], x_gradient: &mut [T]) {
        self.windows(|index, rows, columns| match self.kind {
            Kind::Max => x_gradient[self.largest(x, rows, columns)] += gradient[index],
            Kind::Average => {
                let share = gradient[index] * self.share();
                for row in rows {
                    for value in &mut x_gradient[row * self.size[1]..][columns.clone()] {
                        *value += share;
                    }
                }
            }
        });
    }
}
