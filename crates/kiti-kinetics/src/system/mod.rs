//! One kinetic step of `B` independent systems of `n` particles in `D` dimensions.
//!
//! ```text
//! kick      v <- a dt                  memoryless, or v <- v + a dt, inertial
//! collide   (x, v) <- collision operator
//! drift     x' <- x + v dt             v' <- v
//! ```
//!
//! [`KineticStep::forward`] takes the step and returns its [`Collisions`]; [`KineticStep::adjoint`]
//! takes gradients by `(x', v')` back to `(x, a, v)` along the same collisions. With a collision
//! coefficient of 0 nothing collides, and the memoryless step with `dt = 1` is `x + a` bit for bit.
//!
//! # Published collisions
//!
//! [`Scattering::Published`] looks at all pairs of a sample at once. With `r` the distances, `g` the
//! relative speeds and `p_ij = (g_ij / max g) exp(-r_ij / l)`, where `l` is 1 unless set, every pair
//! with `p_ij > 1 - alpha` collides:
//!
//! ```text
//! v_j <- v_j + sum_i m_ij ((v_j - v_i) / 2 + g_ij e_ij)            e_ij = -e_ji, isotropic
//! x_j <- (x_j + sum_i m_ij (x_i + x_j) / 2) / (1 + sum_i m_ij)     where positions are merged
//! ```
//!
//! Momentum is conserved; energy grows, since a particle takes part in many collisions at once and
//! each drives its pair apart. Cost `O(n^2 D)`, memory kept for the adjoint `n (n-1) / 2` values.
//!
//! # Elastic collisions
//!
//! [`Scattering::Elastic`] pairs the particles at random, `floor(n/2)` disjoint pairs, and lets each
//! collide with probability `alpha p_ij`, the maximum of `g` taken over these pairs and `l` being
//! `sqrt(D)` unless set. A collision keeps the mean velocity of its pair and turns the relative one,
//! `g = v_i - v_j`, without changing its length ([`Deflection`]): momentum and energy are conserved.
//! Cost `O(n D)`. [`KineticStep::mean_field`] is the expectation of that step.
//!
//! # Randomness
//!
//! A [`StreamKey`] names the random numbers of a step, [`draws`] says what is drawn from it; or the
//! choices are given, see [`Draws`]. Gradients treat them, and who collides, as constants.

mod advance;
mod arguments;
mod by_sample;
mod collisions;
mod columns;
mod config;
pub(crate) mod coupling;
mod diagnostics;
pub mod draws;
mod elastic;
mod layout;
mod mean_field;
mod pairwise;
mod published;
mod transpose;

pub use by_sample::BySample;
pub use collisions::Collisions;
pub use config::{CoefficientSchedule, Deflection, Directions, KineticStep, Positions, Scattering};
pub use diagnostics::Diagnostics;
pub use draws::{Draws, Pair, StreamKey};
pub use layout::Layout;

/// State before a step; every slice is `(B, D, n)` in row-major order.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a, T> {
    /// Positions (the skip branch).
    pub x: &'a [T],
    /// Accelerations (the other branch).
    pub a: &'a [T],
    /// Carried velocities (inertial), or none (memoryless).
    pub v: Option<&'a [T]>,
}

/// Upstream gradients of a step's results.
#[derive(Debug, Clone, Copy)]
pub struct OutputGradient<'a, T> {
    /// Gradient by `x'`.
    pub x: &'a [T],
    /// Gradient by `v'`; none where `v'` is not used.
    pub v: Option<&'a [T]>,
}

/// Where the gradients by a step's inputs are written.
#[derive(Debug)]
pub struct InputGradient<'a, T> {
    /// Gradient by `x`; none where it is not wanted: where positions stay free it is the upstream gradient by `x'`.
    pub x: Option<&'a mut [T]>,
    /// Gradient by `a`.
    pub a: &'a mut [T],
    /// Gradient by `v`; present exactly where the input has velocities.
    pub v: Option<&'a mut [T]>,
}
