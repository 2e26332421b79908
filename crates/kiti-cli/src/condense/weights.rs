//! The weights of a checkpoint as neurons, beside what they were and what chance looks like.

use std::collections::BTreeMap;
use std::path::Path;

use candle::{Device, Tensor};
use kiti_models::checkpoint::locate_model;
use kiti_models::train::{RunFiles, initial_variables};
use kiti_nn::condensation::{Measures, Neurons, neurons};

use crate::failure::{Failure, Outcome};

/// One weight.
pub struct Weight {
    /// Its name.
    pub name: String,
    /// Its neurons, in the checkpoint, before training where that is known, and of random numbers.
    pub neurons: (Neurons, Option<Neurons>, Neurons),
    /// Measures in the checkpoint, with the relative change where the weight before training is known.
    pub now: Measures,
    /// Measures before training.
    pub initial: Option<Measures>,
    /// Measures of random numbers.
    pub random: Measures,
}

/// Every weight of `checkpoint`. The weights before training come from the file `initial`, or from the recipe and the
/// seed where the checkpoint is a run's folder.
pub fn weights(checkpoint: &Path, initial: Option<&Path>) -> Outcome<Vec<Weight>> {
    let tensors = read_tensors(checkpoint)?;
    let before = match initial {
        Some(path) => Some(read_tensors(path)?),
        None => tensors_before_training(checkpoint)?,
    };
    let refused = |path: &Path| {
        let path = path.display().to_string();
        move |error: candle::Error| Failure::refused(format!("{path}: {error}"))
    };
    let mut before = match &before {
        Some(tensors) => neurons(tensors).map_err(refused(initial.unwrap_or(checkpoint)))?,
        None => BTreeMap::new(),
    };
    neurons(&tensors)
        .map_err(refused(checkpoint))?
        .into_iter()
        .map(|(name, neurons)| {
            let before = before.remove(&name);
            let random = neurons.random_like(0)?;
            let mut now = neurons.measures()?;
            if let Some(before) = &before {
                now.relative_change = neurons
                    .relative_change(before)
                    .map_err(refused(initial.unwrap_or(checkpoint)))?;
            }
            Ok(Weight {
                name,
                now,
                initial: before.as_ref().map(Neurons::measures).transpose()?,
                random: random.measures()?,
                neurons: (neurons, before, random),
            })
        })
        .collect()
}

/// The tensors of a safetensors file, or of the model in a run's folder.
pub fn read_tensors(path: &Path) -> Outcome<BTreeMap<String, Tensor>> {
    let path = locate_model(path)?;
    let bytes =
        std::fs::read(&path).map_err(|error| Failure::io(&path, "read the checkpoint", &error))?;
    let damaged = |error: &dyn std::fmt::Display| {
        Failure::refused(format!(
            "{}: expected a whole safetensors file, found another, a truncated or a corrupt one ({error}); use another checkpoint",
            path.display()
        ))
    };
    safetensors::SafeTensors::deserialize(&bytes).map_err(|error| damaged(&error))?;
    let tensors =
        candle::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|error| damaged(&error))?;
    Ok(tensors.into_iter().collect())
}

fn tensors_before_training(folder: &Path) -> Outcome<Option<BTreeMap<String, Tensor>>> {
    let files = RunFiles::new(folder);
    if !files.run().is_file() {
        return Ok(None);
    }
    let seed = files.read_circumstances()?.seed;
    Ok(Some(
        initial_variables(&files.read_recipe()?, seed, &Device::Cpu)?.tensors(),
    ))
}
