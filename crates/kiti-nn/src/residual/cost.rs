//! What a residual costs, counted.

use kiti_kinetics::system::{Directions, Layout, Positions, Scattering};

use super::ResidualConfig;
use crate::flops::Flops;
use crate::kinetic::Arrangement;

impl ResidualConfig {
    /// Floating-point operations of one application to features of `batch` samples with `channels`
    /// channels on a `grid`; for token particles `channels` is the width and `grid` the sequence.
    ///
    /// Inference is an addition. Training adds what the fused step computes, forward and backward,
    /// with every pair that can collide counted as colliding: an upper bound, since who collides
    /// depends on the features. Random numbers are not counted. A shape that the arrangement does
    /// not divide counts as the addition alone.
    pub fn flops(&self, batch: usize, channels: usize, grid: &[usize]) -> Flops {
        let sites: usize = grid.iter().product();
        let values = (batch * channels * sites) as u64;
        // Forward one addition; backward hands the gradient through.
        let addition = Flops {
            forward: values,
            training_step: values,
        };
        let extra = match self {
            Self::Additive => 0,
            Self::Dropout { .. } | Self::StochasticDepth { .. } => 2 * values,
            Self::Langevin { .. } => 2 * values,
            Self::Kinetic(config) => {
                let layout = match config.arrangement {
                    Arrangement::Grid { divisions } => {
                        Layout::from_grid(batch, channels, sites, divisions)
                    }
                    Arrangement::Tokens { dims } => {
                        Layout::from_tokens(batch * sites, channels, dims)
                    }
                };
                layout.map_or(0, |layout| collisions(&config.step.scattering, layout))
            }
        };
        addition + Flops::training_only(extra)
    }
}

/// Forward and backward pass of all collisions of a step.
fn collisions(scattering: &Scattering, layout: Layout) -> u64 {
    let (samples, dims, n) = (
        layout.samples as u64,
        layout.dims as u64,
        layout.particles as u64,
    );
    let product = 2 * n * n * dims;
    let each = match scattering {
        Scattering::Published {
            positions,
            directions,
        } => {
            // Gram matrices of positions and velocities, and v M; backward one product for v M and one
            // for the relative speeds.
            let matrices = 5 * product;
            let merged = if *positions == Positions::Merged {
                2 * product
            } else {
                0
            };
            let scatter = match directions {
                Directions::Pool { size } => 4 * n * *size as u64 * dims,
                Directions::Exact => 4 * (n * n.saturating_sub(1) / 2) * dims,
            };
            matrices + merged + scatter
        }
        // A pair: two distances (3 operations a coordinate each), the deflection (about 6) and the new
        // velocities (4); backward the same without the distances.
        Scattering::Elastic { .. } => (n / 2) * dims * (6 + 2 * 10),
    };
    samples * each
}
