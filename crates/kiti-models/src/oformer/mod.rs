//! The operator transformer OFormer (Li, Meidani & Farimani, arXiv:2205.13671).

mod attention;
mod config;
mod cost;
mod layers;
mod rotary;

use candle::{D, DType, Device, Module, Tensor};
use candle_nn::VarBuilder;
use kiti_kinetics::rng::{Stream, derive_seed};
use kiti_nn::activation::gelu;
use kiti_nn::context::Context;
use kiti_nn::residual::ResidualConfig;
use kiti_nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};

pub use config::OFormerConfig;

use crate::fno::is_finite;
use crate::operator::Operator;
use crate::{Error, Result};
use layers::{Block, Head, PropagatorLayer};
use rotary::Rotation;

/// An operator transformer whose additions are residuals of one's choice.
///
/// ```text
/// f   = norm encoder( lift [a(y), y] )                     self-attention between the points y of the input
/// z_0 = decoder( gelu-lift gamma(x), f )                   cross-attention from a query point x to f
/// z_k = propagator( z_(k-1), x ),   u_k(x) = head z_k      a step of time, for each query point alone
/// ```
///
/// with Galerkin-type attention, rotary embeddings of positions, and `gamma(x) = [cos 2 pi B x, sin 2 pi B x]` of fixed
/// normal wavenumbers B, which every model of one size shares. Inputs and queries are points anywhere, of grids or
/// scattered; where a model is asked changes no answer elsewhere. Residuals have no weights, so a checkpoint of one
/// residual loads into every other. Differences from the published code: norms before attention and feed-forward
/// networks, GELU in the latter, and one propagator for all equations.
///
/// # Example
///
/// ```
/// use candle::{DType, Device, Tensor};
/// use kiti_models::oformer::{OFormer, OFormerConfig};
/// use kiti_nn::{Context, ResidualConfig, VarStore};
///
/// let config = OFormerConfig { dims: 2, width: 16, heads: 2, layers: 1, ..OFormerConfig::default() };
/// let store = VarStore::new(1, DType::F32, &Device::Cpu);
/// let model = OFormer::new(&config, &ResidualConfig::Additive, store.builder())?;
/// // One value at each of 30 scattered points, asked for at 7 others, at two moments.
/// let values = Tensor::ones((1, 30, 1), DType::F32, &Device::Cpu)?;
/// let points = |count: usize| Tensor::arange(0f32, 2. * count as f32, &Device::Cpu)?
///     .affine(0.01, 0.)?.reshape((1, count, 2));
/// let answers = model.forward_points(&values, &points(30)?, &points(7)?, 2, &Context::evaluate())?;
/// assert_eq!((answers.len(), answers[1].dims()), (2, &[1, 7, 1][..]));
/// # Ok::<(), kiti_models::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct OFormer {
    config: OFormerConfig,
    wavenumbers: Tensor,
    lift: Linear,
    encoder: Vec<Block>,
    encoder_norm: LayerNorm,
    query: Linear,
    decoder: Block,
    propagator: Vec<PropagatorLayer>,
    head: Head,
}

impl OFormer {
    /// Creates or loads the variables below `vb`. Residuals draw their random numbers under the indices 0, 1 (attention
    /// and feed-forward network of the encoder's first layer), 2, 3, ..., then those of decoder and propagator.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] for sizes that make no model; a residual's own check of its settings; a stored variable of
    /// another shape.
    pub fn new(config: &OFormerConfig, residual: &ResidualConfig, vb: VarBuilder) -> Result<Self> {
        config.validate()?;
        let width = config.width;
        let after_encoder = 2 * config.layers as u32;
        let encoder = (0..config.layers)
            .map(|layer| {
                let vb = vb.pp("encoder").pp(layer);
                Ok(Block::new(config, residual, 2 * layer as u32, vb)?)
            })
            .collect::<Result<_>>()?;
        let propagator = (0..config.propagator_layers)
            .map(|layer| {
                let index = after_encoder + 2 + layer as u32;
                let vb = vb.pp("propagator").pp(layer);
                Ok(PropagatorLayer::new(config, residual, index, vb)?)
            })
            .collect::<Result<_>>()?;
        let lift = LinearConfig::new(config.in_channels + config.dims, width);
        let norm = LayerNormConfig::new(width);
        Ok(Self {
            wavenumbers: wavenumbers(config, vb.dtype(), vb.device())?,
            lift: Linear::new(&lift, vb.pp("lift"))?,
            encoder,
            encoder_norm: LayerNorm::new(&norm, vb.pp("encoder_norm"))?,
            query: Linear::new(&LinearConfig::new(width, width), vb.pp("query"))?,
            decoder: Block::new(config, residual, after_encoder, vb.pp("decoder"))?,
            propagator,
            head: Head::new(config, vb.pp("head"))?,
            config: config.clone(),
        })
    }

    /// The model's sizes.
    pub fn config(&self) -> &OFormerConfig {
        &self.config
    }

    /// The function with `values` `(batch, n, in_channels)` at `positions`, `steps` times later at `queries`: one
    /// `(batch, m, out_channels)` a step. Positions are `(batch, n, dims)`, or `(1, n, dims)` for all samples, queries
    /// likewise.
    ///
    /// Random only where `ctx` says training and the residuals draw; step k is their application k.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for arrays that do not fit.
    pub fn forward_points(
        &self,
        values: &Tensor,
        positions: &Tensor,
        queries: &Tensor,
        steps: usize,
        ctx: &Context,
    ) -> Result<Vec<Tensor>> {
        self.run(values, positions, queries, steps, ctx, &mut |_, _| Ok(()))
    }

    fn run(
        &self,
        values: &Tensor,
        positions: &Tensor,
        queries: &Tensor,
        steps: usize,
        ctx: &Context,
        observe: &mut dyn FnMut(&str, &Tensor) -> Result<()>,
    ) -> Result<Vec<Tensor>> {
        let config = &self.config;
        let shape = |name: &str, expected: String, found: &Tensor| Error::Shape {
            name: name.to_owned(),
            expected,
            found: found.dims().to_vec(),
        };
        let [batch, points, channels] = *values.dims() else {
            return Err(shape("values", "(batch, points, channels)".into(), values));
        };
        if channels != config.in_channels || points == 0 {
            let expected = format!("(batch, at least 1 point, {})", config.in_channels);
            return Err(shape("values", expected, values));
        }
        let placed =
            |name: &str, at: &Tensor, count: Option<usize>| -> Result<(Tensor, Rotation)> {
                let fits = matches!(*at.dims(), [samples, found, dims]
                if (samples == batch || samples == 1)
                    && dims == config.dims
                    && count.is_none_or(|count| count == found));
                if !fits {
                    let expected = format!("({batch} or 1, points, {})", config.dims);
                    return Err(shape(name, expected, at));
                }
                let at = at.to_dtype(values.dtype())?;
                let rotation = Rotation::new(&at, config.head_width(), config.rotary_frequency)?;
                let (_, count, dims) = at.dims3()?;
                Ok((
                    at.broadcast_as((batch, count, dims))?.contiguous()?,
                    rotation,
                ))
            };
        let (positions, rotation) = placed("positions", positions, Some(points))?;
        let (queries, query_rotation) = placed("queries", queries, None)?;

        observe("input", values)?;
        let mut features = self
            .lift
            .forward(&Tensor::cat(&[values, &positions], D::Minus1)?)?;
        observe("lift", &features)?;
        for (layer, block) in self.encoder.iter().enumerate() {
            features = block.self_attend(&features, &rotation, ctx)?;
            observe(&format!("encoder.{layer}"), &features)?;
        }
        let features = self.encoder_norm.forward(&features)?;
        let mut latent = self.query.forward(&gelu(&self.waves(&queries)?)?)?;
        latent = self
            .decoder
            .cross_attend(&latent, &query_rotation, &features, &rotation, ctx)?;
        observe("decoder", &latent)?;
        let mut answers = Vec::with_capacity(steps);
        for step in 0..steps {
            let ctx = ctx.clone().with_pass(step as u32);
            for (layer, block) in self.propagator.iter().enumerate() {
                latent = block.forward(&latent, &queries, &ctx)?;
                observe(
                    &format!("propagator.{layer} (roll-out step {})", step + 1),
                    &latent,
                )?;
            }
            let answer = self.head.forward(&latent)?;
            observe(&format!("head (roll-out step {})", step + 1), &answer)?;
            answers.push(answer);
        }
        Ok(answers)
    }

    /// `[cos 2 pi B x, sin 2 pi B x]` of points `(batch, m, dims)`: `(batch, m, width)`.
    fn waves(&self, points: &Tensor) -> Result<Tensor> {
        let (batch, count, dims) = points.dims3()?;
        let phases = points
            .reshape((batch * count, dims))?
            .matmul(&self.wavenumbers)?
            .affine(std::f64::consts::TAU, 0.0)?;
        let waves = Tensor::cat(&[phases.cos()?, phases.sin()?], D::Minus1)?;
        Ok(waves.reshape((batch, count, self.config.width))?)
    }

    /// Input of a grid as points, and the grid's points.
    fn points_of(&self, xs: &Tensor) -> Result<(Tensor, Tensor, Vec<usize>)> {
        let dims = self.config.dims;
        if xs.rank() != dims + 2 {
            return Err(Error::Shape {
                name: "input".to_owned(),
                expected: format!(
                    "(batch, {dims} grid dimensions, {})",
                    self.config.in_channels
                ),
                found: xs.dims().to_vec(),
            });
        }
        let grid = xs.dims()[1..=dims].to_vec();
        self.config.check_grid(&grid)?;
        let sites: usize = grid.iter().product();
        let values = xs.reshape((xs.dim(0)?, sites, xs.dim(dims + 1)?))?;
        let mut points = Vec::with_capacity(sites * dims);
        for site in 0..sites {
            for axis in 0..dims {
                let stride: usize = grid[axis + 1..].iter().product();
                let index = (site / stride) % grid[axis];
                let intervals = if self.config.periodic {
                    grid[axis]
                } else {
                    grid[axis].max(2) - 1
                };
                points.push(index as f64 / intervals as f64);
            }
        }
        let points = Tensor::from_vec(points, (1, sites, dims), &Device::Cpu)?;
        let points = points.to_dtype(xs.dtype())?.to_device(xs.device())?;
        Ok((values, points, grid))
    }
}

impl Operator for OFormer {
    fn dims(&self) -> usize {
        self.config.dims
    }

    fn in_channels(&self) -> usize {
        self.config.in_channels
    }

    fn out_channels(&self) -> usize {
        self.config.out_channels
    }

    fn check_grid(&self, grid: &[usize]) -> Result<()> {
        self.config.check_grid(grid)
    }

    fn forward_t(&self, xs: &Tensor, ctx: &Context) -> Result<Tensor> {
        let mut answers = self.roll_out(xs, 1, ctx)?;
        Ok(answers.remove(0))
    }

    fn first_not_finite(
        &self,
        history: &Tensor,
        steps: usize,
        ctx: &Context,
    ) -> Result<Option<String>> {
        let (values, points, _) = self.points_of(history)?;
        let mut found = None;
        self.run(
            &values,
            &points,
            &points,
            steps,
            ctx,
            &mut |place, tensor| {
                if found.is_none() && !is_finite(tensor)? {
                    found = Some(place.to_owned());
                }
                Ok(())
            },
        )?;
        Ok(found)
    }

    /// Encodes the history once and goes on in the latent space.
    fn roll_out(&self, history: &Tensor, steps: usize, ctx: &Context) -> Result<Vec<Tensor>> {
        let (values, points, grid) = self.points_of(history)?;
        let shape = [&[history.dim(0)?], &grid[..], &[self.config.out_channels]].concat();
        self.forward_points(&values, &points, &points, steps, ctx)?
            .into_iter()
            .map(|answer| Ok(answer.reshape(shape.as_slice())?))
            .collect()
    }
}

/// The wavenumbers B `(dims, width/2)` of a model's queries: normal numbers, the same for every model of one size.
fn wavenumbers(config: &OFormerConfig, dtype: DType, device: &Device) -> candle::Result<Tensor> {
    let mut stream = Stream::new(derive_seed(0, "oformer/wavenumbers"), [0; 3]);
    let count = config.dims * (config.width / 2);
    let values: Vec<f64> = (0..count)
        .map(|_| config.query_wavenumber * stream.normal())
        .collect();
    Tensor::from_vec(values, (config.dims, config.width / 2), &Device::Cpu)?
        .to_dtype(dtype)?
        .to_device(device)
}
