//! Eigenvalues of Gram matrices.

use candle::{Device, Tensor};
use nalgebra::DMatrix;

/// Largest Gram matrix whose eigenvalues are computed: 1024 rows, about a second.
pub const GRAM_LIMIT: usize = 1024;

/// The smaller of `A A^T` and `A^T A`.
fn gram(matrix: &Tensor) -> candle::Result<DMatrix<f64>> {
    let (rows, columns) = matrix.dims2()?;
    let transposed = matrix.t()?.contiguous()?;
    let product = if rows <= columns {
        matrix.matmul(&transposed)?
    } else {
        transposed.matmul(matrix)?
    };
    let size = rows.min(columns);
    Ok(DMatrix::from_row_slice(
        size,
        size,
        &product.flatten_all()?.to_vec1::<f64>()?,
    ))
}

/// The rows whose Gram matrix is small enough: all, or [`GRAM_LIMIT`] evenly spaced ones.
pub fn bounded(matrix: &Tensor) -> candle::Result<Tensor> {
    let (rows, columns) = matrix.dims2()?;
    if rows.min(columns) <= GRAM_LIMIT {
        return Ok(matrix.clone());
    }
    let chosen: Vec<u32> = (0..GRAM_LIMIT)
        .map(|at| (at * rows / GRAM_LIMIT) as u32)
        .collect();
    matrix.index_select(&Tensor::from_vec(chosen, GRAM_LIMIT, &Device::Cpu)?, 0)
}

/// Eigenvalues of `A A^T` that are not 0 by its shape, largest first; rounding below 0 is cut off.
pub fn eigenvalues(matrix: &Tensor) -> candle::Result<Vec<f64>> {
    let mut values: Vec<f64> = gram(matrix)?
        .symmetric_eigenvalues()
        .iter()
        .map(|value| value.max(0.0))
        .collect();
    values.sort_by(|a, b| b.total_cmp(a));
    Ok(values)
}

/// The eigenvector of `A A^T` with the largest eigenvalue, one entry a row, the largest positive.
pub fn leading_eigenvector(matrix: &Tensor) -> candle::Result<Vec<f64>> {
    let (rows, columns) = matrix.dims2()?;
    let eigen = gram(matrix)?.symmetric_eigen();
    let leading = eigen.eigenvalues.imax();
    let vector: Vec<f64> = eigen.eigenvectors.column(leading).iter().copied().collect();
    let mut entries = if rows <= columns {
        vector
    } else {
        let vector = Tensor::from_vec(vector, (columns, 1), &Device::Cpu)?;
        matrix.matmul(&vector)?.flatten_all()?.to_vec1::<f64>()?
    };
    let largest = entries
        .iter()
        .copied()
        .fold(0.0, |m: f64, e| if e.abs() > m.abs() { e } else { m });
    if largest < 0.0 {
        entries.iter_mut().for_each(|entry| *entry = -*entry);
    }
    Ok(entries)
}
