//! Embeddings: rows of a table by their numbers.

use candle::{DType, Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use crate::cpu::storage;
use crate::error::Error;
use crate::ops;

/// Sizes of an [`Embedding`].
///
/// ```
/// let config = kiti_nn::EmbeddingConfig { count: 30522, width: 384 };
/// assert_eq!(config.count * config.width, 11_720_448);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingConfig {
    /// Rows of the table.
    pub count: usize,
    /// Width of a row.
    pub width: usize,
}

/// A table whose rows stand for numbers: `y[..] = table[ids[..]]`.
///
/// `ids` of an integer type and any shape give `(shape of ids, width)`. Variable: `weight` `(count, width)`,
/// initially standard normal, as in PyTorch. The gradients of rows that occur several times are added in the order of
/// their occurrence.
///
/// ```
/// use candle::{DType, Device, Module, Tensor};
/// use kiti_nn::{Embedding, EmbeddingConfig, VarStore};
///
/// let store = VarStore::new(0, DType::F32, &Device::Cpu);
/// let table = Embedding::new(&EmbeddingConfig { count: 10, width: 4 }, store.builder())?;
/// let ids = Tensor::new(&[[1u32, 2, 1]], &Device::Cpu)?;
/// assert_eq!(table.forward(&ids)?.dims(), [1, 3, 4]);
/// # Ok::<(), candle::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Embedding {
    weight: Tensor,
}

impl Embedding {
    /// Creates or loads the table below `vb`.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn new(config: &EmbeddingConfig, vb: VarBuilder) -> Result<Self> {
        let normal = Init::Randn {
            mean: 0.0,
            stdev: 1.0,
        };
        Self::with_init(config, normal, vb)
    }

    /// As [`new`](Self::new) with other initial values.
    ///
    /// # Errors
    ///
    /// A stored variable of another shape.
    pub fn with_init(config: &EmbeddingConfig, init: Init, vb: VarBuilder) -> Result<Self> {
        let weight = vb.get_with_hints((config.count, config.width), "weight", init)?;
        Ok(Self { weight })
    }

    /// The table `(count, width)`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }
}

impl Module for Embedding {
    fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        embedding(&self.weight, ids)
    }
}

/// The rows of `table` `(count, width)` with the numbers `ids`: `(shape of ids, width)`.
///
/// # Errors
///
/// [`Error::Index`] (wrapped in candle's error) for a number that the table doesn't have.
pub fn embedding(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let count = table.dims2()?.0;
    let numbers: Vec<i64> = ids.to_dtype(DType::I64)?.flatten_all()?.to_vec1()?;
    let wrong =
        |&(_, &number): &(usize, &i64)| u32::try_from(number).is_err() || number >= count as i64;
    if let Some((position, &found)) = numbers.iter().enumerate().find(wrong) {
        return Err(Error::Index {
            operation: "embedding",
            name: "number",
            position,
            found,
            count,
        }
        .into());
    }
    if storage::supported(table) {
        let numbers = numbers.into_iter().map(|number| number as u32).collect();
        return ops::embedding(table, numbers, ids.dims());
    }
    compose(table, ids)
}

pub(crate) fn compose(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let mut shape = ids.dims().to_vec();
    shape.push(table.dim(1)?);
    table.index_select(&ids.flatten_all()?, 0)?.reshape(shape)
}
