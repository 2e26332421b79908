//! A trained network applied to image files.

use std::path::Path;

use candle::Device;
use kiti_data::vision::{ImageInput, Picture};
use kiti_nn::context::Context;

use crate::checkpoint::{load_described_model, locate_model};
use crate::hub::{PretrainedFiles, PretrainedModel};
use crate::model::Model;
use crate::resnet::ResNet;
use crate::{Error, Result};

/// Images that are put through the network together.
const BATCH: usize = 32;

/// A network with what it was trained on: how an image becomes its input, and the names of its classes.
///
/// ```no_run
/// use kiti_data::vision::Picture;
/// use kiti_models::image_classifier::ImageClassifier;
///
/// let classifier = ImageClassifier::load("runs/cifar10/additive/seed-0".as_ref(), &candle::Device::Cpu)?;
/// let ranked = classifier.classify(&[Picture::read("cat.png")?])?;
/// println!("{} ({:.2})", ranked[0][0].class, ranked[0][0].probability);
/// # Ok::<(), kiti_models::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ImageClassifier {
    network: ResNet,
    input: ImageInput,
    classes: Vec<String>,
    device: Device,
}

/// A class that an image may be of.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedClass {
    /// Its number.
    pub number: usize,
    /// Its name.
    pub class: String,
    /// Its probability, a softmax over all classes in double precision.
    pub probability: f64,
}

impl ImageClassifier {
    /// Reads the folder of a run, one of its checkpoints, a model's file, or a folder as the Hub has it, with `config.json`
    /// in torchvision's or timm's form.
    ///
    /// # Errors
    ///
    /// Those of [`load_model`](crate::checkpoint::load_model) and [`from_pretrained`](crate::hub::from_pretrained);
    /// [`Error::NoClassifier`] for another kind of model, or one that does not say how its images are to be prepared.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        if path.join("config.json").is_file() {
            return Self::from_hub(path, device);
        }
        let (description, model) = load_described_model(path, device)?;
        let Model::Images(network) = model else {
            return Err(no_classifier(path, "a model of another kind"));
        };
        let Some(input) = description.image else {
            let found = "one that does not say how images are normalised: train it again";
            return Err(no_classifier(path, found));
        };
        Self::new(
            &locate_model(path)?,
            network,
            input,
            description.classes,
            device,
        )
    }

    fn from_hub(path: &Path, device: &Device) -> Result<Self> {
        let files = PretrainedFiles::locate(&path.to_string_lossy(), None, &|_, _, _| {})?;
        match files.load(device)?.model {
            PretrainedModel::ResNet(network) => {
                let (input, mut classes) = files.image_input()?;
                if classes.is_empty() {
                    let numbers = 0..network.config().classes;
                    classes = numbers.map(|number| format!("class {number}")).collect();
                }
                Self::new(path, network, input, classes, device)
            }
            PretrainedModel::Kiti(_) => {
                Self::load(&path.join(crate::checkpoint::MODEL_FILE), device)
            }
            _ => Err(no_classifier(path, "a model of texts")),
        }
    }

    fn new(
        path: &Path,
        network: ResNet,
        input: ImageInput,
        classes: Vec<String>,
        device: &Device,
    ) -> Result<Self> {
        let config = network.config();
        if classes.len() != config.classes || config.in_channels != 3 {
            let found = format!(
                "{} channels, {} classes and the names of {}",
                config.in_channels,
                config.classes,
                classes.len()
            );
            return Err(no_classifier(path, &found));
        }
        input.validate()?;
        Ok(Self {
            network,
            input,
            classes,
            device: device.clone(),
        })
    }

    /// How an image becomes the network's input.
    pub fn input(&self) -> &ImageInput {
        &self.input
    }

    /// Names of all classes, by number.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// All classes of each image, the most likely first, equally likely ones by number.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] where the network gives no numbers.
    pub fn classify(&self, pictures: &[Picture]) -> Result<Vec<Vec<RankedClass>>> {
        let mut ranked = Vec::with_capacity(pictures.len());
        for batch in pictures.chunks(BATCH) {
            let inputs = self.input.prepare(batch)?.into_tensor(&self.device)?;
            let logits = self.network.forward_t(&inputs, &Context::evaluate())?;
            for row in logits.to_vec2::<f32>()? {
                ranked.push(self.rank(&row, ranked.len())?);
            }
        }
        Ok(ranked)
    }

    fn rank(&self, logits: &[f32], image: usize) -> Result<Vec<RankedClass>> {
        if let Some(class) = logits.iter().position(|logit| !logit.is_finite()) {
            return Err(kiti_data::Error::NotFinite {
                array: "logits".to_owned(),
                index: vec![image, class],
                value: logits[class].into(),
            }
            .into());
        }
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |logit: &f32| (f64::from(*logit) - f64::from(largest)).exp();
        let sum: f64 = logits.iter().map(weight).sum();
        let mut ranked: Vec<RankedClass> = logits
            .iter()
            .zip(&self.classes)
            .enumerate()
            .map(|(number, (logit, class))| RankedClass {
                number,
                class: class.clone(),
                probability: weight(logit) / sum,
            })
            .collect();
        ranked.sort_by(|one, other| other.probability.total_cmp(&one.probability));
        Ok(ranked)
    }
}

fn no_classifier(path: &Path, found: &str) -> Error {
    Error::NoClassifier {
        path: path.to_path_buf(),
        expected: "a classifier of images, such as a run of cifar10",
        found: found.to_owned(),
    }
}
