//! Classes of new texts.

use std::path::Path;

use candle::{DType, Device, Tensor};
use kiti_data::text::TextTokenizer;
use kiti_nn::context::Context;
use kiti_nn::softmax::softmax;
use serde::Serialize;

use super::companions::Companions;
use crate::bert::{BertForSequenceClassification, TokenBatch};
use crate::checkpoint::load_described_model;
use crate::hub::{PretrainedFiles, PretrainedModel};
use crate::model::Model;
use crate::{Error, Result};

/// A class with its probability.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassProbability {
    /// Name of the class.
    pub class: String,
    /// Its probability.
    pub probability: f32,
}

/// A classifier of texts, or of pairs of texts, with its tokenizer and the names of its classes.
#[derive(Debug, Clone)]
pub struct TextClassifier {
    network: BertForSequenceClassification,
    tokenizer: TextTokenizer,
    classes: Vec<String>,
    max_tokens: usize,
    device: Device,
}

impl TextClassifier {
    /// The classifier at `path`: a run's folder, a checkpoint of it or its model file; or a folder of the Hub's form.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] for a model of another kind; [`Error::NoCompanion`] where its tokenizer is missing;
    /// [`Error::Shape`] for a tokenizer of another vocabulary; those of [`load_described_model`] and [`from_pretrained`](crate::hub::from_pretrained).
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let other = |found: &str| Error::ModelConfig {
            key: "kind",
            found: found.to_owned(),
            expected: "a classifier of texts",
        };
        let (network, tokenizer, classes, longest) = if path.join("config.json").is_file() {
            let files = PretrainedFiles::locate(&path.to_string_lossy(), None, &|_, _, _| {})?;
            let pretrained = files.load(device)?;
            let tokenizer = pretrained.tokenizer.ok_or_else(|| Error::NoCompanion {
                path: path.to_owned(),
                file: Companions::TOKENIZER.to_owned(),
            })?;
            let PretrainedModel::BertClassifier(network) = pretrained.model else {
                return Err(other("a checkpoint without a classifier"));
            };
            (network, tokenizer, files.class_names()?, None)
        } else {
            let (description, model) = load_described_model(path, device)?;
            let Model::Texts(network) = model else {
                return Err(other(model.kind()));
            };
            let tokenizer = Companions::find_tokenizer(path)?;
            let longest = Companions::find(path)?.max_tokens;
            (network, tokenizer, description.classes, longest)
        };
        let config = network.bert().config();
        if tokenizer.vocabulary_size() > config.vocab_size {
            return Err(Error::Shape {
                name: path.display().to_string(),
                expected: format!(
                    "a tokenizer of at most the model's {} tokens",
                    config.vocab_size
                ),
                found: vec![tokenizer.vocabulary_size()],
            });
        }
        let named = |class: usize| classes.get(class).cloned();
        let classes = (0..config.num_labels)
            .map(|class| named(class).unwrap_or_else(|| format!("LABEL_{class}")))
            .collect();
        let positions = config.max_position_embeddings;
        Ok(Self {
            max_tokens: longest.unwrap_or(positions).min(positions),
            network,
            tokenizer,
            classes,
            device: device.clone(),
        })
    }

    /// Names of the classes, in order.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The classes of a text, or of two, with their probabilities, the most likely first. Longer texts are cut as in training.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyText`]; [`Error::Data`] where the tokenizer fails.
    pub fn classify(&self, text: &str, second: Option<&str>) -> Result<Vec<ClassProbability>> {
        if text.trim().is_empty() || second.is_some_and(|text| text.trim().is_empty()) {
            return Err(Error::EmptyText);
        }
        let tokens = self.tokenizer.encode(text, second, self.max_tokens)?;
        let row = |numbers| Tensor::from_vec(numbers, (1, ()), &self.device);
        let batch = TokenBatch {
            token_type_ids: Some(row(tokens.types)?),
            ..TokenBatch::new(row(tokens.ids)?)
        };
        let logits = self.network.forward_t(&batch, &Context::evaluate())?;
        let probabilities = softmax(&logits.to_dtype(DType::F32)?)?;
        let probabilities: Vec<f32> = probabilities.flatten_all()?.to_vec1()?;
        let mut classes: Vec<ClassProbability> = self
            .classes
            .iter()
            .zip(probabilities)
            .map(|(class, probability)| ClassProbability {
                class: class.clone(),
                probability,
            })
            .collect();
        classes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        Ok(classes)
    }
}
