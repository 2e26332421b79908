//! The Fourier neural operator (Li et al., arXiv:2010.08895) in one and two dimensions.

mod config;
mod cost;

use candle::{Device, Tensor};
use candle_nn::VarBuilder;
use kiti_nn::activation::Activation;
use kiti_nn::context::Context;
use kiti_nn::pointwise::{PointwiseConv, pointwise_head};
use kiti_nn::residual::{Residual, ResidualConfig};
use kiti_nn::spectral::{
    SpectralConv1d, SpectralConv1dConfig, SpectralConv2d, SpectralConv2dConfig,
};

pub use config::FnoConfig;

use crate::{Error, Result};

/// A Fourier neural operator whose additions are residuals of one's choice.
///
/// ```text
/// h_0     = lift [x, coordinates]
/// h_(l+1) = activation( residual( skip_l h_l, spectral_l h_l ) )       no activation after the last layer
/// y       = project2 activation( project1 h_L )
/// ```
///
/// where `skip_l` is a pointwise convolution (the positions of a kinetic residual) and `spectral_l` a
/// [spectral convolution](kiti_nn::spectral) (the accelerations). Inputs are `(batch, d1 .. dN,
/// in_channels)`, outputs `(batch, d1 .. dN, out_channels)`, N = 1 or 2, on any grid that carries the modes; inside,
/// features are `(batch, width, d1 .. dN)`. Variables: `lift`, `spectral.L.weight.0` (and `.1` in two
/// dimensions), `skip.L`, `project1`, `project2`; residuals have none, so a checkpoint of one residual loads
/// into every other.
///
/// # Example
///
/// ```
/// use candle::{DType, Device, Tensor};
/// use kiti_models::fno::{Fno, FnoConfig};
/// use kiti_nn::{Context, ResidualConfig, VarStore};
///
/// let config = FnoConfig { modes: vec![4, 4], width: 6, in_channels: 3, ..FnoConfig::default() };
/// let store = VarStore::new(1, DType::F32, &Device::Cpu);
/// let model = Fno::new(&config, &ResidualConfig::Additive, store.builder())?;
/// let xs = Tensor::ones((2, 16, 16, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(model.forward_t(&xs, &Context::evaluate())?.dims(), [2, 16, 16, 1]);
/// # Ok::<(), kiti_models::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Fno {
    config: FnoConfig,
    lift: PointwiseConv,
    layers: Vec<FourierLayer>,
    project1: PointwiseConv,
    project2: PointwiseConv,
}

#[derive(Debug, Clone)]
struct FourierLayer {
    spectral: SpectralConv,
    skip: PointwiseConv,
    residual: Residual,
}

#[derive(Debug, Clone)]
enum SpectralConv {
    One(SpectralConv1d),
    Two(SpectralConv2d),
}

impl SpectralConv {
    fn new(config: &FnoConfig, vb: VarBuilder) -> candle::Result<Self> {
        let (in_channels, out_channels) = (config.width, config.width);
        Ok(match config.modes[..] {
            [m1, m2] => {
                let modes = [m1, m2];
                let config = SpectralConv2dConfig {
                    in_channels,
                    out_channels,
                    modes,
                };
                Self::Two(SpectralConv2d::new(&config, vb)?)
            }
            _ => {
                let modes = config.modes[0];
                let config = SpectralConv1dConfig {
                    in_channels,
                    out_channels,
                    modes,
                };
                Self::One(SpectralConv1d::new(&config, vb)?)
            }
        })
    }

    fn forward(&self, xs: &Tensor) -> candle::Result<Tensor> {
        match self {
            Self::One(layer) => layer.forward(xs),
            Self::Two(layer) => layer.forward(xs),
        }
    }
}

impl FourierLayer {
    fn forward(
        &self,
        xs: &Tensor,
        activation: Option<Activation>,
        ctx: &Context,
    ) -> candle::Result<Tensor> {
        let (skip, residual) = (&self.skip, &self.residual);
        match &self.spectral {
            SpectralConv::One(layer) => {
                layer.forward_with_skip(xs, skip, residual, activation, ctx)
            }
            SpectralConv::Two(layer) => {
                layer.forward_with_skip(xs, skip, residual, activation, ctx)
            }
        }
    }
}

impl Fno {
    /// Creates or loads the variables below `vb`; layer l's residual draws its random numbers under the
    /// index l.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] for sizes that make no model; a residual's own check of its settings; a stored
    /// variable of another shape.
    pub fn new(config: &FnoConfig, residual: &ResidualConfig, vb: VarBuilder) -> Result<Self> {
        config.validate()?;
        let width = config.width;
        let layers = (0..config.layers)
            .map(|layer| {
                Ok(FourierLayer {
                    spectral: SpectralConv::new(config, vb.pp("spectral").pp(layer))?,
                    skip: PointwiseConv::new(width, width, config.dims(), vb.pp("skip").pp(layer))?,
                    residual: Residual::new(residual, layer as u32)?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            lift: PointwiseConv::new(config.in_channels + config.dims(), width, 0, vb.pp("lift"))?,
            layers,
            project1: PointwiseConv::new(width, config.projection, 0, vb.pp("project1"))?,
            project2: PointwiseConv::new(
                config.projection,
                config.out_channels,
                0,
                vb.pp("project2"),
            )?,
            config: config.clone(),
        })
    }

    /// The model's sizes.
    pub fn config(&self) -> &FnoConfig {
        &self.config
    }

    /// `(batch, d1 .. dN, in_channels)` to `(batch, d1 .. dN, out_channels)`.
    ///
    /// Random only where `ctx` says training and the residual draws: then the result is a function of
    /// the context's seed, step and pass, and of the weights.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] and [`Error::GridTooSmall`] for an input that does not fit; [`Error::Candle`] where a
    /// residual's arrangement of particles does not divide the grid.
    pub fn forward_t(&self, xs: &Tensor, ctx: &Context) -> Result<Tensor> {
        if self
            .layers
            .iter()
            .any(|layer| layer.residual.carries_velocity())
        {
            return self.run(xs, &Draws::Context(ctx), &mut |_, _| Ok(()));
        }
        let grid = self.check_input(xs)?;
        let mut hidden = self.lifted(xs, &grid)?;
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = layer.forward(&hidden, self.activation_after(index), ctx)?;
        }
        self.projected(&hidden, &grid)
    }

    /// The forward pass in training mode with given collision directions, one tensor a layer in the
    /// arrangement of [`Residual::forward_with_directions`]: replays recorded runs.
    ///
    /// # Errors
    ///
    /// Those of [`forward_t`](Self::forward_t); another number of tensors than layers.
    pub fn forward_with_directions(
        &self,
        xs: &Tensor,
        directions: &[Tensor],
        ctx: &Context,
    ) -> Result<Tensor> {
        if directions.len() != self.layers.len() {
            return Err(Error::Shape {
                name: "directions".to_owned(),
                expected: format!("one tensor for each of {} layers", self.layers.len()),
                found: vec![directions.len()],
            });
        }
        self.run(xs, &Draws::Given(directions, ctx), &mut |_, _| Ok(()))
    }

    /// The first place of a forward pass whose result is not finite (`input`, `lift`, `spectral.L`,
    /// `skip.L`, `residual.L`, `project`), with one such value; none if all are finite.
    ///
    /// # Errors
    ///
    /// Those of [`forward_t`](Self::forward_t).
    pub fn first_not_finite(&self, xs: &Tensor, ctx: &Context) -> Result<Option<String>> {
        let mut found = None;
        self.run(xs, &Draws::Context(ctx), &mut |place, tensor| {
            if found.is_none() && !is_finite(tensor)? {
                found = Some(place.to_string());
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn run(
        &self,
        xs: &Tensor,
        draws: &Draws<'_>,
        observe: &mut dyn FnMut(Place, &Tensor) -> Result<()>,
    ) -> Result<Tensor> {
        let grid = self.check_input(xs)?;
        observe(Place::Input, xs)?;
        let mut hidden = self.lifted(xs, &grid)?;
        observe(Place::Lift, &hidden)?;
        let mut velocity: Option<Tensor> = None;
        for (index, layer) in self.layers.iter().enumerate() {
            let branch = layer.spectral.forward(&hidden)?;
            observe(Place::Spectral(index), &branch)?;
            let skip = layer.skip.forward(&hidden)?;
            observe(Place::Skip(index), &skip)?;
            hidden = match draws {
                Draws::Given(directions, ctx) => layer.residual.forward_with_directions(
                    &skip,
                    &branch,
                    &directions[index],
                    ctx,
                )?,
                Draws::Context(ctx) => {
                    layer
                        .residual
                        .forward_carrying(&skip, &branch, &mut velocity, ctx)?
                }
            };
            observe(Place::Residual(index), &hidden)?;
            if let Some(activation) = self.activation_after(index) {
                hidden = activation.forward(&hidden)?;
            }
        }
        let ys = self.projected(&hidden, &grid)?;
        observe(Place::Project, &ys)?;
        Ok(ys)
    }

    /// Features of every site of the grid.
    fn lifted(&self, xs: &Tensor, grid: &[usize]) -> Result<Tensor> {
        let coordinates = coordinates(grid, self.config.grid_end, xs.dtype(), xs.device())?;
        Ok(self.lift.forward_channels_last(xs, Some(&coordinates))?)
    }

    /// What follows a layer; nothing after the last one.
    fn activation_after(&self, layer: usize) -> Option<Activation> {
        (layer + 1 < self.layers.len()).then_some(self.config.activation)
    }

    /// The output, `(batch, d1 .. dN, out_channels)`.
    fn projected(&self, hidden: &Tensor, grid: &[usize]) -> Result<Tensor> {
        let activation = self.config.activation;
        let ys = pointwise_head(&self.project1, activation, &self.project2, hidden)?;
        self.channels_last(&ys, grid)
    }

    fn check_input(&self, xs: &Tensor) -> Result<Vec<usize>> {
        let Self { config, .. } = self;
        let dims = xs.dims();
        if dims.len() != config.dims() + 2 || dims[dims.len() - 1] != config.in_channels {
            let sites: String = (1..=config.dims()).map(|d| format!("d{d}, ")).collect();
            return Err(Error::Shape {
                name: "input".to_owned(),
                expected: format!("(batch, {sites}{})", config.in_channels),
                found: dims.to_vec(),
            });
        }
        let grid = dims[1..dims.len() - 1].to_vec();
        config.check_grid(&grid)?;
        Ok(grid)
    }

    fn channels_last(&self, ys: &Tensor, grid: &[usize]) -> Result<Tensor> {
        if self.config.out_channels == 1 {
            let mut shape = vec![ys.dim(0)?];
            shape.extend(grid);
            shape.push(1);
            return Ok(ys.reshape(shape)?);
        }
        let mut order = vec![0];
        order.extend(2..ys.rank());
        order.push(1);
        Ok(ys.permute(order)?.contiguous()?)
    }
}

enum Draws<'a> {
    Context(&'a Context),
    Given(&'a [Tensor], &'a Context),
}

#[derive(Clone, Copy)]
enum Place {
    Input,
    Lift,
    Spectral(usize),
    Skip(usize),
    Residual(usize),
    Project,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Input => f.write_str("input"),
            Place::Lift => f.write_str("lift"),
            Place::Spectral(layer) => write!(f, "spectral.{layer}"),
            Place::Skip(layer) => write!(f, "skip.{layer}"),
            Place::Residual(layer) => write!(f, "residual.{layer}"),
            Place::Project => f.write_str("project"),
        }
    }
}

/// Whether every element is finite: the sum of `0 * t` is NaN where one is not.
pub(crate) fn is_finite(tensor: &Tensor) -> candle::Result<bool> {
    let sum = (tensor.detach() * 0.0)?
        .sum_all()?
        .to_dtype(candle::DType::F64)?;
    Ok(sum.to_scalar::<f64>()?.is_finite())
}

/// `(dims, d1 .. dN)`: entry `[k, ...]` is the k-th coordinate of each site, `linspace(0, end, d_k)`.
fn coordinates(
    grid: &[usize],
    end: f64,
    dtype: candle::DType,
    device: &Device,
) -> candle::Result<Tensor> {
    let sites: usize = grid.iter().product();
    let mut values = Vec::with_capacity(grid.len() * sites);
    for (axis, &extent) in grid.iter().enumerate() {
        let stride: usize = grid[axis + 1..].iter().product();
        let spacing = end / (extent.max(2) - 1) as f64;
        values.extend((0..sites).map(|site| ((site / stride) % extent) as f64 * spacing));
    }
    let mut shape = vec![grid.len()];
    shape.extend(grid);
    Tensor::from_vec(values, shape, &Device::Cpu)?
        .to_dtype(dtype)?
        .to_device(device)
}
