//! What a pass through a Fourier neural operator costs: operations and memory.

use kiti_nn::flops::{self, Flops};
use kiti_nn::residual::ResidualConfig;

use super::{Fno, FnoConfig};

impl Fno {
    /// Floating-point operations of one pass over `batch` fields on `grid`: forward alone, and as part of
    /// a training step (forward and backward, without the optimiser's own work, see [`flops::adam`]).
    pub fn flops(
        config: &FnoConfig,
        residual: &ResidualConfig,
        batch: usize,
        grid: &[usize],
    ) -> Flops {
        let FnoConfig {
            width,
            projection,
            in_channels,
            out_channels,
            ..
        } = *config;
        let sites = batch * grid.iter().product::<usize>();
        let layer = |operations| Flops::layer(operations);
        let spectral = match (grid, &config.modes[..]) {
            (&[n1, n2], &[m1, m2]) => flops::spectral_2d(batch, [n1, n2], [m1, m2], width, width),
            _ => flops::spectral_1d(batch, sites / batch.max(1), config.modes[0], width, width),
        };
        let fourier_layer = layer(spectral)
            + layer(flops::pointwise(sites, width, width))
            + residual.flops(batch, width, grid);
        let activations = layer(flops::elementwise(sites * width * (config.layers - 1)))
            + layer(flops::elementwise(sites * projection));
        (0..config.layers).map(|_| fourier_layer).sum::<Flops>()
            + layer(flops::pointwise(sites, in_channels + config.dims(), width))
            + layer(flops::pointwise(sites, width, projection))
            + layer(flops::pointwise(sites, projection, out_channels))
            + activations
    }

    /// Bytes of the features that one training pass in single precision keeps for its backward pass:
    /// lift, and per layer the two branches, their sum and its activation. An estimate of memory, not a count.
    pub fn kept_bytes(config: &FnoConfig, batch: usize, grid: &[usize]) -> u64 {
        let sites = (batch * grid.iter().product::<usize>()) as u64;
        let features = config.width as u64 * (1 + 4 * config.layers as u64);
        let ends = (config.in_channels + config.dims() + config.out_channels) as u64;
        4 * sites * (features + ends)
    }
}
