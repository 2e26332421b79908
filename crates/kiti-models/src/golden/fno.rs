//! A whole Fourier neural operator, forward and backward.

use std::collections::HashMap;

use candle::{DType, Device, Tensor};
use kiti_kinetics::system::{Directions, KineticStep, Positions, Scattering};
use kiti_nn::context::Context;
use kiti_nn::kinetic::{Arrangement, KineticResidualConfig};
use kiti_nn::residual::ResidualConfig;
use kiti_nn::var_store::VarStore;
use serde::Deserialize;

use super::{CaseFile, Errors, relative_l2_error};
use crate::fno::{Fno, FnoConfig};
use crate::{Error, Result};

#[derive(Deserialize)]
struct Settings {
    #[serde(flatten)]
    model: FnoConfig,
    collision_coefficient: Option<f64>,
    position: Option<Positions>,
    divisions: Option<usize>,
}

pub(super) fn replay(file: &CaseFile, device: &Device) -> Result<Errors> {
    let settings: Settings = serde_json::from_str(file.metadata("config")?).map_err(|error| {
        Error::corrupt(
            &file.path,
            format!("malformed golden case: config: {error}"),
        )
    })?;
    let directions: Vec<Tensor> = (0..settings.model.layers)
        .filter_map(|layer| file.tensors.get(&format!("input.directions.{layer}")))
        .map(|directions| directions.to_dtype(DType::F32)?.to_device(device))
        .collect::<candle::Result<_>>()?;
    let store = VarStore::new(0, DType::F32, device);
    let model = Fno::new(
        &settings.model,
        &residual(&settings, &directions),
        store.builder(),
    )?;
    let parameters: HashMap<String, Tensor> = file
        .tensors
        .iter()
        .filter_map(|(name, tensor)| {
            Some((name.strip_prefix("param.")?.to_owned(), tensor.clone()))
        })
        .collect();
    store
        .load_strict(&parameters)
        .map_err(Error::tensors(&file.path))?;
    let context = match file.parse::<bool>("training")? {
        true => Context::train(0, 0),
        false => Context::evaluate(),
    };
    let single = |name| -> Result<Tensor> {
        Ok(file.tensor(name)?.to_dtype(DType::F32)?.to_device(device)?)
    };
    let xs = single("input.x")?;
    let ys = if directions.is_empty() {
        model.forward_t(&xs, &context)?
    } else {
        model.forward_with_directions(&xs, &directions, &context)?
    };
    let gradients = (&ys * single("grad_output.y")?)?.sum_all()?.backward()?;

    let mut errors = Errors::default();
    errors.output(relative_l2_error(file, &ys, "output.y")?);
    for (name, variable) in store.variables() {
        errors.gradient(match gradients.get(&variable) {
            Some(gradient) => relative_l2_error(file, gradient, &format!("grad.{name}"))?,
            None => f64::NAN,
        });
    }
    Ok(errors)
}

fn residual(settings: &Settings, directions: &[Tensor]) -> ResidualConfig {
    if directions.is_empty() {
        return ResidualConfig::Additive;
    }
    ResidualConfig::Kinetic(KineticResidualConfig {
        step: KineticStep {
            scattering: Scattering::Published {
                positions: settings.position.unwrap_or(Positions::Free),
                directions: Directions::Exact,
            },
            collision_coefficient: settings.collision_coefficient.unwrap_or(0.9),
            length_scale: None,
            dt: 1.0,
        },
        arrangement: Arrangement::Grid {
            divisions: settings.divisions.unwrap_or(1),
        },
        ..KineticResidualConfig::default()
    })
}
