//! A model of any kind, as a recipe or a file describes it.

use candle_nn::VarBuilder;
use kiti_data::vision::ImageInput;
use kiti_nn::residual::ResidualConfig;
use serde::{Deserialize, Serialize};

use crate::bert::BertForSequenceClassification;
use crate::fno::Fno;
use crate::gpt2::Gpt2;
use crate::oformer::OFormer;
use crate::operator::{FieldOperator, Network, Normalization};
use crate::recipe::ModelSection;
use crate::resnet::ResNet;
use crate::{Error, Result};

/// What a model is, without its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelDescription {
    /// Kind and sizes.
    #[serde(flatten)]
    pub model: ModelSection,
    /// The residual that it is trained with.
    pub residual: ResidualConfig,
    /// The scales it works in, where it was trained on scaled values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalization: Option<Normalization>,
    /// Names of the classes that a classifier tells apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// How an image becomes the input of a classifier of images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageInput>,
}

impl ModelDescription {
    /// A model that takes values as they are.
    pub fn new(model: ModelSection, residual: ResidualConfig) -> Self {
        Self {
            model,
            residual,
            normalization: None,
            classes: Vec::new(),
            image: None,
        }
    }
}

/// A model of any kind: what a training run trains and a file holds.
#[derive(Debug, Clone)]
pub enum Model {
    /// From fields to fields.
    Operator(FieldOperator),
    /// From images to classes.
    Images(ResNet),
    /// From texts to classes.
    Texts(BertForSequenceClassification),
    /// From tokens to the next ones.
    Language(Gpt2),
}

impl Model {
    /// Creates or loads the variables below `vb`.
    ///
    /// # Errors
    ///
    /// Those of building the kind of model.
    pub fn new(description: &ModelDescription, vb: VarBuilder) -> Result<Self> {
        let residual = &description.residual;
        let network = match &description.model {
            ModelSection::Resnet(section) => {
                let stages = section.network.blocks.len();
                let residuals = section.stages.residuals(residual, stages)?;
                return Ok(Self::Images(ResNet::new(&section.network, &residuals, vb)?));
            }
            ModelSection::Bert(section) => {
                let residuals = section.residuals(residual);
                let model = BertForSequenceClassification::new(&section.encoder, &residuals, vb)?;
                return Ok(Self::Texts(model));
            }
            ModelSection::Gpt2(section) => {
                let residuals = section.residuals(residual);
                return Ok(Self::Language(Gpt2::new(&section.decoder, &residuals, vb)?));
            }
            ModelSection::Fno(config) => Network::Fno(Fno::new(config, residual, vb)?),
            ModelSection::Oformer(config) => {
                Network::OFormer(Box::new(OFormer::new(config, residual, vb)?))
            }
        };
        let normalization = description.normalization.clone();
        Ok(Self::Operator(FieldOperator::new(network, normalization)))
    }

    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Operator(_) => "a model from fields to fields",
            Self::Images(_) => "a classifier of images",
            Self::Texts(_) => "a classifier of texts",
            Self::Language(_) => "a language model",
        }
    }

    /// The operator between fields that this is.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] for a model of another kind.
    pub fn operator(&self) -> Result<&FieldOperator> {
        match self {
            Self::Operator(operator) => Ok(operator),
            other => Err(Error::ModelConfig {
                key: "kind",
                found: other.kind().to_owned(),
                expected: "a model from fields to fields",
            }),
        }
    }
}
