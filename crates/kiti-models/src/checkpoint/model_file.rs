//! A model in one safetensors file: its weights, and in the header what it is.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

use candle::{Device, Tensor};
use kiti_nn::var_store::VarStore;
use safetensors::SafeTensors;

use super::strict::StrictTensors;
use crate::model::{Model, ModelDescription};
use crate::recipe::ModelSection;
use crate::{Error, Result};

/// The key of the header's metadata that describes the model, as JSON. The only one: a file's bytes
/// then depend on nothing but the model.
pub const METADATA_KEY: &str = "kiti.model";

/// Writes a model to `path`, whole or not at all.
///
/// # Errors
///
/// [`Error::Data`] with the path where the disk is full or the file cannot be written.
pub fn save_model(
    path: &Path,
    description: &ModelDescription,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<()> {
    let bytes = encode(path, Some(description), tensors)?;
    Ok(kiti_data::atomic_file::write(path, |file| {
        file.write_all(&bytes)
    })?)
}

/// Reads a model: the file that [`save_model`] wrote, a checkpoint's folder, or the folder of a run (its final
/// model, or its newest checkpoint while it has none). The model has the residual that it was trained with, so
/// that an evaluation rule of its own applies.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Corrupt`] for a truncated or corrupt file or one that does not say what it is,
/// [`Error::Tensors`] with every missing, unexpected and mis-shaped tensor.
pub fn load_model(path: &Path, device: &Device) -> Result<Model> {
    Ok(load_described_model(path, device)?.1)
}

/// As [`load_model`], with what the file says of the model.
///
/// # Errors
///
/// Those of [`load_model`].
pub fn load_described_model(path: &Path, device: &Device) -> Result<(ModelDescription, Model)> {
    let path = locate_model(path)?;
    let (description, tensors) = read_model(&path, device)?;
    let strict = StrictTensors::new(tensors);
    let model = Model::new(&description, strict.builder(device))?;
    strict.finish().map_err(Error::tensors(&path))?;
    Ok((description, model))
}

/// Overwrites the variables of `store` with the weights of a file, provided that the file holds the model
/// `expected`; its residual may be another, as residuals have no weights.
///
/// # Errors
///
/// [`Error::OtherModel`] where kind or sizes differ, otherwise those of [`load_model`]; on any error
/// no variable has changed.
pub fn load_weights(path: &Path, expected: &ModelSection, store: &VarStore) -> Result<()> {
    let path = locate_model(path)?;
    let (description, tensors) = read_model(&path, store.device())?;
    let differences = differences(expected, &description.model);
    if !differences.is_empty() {
        return Err(Error::OtherModel { path, differences });
    }
    store.load_strict(&tensors).map_err(Error::tensors(&path))
}

/// What a model file says about its model, without its weights.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Corrupt`].
pub fn describe_model(path: &Path) -> Result<ModelDescription> {
    let path = locate_model(path)?;
    let bytes = std::fs::read(&path).map_err(Error::io(&path, "read the model"))?;
    description(&path, &bytes)
}

/// The model file that `path` stands for: itself, or the one in a checkpoint's or a run's folder.
///
/// # Errors
///
/// [`Error::NoCheckpoint`] for a folder without one.
pub fn locate_model(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let inside = path.join(super::MODEL_FILE);
    if inside.is_file() {
        return Ok(inside);
    }
    let mut checkpoints = super::list(&path.join(super::FOLDER))?;
    match checkpoints.pop() {
        Some((_, newest)) => Ok(newest.join(super::MODEL_FILE)),
        None => Err(Error::NoCheckpoint {
            path: path.to_path_buf(),
            reasons: vec![format!(
                "expected {} or {}/epoch-*",
                super::MODEL_FILE,
                super::FOLDER
            )],
        }),
    }
}

/// Weights and description of a model file.
pub(crate) fn read_model(
    path: &Path,
    device: &Device,
) -> Result<(ModelDescription, HashMap<String, Tensor>)> {
    let bytes = std::fs::read(path).map_err(Error::io(path, "read the model"))?;
    let description = description(path, &bytes)?;
    Ok((description, decode(path, &bytes, device)?))
}

fn description(path: &Path, bytes: &[u8]) -> Result<ModelDescription> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(path, &error))?;
    let text = header
        .metadata()
        .as_ref()
        .and_then(|metadata| metadata.get(METADATA_KEY));
    let Some(text) = text else {
        return Err(Error::corrupt(
            path,
            format!(
                "expected a model written by kiti, found no `{METADATA_KEY}` in the header; \
                 this is another program's file or an optimiser's state"
            ),
        ));
    };
    serde_json::from_str(text).map_err(|error| {
        Error::corrupt(
            path,
            format!("`{METADATA_KEY}` in the header describes no known model: {error}"),
        )
    })
}

/// The bytes of a safetensors file with `tensors`; equal tensors give equal bytes.
pub(super) fn encode(
    path: &Path,
    description: Option<&ModelDescription>,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<Vec<u8>> {
    let metadata = match description {
        Some(description) => {
            let text =
                serde_json::to_string(description).map_err(|error| Error::corrupt(path, error))?;
            Some(HashMap::from([(METADATA_KEY.to_owned(), text)]))
        }
        None => None,
    };
    safetensors::serialize(tensors, metadata).map_err(|error| Error::corrupt(path, error))
}

/// The tensors of a safetensors file.
pub(super) fn decode(
    path: &Path,
    bytes: &[u8],
    device: &Device,
) -> Result<HashMap<String, Tensor>> {
    SafeTensors::deserialize(bytes).map_err(|error| damaged(path, &error))?;
    Ok(candle::safetensors::load_buffer(bytes, device)?)
}

fn damaged(path: &Path, error: &safetensors::SafeTensorError) -> Error {
    Error::corrupt(
        path,
        format!(
            "expected a whole safetensors file, found a truncated or corrupt one ({error}); \
             use another checkpoint or train again"
        ),
    )
}

fn differences(expected: &ModelSection, found: &ModelSection) -> Vec<String> {
    let json = |model: &ModelSection| match serde_json::to_value(model) {
        Ok(serde_json::Value::Object(map)) => map,
        _ => serde_json::Map::new(),
    };
    let (expected, found) = (json(expected), json(found));
    let mut keys: Vec<&String> = expected.keys().chain(found.keys()).collect();
    keys.sort();
    keys.dedup();
    let text = |value: Option<&serde_json::Value>| match value {
        Some(value) => value.to_string(),
        None => "nothing".to_owned(),
    };
    keys.into_iter()
        .filter(|key| expected.get(*key) != found.get(*key))
        .map(|key| {
            let (expected, found) = (text(expected.get(key)), text(found.get(key)));
            format!("{key}: expected {expected}, found {found}")
        })
        .collect()
}
