//! What learns: sizes and costs, whatever the kind of model.

use kiti_nn::flops::Flops;
use kiti_nn::kinetic::{Arrangement, KineticResidual};
use kiti_nn::residual::ResidualConfig;
use kiti_nn::var_store::VarStore;
use serde::{Deserialize, Serialize};

use crate::bert::{BertConfig, BertForSequenceClassification};
use crate::fno::{Fno, FnoConfig};
use crate::gpt2::{Gpt2, Gpt2Config};
use crate::hub::{Architecture, PretrainedFiles};
use crate::oformer::{OFormer, OFormerConfig};
use crate::resnet::{ResNet, ResNetConfig, StageResiduals};
use crate::transformer::LayerResiduals;
use crate::{Error, Result};

/// What learns. A kind is told by its key `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ModelSection {
    /// A Fourier neural operator.
    Fno(FnoConfig),
    /// An operator transformer.
    Oformer(OFormerConfig),
    /// A residual network for images.
    Resnet(ResNetSection),
    /// BERT with a classifier.
    Bert(BertSection),
    /// GPT-2.
    Gpt2(Gpt2Section),
}

/// A residual network and what is particular to its stages.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResNetSection {
    /// Its sizes.
    pub network: ResNetConfig,
    /// Particles of each stage.
    pub stages: StageResiduals,
    /// The checkpoint that training begins from: a `.safetensors` file with torchvision's names, a folder or a repository
    /// of the Hub; empty for random weights.
    pub pretrained: String,
}

/// BERT, where it begins, and which of its additions are the recipe's residual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BertSection {
    /// Its sizes: those of the checkpoint, where it begins from one.
    pub encoder: BertConfig,
    /// The checkpoint that training begins from, a folder or a repository of the Hub; empty for random weights.
    pub pretrained: String,
    /// How many layers have the residual, counted from the last one; 0 for all.
    pub last_layers: usize,
    /// Whether the addition around attention is one.
    pub attention: bool,
    /// Whether the addition around the feed-forward layers is one.
    pub feed_forward: bool,
}

impl Default for BertSection {
    /// MiniLM's size, random weights, the last two layers.
    fn default() -> Self {
        Self {
            encoder: BertConfig::minilm_l6(),
            pretrained: String::new(),
            last_layers: 2,
            attention: true,
            feed_forward: true,
        }
    }
}

impl BertSection {
    /// The residual of each addition.
    pub fn residuals(&self, residual: &ResidualConfig) -> LayerResiduals {
        LayerResiduals {
            residual: residual.clone(),
            last_layers: (self.last_layers > 0).then_some(self.last_layers),
            attention: self.attention,
            feed_forward: self.feed_forward,
        }
    }
}

/// GPT-2, where it begins, and which of its additions are the recipe's residual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gpt2Section {
    /// Its sizes: those of the checkpoint, where it begins from one.
    pub decoder: Gpt2Config,
    /// The checkpoint that training begins from, a folder or a repository of the Hub; empty for random weights.
    pub pretrained: String,
    /// How many layers have the residual, counted from the last one; 0 for all.
    pub last_layers: usize,
    /// Whether the addition around attention is one.
    pub attention: bool,
    /// Whether the addition around the feed-forward layers is one.
    pub feed_forward: bool,
}

impl Default for Gpt2Section {
    /// GPT-2 small, random weights, around the last layer's attention.
    fn default() -> Self {
        Self {
            decoder: Gpt2Config::default(),
            pretrained: String::new(),
            last_layers: 1,
            attention: true,
            feed_forward: false,
        }
    }
}

impl Gpt2Section {
    /// The residual of each addition.
    pub fn residuals(&self, residual: &ResidualConfig) -> LayerResiduals {
        LayerResiduals {
            residual: residual.clone(),
            last_layers: (self.last_layers > 0).then_some(self.last_layers),
            attention: self.attention,
            feed_forward: self.feed_forward,
        }
    }
}

impl ModelSection {
    /// Every kind with its default values.
    pub fn examples() -> Vec<Self> {
        vec![
            Self::Fno(FnoConfig::default()),
            Self::Oformer(OFormerConfig::default()),
            Self::Resnet(ResNetSection::default()),
            Self::Bert(BertSection {
                encoder: BertConfig {
                    // So that the key is known, which is left out where it has no value.
                    classifier_dropout: Some(0.1),
                    ..BertConfig::default()
                },
                ..BertSection::default()
            }),
            Self::Gpt2(Gpt2Section {
                decoder: Gpt2Config {
                    n_inner: Some(1),
                    ..Gpt2Config::default()
                },
                ..Gpt2Section::default()
            }),
        ]
    }

    /// Refuses sizes that make no model.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`].
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Fno(config) => config.validate(),
            Self::Oformer(config) => config.validate(),
            Self::Resnet(section) => section.network.validate(),
            Self::Bert(section) => section.encoder.validate(),
            Self::Gpt2(section) => section.decoder.validate(),
        }
    }

    /// Dimensions of space of an operator's fields.
    pub fn dims(&self) -> usize {
        match self {
            Self::Fno(config) => config.dims(),
            Self::Oformer(config) => config.dims,
            Self::Resnet(_) => 2,
            Self::Bert(_) | Self::Gpt2(_) => 1,
        }
    }

    /// Channels of an operator's input.
    pub fn in_channels(&self) -> usize {
        match self {
            Self::Fno(config) => config.in_channels,
            Self::Oformer(config) => config.in_channels,
            Self::Resnet(section) => section.network.in_channels,
            Self::Bert(_) | Self::Gpt2(_) => 1,
        }
    }

    /// Channels of an operator's output, classes, or tokens.
    pub fn out_channels(&self) -> usize {
        match self {
            Self::Fno(config) => config.out_channels,
            Self::Oformer(config) => config.out_channels,
            Self::Resnet(section) => section.network.classes,
            Self::Bert(section) => section.encoder.num_labels,
            Self::Gpt2(section) => section.decoder.vocab_size,
        }
    }

    /// Refuses grids that an operator cannot be applied on.
    ///
    /// # Errors
    ///
    /// [`Error::GridTooSmall`], [`Error::Shape`].
    pub fn check_grid(&self, grid: &[usize]) -> Result<()> {
        match self {
            Self::Fno(config) => config.check_grid(grid),
            Self::Oformer(config) => config.check_grid(grid),
            Self::Resnet(_) => Ok(()),
            Self::Bert(section) => check_length(section.encoder.max_position_embeddings, grid),
            Self::Gpt2(section) => check_length(section.decoder.n_positions, grid),
        }
    }

    /// Refuses a residual whose particles cannot be cut from an operator's features on `grid`.
    ///
    /// # Errors
    ///
    /// [`Error::Candle`] with the two numbers that do not divide.
    pub fn check_residual(&self, residual: &ResidualConfig, grid: &[usize]) -> Result<()> {
        let ResidualConfig::Kinetic(kinetic) = residual else {
            return Ok(());
        };
        let shape = match self {
            Self::Fno(config) => [&[1, config.width], grid].concat(),
            Self::Oformer(config) => {
                if !matches!(kinetic.arrangement, Arrangement::Tokens { .. }) {
                    return Err(Error::ModelConfig {
                        key: "residual.arrangement",
                        found: "\"grid\"".to_owned(),
                        expected: "\"tokens\": this model has no grid inside",
                    });
                }
                vec![1, grid.iter().product(), config.width]
            }
            Self::Resnet(section) => {
                let image = [grid[0], grid.get(1).copied().unwrap_or(1)];
                let shapes = section.network.stage_shapes(image);
                let residuals = section.stages.residuals(residual, shapes.len())?;
                for (residual, [channels, rows, columns]) in residuals.into_iter().zip(shapes) {
                    if let ResidualConfig::Kinetic(config) = residual {
                        KineticResidual::new(config, 0)?.layout(&[1, channels, rows, columns])?;
                    }
                }
                return Ok(());
            }
            Self::Bert(section) => {
                return section
                    .residuals(residual)
                    .validate(section.encoder.hidden_size);
            }
            Self::Gpt2(section) => {
                return section.residuals(residual).validate(section.decoder.n_embd);
            }
        };
        KineticResidual::new(kinetic.clone(), 0)
            .and_then(|residual| residual.layout(&shape))
            .map_err(Error::from)?;
        Ok(())
    }

    /// Trainable numbers.
    pub fn parameter_count(&self) -> usize {
        match self {
            Self::Fno(config) => config.parameter_count(),
            Self::Oformer(config) => config.parameter_count(),
            Self::Resnet(section) => section.network.parameter_count(),
            Self::Bert(section) => section.encoder.parameter_count(),
            Self::Gpt2(section) => section.decoder.parameter_count(),
        }
    }

    /// Operations of `steps` predictions of an operator on `batch` fields.
    pub fn flops(
        &self,
        residual: &ResidualConfig,
        batch: usize,
        grid: &[usize],
        steps: usize,
    ) -> Flops {
        match self {
            Self::Fno(config) => {
                let pass = Fno::flops(config, residual, batch, grid);
                std::iter::repeat_n(pass, steps).sum()
            }
            Self::Oformer(config) => {
                OFormer::flops(config, residual, batch, grid.iter().product(), steps)
            }
            Self::Resnet(section) => {
                let stages = section.network.blocks.len();
                // Other numbers of stages are refused before anything is counted.
                let residuals = section.stages.residuals(residual, stages);
                let residuals =
                    residuals.unwrap_or_else(|_| vec![ResidualConfig::Additive; stages]);
                let image = [grid[0], grid.get(1).copied().unwrap_or(1)];
                ResNet::flops(&section.network, &residuals, batch, image)
            }
            Self::Bert(section) => {
                let residuals = section.residuals(residual);
                BertForSequenceClassification::flops(&section.encoder, &residuals, batch, grid[0])
            }
            Self::Gpt2(section) => {
                let residuals = section.residuals(residual);
                Gpt2::flops(&section.decoder, &residuals, batch, grid[0])
            }
        }
    }

    /// Bytes of the features that a training pass of `steps` predictions keeps: an estimate.
    pub fn kept_bytes(&self, batch: usize, grid: &[usize], steps: usize) -> u64 {
        match self {
            Self::Fno(config) => Fno::kept_bytes(config, batch, grid) * steps as u64,
            Self::Oformer(config) => {
                OFormer::kept_bytes(config, batch, grid.iter().product(), steps)
            }
            Self::Resnet(section) => {
                let image = [grid[0], grid.get(1).copied().unwrap_or(1)];
                ResNet::kept_bytes(&section.network, batch, image)
            }
            Self::Bert(section) => {
                BertForSequenceClassification::kept_bytes(&section.encoder, batch, grid[0])
            }
            Self::Gpt2(section) => Gpt2::kept_bytes(&section.decoder, batch, grid[0]),
        }
    }

    /// How many layers lie between a variable and the output, its own included: 0 for the head, one more from layer to layer
    /// down to the embeddings. None for a model without a stack of layers.
    pub fn depth(&self, variable: &str) -> Option<usize> {
        let (layers, stack) = match self {
            Self::Bert(section) => (section.encoder.num_hidden_layers, "encoder.layer."),
            Self::Gpt2(section) => (section.decoder.n_layer, "transformer.h."),
            Self::Fno(_) | Self::Oformer(_) | Self::Resnet(_) => return None,
        };
        if let Some((_, rest)) = variable.split_once(stack) {
            let layer: usize = rest.split('.').next()?.parse().ok()?;
            return layers.checked_sub(layer);
        }
        let embeds = ["embeddings.", ".wte.", ".wpe."];
        let embeds = embeds.iter().any(|part| variable.contains(part));
        Some(if embeds { layers + 1 } else { 0 })
    }

    /// Overwrites the initial values of the model in `store` where training begins from a checkpoint.
    ///
    /// # Errors
    ///
    /// Those of [`from_pretrained`](crate::hub::from_pretrained).
    pub fn begin_from_checkpoint(&self, store: &VarStore) -> Result<()> {
        let (name, architecture) = match self {
            Self::Bert(section) => (
                &section.pretrained,
                Architecture::Bert(section.encoder.clone()),
            ),
            Self::Gpt2(section) => (
                &section.pretrained,
                Architecture::Gpt2(section.decoder.clone()),
            ),
            Self::Resnet(section) => (
                &section.pretrained,
                Architecture::ResNet(section.network.clone()),
            ),
            Self::Fno(_) | Self::Oformer(_) => return Ok(()),
        };
        if !name.is_empty() {
            let files = PretrainedFiles::locate(name, None, &|_, _, _| {})?;
            files.load_into(&architecture, store)?;
        }
        Ok(())
    }
}

fn check_length(longest: usize, grid: &[usize]) -> Result<()> {
    match grid {
        [tokens] if (1..=longest).contains(tokens) => Ok(()),
        _ => Err(Error::Shape {
            name: "a text".to_owned(),
            expected: format!("1 to {longest} tokens"),
            found: grid.to_vec(),
        }),
    }
}
