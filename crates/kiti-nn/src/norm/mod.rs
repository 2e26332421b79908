//! Normalisation: of rows ([`LayerNorm`]) and of channels over a batch ([`BatchNorm`]).

mod batch_norm;
pub(crate) mod layer_norm;

pub use batch_norm::{BatchNorm, BatchNormConfig, is_buffer};
pub use layer_norm::{LayerNorm, LayerNormConfig, layer_norm};
