//! One residual block.

use candle::Tensor;
use candle_nn::init::{FanInOut, NonLinearity, NormalOrUniform};
use candle_nn::{Init, VarBuilder};
use kiti_nn::context::Context;
use kiti_nn::conv::{Conv2d, Conv2dConfig, normed_conv2d};
use kiti_nn::norm::{BatchNorm, BatchNormConfig};
use kiti_nn::residual::Residual;

use super::ResNetConfig;
use super::config::BlockSizes;

/// A convolution without bias and the batch norm behind it.
#[derive(Debug, Clone)]
pub(super) struct NormedConv {
    conv: Conv2d,
    norm: BatchNorm,
}

impl NormedConv {
    /// Variables `[conv, norm]` below `vb`; the kernel is a square, padded so that stride 1 keeps the grid.
    pub fn new(
        [inputs, outputs, side, stride]: [usize; 4],
        norm: BatchNormConfig,
        [conv_name, norm_name]: [&str; 2],
        vb: VarBuilder,
    ) -> candle::Result<Self> {
        let config = Conv2dConfig {
            stride,
            padding: side / 2,
            bias: false,
            ..Conv2dConfig::new(inputs, outputs, [side, side])
        };
        // He et al., arXiv:1502.01852, in the form that keeps the size of gradients: torchvision's choice.
        let init = Init::Kaiming {
            dist: NormalOrUniform::Normal,
            fan: FanInOut::FanOut,
            non_linearity: NonLinearity::ReLU,
        };
        Ok(Self {
            conv: Conv2d::with_init(&config, [init, Init::Const(0.0)], vb.pp(conv_name))?,
            norm: BatchNorm::new(&norm, vb.pp(norm_name))?,
        })
    }

    /// With a ReLU behind it if `activated`.
    pub fn forward(&self, xs: &Tensor, activated: bool, ctx: &Context) -> candle::Result<Tensor> {
        normed_conv2d(&self.conv, &self.norm, activated, xs, ctx)
    }
}

/// `relu(residual(shortcut, branch))`.
#[derive(Debug, Clone)]
pub(super) struct ResidualBlock {
    branch: Vec<NormedConv>,
    shortcut: Option<NormedConv>,
    residual: Residual,
}

impl ResidualBlock {
    pub fn new(
        config: &ResNetConfig,
        sizes: BlockSizes,
        residual: Residual,
        vb: VarBuilder,
    ) -> candle::Result<Self> {
        let convolutions = sizes.convolutions(config.block);
        let last = convolutions.len() - 1;
        let norm = |channels| BatchNormConfig {
            momentum: config.norm_momentum,
            ..BatchNormConfig::new(channels)
        };
        let layer = |(index, sizes): (usize, [usize; 4])| {
            let mut norm = norm(sizes[1]);
            if index == last && config.zero_init_last_norm {
                norm.initial_weight = 0.0;
            }
            let names = [format!("conv{}", index + 1), format!("bn{}", index + 1)];
            NormedConv::new(sizes, norm, [&names[0], &names[1]], vb.clone())
        };
        let project = || {
            let convolution = [sizes.inputs, sizes.outputs, 1, sizes.stride];
            let vb = vb.pp("downsample");
            NormedConv::new(convolution, norm(sizes.outputs), ["0", "1"], vb)
        };
        Ok(Self {
            branch: convolutions
                .into_iter()
                .enumerate()
                .map(layer)
                .collect::<candle::Result<_>>()?,
            shortcut: sizes.projects().then(project).transpose()?,
            residual,
        })
    }

    /// The two branches that the residual combines.
    pub fn branches(&self, xs: &Tensor, ctx: &Context) -> candle::Result<(Tensor, Tensor)> {
        let mut branch = xs.clone();
        for (index, layer) in self.branch.iter().enumerate() {
            branch = layer.forward(&branch, index + 1 < self.branch.len(), ctx)?;
        }
        let shortcut = match &self.shortcut {
            Some(layer) => layer.forward(xs, false, ctx)?,
            None => xs.clone(),
        };
        Ok((shortcut, branch))
    }

    pub fn residual(&self) -> &Residual {
        &self.residual
    }
}
