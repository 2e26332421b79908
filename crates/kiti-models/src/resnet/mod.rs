//! Residual networks for images (He et al., arXiv:1512.03385).

mod block;
mod config;
mod cost;

use candle::{Module, Tensor};
use candle_nn::VarBuilder;
use kiti_nn::activation::relu;
use kiti_nn::context::Context;
use kiti_nn::linear::{Linear, LinearConfig};
use kiti_nn::norm::BatchNormConfig;
use kiti_nn::pool::{PoolConfig, global_avg_pool, max_pool2d};
use kiti_nn::residual::{Residual, ResidualConfig};

pub use config::{Block, ResNetConfig, StageResiduals, Stem};

use crate::{Error, Result};
use block::{NormedConv, ResidualBlock};

/// A residual network whose additions are residuals of one's choice, stage by stage.
///
/// ```text
/// h_0     = relu(bn(conv x))                                    [3x3 maxima of stride 2: ImageNet stem only]
/// h_(b+1) = relu( residual_b( shortcut_b h_b, branch_b h_b ) )
/// y       = fc mean_sites h_B
/// ```
///
/// where `branch_b` is two or three convolutions, each with a batch norm, with ReLU in between, and `shortcut_b` the identity, or a
/// 1x1 convolution with a batch norm where shapes differ. Inputs are `(batch, in_channels, rows, columns)`, outputs logits
/// `(batch, classes)`. Variables have torchvision's names (`conv1`, `bn1`, `layerS.I.conv1`, `layerS.I.downsample.0`, `fc`), so
/// that its checkpoints load; residuals have none.
///
/// With `velocity = "inertial"`, the form that was published for CIFAR, the velocity is carried from block to block within a
/// stage; where a stage changes the shape of the features, the particles are new ones and start from rest. Such a
/// network is *not* a plain ResNet in evaluation. The default, memoryless, is.
///
/// # Example
///
/// ```
/// use candle::{DType, Device, Tensor};
/// use kiti_models::resnet::{ResNet, ResNetConfig};
/// use kiti_nn::{Context, ResidualConfig, VarStore};
///
/// let config = ResNetConfig { width: 4, blocks: vec![1, 1], ..ResNetConfig::resnet18() };
/// let store = VarStore::new(1, DType::F32, &Device::Cpu);
/// let model = ResNet::new(&config, &[ResidualConfig::Additive, ResidualConfig::Additive], store.builder())?;
/// let images = Tensor::ones((2, 3, 16, 16), DType::F32, &Device::Cpu)?;
/// assert_eq!(model.forward_t(&images, &Context::evaluate())?.dims(), [2, 10]);
/// # Ok::<(), kiti_models::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ResNet {
    config: ResNetConfig,
    stem: NormedConv,
    blocks: Vec<ResidualBlock>,
    fc: Linear,
}

impl ResNet {
    /// Creates or loads the variables below `vb`; `residuals` has one for each stage ([`StageResiduals`] makes them), and
    /// block number b of the network draws its random numbers under the index b.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] for sizes that make no model, or another number of residuals than stages; a residual's own check of
    /// its settings; a stored variable of another shape.
    pub fn new(
        config: &ResNetConfig,
        residuals: &[ResidualConfig],
        vb: VarBuilder,
    ) -> Result<Self> {
        config.validate()?;
        if residuals.len() != config.blocks.len() {
            return Err(Error::ModelConfig {
                key: "residuals",
                found: format!("{} residuals", residuals.len()),
                expected: "one for each stage of the network",
            });
        }
        let (kernel, stride) = match config.stem {
            Stem::Cifar => (3, 1),
            Stem::Imagenet => (7, 2),
        };
        let norm = BatchNormConfig {
            momentum: config.norm_momentum,
            ..BatchNormConfig::new(config.width)
        };
        let stem = [config.in_channels, config.width, kernel, stride];
        let blocks = config.block_sizes().into_iter().enumerate();
        let blocks = blocks.map(|(layer, sizes)| {
            let residual = Residual::new(&residuals[sizes.stage], layer as u32)?;
            let vb = vb.pp(format!("layer{}", sizes.stage + 1)).pp(sizes.index);
            ResidualBlock::new(config, sizes, residual, vb)
        });
        let fc = LinearConfig::new(config.features(), config.classes);
        Ok(Self {
            stem: NormedConv::new(stem, norm, ["conv1", "bn1"], vb.clone())?,
            blocks: blocks.collect::<candle::Result<_>>()?,
            fc: Linear::new(&fc, vb.pp("fc"))?,
            config: config.clone(),
        })
    }

    /// The model's sizes.
    pub fn config(&self) -> &ResNetConfig {
        &self.config
    }

    /// `(batch, in_channels, rows, columns)` to logits `(batch, classes)`.
    ///
    /// In training it moves the running statistics of the batch norms, and is random where the residuals draw: then the
    /// result is a function of the context's seed, step and pass, and of the weights.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for an input that does not fit; [`Error::Candle`] where a residual's arrangement of particles does
    /// not divide a grid.
    pub fn forward_t(&self, xs: &Tensor, ctx: &Context) -> Result<Tensor> {
        self.run(xs, &[], ctx)
    }

    /// The forward pass in training mode with given collision directions, for each block in the arrangement of
    /// [`Residual::forward_with_directions`], or `None` for one that draws by itself: replays recorded runs.
    ///
    /// # Errors
    ///
    /// Those of [`forward_t`](Self::forward_t); another number of entries than blocks.
    pub fn forward_with_directions(
        &self,
        xs: &Tensor,
        directions: &[Option<Tensor>],
        ctx: &Context,
    ) -> Result<Tensor> {
        if directions.len() != self.blocks.len() {
            return Err(Error::Shape {
                name: "directions".to_owned(),
                expected: format!("one entry for each of {} blocks", self.blocks.len()),
                found: vec![directions.len()],
            });
        }
        self.run(xs, directions, ctx)
    }

    fn run(&self, xs: &Tensor, directions: &[Option<Tensor>], ctx: &Context) -> Result<Tensor> {
        let Self { config, .. } = self;
        let fits = matches!(*xs.dims(), [_, channels, rows, columns]
            if channels == config.in_channels && rows > 0 && columns > 0);
        if !fits {
            return Err(Error::Shape {
                name: "images".to_owned(),
                expected: format!("(batch, {}, rows, columns)", config.in_channels),
                found: xs.dims().to_vec(),
            });
        }
        let mut hidden = self.stem.forward(xs, true, ctx)?;
        if config.stem == Stem::Imagenet {
            let pool = PoolConfig {
                stride: 2,
                padding: 1,
                ..PoolConfig::new([3, 3])
            };
            hidden = max_pool2d(&hidden, &pool)?;
        }
        let mut velocity: Option<Tensor> = None;
        for (index, block) in self.blocks.iter().enumerate() {
            let (shortcut, branch) = block.branches(&hidden, ctx)?;
            let residual = block.residual();
            hidden = match directions.get(index) {
                Some(Some(directions)) => {
                    relu(&residual.forward_with_directions(&shortcut, &branch, directions, ctx)?)?
                }
                _ => residual.forward_relu(&shortcut, &branch, &mut velocity, ctx)?,
            };
        }
        Ok(self.fc.forward(&global_avg_pool(&hidden)?)?)
    }
}
