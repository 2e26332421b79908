//! Particle kinetics without any machine-learning dependency.
//!
//! A gas is described by the density `f(x, v, t)` of its particles in positions and velocities, which
//! obeys the Boltzmann transport equation `df/dt + v . grad_x f + a . grad_v f = Q(f, f)`. Direct
//! simulation Monte Carlo (Bird 1994) follows particles instead: in every time step they are
//! accelerated, collide at random, and fly on. This crate does that for a gas, and for many small
//! systems at once; the latter it differentiates, so that the step can stand inside something that is
//! trained:
//!
//! - [`system`]: one step (kick, collide, drift) of `B` systems of `n` particles in `D` dimensions, and
//!   its adjoint: the [published](system::Scattering::Published) collision operator of KITINet (Feng
//!   et al. 2025, arXiv:2505.17919) and [elastic](system::Scattering::Elastic) binary collisions;
//! - [`gas`]: a gas solver in up to three dimensions of space: direct simulation Monte Carlo, BGK and its
//!   relatives, walls, open boundaries, sampling;
//! - [`exact`]: what theory says about gases, to compare with;
//! - [`rng`]: the counter-based generator that every random choice comes from.
//!
//! # Symbols
//!
//! | symbol | name | meaning | unit |
//! | --- | --- | --- | --- |
//! | `B`, `D`, `n` | `samples`, `dims`, `particles` | systems, coordinates of a particle, particles of a system | 1 |
//! | `x` | `x` | positions, `(B, D, n)` | L |
//! | `v` | `v` | velocities, `(B, D, n)` | L/T |
//! | `a` | `a` | accelerations, `(B, D, n)` | L/T² |
//! | `dt` | `dt` | time step | T |
//! | `r_ij` | distance | `\|x_i - x_j\|` | L |
//! | `g_ij` | relative speed | `\|v_i - v_j\|` | L/T |
//! | `l` | `length_scale` | distance over which acceptance falls by `e` | L |
//! | `alpha` | `collision_coefficient` | how readily pairs collide, 0 (never) to 1 | 1 |
//! | `p_ij` | acceptance | `(g_ij / max g) exp(-r_ij / l)` | 1 |
//! | `e` | direction | unit vector, uniform on the sphere of `D` dimensions | 1 |
//! | `chi` | `angle` | deflection of a grazing collision | rad |
//!
//! L and T are whatever the caller measures in; features of a network have none, and `dt = 1`.
//!
//! # Example
//!
//! Two batches' worth of features become particles, take one step with elastic collisions, and the
//! gradient of the sum of the new positions is taken.
//!
//! ```
//! use kiti_kinetics::rng::Stream;
//! use kiti_kinetics::system::{
//!     Deflection, Draws, Input, InputGradient, KineticStep, Layout, OutputGradient, Scattering,
//!     StreamKey,
//! };
//!
//! # fn main() -> kiti_kinetics::Result<()> {
//! // 2 samples, 3 channels of 64 sites, each cut into 8 runs: 24 coordinates of 8 particles.
//! let layout = Layout::from_grid(2, 3, 64, 8)?;
//! assert_eq!((layout.dims, layout.particles), (24, 8));
//!
//! let mut stream = Stream::new(1, [0, 0, 0]);
//! let skip: Vec<f32> = (0..layout.len()).map(|_| stream.normal() as f32).collect();
//! let branch: Vec<f32> = (0..layout.len()).map(|_| stream.normal() as f32).collect();
//! let input = Input { x: &skip, a: &branch, v: None };
//!
//! let step = KineticStep {
//!     scattering: Scattering::Elastic { deflection: Deflection::Reflection },
//!     collision_coefficient: 0.9,
//!     length_scale: None,
//!     dt: 1.0,
//! };
//! let draws = Draws::Keyed(StreamKey { seed: 7, step: 100, ..StreamKey::default() });
//! let mut x_out = vec![0.0; layout.len()];
//! let collisions = step.forward(layout, input, &draws, &mut x_out, None)?;
//!
//! // At most four of the eight particles' pairs collide at once; energy and momentum are kept.
//! let diagnostics = collisions.diagnostics();
//! assert_eq!(diagnostics.candidates, 2 * 4);
//! assert!((diagnostics.energy_ratio() - 1.0).abs() < 1e-5);
//! assert!(diagnostics.momentum_error < 1e-6);
//!
//! // The adjoint follows the same collisions.
//! let ones = vec![1.0; layout.len()];
//! let (mut by_skip, mut by_branch) = (vec![0.0; layout.len()], vec![0.0; layout.len()]);
//! let gradient = InputGradient { x: Some(&mut by_skip), a: &mut by_branch, v: None };
//! let upstream = OutputGradient { x: &ones, v: None };
//! step.adjoint(layout, input, &draws, &collisions, upstream, gradient)?;
//! // The sum of the velocities is conserved, so it does not matter who collided with whom.
//! assert!(by_branch.iter().all(|g| (g - 1.0).abs() < 1e-6));
//!
//! // Without collisions the step is the residual addition itself.
//! let plain = KineticStep { collision_coefficient: 0.0, ..step };
//! plain.forward(layout, input, &draws, &mut x_out, None)?;
//! assert!((0..layout.len()).all(|k| x_out[k] == skip[k] + branch[k]));
//! # Ok(())
//! # }
//! ```
//!
//! # How it is computed
//!
//! Samples are distributed over the threads of the current rayon pool; within a sample everything is
//! sequential, so results have the same bits for any number of threads. Kernels choose AVX-512, AVX2,
//! NEON or plain code when the program runs; results of different instruction sets differ by
//! rounding. Each thread keeps its scratch memory, `O(n^2 + n D)` values, between calls.

pub mod error;
pub mod exact;
pub mod gas;
mod normals;
mod prefetch;
mod product;
pub mod real;
pub mod rng;
mod simd;
pub mod system;
mod workspace;

pub use error::{Error, Result};
pub use real::Real;
