//! Data sets from partial differential equations on the unit torus.
//!
//! Fields are sampled at the points `(i/N, j/N)`, `0 <= i, j < N`; the wavenumbers of a grid are
//! ordered as in a discrete Fourier transform: `0, 1, ..., N/2 - 1, -N/2, ..., -1`.

pub mod fourier;
pub mod gaussian_random_field;
pub mod heat;

pub use gaussian_random_field::GaussianRandomField;
