//! Truncated Fourier transforms of many channels as products with constant matrices.
//!
//! In two dimensions with m1 modes of either sign along the first axis and m2 of the real transform
//! along the second, a real field is first reduced to its cosine and sine sums R_k and S_k along the first axis (k = 0 .. m1 and
//! 1 .. m1: 2 m1 + 1 real rows), these to the cosine and sine sums along the second. The modes of wave number +k and -k are then
//!
//! ```text
//! Z(+-k, l) = (Rc -+ Ss) + i (-+Sc - Rs),     Rc = sum_y R_k(y) cos(2 pi l y / n2), and so on.
//! ```
//!
//! The inverse is the transpose of the same three steps, with the weights c_l / (n1 n2) of a real inverse
//! transform in the matrix of the second axis. So are both adjoints.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::modes::stride;
use super::{Element, Start, Strided, product, with_scratch};
use crate::spectral::{cos_sin, multiplicity};

/// Grid and modes of a transform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    One { points: usize, modes: usize },
    Two { grid: [usize; 2], modes: [usize; 2] },
}

/// The constant matrices of a transform. A spectrum is two planes, real and imaginary, of
/// `stride` numbers a channel.
pub(crate) struct Transform<T> {
    shape: Shape,
    /// `(2 m1 + 1, n1)`, and its transpose; empty in one dimension.
    first: [Vec<T>; 2],
    /// `(n2, columns)` and its transpose, of the forward transform.
    plain: [Vec<T>; 2],
    /// The same for the inverse.
    weighted: [Vec<T>; 2],
    columns: usize,
    stride: usize,
}

impl<T: Element> Transform<T> {
    /// The transform of this shape, its matrices built once a process.
    pub(crate) fn cached(shape: Shape) -> Arc<Self> {
        type Cache = Mutex<HashMap<(Shape, TypeId), Arc<dyn Any + Send + Sync>>>;
        static CACHE: OnceLock<Cache> = OnceLock::new();
        let mut cache = CACHE
            .get_or_init(Cache::default)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = cache
            .entry((shape, TypeId::of::<T>()))
            .or_insert_with(|| Arc::new(Self::new(shape)))
            .clone();
        entry
            .downcast()
            .unwrap_or_else(|_| unreachable!("the key holds the type"))
    }

    fn new(shape: Shape) -> Self {
        let table = |rows: usize, columns: usize, value: &dyn Fn(usize, usize) -> f64| {
            let at = |row, column| T::from_f64(value(row, column));
            let plain = (0..rows * columns)
                .map(|i| at(i / columns, i % columns))
                .collect();
            let transposed = (0..rows * columns)
                .map(|i| at(i % rows, i / rows))
                .collect();
            [plain, transposed]
        };
        // sin is exactly 0 at l = 0 and l = n/2, so the imaginary parts there have no effect.
        let sine = |l: usize, y: usize, n: usize| if 2 * l == n { 0.0 } else { cos_sin(l, y, n).1 };
        match shape {
            Shape::One { points, modes } => {
                let stride = stride(modes);
                // The columns are the planes of the spectrum: cosines, then sines with the sign of the imaginary part.
                let value = |y: usize, column: usize| match (column / stride, column % stride) {
                    (_, l) if l >= modes => 0.0,
                    (0, l) => cos_sin(l, y, points).0,
                    (_, l) => -sine(l, y, points),
                };
                let weight = |column: usize| multiplicity(column % stride, points) / points as f64;
                Self {
                    shape,
                    first: [Vec::new(), Vec::new()],
                    plain: table(points, 2 * stride, &value),
                    weighted: table(points, 2 * stride, &|y, column| {
                        weight(column) * value(y, column)
                    }),
                    columns: 2 * stride,
                    stride,
                }
            }
            Shape::Two {
                grid: [n1, n2],
                modes: [m1, m2],
            } => {
                let first = |row: usize, x: usize| {
                    if row <= m1 {
                        cos_sin(row, x, n1).0
                    } else {
                        cos_sin(row - m1, x, n1).1
                    }
                };
                let second = |y: usize, column: usize| {
                    if column < m2 {
                        cos_sin(column, y, n2).0
                    } else {
                        sine(column - m2, y, n2)
                    }
                };
                let weight = |column: usize| multiplicity(column % m2, n2) / (n1 * n2) as f64;
                Self {
                    shape,
                    first: table(2 * m1 + 1, n1, &first),
                    plain: table(n2, 2 * m2, &second),
                    weighted: table(n2, 2 * m2, &|y, column| weight(column) * second(y, column)),
                    columns: 2 * m2,
                    stride: stride(2 * m1 * m2),
                }
            }
        }
    }

    /// Sites of a channel.
    pub(crate) fn sites(&self) -> usize {
        match self.shape {
            Shape::One { points, .. } => points,
            Shape::Two { grid: [n1, n2], .. } => n1 * n2,
        }
    }

    /// Spectra `(channels, 2, stride)` of the fields `(channels, sites)`.
    pub(crate) fn forward(&self, fields: &[T], spectra: &mut [T]) {
        self.analyse(fields, &self.plain[0], usize::MAX, spectra);
    }

    /// The adjoint of [`inverse`](Self::inverse).
    pub(crate) fn inverse_adjoint(&self, fields: &[T], spectra: &mut [T]) {
        self.analyse(fields, &self.weighted[0], self.kept(), spectra);
    }

    /// Fields `(channels, sites)` of the spectra `(channels, 2, stride)`, added to what they hold.
    pub(crate) fn inverse(&self, spectra: &[T], fields: &mut [T]) {
        self.synthesise(spectra, &self.weighted[1], self.kept(), fields);
    }

    /// The adjoint of [`forward`](Self::forward), added to what the fields hold.
    pub(crate) fn forward_adjoint(&self, spectra: &[T], fields: &mut [T]) {
        self.synthesise(spectra, &self.plain[1], usize::MAX, fields);
    }

    /// Rows of the first block of modes that the second one does not overwrite in the inverse.
    fn kept(&self) -> usize {
        match self.shape {
            Shape::One { .. } => usize::MAX,
            Shape::Two {
                grid: [n1, _],
                modes: [m1, _],
            } => n1.saturating_sub(m1),
        }
    }

    fn analyse(&self, fields: &[T], second: &[T], kept: usize, spectra: &mut [T]) {
        let Shape::Two {
            grid: [n1, n2],
            modes: [m1, m2],
        } = self.shape
        else {
            let points = self.sites();
            let channels = fields.len() / points;
            let fields = Strided::rows(fields, points);
            let size = [channels, self.columns, points];
            product(
                size,
                fields,
                second,
                self.columns,
                spectra,
                self.columns,
                Start::Zero,
            );
            return;
        };
        let rows = 2 * m1 + 1;
        with_scratch([rows * n2, rows * self.columns], |[sums, both]| {
            let channels = fields.chunks_exact(n1 * n2);
            for (field, spectrum) in channels.zip(spectra.chunks_exact_mut(2 * self.stride)) {
                let first = Strided::rows(&self.first[0], n1);
                product([rows, n2, n1], first, field, n2, sums, n2, Start::Zero);
                let size = [rows, self.columns, n2];
                let sums = Strided::rows(sums, n2);
                product(
                    size,
                    sums,
                    second,
                    self.columns,
                    both,
                    self.columns,
                    Start::Zero,
                );
                split([m1, m2], kept, both, spectrum.split_at_mut(self.stride));
            }
        });
    }

    fn synthesise(&self, spectra: &[T], second: &[T], kept: usize, fields: &mut [T]) {
        let Shape::Two {
            grid: [n1, n2],
            modes: [m1, m2],
        } = self.shape
        else {
            let points = self.sites();
            let channels = fields.len() / points;
            let spectra = Strided::rows(spectra, self.columns);
            let size = [channels, points, self.columns];
            product(
                size,
                spectra,
                second,
                points,
                fields,
                points,
                Start::Accumulate,
            );
            return;
        };
        let rows = 2 * m1 + 1;
        with_scratch([rows * n2, rows * self.columns], |[sums, both]| {
            let channels = fields.chunks_exact_mut(n1 * n2);
            for (field, spectrum) in channels.zip(spectra.chunks_exact(2 * self.stride)) {
                combine([m1, m2], kept, spectrum.split_at(self.stride), both);
                let size = [rows, n2, self.columns];
                let both = Strided::rows(both, self.columns);
                product(size, both, second, n2, sums, n2, Start::Zero);
                let first = Strided::rows(&self.first[1], rows);
                product(
                    [n1, n2, rows],
                    first,
                    sums,
                    n2,
                    field,
                    n2,
                    Start::Accumulate,
                );
            }
        });
    }
}

/// From the cosine and sine sums `(2 m1 + 1, 2 m2)` to the modes of either sign.
fn split<T: Element>(
    [m1, m2]: [usize; 2],
    kept: usize,
    both: &[T],
    (re, im): (&mut [T], &mut [T]),
) {
    let row = |row: usize| both[row * 2 * m2..][..2 * m2].split_at(m2);
    let (first_re, second_re) = re[..2 * m1 * m2].split_at_mut(m1 * m2);
    let (first_im, second_im) = im[..2 * m1 * m2].split_at_mut(m1 * m2);
    for k in 0..m1.min(kept) {
        let (re, im) = (&mut first_re[k * m2..][..m2], &mut first_im[k * m2..][..m2]);
        let (rc, rs) = row(k);
        if k == 0 {
            for l in 0..m2 {
                (re[l], im[l]) = (rc[l], T::default() - rs[l]);
            }
        } else {
            let (sc, ss) = row(m1 + k);
            for l in 0..m2 {
                (re[l], im[l]) = (rc[l] - ss[l], T::default() - sc[l] - rs[l]);
            }
        }
    }
    for index in m1.min(kept) * m2..m1 * m2 {
        (first_re[index], first_im[index]) = (T::default(), T::default());
    }
    for at in 0..m1 {
        let k = m1 - at;
        let (re, im) = (
            &mut second_re[at * m2..][..m2],
            &mut second_im[at * m2..][..m2],
        );
        let ((rc, rs), (sc, ss)) = (row(k), row(m1 + k));
        for l in 0..m2 {
            (re[l], im[l]) = (rc[l] + ss[l], sc[l] - rs[l]);
        }
    }
}

/// The transpose of [`split`].
fn combine<T: Element>([m1, m2]: [usize; 2], kept: usize, (re, im): (&[T], &[T]), both: &mut [T]) {
    let (cosines, sines) = both.split_at_mut((m1 + 1) * 2 * m2);
    for k in 0..=m1 {
        let (rc, rs) = cosines[k * 2 * m2..][..2 * m2].split_at_mut(m2);
        let plus = (k < m1.min(kept)).then(|| (&re[k * m2..][..m2], &im[k * m2..][..m2]));
        match plus {
            Some((re, im)) => {
                for l in 0..m2 {
                    (rc[l], rs[l]) = (re[l], T::default() - im[l]);
                }
            }
            None => {
                rc.fill(T::default());
                rs.fill(T::default());
            }
        }
        if k == 0 {
            continue;
        }
        let (sc, ss) = sines[(k - 1) * 2 * m2..][..2 * m2].split_at_mut(m2);
        let at = (2 * m1 - k) * m2;
        let (minus_re, minus_im) = (&re[at..][..m2], &im[at..][..m2]);
        for l in 0..m2 {
            (sc[l], ss[l]) = (rs[l] + minus_im[l], minus_re[l] - rc[l]);
            (rc[l], rs[l]) = (rc[l] + minus_re[l], rs[l] - minus_im[l]);
        }
    }
}
