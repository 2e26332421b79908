//! A language model with the vocabulary that its tokens belong to.

use std::ops::ControlFlow;
use std::path::Path;

use candle::Device;
use kiti_data::text::Vocabulary;

use super::companions::Companions;
use super::generation::{GenerationConfig, generate};
use crate::checkpoint::load_model;
use crate::gpt2::Gpt2;
use crate::hub::{PretrainedModel, from_pretrained};
use crate::model::Model;
use crate::{Error, Result};

/// The token that ends a text in GPT-2's vocabulary.
const END_OF_TEXT: &str = "<|endoftext|>";

/// A language model that takes and gives text.
#[derive(Debug, Clone)]
pub struct LanguageModel {
    network: Gpt2,
    vocabulary: Vocabulary,
    device: Device,
}

impl LanguageModel {
    /// The language model at `path`: a run's folder, a checkpoint of it or its model file; or a folder of the Hub's form.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] for a model of another kind; [`Error::NoCompanion`] where its vocabulary is missing; those of
    /// [`load_model`] and [`from_pretrained`].
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let other = |found: &str| Error::ModelConfig {
            key: "kind",
            found: found.to_owned(),
            expected: "a language model",
        };
        let (network, vocabulary) = if path.join("config.json").is_file() {
            let pretrained = from_pretrained(&path.to_string_lossy(), None, device)?;
            let tokenizer = pretrained.tokenizer.ok_or_else(|| Error::NoCompanion {
                path: path.to_owned(),
                file: Companions::TOKENIZER.to_owned(),
            })?;
            let PretrainedModel::Gpt2(network) = pretrained.model else {
                return Err(other("a checkpoint of another model"));
            };
            (network, Vocabulary::Tokenizer(Box::new(tokenizer)))
        } else {
            let model = load_model(path, device)?;
            let Model::Language(network) = model else {
                return Err(other(model.kind()));
            };
            let vocabulary = match Companions::find(path)?.characters {
                Some(characters) => Vocabulary::Characters(characters),
                None => Vocabulary::Tokenizer(Box::new(Companions::find_tokenizer(path)?)),
            };
            (network, vocabulary)
        };
        let (tokens, rows) = (vocabulary.len(), network.config().vocab_size);
        if tokens > rows {
            return Err(Error::Shape {
                name: path.display().to_string(),
                expected: format!("a vocabulary of at most the model's {rows} tokens"),
                found: vec![tokens],
            });
        }
        Ok(Self {
            network,
            vocabulary,
            device: device.clone(),
        })
    }

    /// The network.
    pub fn network(&self) -> &Gpt2 {
        &self.network
    }

    /// What its tokens mean.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The text that follows `prompt`, without it: see [`generate`]. It ends where the model ends it, if it has a token for that.
    ///
    /// # Errors
    ///
    /// Those of [`generate`]; [`Error::Data`] for a prompt with characters that the model does not know.
    pub fn continuation(
        &self,
        prompt: &str,
        config: &GenerationConfig,
        observer: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> Result<String> {
        let tokens = self.vocabulary.encode(prompt)?;
        let config = GenerationConfig {
            vocabulary: Some(self.vocabulary.len()),
            end: config.end.or_else(|| self.vocabulary.token(END_OF_TEXT)),
            ..config.clone()
        };
        let new = generate(&self.network, &tokens, &config, &self.device, observer)?;
        // A token may be part of a character: both are decoded together.
        let all = self.vocabulary.decode(&[&tokens[..], &new].concat())?;
        let given = self.vocabulary.decode(&tokens)?;
        Ok(all
            .strip_prefix(&given)
            .map_or_else(|| all.clone(), str::to_owned))
    }
}
