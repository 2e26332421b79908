//! Attention of one head, forward and backward, in blocks of queries and keys.
//!
//! The softmax over the keys is taken as they come (Milakov & Gimelshein, arXiv:1805.02867; Dao et al.,
//! arXiv:2205.14135): a running maximum m and sum of each query's exponentials, and
//!
//! ```text
//! m' = max(m, max_j s_j),   o' = o exp(m - m') + sum_j exp(s_j - m') v_j
//! ```
//!
//! The backward pass computes the scores of a block again; only `log sum exp` of each query is kept in between.

use super::softmax::{
    dot, exponentials_in_place, max, scale as multiply_by, slopes as score_slopes,
};
use super::{Element, Start, Strided, add_in_place, product, with_scratch};
use crate::dropout::DroppedScores;

/// Queries and keys of a block.
const QUERIES: usize = 64;
const KEYS: usize = 128;

/// The rows of one head within a tensor of all heads.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, T> {
    /// From the head's first element on.
    pub(crate) values: &'a [T],
    /// From one row to the next.
    pub(crate) stride: usize,
}

impl<'a, T> Rows<'a, T> {
    fn from(self, row: usize) -> Self {
        Self {
            values: &self.values[row * self.stride..],
            stride: self.stride,
        }
    }

    fn strided(self) -> Strided<'a, T> {
        Strided {
            values: self.values,
            row: self.stride,
            column: 1,
        }
    }
}

/// What is added to the scores of one head.
#[derive(Clone, Copy)]
pub(crate) struct Mask<'a, T> {
    /// The row of query q starts at `q * stride`; one number a key.
    pub(crate) values: &'a [T],
    pub(crate) stride: usize,
}

/// The scores of one head: `scale q k^T + mask`.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a, T> {
    pub(crate) query: Rows<'a, T>,
    pub(crate) key: Rows<'a, T>,
    pub(crate) value: Rows<'a, T>,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    /// Elements of a query, key or value.
    pub(crate) width: usize,
    pub(crate) scale: T,
    pub(crate) mask: Option<Mask<'a, T>>,
    /// Whether query i sees only the keys up to `i + keys - queries`.
    pub(crate) causal: bool,
    /// Weights dropped after the softmax, and the head's number among all.
    pub(crate) dropped: Option<(DroppedScores, usize)>,
}

/// Consecutive queries or keys.
#[derive(Clone, Copy)]
struct Block {
    start: usize,
    length: usize,
}

fn blocks(total: usize, length: usize) -> impl Iterator<Item = Block> {
    (0..total).step_by(length).map(move |start| Block {
        start,
        length: length.min(total - start),
    })
}

impl<T: Element> Head<'_, T> {
    /// Keys that a query sees.
    fn visible(&self, query: usize) -> usize {
        if self.causal {
            (query + 1 + self.keys)
                .saturating_sub(self.queries)
                .min(self.keys)
        } else {
            self.keys
        }
    }

    /// Multiplies the weights of a query from the key `first` on by the factors of the dropout.
    fn drop(&self, query: usize, first: usize, weights: &mut [T]) {
        if let Some((dropped, head)) = self.dropped {
            dropped.apply(head, query, first, weights);
        }
    }

    /// Whether a block of queries sees any of a block of keys.
    fn sees(&self, queries: Block, keys: Block) -> bool {
        self.visible(queries.start + queries.length - 1) > keys.start
    }

    /// The scores of a block, `keys.length` a row; `transposed` holds all keys, one a column.
    fn scores(&self, queries: Block, keys: Block, transposed: &[T], scores: &mut [T]) {
        let size = [queries.length, keys.length, self.width];
        let query = self.query.from(queries.start).strided();
        let key = &transposed[keys.start..];
        product(
            size,
            query,
            key,
            self.keys,
            scores,
            keys.length,
            Start::Zero,
        );
        let rows = scores.chunks_exact_mut(keys.length).take(queries.length);
        for (index, row) in rows.enumerate() {
            let query = queries.start + index;
            multiply_by(row, self.scale);
            if let Some(mask) = self.mask {
                add_in_place(
                    row,
                    &mask.values[query * mask.stride + keys.start..][..row.len()],
                );
            }
            let visible = self.visible(query).saturating_sub(keys.start);
            if visible < row.len() {
                row[visible..].fill(T::from_f64(f64::NEG_INFINITY));
            }
        }
    }

    /// Fills `output` `(queries, width)` and `normalizers` `(queries)`, the log of each query's sum of exponentials
    /// (+inf for one that sees no key, whose output is 0).
    pub(crate) fn forward(&self, output: &mut [T], normalizers: &mut [T]) {
        let (width, infinity) = (self.width, T::from_f64(f64::INFINITY));
        let lengths = [width * self.keys, QUERIES * KEYS];
        with_scratch(lengths, |[transposed, scores]| {
            transpose(self.key, self.keys, width, transposed);
            for queries in blocks(self.queries, QUERIES) {
                let mut largest = [T::from_f64(f64::NEG_INFINITY); QUERIES];
                let mut sums = [T::default(); QUERIES];
                let output = &mut output[queries.start * width..][..queries.length * width];
                output.fill(T::default());
                for keys in blocks(self.keys, KEYS).filter(|&keys| self.sees(queries, keys)) {
                    self.scores(queries, keys, transposed, scores);
                    let rows = scores.chunks_exact_mut(keys.length);
                    let outputs = output.chunks_exact_mut(width);
                    let state = largest.iter_mut().zip(&mut sums);
                    let rows = rows.zip(outputs).zip(state).enumerate();
                    for (index, ((row, output), (largest, sum))) in rows {
                        accumulate(row, output, largest, sum);
                        self.drop(queries.start + index, keys.start, row);
                    }
                    let size = [queries.length, width, keys.length];
                    let value = self.value.from(keys.start);
                    let scores = Strided::rows(scores, keys.length);
                    let start = Start::Accumulate;
                    product(
                        size,
                        scores,
                        value.values,
                        value.stride,
                        output,
                        width,
                        start,
                    );
                }
                let normalizers = &mut normalizers[queries.start..][..queries.length];
                for (index, normalizer) in normalizers.iter_mut().enumerate() {
                    let (largest, sum) = (largest[index], sums[index]);
                    if sum == T::default() {
                        *normalizer = infinity;
                        continue;
                    }
                    *normalizer = largest + T::from_f64(sum.to_f64().ln());
                    multiply_by(
                        &mut output[index * width..][..width],
                        T::from_f64(1.0) / sum,
                    );
                }
            }
        });
    }

    /// Adds the gradients of the queries, keys and values, each row after row `width` wide, given those of the outputs.
    pub(crate) fn backward(
        &self,
        output: Rows<'_, T>,
        normalizers: &[T],
        gradient: Rows<'_, T>,
        [query_gradient, key_gradient, value_gradient]: [&mut [T]; 3],
    ) {
        let width = self.width;
        let block = QUERIES * KEYS;
        let lengths = [
            width * self.keys,
            width * self.keys,
            block,
            block,
            self.queries,
        ];
        with_scratch(lengths, |[key, value, weights, slopes, means]| {
            transpose(self.key, self.keys, width, key);
            transpose(self.value, self.keys, width, value);
            for (index, mean) in means.iter_mut().enumerate() {
                let output = &output.from(index).values[..width];
                let gradient = &gradient.from(index).values[..width];
                *mean = dot(output, gradient);
            }
            for keys in blocks(self.keys, KEYS) {
                for queries in blocks(self.queries, QUERIES) {
                    if !self.sees(queries, keys) {
                        continue;
                    }
                    self.scores(queries, keys, key, weights);
                    let rows = gradient.from(queries.start);
                    let size = [queries.length, keys.length, width];
                    let (value, start) = (&value[keys.start..], Start::Zero);
                    product(
                        size,
                        rows.strided(),
                        value,
                        self.keys,
                        slopes,
                        keys.length,
                        start,
                    );
                    for index in 0..queries.length {
                        let range = index * keys.length..(index + 1) * keys.length;
                        let (weights, slopes) = (&mut weights[range.clone()], &mut slopes[range]);
                        let query = queries.start + index;
                        exponentials_in_place(weights, normalizers[query]);
                        self.drop(query, keys.start, slopes);
                        score_slopes(weights, means[query], self.scale, slopes);
                        self.drop(query, keys.start, weights);
                    }
                    // The sums over the queries: transposed blocks.
                    let size = [keys.length, width, queries.length];
                    let over_queries = |values, rows: Rows<'_, T>, sums: &mut [T]| {
                        let left = Strided::transposed(values, keys.length);
                        let sums = &mut sums[keys.start * width..];
                        let start = Start::Accumulate;
                        product(size, left, rows.values, rows.stride, sums, width, start);
                    };
                    over_queries(weights, rows, value_gradient);
                    over_queries(slopes, self.query.from(queries.start), key_gradient);
                    let size = [queries.length, width, keys.length];
                    let left = Strided::rows(slopes, keys.length);
                    let rows = self.key.from(keys.start);
                    let sums = &mut query_gradient[queries.start * width..];
                    product(
                        size,
                        left,
                        rows.values,
                        rows.stride,
                        sums,
                        width,
                        Start::Accumulate,
                    );
                }
            }
        });
    }
}

/// Turns a query's scores into exponentials, and scales what it has gathered so far to the new maximum.
fn accumulate<T: Element>(row: &mut [T], output: &mut [T], largest: &mut T, sum: &mut T) {
    let nothing = T::from_f64(f64::NEG_INFINITY);
    let found = max(row);
    let new = if found > *largest { found } else { *largest };
    if new == nothing {
        // Masked, or not a number, which must not be hidden.
        for value in row {
            *value = if *value == nothing {
                T::default()
            } else {
                *value
            };
            *sum += *value;
        }
        return;
    }
    let factor = T::from_f64((*largest - new).to_f64().exp());
    let added = exponentials_in_place(row, new);
    if factor != T::from_f64(1.0) {
        multiply_by(output, factor);
    }
    *sum = *sum * factor + added;
    *largest = new;
}

/// `result[c, r] = rows[r, c]`.
fn transpose<T: Element>(rows: Rows<'_, T>, count: usize, width: usize, result: &mut [T]) {
    /// Rows at a time, so that their cache lines stay until all columns have been read.
    const TILE: usize = 16;
    for tile in blocks(count, TILE) {
        for column in 0..width {
            let result = &mut result[column * count + tile.start..][..tile.length];
            for (index, result) in result.iter_mut().enumerate() {
                *result = rows.values[(tile.start + index) * rows.stride + column];
            }
        }
    }
}
