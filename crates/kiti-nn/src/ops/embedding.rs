//! Rows of a table by their numbers as one operation.

use candle::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, WithDType};

use rayon::prelude::*;

use super::rows_at_a_time;
use crate::backward::{add_to_handed_over, hand_over};
use crate::cpu::add_in_place;
use crate::cpu::storage::{filled_parts, for_element, read, slice, tensor};

/// The rows of `table` `(rows, width)` with these numbers, as `(shape, width)`; the caller has checked the numbers.
pub(crate) fn embedding(table: &Tensor, ids: Vec<u32>, shape: &[usize]) -> Result<Tensor> {
    let (rows, width) = table.dims2()?;
    let mut shape = shape.to_vec();
    shape.push(width);
    let op = Embedding {
        rows,
        width,
        ids,
        shape,
    };
    table.contiguous()?.apply_op1(op)
}

struct Embedding {
    rows: usize,
    width: usize,
    ids: Vec<u32>,
    shape: Vec<usize>,
}

impl CustomOp1 for Embedding {
    fn name(&self) -> &'static str {
        "kiti-embedding"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = self.width;
        for_element!(candle::backend::BackendStorage::dtype(storage), T => {
            let table: &[T] = slice(storage, layout)?;
            let part = rows_at_a_time(width);
            let total = self.ids.len() * width;
            let [y] = filled_parts(self.ids.len().div_ceil(part), [total], [part * width], |index, [y]| {
                let ids = &self.ids[index * part..];
                for (y, &id) in y.chunks_exact_mut(width.max(1)).zip(ids) {
                    y.copy_from_slice(&table[id as usize * width..][..width]);
                }
            });
            Ok((T::to_cpu_storage_owned(y), Shape::from(self.shape.clone())))
        })
    }

    /// The gradients of equal numbers are added in the order in which they stand.
    fn bwd(&self, table: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (rows, width) = (self.rows, self.width);
        let mut order: Vec<usize> = (0..self.ids.len()).collect();
        order.sort_by_key(|&position| self.ids[position]);
        let part = rows_at_a_time(width);
        for_element!(table.dtype(), T => read::<T, _>(grad, |g| {
            // The numbers of one part of the table, whose gradients are those of its rows from `first` on.
            let add = |index: usize, gradient: &mut [T]| {
                let first = index * part;
                let below = |limit: usize| {
                    order.partition_point(|&position| (self.ids[position] as usize) < limit)
                };
                for &position in &order[below(first)..below(first + part)] {
                    let row = self.ids[position] as usize - first;
                    let g = &g[position * width..][..width];
                    add_in_place(&mut gradient[row * width..][..width], g);
                }
            };
            // A table that is also a layer's weights has a gradient already.
            let added = add_to_handed_over::<T>(table, |gradient| {
                let parts = gradient.par_chunks_mut((part * width).max(1));
                parts.enumerate().for_each(|(index, gradient)| add(index, gradient));
            })?;
            if added {
                return Ok(None);
            }
            let (parts, total) = (rows.div_ceil(part), rows * width);
            let [gradient] = filled_parts(parts, [total], [part * width], |index, [gradient]| {
                add(index, gradient);
            });
            hand_over(table, tensor(gradient, table.shape())?)
        }))
    }
}
