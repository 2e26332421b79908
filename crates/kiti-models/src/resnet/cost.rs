//! What a pass through a residual network costs: operations and memory.

use kiti_nn::flops::{self, Flops};
use kiti_nn::residual::ResidualConfig;

use super::config::BlockSizes;
use super::{ResNet, ResNetConfig, Stem};

/// What a layer of the walk through the network is.
enum Layer {
    /// Convolution, batch norm, and perhaps an activation: inputs, outputs, elements of the kernel.
    NormedConv { sizes: [usize; 3], activated: bool },
    /// The end of a block of this stage, with its channels.
    Residual { stage: usize, channels: usize },
}

impl ResNet {
    /// Floating-point operations of one pass over `batch` images of `[rows, columns]`: forward alone, and as part of a
    /// training step (forward and backward, without the optimiser's own work, see [`flops::sgd`]).
    pub fn flops(
        config: &ResNetConfig,
        residuals: &[ResidualConfig],
        batch: usize,
        image: [usize; 2],
    ) -> Flops {
        let mut total = Flops::layer(
            2 * (batch * config.features() * config.classes) as u64
                + flops::elementwise(batch * config.classes),
        );
        walk(config, image, &mut |grid, layer| {
            let sites = batch * grid[0] * grid[1];
            match layer {
                Layer::NormedConv { sizes, activated } => {
                    let [inputs, outputs, kernel] = sizes;
                    let elements = sites * outputs;
                    total = total
                        + Flops::layer(flops::convolution(sites, inputs, outputs, kernel))
                        + Flops::layer(flops::normalization(elements));
                    if activated {
                        total = total + Flops::layer(flops::elementwise(elements));
                    }
                }
                Layer::Residual { stage, channels } => {
                    let additive = ResidualConfig::Additive;
                    let residual = residuals.get(stage).unwrap_or(&additive);
                    total = total
                        + residual.flops(batch, channels, &grid)
                        + Flops::layer(flops::elementwise(sites * channels));
                }
            }
        });
        total
    }

    /// Bytes of the features that one training pass in single precision keeps for its backward pass: each convolution's
    /// result, normalised and activated, and each block's. An estimate of memory, not a count.
    pub fn kept_bytes(config: &ResNetConfig, batch: usize, image: [usize; 2]) -> u64 {
        let mut elements = (batch * config.in_channels * image[0] * image[1]) as u64;
        walk(config, image, &mut |grid, layer| {
            let (channels, kept) = match layer {
                Layer::NormedConv { sizes, activated } => (sizes[1], 2 + usize::from(activated)),
                Layer::Residual { channels, .. } => (channels, 2),
            };
            elements += (batch * grid[0] * grid[1] * channels * kept) as u64;
        });
        4 * elements
    }
}

/// Names every layer with the grid that leaves it.
fn walk(config: &ResNetConfig, image: [usize; 2], visit: &mut dyn FnMut([usize; 2], Layer)) {
    let halve = |grid: [usize; 2]| grid.map(|size| size.div_ceil(2));
    let kernel = config.stem_kernel();
    let stem = Layer::NormedConv {
        sizes: [config.in_channels, config.width, kernel * kernel],
        activated: true,
    };
    let mut grid = image;
    if config.stem == Stem::Imagenet {
        grid = halve(grid);
    }
    visit(grid, stem);
    if config.stem == Stem::Imagenet {
        grid = halve(grid);
    }
    for sizes in config.block_sizes() {
        let before = grid;
        if sizes.stride == 2 {
            grid = halve(grid);
        }
        let BlockSizes {
            stage,
            inputs,
            outputs,
            ..
        } = sizes;
        let branch = sizes.convolutions(config.block);
        let (last, mut here) = (branch.len() - 1, before);
        for (index, [inputs, outputs, side, stride]) in branch.into_iter().enumerate() {
            if stride == 2 {
                here = halve(here);
            }
            let layer = Layer::NormedConv {
                sizes: [inputs, outputs, side * side],
                activated: index < last,
            };
            visit(here, layer);
        }
        if sizes.projects() {
            let layer = Layer::NormedConv {
                sizes: [inputs, outputs, 1],
                activated: false,
            };
            visit(grid, layer);
        }
        let channels = outputs;
        visit(grid, Layer::Residual { stage, channels });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// fvcore counts 0.56 billion multiply-adds for the CIFAR form of ResNet-18, and torchvision's page names
    /// 1.81 and 4.09 for ResNet-18 and -50 on 224x224 pixels.
    #[test]
    fn operations_are_those_that_others_count() {
        let giga = |config: &ResNetConfig, side| {
            ResNet::flops(config, &[], 1, [side, side]).forward as f64 / 2e9
        };
        let imagenet = |config| ResNetConfig {
            stem: Stem::Imagenet,
            classes: 1000,
            ..config
        };
        // Norms, activations and additions are not in their counts: up to 2 % here.
        let near = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.02;
        assert!(near(giga(&ResNetConfig::resnet18(), 32), 0.556));
        assert!(near(giga(&imagenet(ResNetConfig::resnet18()), 224), 1.81));
        assert!(near(giga(&imagenet(ResNetConfig::resnet50()), 224), 4.09));
    }
}
