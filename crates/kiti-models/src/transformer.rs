//! What BERT and GPT-2 share.

use candle::{DType, Tensor};
use candle_nn::{Init, VarBuilder};
use kiti_nn::activation::Activation;
use kiti_nn::flops::{self, Flops};
use kiti_nn::kinetic::Arrangement;
use kiti_nn::linear::{Linear, LinearConfig, WeightOrder};
use kiti_nn::residual::{Residual, ResidualConfig};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The activation between the two linear maps of a layer, under the names of Hugging Face's configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum HiddenActivation {
    /// GELU in its exact form.
    #[default]
    #[serde(rename = "gelu")]
    Gelu,
    /// GELU in its tanh approximation.
    #[serde(rename = "gelu_new", alias = "gelu_pytorch_tanh")]
    GeluNew,
    /// Rectified linear unit.
    #[serde(rename = "relu")]
    Relu,
    /// Hyperbolic tangent.
    #[serde(rename = "tanh")]
    Tanh,
}

impl HiddenActivation {
    /// The function.
    pub fn activation(self) -> Activation {
        match self {
            Self::Gelu => Activation::Gelu,
            Self::GeluNew => Activation::GeluTanh,
            Self::Relu => Activation::Relu,
            Self::Tanh => Activation::Tanh,
        }
    }
}

/// Which additions of a transformer are residuals of one's choice; the others are plain.
///
/// Particles are those of one token ([`Arrangement::Tokens`]), so that nothing crosses positions: a causal model stays causal.
///
/// ```
/// use kiti_models::transformer::LayerResiduals;
/// use kiti_nn::{ResidualConfig, Variant, VariantSettings};
/// use kiti_nn::residual::ArrangementKind;
///
/// // The last two layers, both of their residuals, particles of 16 coordinates.
/// let settings = VariantSettings { arrangement: ArrangementKind::Tokens, token_dims: 16, ..VariantSettings::default() };
/// let residual = Variant::Reflection.config(&settings);
/// let residuals = LayerResiduals { last_layers: Some(2), ..LayerResiduals::everywhere(residual) };
/// assert!(residuals.validate(384).is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerResiduals {
    /// The residual.
    #[serde(default)]
    pub residual: ResidualConfig,
    /// How many layers have it, counted from the last one; all if absent.
    #[serde(default)]
    pub last_layers: Option<usize>,
    /// Whether the residual around attention is one.
    #[serde(default = "yes")]
    pub attention: bool,
    /// Whether the residual around the feed-forward layers is one.
    #[serde(default = "yes")]
    pub feed_forward: bool,
}

fn yes() -> bool {
    true
}

/// One of the two residuals of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Attention,
    FeedForward,
}

impl Default for LayerResiduals {
    fn default() -> Self {
        Self::everywhere(ResidualConfig::Additive)
    }
}

impl LayerResiduals {
    /// This residual in both places of every layer.
    pub fn everywhere(residual: ResidualConfig) -> Self {
        Self {
            residual,
            last_layers: None,
            attention: true,
            feed_forward: true,
        }
    }

    /// Refuses particles of several tokens, and ones that don't divide the `hidden` size.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] with what is expected.
    pub fn validate(&self, hidden: usize) -> Result<()> {
        let ResidualConfig::Kinetic(config) = &self.residual else {
            return Ok(());
        };
        match config.arrangement {
            Arrangement::Tokens { dims } if dims > 0 && hidden.is_multiple_of(dims) => Ok(()),
            Arrangement::Tokens { dims } => Err(Error::ModelConfig {
                key: "residual.arrangement",
                found: format!("tokens of {dims} coordinates a particle"),
                expected: "a number that divides the model's hidden size",
            }),
            Arrangement::Grid { .. } => Err(Error::ModelConfig {
                key: "residual.arrangement",
                found: "grid".to_owned(),
                expected: "tokens: particles of one token, so that nothing crosses positions",
            }),
        }
    }

    /// The residual of a place in layer number `layer` of `layers`.
    pub(crate) fn at(&self, place: Place, layer: usize, layers: usize) -> ResidualConfig {
        let chosen = match place {
            Place::Attention => self.attention,
            Place::FeedForward => self.feed_forward,
        };
        let first = layers - self.last_layers.unwrap_or(layers).min(layers);
        if chosen && layer >= first {
            self.residual.clone()
        } else {
            ResidualConfig::Additive
        }
    }

    /// The layer's two residuals, the one of number l under the indices 2 l and 2 l + 1.
    pub(crate) fn build(&self, layer: usize, layers: usize) -> candle::Result<[Residual; 2]> {
        let build = |place, index: usize| {
            Residual::new(&self.at(place, layer, layers), (2 * layer + index) as u32)
        };
        Ok([build(Place::Attention, 0)?, build(Place::FeedForward, 1)?])
    }

    /// Operations of all residuals of a model.
    pub(crate) fn flops(
        &self,
        batch: usize,
        sequence: usize,
        hidden: usize,
        layers: usize,
    ) -> Flops {
        let places = [Place::Attention, Place::FeedForward];
        let each = (0..layers).flat_map(|layer| places.map(|place| self.at(place, layer, layers)));
        each.map(|residual| residual.flops(batch, hidden, &[sequence]))
            .sum()
    }
}

/// Sizes of a stack of layers, as its costs depend on them.
pub(crate) struct StackSizes {
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub intermediate: usize,
}

impl StackSizes {
    /// Operations of all layers, without their residuals.
    pub(crate) fn flops(&self, batch: usize, sequence: usize) -> Flops {
        let tokens = batch * sequence;
        let Self { hidden, heads, .. } = *self;
        let layer = 4 * flops::pointwise(tokens, hidden, hidden)
            + flops::attention(batch, sequence, sequence, heads, hidden)
            + flops::pointwise(tokens, hidden, self.intermediate)
            + flops::elementwise(tokens * self.intermediate)
            + flops::pointwise(tokens, self.intermediate, hidden)
            + 2 * flops::normalization(tokens * hidden);
        Flops::layer(layer * self.layers as u64)
    }

    /// Trainable numbers of all layers.
    pub(crate) fn parameter_count(&self) -> usize {
        let Self { hidden, .. } = *self;
        let attention = 4 * (hidden + 1) * hidden;
        let feed_forward = (hidden + 1) * self.intermediate + (self.intermediate + 1) * hidden;
        self.layers * (attention + feed_forward + 4 * hidden)
    }

    /// Bytes that a training pass in single precision keeps for its backward pass: per layer the results of linear maps,
    /// attention, residuals, norms and dropouts. An estimate, not a count.
    pub(crate) fn kept_bytes(&self, batch: usize, sequence: usize) -> u64 {
        let token = self.layers * (10 * self.hidden + 2 * self.intermediate) + 4 * self.hidden;
        4 * (batch * sequence * token) as u64
    }
}

/// A linear layer whose weights are normal with this standard deviation and whose bias is 0 at first.
pub(crate) fn normal_linear(
    [inputs, outputs]: [usize; 2],
    order: WeightOrder,
    deviation: f64,
    vb: VarBuilder,
) -> candle::Result<Linear> {
    let init = [normal(deviation), Init::Const(0.0)];
    Linear::with_init(&LinearConfig::new(inputs, outputs), order, init, vb)
}

pub(crate) fn normal(deviation: f64) -> Init {
    Init::Randn {
        mean: 0.0,
        stdev: deviation,
    }
}

/// Checks that a tensor has the shape `(batch, sequence)`, not longer than the model's positions, and returns it.
pub(crate) fn check_tokens(name: &str, ids: &Tensor, longest: usize) -> Result<[usize; 2]> {
    match *ids.dims() {
        [batch, sequence] if batch > 0 && (1..=longest).contains(&sequence) => {
            Ok([batch, sequence])
        }
        _ => Err(Error::Shape {
            name: name.to_owned(),
            expected: format!("(batch, sequence) of 1 to {longest} tokens"),
            found: ids.dims().to_vec(),
        }),
    }
}

/// `[0, 1 .. length)` from `first` on, as token positions `(1, length)`.
pub(crate) fn positions(
    first: usize,
    length: usize,
    device: &candle::Device,
) -> candle::Result<Tensor> {
    Tensor::arange(first as u32, (first + length) as u32, device)?.reshape((1, length))
}

/// What is added to the scores of attention: 0 where the `mask` `(batch, keys)` is not 0, the smallest number elsewhere;
/// `(batch, 1, 1, keys)`.
pub(crate) fn additive_mask(mask: &Tensor, dtype: DType) -> candle::Result<Tensor> {
    let (batch, keys) = mask.dims2()?;
    let hidden = mask.ne(&mask.zeros_like()?)?.to_dtype(DType::F32)?;
    let added = hidden.affine(f64::from(f32::MAX), f64::from(f32::MIN))?;
    added.reshape((batch, 1, 1, keys))?.to_dtype(dtype)
}

/// A number of a configuration within its range.
pub(crate) fn check_counts(counts: &[(&'static str, usize)]) -> Result<()> {
    for &(key, count) in counts {
        if !(1..=1 << 24).contains(&count) {
            return Err(Error::ModelConfig {
                key,
                found: count.to_string(),
                expected: "a number from 1 to 16777216",
            });
        }
    }
    Ok(())
}

/// A hidden size that the heads share equally.
pub(crate) fn check_heads(key: &'static str, heads: usize, hidden: usize) -> Result<()> {
    if heads > 0 && hidden.is_multiple_of(heads) {
        return Ok(());
    }
    Err(Error::ModelConfig {
        key,
        found: heads.to_string(),
        expected: "a number that divides the hidden size",
    })
}
