//! Sizes of a residual network for images.

use kiti_nn::kinetic::Arrangement;
use kiti_nn::residual::ResidualConfig;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a block's branch is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Block {
    /// Two 3x3 convolutions: ResNet-18 and -34.
    #[default]
    Basic,
    /// 1x1, 3x3 with the stride, 1x1 to four times the channels: ResNet-50 and deeper, in the form of torchvision.
    Bottleneck,
}

impl Block {
    /// Channels that leave the block, over those within.
    pub fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

/// What comes before the first block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stem {
    /// A 3x3 convolution: images of some 32x32 pixels.
    #[default]
    Cifar,
    /// A 7x7 convolution of stride 2 and 3x3 maxima of stride 2: images of some 224x224 pixels.
    Imagenet,
}

/// What a [`ResNet`](super::ResNet) is built from; the default is ResNet-18 for CIFAR-10.
///
/// ```
/// use kiti_models::resnet::{ResNetConfig, Stem};
///
/// let pretrained = ResNetConfig { stem: Stem::Imagenet, classes: 1000, ..ResNetConfig::resnet50() };
/// assert_eq!(pretrained.parameter_count(), 25_557_032); // torchvision's
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResNetConfig {
    /// What a block's branch is made of.
    pub block: Block,
    /// Blocks of each stage; every stage but the first halves the grid and doubles the channels.
    pub blocks: Vec<usize>,
    /// Channels of the first stage.
    pub width: usize,
    /// Channels of the image.
    pub in_channels: usize,
    /// Classes to tell apart.
    pub classes: usize,
    /// What comes before the first block.
    pub stem: Stem,
    /// Whether the last batch norm of each branch starts with weights 0, so that each block starts as its shortcut
    /// (Goyal et al., arXiv:1706.02677, section 5.1).
    pub zero_init_last_norm: bool,
    /// Share of a batch's statistics in the new running ones.
    pub norm_momentum: f64,
}

impl Default for ResNetConfig {
    fn default() -> Self {
        Self::resnet18()
    }
}

/// Sizes of one block.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockSizes {
    /// Stage, counted from 0.
    pub stage: usize,
    /// Block of the stage, counted from 0.
    pub index: usize,
    pub inputs: usize,
    /// Channels within the branch.
    pub width: usize,
    pub outputs: usize,
    pub stride: usize,
}

impl BlockSizes {
    /// Whether the shortcut is a 1x1 convolution, not the input itself.
    pub fn projects(&self) -> bool {
        self.stride != 1 || self.inputs != self.outputs
    }

    /// The branch's convolutions: inputs, outputs, side of the kernel, stride.
    pub fn convolutions(&self, block: Block) -> Vec<[usize; 4]> {
        let Self {
            inputs,
            width,
            outputs,
            stride,
            ..
        } = *self;
        match block {
            Block::Basic => vec![[inputs, width, 3, stride], [width, outputs, 3, 1]],
            Block::Bottleneck => vec![
                [inputs, width, 1, 1],
                [width, width, 3, stride],
                [width, outputs, 1, 1],
            ],
        }
    }
}

impl ResNetConfig {
    /// ResNet-18 with the stem for small images and ten classes.
    pub fn resnet18() -> Self {
        Self {
            block: Block::Basic,
            blocks: vec![2, 2, 2, 2],
            width: 64,
            in_channels: 3,
            classes: 10,
            stem: Stem::Cifar,
            zero_init_last_norm: false,
            norm_momentum: 0.1,
        }
    }

    /// ResNet-34, likewise.
    pub fn resnet34() -> Self {
        Self {
            blocks: vec![3, 4, 6, 3],
            ..Self::resnet18()
        }
    }

    /// ResNet-50, likewise.
    pub fn resnet50() -> Self {
        Self {
            block: Block::Bottleneck,
            ..Self::resnet34()
        }
    }

    /// Every block, from the first on.
    pub(super) fn block_sizes(&self) -> Vec<BlockSizes> {
        let mut sizes = Vec::new();
        let mut inputs = self.width;
        for (stage, &blocks) in self.blocks.iter().enumerate() {
            let width = self.width << stage;
            for index in 0..blocks {
                let outputs = width * self.block.expansion();
                sizes.push(BlockSizes {
                    stage,
                    index,
                    inputs,
                    width,
                    outputs,
                    stride: if stage > 0 && index == 0 { 2 } else { 1 },
                });
                inputs = outputs;
            }
        }
        sizes
    }

    /// Channels, rows and columns of the features of each stage, of images of `[rows, columns]`.
    pub(crate) fn stage_shapes(&self, image: [usize; 2]) -> Vec<[usize; 3]> {
        let halvings = match self.stem {
            Stem::Cifar => 0,
            Stem::Imagenet => 2,
        };
        let of_stage = |stage: usize| {
            let halved = |edge: usize| (0..halvings + stage).fold(edge, |edge, _| edge.div_ceil(2));
            let channels = (self.width << stage) * self.block.expansion();
            [channels, halved(image[0]), halved(image[1])]
        };
        (0..self.blocks.len()).map(of_stage).collect()
    }

    /// Channels that reach the linear layer.
    pub(super) fn features(&self) -> usize {
        (self.width << (self.blocks.len() - 1)) * self.block.expansion()
    }

    /// Side of the stem's kernel.
    pub(super) fn stem_kernel(&self) -> usize {
        match self.stem {
            Stem::Cifar => 3,
            Stem::Imagenet => 7,
        }
    }

    /// Trainable numbers of the model.
    pub fn parameter_count(&self) -> usize {
        // A convolution without bias, and the batch norm behind it.
        let layer = |[inputs, outputs, kernel, _]: [usize; 4]| {
            inputs * outputs * kernel * kernel + 2 * outputs
        };
        let block = |sizes: BlockSizes| {
            let shortcut = [sizes.inputs, sizes.outputs, 1, sizes.stride];
            let projection = sizes.projects().then_some(shortcut);
            let branch = sizes.convolutions(self.block);
            branch
                .into_iter()
                .chain(projection)
                .map(layer)
                .sum::<usize>()
        };
        let stem = layer([self.in_channels, self.width, self.stem_kernel(), 1]);
        let blocks: usize = self.block_sizes().into_iter().map(block).sum();
        stem + blocks + (self.features() + 1) * self.classes
    }

    /// Refuses sizes that make no model.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] with the key, its value and what it must be.
    pub fn validate(&self) -> Result<()> {
        let refuse = |key, found: String, expected| {
            Err(Error::ModelConfig {
                key,
                found,
                expected,
            })
        };
        let blocks = &self.blocks;
        if !(1..=8).contains(&blocks.len()) || blocks.iter().any(|n| !(1..=1024).contains(n)) {
            let expected = "one to eight stages of 1 to 1024 blocks";
            return refuse("blocks", format!("{blocks:?}"), expected);
        }
        let counts = [
            ("width", self.width),
            ("in_channels", self.in_channels),
            ("classes", self.classes),
        ];
        for (key, count) in counts {
            if !(1..=1 << 16).contains(&count) {
                return refuse(key, count.to_string(), "a number from 1 to 65536");
            }
        }
        if !(0.0..=1.0).contains(&self.norm_momentum) {
            let found = self.norm_momentum.to_string();
            return refuse("norm_momentum", found, "a number from 0 to 1");
        }
        Ok(())
    }
}

/// What is particular to each stage about its residuals.
///
/// ```
/// use kiti_models::resnet::StageResiduals;
/// use kiti_nn::{ResidualConfig, KineticResidualConfig};
///
/// // As published for CIFAR: no collisions in the first stage, coarser particles on coarser grids.
/// let stages = StageResiduals { divisions: vec![0, 8, 4, 2], collision_coefficients: vec![] };
/// let kinetic = ResidualConfig::Kinetic(KineticResidualConfig::default());
/// assert_eq!(stages.residuals(&kinetic, 4)?[0], ResidualConfig::Additive);
/// # Ok::<(), kiti_models::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StageResiduals {
    /// Runs that each channel is cut into, by stage; 0 for a stage whose residuals are plain additions, also where the
    /// residual is no kinetic one.
    pub divisions: Vec<usize>,
    /// Collision coefficient by stage; empty for that of the residual in every stage.
    pub collision_coefficients: Vec<f64>,
}

impl Default for StageResiduals {
    /// The published ones: `[0, 8, 4, 2]`, the residual's collision coefficient.
    fn default() -> Self {
        Self {
            divisions: vec![0, 8, 4, 2],
            collision_coefficients: Vec::new(),
        }
    }
}

impl StageResiduals {
    /// The residual of each of `stages` stages.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] for another number of stages.
    pub fn residuals(
        &self,
        residual: &ResidualConfig,
        stages: usize,
    ) -> Result<Vec<ResidualConfig>> {
        let coefficients = &self.collision_coefficients;
        let refuse = |key, found| {
            Err(Error::ModelConfig {
                key,
                found,
                expected: "one number for each stage of the network",
            })
        };
        if self.divisions.len() != stages {
            return refuse("divisions", format!("{:?}", self.divisions));
        }
        if !coefficients.is_empty() && coefficients.len() != stages {
            return refuse("collision_coefficients", format!("{coefficients:?}"));
        }
        let of_stage = |(stage, &divisions): (usize, &usize)| match residual {
            _ if divisions == 0 => ResidualConfig::Additive,
            ResidualConfig::Kinetic(config) => {
                let mut config = config.clone();
                config.arrangement = Arrangement::Grid { divisions };
                if let Some(&coefficient) = coefficients.get(stage) {
                    config.step.collision_coefficient = coefficient;
                }
                ResidualConfig::Kinetic(config)
            }
            other => other.clone(),
        };
        Ok(self.divisions.iter().enumerate().map(of_stage).collect())
    }
}
