//! How the images of a checkpoint are prepared, and what its classes are called.

use kiti_data::vision::{ChannelStatistics, ImageInput};
use serde_json::Value;

use super::PretrainedFiles;
use crate::{Error, Result};

/// Mean and deviation of ImageNet's channels, torchvision's rounding.
const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const IMAGENET_DEVIATION: [f64; 3] = [0.229, 0.224, 0.225];

/// Edge of the input, and its share of the shorter edge of an image: 224 of 256.
const IMAGENET_EDGE: usize = 224;
const IMAGENET_MIDDLE: f64 = 0.875;

impl PretrainedFiles {
    /// How an image becomes the input of this network of images, and the names of its classes, which may be missing:
    /// `pretrained_cfg` (`input_size`, `mean`, `std`, `crop_pct`) and `label_names` or `id2label` of `config.json` as timm
    /// and transformers write them; without them ImageNet's usual ones. Images are brought to size by a triangle filter,
    /// whichever one the checkpoint names.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for a configuration that is none; [`Error::Data`] for values out of range.
    pub fn image_input(&self) -> Result<(ImageInput, Vec<String>)> {
        let config = self.config()?;
        let prepared = config.get("pretrained_cfg").unwrap_or(&config);
        let numbers = |key: &str| -> Option<Vec<f64>> {
            let values = prepared.get(key)?.as_array()?.iter();
            values.map(Value::as_f64).collect()
        };
        let size = match numbers("input_size").as_deref() {
            Some([_, height, width]) => [*height as usize, *width as usize],
            _ => [IMAGENET_EDGE; 2],
        };
        let middle = prepared.get("crop_pct").and_then(Value::as_f64);
        let input = ImageInput {
            size,
            middle: middle.unwrap_or(IMAGENET_MIDDLE),
            statistics: ChannelStatistics {
                mean: numbers("mean").unwrap_or(IMAGENET_MEAN.to_vec()),
                deviation: numbers("std").unwrap_or(IMAGENET_DEVIATION.to_vec()),
            },
        };
        input.validate()?;
        Ok((input, class_names(&config).unwrap_or_default()))
    }

    /// The names of the classes that the checkpoint's classifier tells apart, in order; none where `config.json` has none.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for a configuration that is none.
    pub fn class_names(&self) -> Result<Vec<String>> {
        Ok(class_names(&self.config()?).unwrap_or_default())
    }

    fn config(&self) -> Result<Value> {
        serde_json::from_slice(&self.config_text()?)
            .map_err(|error| Error::corrupt(self.config_path(), error))
    }
}

fn class_names(config: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let named = config
        .get("label_names")
        .or_else(|| config.get("pretrained_cfg")?.get("label_names"));
    if let Some(names) = named.and_then(Value::as_array) {
        return names.iter().map(text).collect();
    }
    let by_number = config.get("id2label")?.as_object()?;
    (0..by_number.len())
        .map(|number| by_number.get(&number.to_string()).and_then(text))
        .collect()
}
