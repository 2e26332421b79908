//! What `config.json` says.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::bert::BertConfig;
use crate::checkpoint::METADATA_KEY;
use crate::gpt2::Gpt2Config;
use crate::model::ModelDescription;
use crate::resnet::{ResNetConfig, Stem};
use crate::{Error, Result};

/// Kind and sizes of a checkpoint's model.
#[derive(Debug, Clone, PartialEq)]
pub enum Architecture {
    /// BERT and models of its form: MiniLM, sentence encoders.
    Bert(BertConfig),
    /// GPT-2.
    Gpt2(Gpt2Config),
    /// A residual network with torchvision's names.
    ResNet(ResNetConfig),
    /// A model of this crate.
    Kiti(Box<ModelDescription>),
}

impl Architecture {
    /// Reads the content of `config.json`; `path` is named in errors. With `labels` the model gets a head of so many
    /// classes whatever the file says.
    pub(super) fn parse(path: &Path, text: &[u8], labels: Option<usize>) -> Result<Self> {
        let wrong = |error: serde_json::Error| {
            Error::corrupt(
                path,
                format!("expected a model's configuration, found {error}"),
            )
        };
        let value: Value = serde_json::from_slice(text).map_err(wrong)?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let architecture = match (text("model_type"), text("architecture")) {
            ("bert", _) => {
                let mut config: BertConfig =
                    serde_json::from_value(value.clone()).map_err(wrong)?;
                // Hugging Face writes the names of the classes, not their number.
                let named = value.get("id2label").and_then(Value::as_object);
                config.num_labels = labels
                    .or(named.map(serde_json::Map::len))
                    .unwrap_or(config.num_labels);
                config.validate()?;
                Self::Bert(config)
            }
            ("gpt2", _) => {
                let config: Gpt2Config = serde_json::from_value(value.clone()).map_err(wrong)?;
                config.validate()?;
                Self::Gpt2(config)
            }
            ("kiti", _) => {
                let description = value.get("kiti").cloned().unwrap_or_default();
                Self::Kiti(serde_json::from_value(description).map_err(wrong)?)
            }
            (_, name) if name.starts_with("resnet") => {
                let sizes = match name {
                    "resnet18" => ResNetConfig::resnet18(),
                    "resnet34" => ResNetConfig::resnet34(),
                    "resnet50" => ResNetConfig::resnet50(),
                    _ => return Err(unknown(path, name)),
                };
                let stored = value.get("num_classes").and_then(Value::as_u64);
                let config = ResNetConfig {
                    stem: Stem::Imagenet,
                    classes: labels.unwrap_or(stored.unwrap_or(1000) as usize),
                    ..sizes
                };
                config.validate()?;
                Self::ResNet(config)
            }
            ("", name) => return Err(unknown(path, name)),
            (name, _) => return Err(unknown(path, name)),
        };
        Ok(architecture)
    }

    /// The content of `config.json`; classes without a name get a number.
    pub(super) fn to_json(&self, classes: &[String], place: &Path) -> Result<Value> {
        let wrong = |error: serde_json::Error| Error::corrupt(place, error);
        let with = |config: Value, more: Value| match (config, more) {
            (Value::Object(mut config), Value::Object(more)) => {
                config.extend(more);
                Value::Object(config)
            }
            (config, _) => config,
        };
        Ok(match self {
            Self::Bert(config) => {
                let name = |label: usize| classes.get(label).cloned();
                let labels: Vec<String> = (0..config.num_labels)
                    .map(|label| name(label).unwrap_or_else(|| format!("LABEL_{label}")))
                    .collect();
                let to_name: serde_json::Map<String, Value> = labels
                    .iter()
                    .enumerate()
                    .map(|(label, name)| (label.to_string(), json!(name)))
                    .collect();
                let to_number: serde_json::Map<String, Value> = labels
                    .iter()
                    .enumerate()
                    .map(|(label, name)| (name.clone(), json!(label)))
                    .collect();
                let more = json!({
                    "model_type": "bert",
                    "architectures": ["BertForSequenceClassification"],
                    "id2label": to_name,
                    "label2id": to_number,
                });
                let mut config = serde_json::to_value(config).map_err(wrong)?;
                if let Some(config) = config.as_object_mut() {
                    // Told by the names of the classes; a second statement of it is refused.
                    config.remove("num_labels");
                }
                with(config, more)
            }
            Self::Gpt2(config) => {
                // GPT-2's own end of a text, which smaller vocabularies don't have.
                let end = Some(50256).filter(|&end| end < config.vocab_size);
                let more = json!({
                    "model_type": "gpt2",
                    "architectures": ["GPT2LMHeadModel"],
                    "tie_word_embeddings": true,
                    "bos_token_id": end,
                    "eos_token_id": end,
                });
                with(serde_json::to_value(config).map_err(wrong)?, more)
            }
            Self::ResNet(config) => {
                let name = [
                    ("resnet18", ResNetConfig::resnet18()),
                    ("resnet34", ResNetConfig::resnet34()),
                    ("resnet50", ResNetConfig::resnet50()),
                ]
                .into_iter()
                .find(|(_, known)| (&known.blocks, known.block) == (&config.blocks, config.block))
                .map_or("resnet", |(name, _)| name);
                json!({"architecture": name, "num_classes": config.classes})
            }
            Self::Kiti(description) => json!({
                "model_type": "kiti",
                "kiti": serde_json::to_value(description).map_err(wrong)?,
            }),
        })
    }

    /// What the header of the weights says besides.
    pub(super) fn metadata(&self, place: &Path) -> Result<HashMap<String, String>> {
        let mut metadata = HashMap::new();
        if let Self::Kiti(description) = self {
            let text =
                serde_json::to_string(description).map_err(|error| Error::corrupt(place, error))?;
            metadata.insert(METADATA_KEY.to_owned(), text);
        }
        Ok(metadata)
    }
}

fn unknown(path: &Path, found: &str) -> Error {
    Error::UnknownArchitecture {
        path: path.to_owned(),
        found: found.to_owned(),
    }
}
