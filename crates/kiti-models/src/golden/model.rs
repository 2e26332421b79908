//! A whole model, forward and backward: what the cases of all models share.

use std::collections::HashMap;

use candle::{DType, Device, Tensor};
use kiti_kinetics::system::{Directions, KineticStep, Positions, Scattering};
use kiti_nn::context::Context;
use kiti_nn::kinetic::{Arrangement, KineticResidualConfig};
use kiti_nn::residual::ResidualConfig;
use kiti_nn::var_store::VarStore;
use serde::de::DeserializeOwned;

use super::{CaseFile, Errors, relative_l2_error, values};
use crate::{Error, Result};

/// Share of the norm of all gradients below which one of them is nothing but rounding.
const VANISHING: f64 = 1e-9;

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

/// Finds a file's name of a parameter.
pub(super) type Rename = fn(&str) -> String;

impl CaseFile {
    /// The settings among the metadata.
    pub(super) fn config<C: DeserializeOwned>(&self) -> Result<C> {
        serde_json::from_str(self.metadata("config")?).map_err(|error| {
            let message = format!("malformed golden case: config: {error}");
            Error::corrupt(&self.path, message)
        })
    }

    /// Train or evaluate.
    pub(super) fn context(&self) -> Result<Context> {
        Ok(match self.parse::<bool>("training")? {
            true => Context::train(0, 0),
            false => Context::evaluate(),
        })
    }

    /// A tensor in single precision.
    pub(super) fn single(&self, name: &str, device: &Device) -> Result<Tensor> {
        Ok(self.tensor(name)?.to_dtype(DType::F32)?.to_device(device)?)
    }

    /// Gives the model's variables the values of the file.
    pub(super) fn load(&self, store: &VarStore, rename: Rename) -> Result<()> {
        let buffers = store.tensors();
        let trainable: HashMap<String, Tensor> = store
            .trainable()
            .into_iter()
            .map(|(name, variable)| Ok((name.clone(), self.parameter(&name, &variable, rename)?)))
            .collect::<Result<_>>()?;
        // Statistics of batch norms start as they are.
        let mut values: HashMap<String, Tensor> = buffers.into_iter().collect();
        values.extend(trainable);
        store
            .load_strict(&values)
            .map_err(Error::tensors(&self.path))
    }

    fn parameter(&self, name: &str, variable: &Tensor, rename: Rename) -> Result<Tensor> {
        let stored = format!("param.{}", rename(name));
        let tensor = self.tensor(&stored)?;
        if tensor.dims() != variable.dims() {
            return Err(Error::Shape {
                name: format!("{}: {stored}", self.path.display()),
                expected: format!("{:?}", variable.dims()),
                found: tensor.dims().to_vec(),
            });
        }
        Ok(tensor.clone())
    }

    /// Compares the output `name`, the gradients of all parameters, and the running statistics that the file holds.
    pub(super) fn compare(
        &self,
        store: &VarStore,
        (name, output): (&str, &Tensor),
        rename: Rename,
    ) -> Result<Errors> {
        let upstream = self.single(&format!("grad_output.{name}"), output.device())?;
        let gradients = kiti_nn::backward(&(output * upstream)?.sum_all()?)?;
        let mut errors = Errors::default();
        errors.output(relative_l2_error(self, output, &format!("output.{name}"))?);
        let mut squares = 0.0;
        let mut compared = Vec::new();
        for (name, variable) in store.trainable() {
            let name = format!("grad.{}", rename(&name));
            let Some(gradient) = gradients.get(&variable) else {
                errors.gradient(f64::NAN);
                continue;
            };
            let (found, expected) = values(self, gradient, &name)?;
            let differences = found.iter().zip(&expected).map(|(a, b)| a - b);
            let (difference, size) = (norm(differences), norm(expected.iter().copied()));
            squares += size * size;
            compared.push((difference, size));
        }
        // Some gradients vanish, such as those of the biases of an attention's keys: what the file holds of them is rounding, and
        // theirs is measured by that of all.
        let all = squares.sqrt();
        for (difference, size) in compared {
            let vanishes = size < VANISHING * all;
            errors.gradient(difference / if vanishes { all } else { size });
        }
        for (name, buffer) in store.tensors() {
            let stored = format!("output.buffer.{}", rename(&name));
            if self.tensors.contains_key(&stored) {
                errors.output(relative_l2_error(self, &buffer, &stored)?);
            }
        }
        Ok(errors)
    }
}

/// The residual of a case: published scattering with given directions on a grid.
pub(super) fn published(
    collision_coefficient: Option<f64>,
    positions: Option<Positions>,
    divisions: usize,
) -> ResidualConfig {
    ResidualConfig::Kinetic(KineticResidualConfig {
        step: KineticStep {
            scattering: Scattering::Published {
                positions: positions.unwrap_or(Positions::Free),
                directions: Directions::Exact,
            },
            collision_coefficient: collision_coefficient.unwrap_or(0.9),
            length_scale: None,
            dt: 1.0,
        },
        arrangement: Arrangement::Grid { divisions },
        ..KineticResidualConfig::default()
    })
}
