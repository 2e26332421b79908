//! The matrix of cosines as a picture.

use candle::{Device, Tensor};

use super::Neurons;
use super::spectrum::{bounded, leading_eigenvector};

/// `|cos|` of pairs of neurons, ordered by the entries of the leading eigenvector of the cosines.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// Which neuron stands in which row and column.
    pub order: Vec<usize>,
    /// `|cos|`, row-major, `order.len()` rows and columns.
    pub values: Vec<f32>,
}

impl HeatMap {
    pub(super) fn of(neurons: &Neurons, limit: usize) -> candle::Result<Self> {
        let (rows, kept) = neurons.normalised(&neurons.norms()?)?;
        if kept.is_empty() || limit == 0 {
            return Ok(Self {
                order: Vec::new(),
                values: Vec::new(),
            });
        }
        let entries = ordering(&rows)?;
        let mut order: Vec<usize> = (0..kept.len()).collect();
        order.sort_by(|&a, &b| entries[a].total_cmp(&entries[b]).then(a.cmp(&b)));
        let shown = limit.min(order.len());
        let order: Vec<usize> = (0..shown)
            .map(|at| order[at * order.len() / shown])
            .collect();
        let chosen: Vec<u32> = order.iter().map(|&row| row as u32).collect();
        let rows = rows.index_select(&Tensor::from_vec(chosen, shown, &Device::Cpu)?, 0)?;
        let cosines = rows
            .matmul(&rows.t()?)?
            .abs()?
            .flatten_all()?
            .to_vec1::<f64>()?;
        Ok(Self {
            order: order.into_iter().map(|row| kept[row]).collect(),
            values: cosines.into_iter().map(|cosine| cosine as f32).collect(),
        })
    }
}

/// One number a row: its entry in the leading eigenvector. Where that is too large to compute, the row's
/// product with the leading eigenvector of the evenly spaced rows, carried over to the inputs.
fn ordering(rows: &Tensor) -> candle::Result<Vec<f64>> {
    let part = bounded(rows)?;
    let entries = leading_eigenvector(&part)?;
    if part.dim(0)? == rows.dim(0)? {
        return Ok(entries);
    }
    let entries = Tensor::from_vec(entries, (part.dim(0)?, 1), &Device::Cpu)?;
    let direction = part.t()?.matmul(&entries)?;
    rows.matmul(&direction)?.flatten_all()?.to_vec1::<f64>()
}
