//! A Fourier neural operator.

use candle::{DType, Device, Tensor};
use kiti_kinetics::system::Positions;
use kiti_nn::residual::ResidualConfig;
use kiti_nn::var_store::VarStore;
use serde::Deserialize;

use super::model::published;
use super::{CaseFile, Errors};
use crate::Result;
use crate::fno::{Fno, FnoConfig};

#[derive(Deserialize)]
struct Settings {
    #[serde(flatten)]
    model: FnoConfig,
    collision_coefficient: Option<f64>,
    position: Option<Positions>,
    divisions: Option<usize>,
}

pub(super) fn replay(file: &CaseFile, device: &Device) -> Result<Errors> {
    let settings: Settings = file.config()?;
    let directions: Vec<Tensor> = (0..settings.model.layers)
        .map(|layer| format!("input.directions.{layer}"))
        .filter(|name| file.tensors.contains_key(name))
        .map(|name| file.single(&name, device))
        .collect::<Result<_>>()?;
    let residual = if directions.is_empty() {
        ResidualConfig::Additive
    } else {
        let divisions = settings.divisions.unwrap_or(1);
        published(settings.collision_coefficient, settings.position, divisions)
    };
    let store = VarStore::new(0, DType::F32, device);
    let model = Fno::new(&settings.model, &residual, store.builder())?;
    file.load(&store, str::to_owned)?;
    let (xs, context) = (file.single("input.x", device)?, file.context()?);
    let ys = if directions.is_empty() {
        model.forward_t(&xs, &context)?
    } else {
        model.forward_with_directions(&xs, &directions, &context)?
    };
    file.compare(&store, ("y", &ys), str::to_owned)
}
