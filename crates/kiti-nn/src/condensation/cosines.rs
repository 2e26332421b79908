//! Cosines of all pairs of rows, in tiles.

use candle::{DType, Tensor, WithDType};

/// Rows and columns of a tile: 8 MiB.
pub const TILE: usize = 1024;

/// Rows above which cosines are computed in `f32`, twice as fast and good to 1e-6.
pub const SINGLE_PRECISION_ROWS: usize = 4096;

/// Calls `visit(i, j, |cos|)` for all pairs `i < j` of normalised rows.
pub fn for_each_pair(rows: &Tensor, visit: impl FnMut(usize, usize, f64)) -> candle::Result<()> {
    if rows.dim(0)? > SINGLE_PRECISION_ROWS {
        for_each_pair_as::<f32>(&rows.to_dtype(DType::F32)?, visit)
    } else {
        for_each_pair_as::<f64>(rows, visit)
    }
}

fn for_each_pair_as<T: WithDType>(
    rows: &Tensor,
    mut visit: impl FnMut(usize, usize, f64),
) -> candle::Result<()> {
    let count = rows.dim(0)?;
    let block = |start: usize| rows.narrow(0, start, TILE.min(count - start));
    for first in (0..count).step_by(TILE) {
        let left = block(first)?;
        for second in (first..count).step_by(TILE) {
            let right = block(second)?;
            let width = right.dim(0)?;
            let tile = left.matmul(&right.t()?)?.flatten_all()?.to_vec1::<T>()?;
            for (row, cosines) in tile.chunks_exact(width).enumerate() {
                let i = first + row;
                let start = (i + 1).saturating_sub(second).min(width);
                for (column, cosine) in cosines.iter().enumerate().skip(start) {
                    visit(i, second + column, cosine.to_f64().abs());
                }
            }
        }
    }
    Ok(())
}

/// Sets that grow together: clusters of single linkage.
pub struct Clusters {
    parent: Vec<usize>,
    count: usize,
}

impl Clusters {
    /// Every item by itself.
    pub fn new(items: usize) -> Self {
        Self {
            parent: (0..items).collect(),
            count: items,
        }
    }

    /// Joins the sets of two items.
    pub fn join(&mut self, i: usize, j: usize) {
        let (i, j) = (self.root(i), self.root(j));
        if i != j {
            self.parent[i.max(j)] = i.min(j);
            self.count -= 1;
        }
    }

    /// Number of sets.
    pub fn count(&self) -> usize {
        self.count
    }

    fn root(&mut self, mut item: usize) -> usize {
        while self.parent[item] != item {
            self.parent[item] = self.parent[self.parent[item]];
            item = self.parent[item];
        }
        item
    }
}
