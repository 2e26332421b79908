//! What a pass through an operator transformer costs: operations and memory.

use kiti_nn::flops::{self, Flops};
use kiti_nn::residual::ResidualConfig;

use super::{OFormer, OFormerConfig};

impl OFormer {
    /// Floating-point operations of predicting `steps` steps for `batch` functions of `points` points, asked for at the
    /// same points: inference, and as part of a training step.
    pub fn flops(
        config: &OFormerConfig,
        residual: &ResidualConfig,
        batch: usize,
        points: usize,
        steps: usize,
    ) -> Flops {
        let OFormerConfig {
            dims,
            width,
            feed_forward,
            ..
        } = *config;
        let sites = batch * points;
        let linear = |inputs, outputs| Flops::layer(flops::pointwise(sites, inputs, outputs));
        let addition = residual.flops(batch, width, &[points]);
        // The integral and its products: two matrices of a head's width a point and head.
        let products = (4 * sites * width * config.head_width()) as u64;
        let block = linear(width, 4 * width)
            + Flops::layer(products)
            + linear(width, feed_forward)
            + linear(feed_forward, width)
            + Flops::layer(flops::elementwise(sites * (8 * width + feed_forward)))
            + addition
            + addition;
        let blocks = (0..=config.layers).map(|_| block).sum::<Flops>();
        let step = (0..config.propagator_layers)
            .map(|_| linear(width + dims, width) + linear(width, width) + addition)
            .sum::<Flops>()
            + linear(width, width)
            + linear(width, config.out_channels);
        linear(config.in_channels + dims, width)
            + linear(width, width)
            + blocks
            + (0..steps).map(|_| step).sum::<Flops>()
    }

    /// Bytes of the features that one training pass in single precision keeps for its backward pass: an estimate.
    pub fn kept_bytes(config: &OFormerConfig, batch: usize, points: usize, steps: usize) -> u64 {
        let sites = (batch * points) as u64;
        let (width, hidden) = (config.width as u64, config.feed_forward as u64);
        // Of a block: norms, queries, keys and values before and after rotation and by head, sums, the feed-forward network.
        let block = 18 * width + 2 * hidden;
        let step = 6 * width * config.propagator_layers as u64 + 4 * width;
        4 * sites * (block * (config.layers as u64 + 1) + step * steps as u64)
    }
}
