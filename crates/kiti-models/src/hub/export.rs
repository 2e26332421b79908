//! A trained run as a folder of the Hub's form.

use std::collections::BTreeMap;
use std::path::Path;

use candle::{Device, Tensor};

use super::{Architecture, save_with_classes};
use crate::checkpoint::{locate_model, read_model};
use crate::recipe::ModelSection;
use crate::text::Companions;
use crate::{Error, Result};

/// Writes the model at `path`, a run's folder, a checkpoint of it or its model file, to the folder `directory` with
/// [`save_pretrained`](super::save_pretrained), and says what it is: BERT and GPT-2 as transformers opens them, the others as this crate does. The tokenizer
/// that a run keeps and the names of its classes come along.
///
/// # Errors
///
/// Those of [`load_model`](crate::checkpoint::load_model) and [`save_pretrained`](super::save_pretrained).
pub fn export(path: &Path, directory: &Path) -> Result<Architecture> {
    let (description, tensors) = read_model(&locate_model(path)?, &Device::Cpu)?;
    let classes = description.classes.clone();
    let architecture = match &description.model {
        ModelSection::Bert(section) => Architecture::Bert(section.encoder.clone()),
        ModelSection::Gpt2(section) => Architecture::Gpt2(section.decoder.clone()),
        _ => Architecture::Kiti(Box::new(description)),
    };
    let tokenizer = match Companions::find_tokenizer(path) {
        Ok(tokenizer) => Some(tokenizer),
        Err(Error::NoCompanion { .. }) => None,
        Err(error) => return Err(error),
    };
    let tensors: BTreeMap<String, Tensor> = tensors.into_iter().collect();
    save_with_classes(
        directory,
        &architecture,
        &tensors,
        tokenizer.as_ref(),
        &classes,
    )?;
    Ok(architecture)
}
