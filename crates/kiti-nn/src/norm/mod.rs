//! Normalisation: of rows ([`LayerNorm`]) and of channels over a batch ([`BatchNorm`]).

pub(crate) mod layer_norm;

pub use layer_norm::{LayerNorm, LayerNormConfig, layer_norm};
