//! A residual network for images, in its CIFAR form.

use candle::{DType, Device};
use kiti_nn::residual::ResidualConfig;
use kiti_nn::var_store::VarStore;
use serde::Deserialize;

use super::model::published;
use super::{CaseFile, Errors};
use crate::Result;
use crate::resnet::{Block, ResNet, ResNetConfig};

#[derive(Deserialize)]
struct Settings {
    width: usize,
    blocks: Vec<usize>,
    classes: usize,
    block: Block,
    collision_coefficient: Option<f64>,
    #[serde(default)]
    divisions: Vec<usize>,
}

pub(super) fn replay(file: &CaseFile, device: &Device) -> Result<Errors> {
    let settings: Settings = file.config()?;
    let images = file.single("input.x", device)?;
    let config = ResNetConfig {
        width: settings.width,
        blocks: settings.blocks,
        classes: settings.classes,
        block: settings.block,
        in_channels: images.dim(1)?,
        ..ResNetConfig::default()
    };
    let mut directions = Vec::new();
    let mut residuals = Vec::new();
    for (stage, &blocks) in config.blocks.iter().enumerate() {
        let names = (0..blocks).map(|block| format!("input.directions.layer{}.{block}", stage + 1));
        let given = names.map(|name| {
            let found = file.tensors.contains_key(&name);
            found.then(|| file.single(&name, device)).transpose()
        });
        let given: Vec<_> = given.collect::<Result<_>>()?;
        residuals.push(if given.iter().any(Option::is_some) {
            let divisions = settings.divisions.get(stage).copied().unwrap_or(1);
            published(settings.collision_coefficient, None, divisions)
        } else {
            ResidualConfig::Additive
        });
        directions.extend(given);
    }
    let store = VarStore::new(0, DType::F32, device);
    let model = ResNet::new(&config, &residuals, store.builder())?;
    file.load(&store, stored_name)?;
    let logits = model.forward_with_directions(&images, &directions, &file.context()?)?;
    file.compare(&store, ("logits", &logits), stored_name)
}

/// The cases have the names of the code that was published for CIFAR, the model those of torchvision.
fn stored_name(name: &str) -> String {
    let name = name.replace(".downsample.", ".shortcut.");
    match name.strip_prefix("fc.") {
        Some(rest) => format!("linear.{rest}"),
        None => name,
    }
}
