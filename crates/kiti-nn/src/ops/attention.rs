//! Scaled dot-product attention of all heads as one operation.

use std::sync::OnceLock;

use candle::{CpuStorage, CustomOp1, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use crate::backward::hand_over;
use crate::cpu::attention::{Head, Mask, Rows};
use crate::cpu::storage::{for_element, read_all, scattered, slice, tensor};
use crate::cpu::{Element, with_scratch};
use crate::dropout::DroppedScores;

/// Sizes and settings of an attention.
#[derive(Debug, Clone)]
pub(crate) struct Scores {
    pub(crate) batch: usize,
    pub(crate) heads: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    /// Elements of one head.
    pub(crate) width: usize,
    pub(crate) scale: f64,
    pub(crate) causal: bool,
    /// Added to the scores: each of the first three of `(batch, heads, queries, keys)` may be 1.
    pub(crate) mask: Option<Tensor>,
    /// Weights dropped after the softmax.
    pub(crate) dropped: Option<DroppedScores>,
}

/// Queries `(batch, queries, heads width)`, keys and values `(batch, keys, heads width)`.
pub(crate) fn attention(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    scores: Scores,
) -> Result<Tensor> {
    let row = scores.heads * scores.width;
    let op = Attention::new(scores, row)?;
    query
        .contiguous()?
        .apply_op3(&key.contiguous()?, &value.contiguous()?, op)
}

/// Queries, keys and values side by side: `(batch, sequence, 3 heads width)`.
pub(crate) fn self_attention(packed: &Tensor, scores: Scores) -> Result<Tensor> {
    let row = 3 * scores.heads * scores.width;
    packed.contiguous()?.apply_op1(Attention::new(scores, row)?)
}

/// Takes one row of gradients: which part (queries, keys or values), row, first column, and the values.
type Store<'a, T> = dyn Fn(usize, usize, usize, &[T]) + Sync + 'a;

struct Attention {
    scores: Scores,
    /// From one row of queries, keys or values to the next.
    row: usize,
    /// The log of the sum of exponentials of each query, `(batch, heads, queries)`.
    normalizers: OnceLock<Tensor>,
}

impl Attention {
    fn new(mut scores: Scores, row: usize) -> Result<Self> {
        scores.mask = scores
            .mask
            .map(|mask| mask.detach().contiguous())
            .transpose()?;
        Ok(Self {
            scores,
            row,
            normalizers: OnceLock::new(),
        })
    }

    fn with_mask<T: Element, R>(&self, f: impl FnOnce(&[T]) -> Result<R>) -> Result<R> {
        match &self.scores.mask {
            Some(mask) => read_all([mask], |[mask]| f(mask)),
            None => f(&[]),
        }
    }

    /// The head of an index; each of `inputs` begins with the batch's first element.
    fn head<'a, T: Element>(
        &self,
        index: usize,
        inputs: [&'a [T]; 3],
        mask: &'a [T],
    ) -> Head<'a, T> {
        let Scores {
            heads,
            queries,
            keys,
            width,
            ..
        } = self.scores;
        let (sample, head) = (index / heads, index % heads);
        let rows = |values: &'a [T], count: usize| Rows {
            values: &values[sample * count * self.row + head * width..],
            stride: self.row,
        };
        let [query, key, value] = inputs;
        Head {
            query: rows(query, queries),
            key: rows(key, keys),
            value: rows(value, keys),
            queries,
            keys,
            width,
            scale: T::from_f64(self.scores.scale),
            mask: self.scores.mask.as_ref().map(|tensor| {
                let dims = tensor.dims();
                let position = |index: usize, size: usize| if size == 1 { 0 } else { index };
                let row = position(sample, dims[0]) * dims[1] + position(head, dims[1]);
                Mask {
                    values: &mask[row * dims[2] * keys..],
                    stride: if dims[2] == 1 { 0 } else { keys },
                }
            }),
            causal: self.scores.causal,
            dropped: self.scores.dropped.map(|dropped| (dropped, index)),
        }
    }

    fn forward<T: Element>(&self, inputs: [&[T]; 3]) -> Result<(CpuStorage, Shape)> {
        let Scores {
            batch,
            heads,
            queries,
            width,
            ..
        } = self.scores;
        let hidden = heads * width;
        let output = self.with_mask(|mask| {
            let mut output = Vec::new();
            // SAFETY: each head takes its elements of each row, and its normalizers, once.
            let normalizers = unsafe {
                scattered(batch * heads * queries, |normalizers| {
                    output = scattered(batch * queries * hidden, |output| {
                        (0..batch * heads).into_par_iter().for_each(|index| {
                            let first = index * queries;
                            let normalizers = normalizers.zeroed(first..first + queries);
                            with_scratch([queries * width], |[rows]| {
                                self.head(index, inputs, mask).forward(rows, normalizers);
                                let (sample, head) = (index / heads, index % heads);
                                for (query, row) in rows.chunks_exact(width).enumerate() {
                                    let at = (sample * queries + query) * hidden + head * width;
                                    output.zeroed(at..at + width).copy_from_slice(row);
                                }
                            });
                        });
                    });
                })
            };
            // Set once: an operation runs forward once.
            let _ = self
                .normalizers
                .set(tensor(normalizers, batch * heads * queries)?);
            Ok(output)
        })?;
        let shape = Shape::from((batch, queries, hidden));
        Ok((T::to_cpu_storage_owned(output), shape))
    }

    /// The gradients of queries, keys and values, each in a vector of its own or all in one.
    fn backward<T: Element>(
        &self,
        inputs: [&[T]; 3],
        [output, normalizers, gradient]: [&[T]; 3],
        packed: bool,
    ) -> Result<Vec<Vec<T>>> {
        let Scores {
            batch,
            heads,
            queries,
            keys,
            width,
            ..
        } = self.scores;
        let (hidden, counts) = (heads * width, [queries, keys, keys]);
        self.with_mask(|mask| {
            let work = |store: &Store<'_, T>| {
                (0..batch * heads).into_par_iter().for_each(|index| {
                    let (sample, head) = (index / heads, index % heads);
                    let first = sample * queries * hidden + head * width;
                    let [output, gradient] = [output, gradient].map(|values| Rows {
                        values: &values[first..],
                        stride: hidden,
                    });
                    with_scratch(counts.map(|count| count * width), |mut gradients| {
                        gradients.iter_mut().for_each(|g| g.fill(T::default()));
                        let [q, k, v] = &mut gradients;
                        let normalizers = &normalizers[index * queries..][..queries];
                        self.head(index, inputs, mask).backward(
                            output,
                            normalizers,
                            gradient,
                            [q, k, v],
                        );
                        for (part, gradient) in gradients.iter().enumerate() {
                            for (row, values) in gradient.chunks_exact(width).enumerate() {
                                store(part, sample * counts[part] + row, head * width, values);
                            }
                        }
                    });
                });
            };
            // SAFETY: each head of each sample takes its elements of each row of each part once.
            unsafe {
                if packed {
                    return Ok(vec![scattered(batch * queries * 3 * hidden, |all| {
                        work(&|part, row, column, values| {
                            let at = (3 * row + part) * hidden + column;
                            all.zeroed(at..at + width).copy_from_slice(values);
                        });
                    })]);
                }
                let lengths = counts.map(|count| batch * count * hidden);
                let (mut second, mut third) = (Vec::new(), Vec::new());
                let first = scattered(lengths[0], |q| {
                    second = scattered(lengths[1], |k| {
                        third = scattered(lengths[2], |v| {
                            work(&|part, row, column, values| {
                                let at = row * hidden + column;
                                let range = at..at + width;
                                [q, k, v][part].zeroed(range).copy_from_slice(values);
                            });
                        });
                    });
                });
                Ok(vec![first, second, third])
            }
        })
    }

    fn kept(&self) -> Result<&Tensor> {
        self.normalizers
            .get()
            .ok_or(candle::Error::BackwardNotSupported {
                op: "kiti-attention",
            })
    }

    /// Queries, keys and values of the packed input, each from its first element on.
    fn parts<'a, T>(&self, packed: &'a [T]) -> [&'a [T]; 3] {
        let hidden = self.row / 3;
        [packed, &packed[hidden..], &packed[2 * hidden..]]
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "kiti-attention"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        for_element!(candle::backend::BackendStorage::dtype(s1), T => {
            self.forward::<T>([slice(s1, l1)?, slice(s2, l2)?, slice(s3, l3)?])
        })
    }

    fn bwd(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let normalizers = self.kept()?;
        for_element!(query.dtype(), T => {
            let all = [query, key, value, result, normalizers, grad];
            let gradients = read_all::<T, _, 6>(all, |[q, k, v, result, normalizers, g]| {
                self.backward([q, k, v], [result, normalizers, g], false)
            })?;
            let mut gradients = gradients.into_iter().zip([query, key, value]);
            let mut next = || match gradients.next() {
                Some((values, of)) => hand_over(of, tensor(values, of.shape())?),
                None => Ok(None),
            };
            Ok((next()?, next()?, next()?))
        })
    }
}

impl CustomOp1 for Attention {
    fn name(&self) -> &'static str {
        "kiti-self-attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        for_element!(candle::backend::BackendStorage::dtype(storage), T => {
            self.forward::<T>(self.parts(slice(storage, layout)?))
        })
    }

    fn bwd(&self, packed: &Tensor, result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let normalizers = self.kept()?;
        for_element!(packed.dtype(), T => {
            let all = [packed, result, normalizers, grad];
            let gradients = read_all::<T, _, 4>(all, |[packed, result, normalizers, g]| {
                self.backward(self.parts(packed), [result, normalizers, g], true)
            })?;
            let mut gradients = gradients.into_iter();
            gradients.next().map(|values| tensor(values, packed.shape())).transpose()
        })
    }
}
