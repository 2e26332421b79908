//! Data sets from partial differential equations, generated.
//!
//! | module | equation | method | checked against |
//! | --- | --- | --- | --- |
//! | [`heat`] | heat equation on the torus | closed form | single modes, decay, refinement |
//! | [`burgers`] | viscous Burgers equation on the circle | pseudo-spectral, ETDRK4 | Cole and Hopf |
//! | [`navier_stokes`] | vorticity on the torus | pseudo-spectral, ETDRK4 | Taylor and Green, manufactured flow |
//! | [`darcy`] | flow through a random medium in the unit square | finite volumes, conjugate gradients | manufactured solution |
//!
//! Fields on the torus are sampled at the points `(i/N, j/N)`, `0 <= i, j < N`; the wavenumbers
//! of a grid are ordered as in a discrete Fourier transform: `0, 1, ..., N/2 - 1, -N/2, ..., -1`.
//! A sample is decided by the seed and its number alone, so that the bits of a data set do not
//! depend on the number of threads, nor its first samples on how many follow.

pub mod burgers;
pub mod circle_random_field;
pub mod darcy;
mod etdrk4;
pub mod fourier;
mod function_pairs;
pub mod gaussian_random_field;
pub mod heat;
pub mod navier_stokes;
mod settings;
mod torus_fourier;

pub use circle_random_field::CircleRandomField;
pub use function_pairs::{FunctionPairs, Observer, PairGenerator, Progress};
pub use gaussian_random_field::GaussianRandomField;
