//! A model of any kind, as a recipe or a file describes it.

use candle_nn::VarBuilder;
use kiti_nn::residual::ResidualConfig;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::fno::Fno;
use crate::oformer::OFormer;
use crate::operator::{FieldOperator, Network, Normalization};
use crate::recipe::ModelSection;

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
}

impl ModelDescription {
    /// A model that takes values as they are.
    pub fn new(model: ModelSection, residual: ResidualConfig) -> Self {
        Self {
            model,
            residual,
            normalization: None,
        }
    }
}

/// A model of any kind: what a training run trains and a file holds.
#[derive(Debug, Clone)]
pub enum Model {
    /// From fields to fields.
    Operator(FieldOperator),
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
            ModelSection::Fno(config) => Network::Fno(Fno::new(config, residual, vb)?),
            ModelSection::Oformer(config) => {
                Network::OFormer(Box::new(OFormer::new(config, residual, vb)?))
            }
        };
        let normalization = description.normalization.clone();
        Ok(Self::Operator(FieldOperator::new(network, normalization)))
    }

    /// The operator between fields that this is.
    pub fn operator(&self) -> &FieldOperator {
        let Self::Operator(operator) = self;
        operator
    }
}
