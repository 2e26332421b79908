//! Condensation: how far the input weights of neurons have gathered in few directions.
//!
//! A layer is read as m neurons, each a vector of its k input weights ([`Neurons`]). Of the rows whose
//! norm is at least 1e-3 of the largest, normalised, with `K = U U^T` their cosines and `l_1 >= l_2 >= …` its
//! eigenvalues, [`Measures`] says how condensed they are and [`HeatMap`] shows `|K|`, the rows in the order of
//! the leading eigenvector's entries (Zhou et al. 2022, arXiv:2105.11686). What to compare with: the same layer
//! before training, and [`Neurons::random_like`].
//!
//! # Large layers
//!
//! No `(m, m)` matrix is ever built. Eigenvalues come from the smaller of `U U^T` and `U^T U`, which share
//! those that are not 0; where m and k both exceed [`GRAM_LIMIT`], from evenly spaced rows, that many
//! ([`Measures::spectrum_rows`] says so). Cosines are visited in tiles of [`TILE`] rows, all of them, in `f32` where
//! there are more than [`SINGLE_PRECISION_ROWS`]: `m^2 k` operations, ten seconds for a vocabulary of 30 000 words. A heat map has at most the rows it is asked for, evenly
//! spaced in the order.
//!
//! ```
//! use std::collections::BTreeMap;
//! use candle::{DType, Device, Tensor};
//! use kiti_nn::condensation;
//!
//! // Three neurons, two of which point in opposite directions.
//! let weight = Tensor::new(&[[1f32, 0.], [-2., 0.], [0., 1.]], &Device::Cpu)?;
//! let checkpoint = BTreeMap::from([("lift.weight".to_owned(), weight)]);
//! let measures = &condensation::measure(&checkpoint, None)?["lift.weight"];
//! assert_eq!(measures.clusters_95, 2.0 / 3.0);
//! # Ok::<(), candle::Error>(())
//! ```

mod cosines;
mod heat_map;
mod measures;
mod neurons;
mod spectrum;

use std::collections::BTreeMap;

use candle::Tensor;

pub use cosines::{SINGLE_PRECISION_ROWS, TILE};
pub use heat_map::HeatMap;
pub use measures::Measures;
pub use neurons::{NeuronKind, Neurons};
pub use spectrum::GRAM_LIMIT;

/// The neurons of every weight among named tensors, a model's or those of any safetensors file, by name.
///
/// What counts as a weight and how it is read stands at [`NeuronKind`]; biases, norms, integers and
/// scalars are passed over. The two blocks `NAME.weight.0` and `NAME.weight.1` of a spectral weight are one
/// entry, `NAME.weight`.
///
/// # Errors
///
/// [`Error::Weight`](crate::Error::Weight) for a weight that holds NaN or infinity, or blocks of a spectral weight that do not fit
/// each other.
pub fn neurons<'a>(
    tensors: impl IntoIterator<Item = (&'a String, &'a Tensor)>,
) -> candle::Result<BTreeMap<String, Neurons>> {
    neurons::of_checkpoint(&tensors.into_iter().map(|(n, t)| (n.as_str(), t)).collect())
}

/// [`Measures`] of every weight among named tensors; with the tensors before training, also of how far each has
/// moved since.
///
/// # Errors
///
/// Those of [`neurons`]; initial tensors of another shape.
pub fn measure<'a>(
    tensors: impl IntoIterator<Item = (&'a String, &'a Tensor)>,
    initial: Option<&BTreeMap<String, Tensor>>,
) -> candle::Result<BTreeMap<String, Measures>> {
    let initial = initial.map(neurons).transpose()?.unwrap_or_default();
    neurons(tensors)?
        .into_iter()
        .map(|(name, neurons)| {
            let mut measures = neurons.measures()?;
            if let Some(initial) = initial.get(&name) {
                measures.relative_change = neurons.relative_change(initial)?;
            }
            Ok((name, measures))
        })
        .collect()
}
