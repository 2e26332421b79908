//! Kernels of the CPU's own operations, in `f32` and `f64`.
//!
//! Everything works on contiguous slices. Vector instructions are chosen when the program runs (AVX-512,
//! AVX2, NEON or none, by `pulp`). Work is cut by samples or by fixed lengths, never by the number of
//! threads, and partial sums are added in the order of their index: results have the same bits whatever the size of
//! the thread pool.

mod element;
mod elementwise;
mod general_product;
mod inner;
#[cfg(test)]
pub(crate) mod instruction_set;
mod product;
mod reduce;
mod scratch;
mod special;

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod batch_norm;
pub(crate) mod convolution;
pub(crate) mod layer_norm;
pub(crate) mod modes;
pub(crate) mod optimizer;
pub(crate) mod pooling;
pub(crate) mod softmax;
pub(crate) mod spectral;
pub(crate) mod storage;
pub(crate) mod weights;

pub(crate) use element::{Element, dispatch};
pub(crate) use elementwise::{add_in_place, add_relu, multiply, row_sums};
pub(crate) use general_product::general_product;
pub(crate) use inner::inner_products;
pub(crate) use product::{Start, Strided, product};
pub(crate) use scratch::with_scratch;
