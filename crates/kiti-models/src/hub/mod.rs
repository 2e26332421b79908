//! Checkpoints as the Hugging Face Hub has them: `config.json`, `model.safetensors`, `tokenizer.json`.
//!
//! [`from_pretrained`] reads a folder of these files or fetches them from the Hub; [`save_pretrained`] writes a folder that
//! other programs open: as residuals have no weights, a BERT trained with collisions is a plain BERT there.
//!
//! | `model_type` in `config.json` | model | names of the weights |
//! | --- | --- | --- |
//! | `bert` | [`Bert`], with a classifier where it has one or is asked for | Hugging Face's, with or without `bert.` |
//! | `gpt2` | [`Gpt2`] | Hugging Face's, with or without `transformer.` |
//! | none, but `architecture` `resnet18`, `resnet34`, `resnet50` | [`ResNet`] with the 7x7 stem | torchvision's and timm's |
//! | `kiti` | any model of this crate | its own |

mod architecture;
mod export;
mod files;
mod images;
mod names;
mod weights;

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use candle::{Device, Tensor};
use kiti_data::text::TextTokenizer;
use kiti_nn::var_store::VarStore;

pub use architecture::Architecture;
pub use export::export;
pub use files::PretrainedFiles;

use crate::bert::{Bert, BertForSequenceClassification};
use crate::checkpoint::StrictTensors;
use crate::gpt2::Gpt2;
use crate::model::Model;
use crate::resnet::ResNet;
use crate::transformer::LayerResiduals;
use crate::{Error, Result};
use kiti_nn::residual::ResidualConfig;

/// A model from a checkpoint, for evaluation.
#[derive(Debug, Clone)]
pub struct Pretrained {
    /// The model.
    pub model: PretrainedModel,
    /// What it is.
    pub architecture: Architecture,
    /// Its tokenizer, where the checkpoint has one.
    pub tokenizer: Option<TextTokenizer>,
    /// What became of the checkpoint's tensors.
    pub report: LoadReport,
}

/// A model of one of the kinds that checkpoints hold.
#[derive(Debug, Clone)]
pub enum PretrainedModel {
    /// Features of tokens.
    Bert(Bert),
    /// Classes of texts.
    BertClassifier(BertForSequenceClassification),
    /// The next token.
    Gpt2(Gpt2),
    /// Classes of images.
    ResNet(ResNet),
    /// A model that this crate trained.
    Kiti(Box<Model>),
}

/// What became of a checkpoint's tensors. Anything else than this is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Variables of a head that the checkpoint does not have, or has for other classes: newly initialised, to be trained.
    pub initialised: Vec<String>,
    /// Tensors of another task's head, which this model has no use for.
    pub unused: Vec<String>,
}

/// Reads the model `name_or_path`: a folder, or `ORGANISATION/NAME` on the Hub at `revision` (a branch, a tag or a
/// commit; `main` if none), fetched into the Hub's cache as [`HubSettings`](kiti_data::fetch::HubSettings) says.
///
/// Weights become single precision; beside them no more memory is taken than the largest tensor needs. Pickle files (`.bin`,
/// `.pt`) are refused: they may run any program.
///
/// # Errors
///
/// [`Error::Data`] where a file cannot be had; [`Error::Pickle`]; [`Error::Corrupt`] for a damaged file;
/// [`Error::UnknownArchitecture`]; [`Error::Tensors`] with every missing, unexpected and mis-shaped tensor.
///
/// ```no_run
/// use kiti_models::hub::{PretrainedModel, from_pretrained};
///
/// let bert = from_pretrained("sentence-transformers/all-MiniLM-L6-v2", None, &candle::Device::Cpu)?;
/// assert!(matches!(bert.model, PretrainedModel::Bert(_)));
/// # Ok::<(), kiti_models::Error>(())
/// ```
pub fn from_pretrained(
    name_or_path: &str,
    revision: Option<&str>,
    device: &Device,
) -> Result<Pretrained> {
    PretrainedFiles::locate(name_or_path, revision, &|_, _, _| {})?.load(device)
}

impl PretrainedFiles {
    /// The model in these files, with the weights that they hold.
    ///
    /// # Errors
    ///
    /// As [`from_pretrained`].
    pub fn load(&self, device: &Device) -> Result<Pretrained> {
        let architecture = self.architecture(None)?;
        let tokenizer = self.tokenizer()?;
        if let Architecture::Kiti(_) = &architecture {
            let model = crate::checkpoint::load_model(self.single_weights()?, device)?;
            return Ok(Pretrained {
                model: PretrainedModel::Kiti(Box::new(model)),
                architecture,
                tokenizer,
                report: LoadReport::default(),
            });
        }
        let (tensors, unused) = self.read(&architecture, device)?;
        let has_classifier = tensors.contains_key("classifier.weight");
        let strict = StrictTensors::new(tensors);
        let vb = strict.builder(device);
        let model = match &architecture {
            Architecture::Bert(config) if has_classifier => PretrainedModel::BertClassifier(
                BertForSequenceClassification::new(config, &LayerResiduals::default(), vb)?,
            ),
            Architecture::Bert(config) => PretrainedModel::Bert(Bert::new(
                config,
                &LayerResiduals::default(),
                vb.pp("bert"),
            )?),
            Architecture::Gpt2(config) => {
                PretrainedModel::Gpt2(Gpt2::new(config, &LayerResiduals::default(), vb)?)
            }
            Architecture::ResNet(config) => {
                let residuals = vec![ResidualConfig::Additive; config.blocks.len()];
                PretrainedModel::ResNet(ResNet::new(config, &residuals, vb)?)
            }
            Architecture::Kiti(description) => {
                PretrainedModel::Kiti(Box::new(Model::new(description, vb)?))
            }
        };
        let mut report = LoadReport {
            unused,
            ..LoadReport::default()
        };
        // A pooler has no use for features alone.
        report
            .unused
            .extend(strict.forget(|name| name.starts_with("bert.pooler.")));
        report.unused.sort();
        strict
            .finish()
            .map_err(Error::tensors(self.config_path()))?;
        Ok(Pretrained {
            model,
            architecture,
            tokenizer,
            report,
        })
    }

    /// Overwrites the variables of a model of this architecture that is to be trained, whose head may be another.
    ///
    /// # Errors
    ///
    /// As [`from_pretrained`]; on any error no variable has changed.
    pub fn load_into(&self, architecture: &Architecture, store: &VarStore) -> Result<LoadReport> {
        let (mut tensors, unused) = self.read(architecture, store.device())?;
        let mut report = LoadReport {
            unused,
            ..LoadReport::default()
        };
        let own = store.tensors();
        for (name, tensor) in &own {
            let fits = tensors
                .get(name)
                .is_some_and(|found| found.dims() == tensor.dims());
            if !fits && names::is_head(name) {
                tensors.insert(name.clone(), tensor.copy()?);
                report.initialised.push(name.clone());
            }
        }
        let unneeded: Vec<String> = tensors
            .keys()
            .filter(|name| names::is_head(name) && !own.contains_key(*name))
            .cloned()
            .collect();
        for name in unneeded {
            tensors.remove(&name);
            report.unused.push(name);
        }
        report.unused.sort();
        store
            .load_strict(&tensors)
            .map_err(Error::tensors(self.config_path()))?;
        Ok(report)
    }

    /// The tensors under the model's names, and those of other tasks' heads by name.
    fn read(
        &self,
        architecture: &Architecture,
        device: &Device,
    ) -> Result<(HashMap<String, Tensor>, Vec<String>)> {
        let (mut tensors, mut unused) = (HashMap::new(), Vec::new());
        weights::read_each(self.weights(), device, |path, name, read| {
            match names::renamed(architecture, name) {
                names::Use::Variable(own) => {
                    if tensors.insert(own, read()?).is_some() {
                        let message = format!("the tensor {name} comes twice under two names");
                        return Err(Error::corrupt(path, message));
                    }
                }
                names::Use::OtherHead => unused.push(name.to_owned()),
                names::Use::Constant => {}
            }
            Ok(())
        })?;
        Ok((tensors, unused))
    }
}

/// Writes a model to the folder `directory` as Hugging Face's programs read it: `config.json`, `model.safetensors`, and
/// `tokenizer.json` where there is one. Each file appears whole or not at all.
///
/// `tensors` are the model's variables by name, as [`VarStore::tensors`] gives them.
///
/// # Errors
///
/// [`Error::Data`] where a file cannot be written.
///
/// ```
/// use kiti_models::bert::{BertConfig, BertForSequenceClassification};
/// use kiti_models::hub::{Architecture, PretrainedModel, from_pretrained, save_pretrained};
/// use kiti_models::transformer::LayerResiduals;
///
/// let config = BertConfig { vocab_size: 20, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, ..BertConfig::default() };
/// let store = kiti_nn::VarStore::new(1, candle::DType::F32, &candle::Device::Cpu);
/// BertForSequenceClassification::new(&config, &LayerResiduals::default(), store.builder())?;
///
/// let directory = tempfile::tempdir().unwrap();
/// let architecture = Architecture::Bert(config);
/// save_pretrained(directory.path(), &architecture, &store.tensors(), None)?;
/// let again = from_pretrained(directory.path().to_str().unwrap(), None, &candle::Device::Cpu)?;
/// assert_eq!(again.architecture, architecture);
/// assert!(matches!(again.model, PretrainedModel::BertClassifier(_)));
/// # Ok::<(), kiti_models::Error>(())
/// ```
pub fn save_pretrained(
    directory: &Path,
    architecture: &Architecture,
    tensors: &BTreeMap<String, Tensor>,
    tokenizer: Option<&TextTokenizer>,
) -> Result<()> {
    save_with_classes(directory, architecture, tensors, tokenizer, &[])
}

/// As [`save_pretrained`], with the names of the classes.
fn save_with_classes(
    directory: &Path,
    architecture: &Architecture,
    tensors: &BTreeMap<String, Tensor>,
    tokenizer: Option<&TextTokenizer>,
    classes: &[String],
) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(Error::io(directory, "create the folder"))?;
    // transformers reads only files that say so.
    let mut metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    metadata.extend(architecture.metadata(directory)?);
    let path = directory.join(files::WEIGHTS);
    let tensors: BTreeMap<&String, Tensor> = tensors
        .iter()
        .map(|(name, tensor)| Ok((name, tensor.contiguous()?)))
        .collect::<Result<_>>()?;
    let bytes = safetensors::serialize(tensors, Some(metadata))
        .map_err(|error| Error::corrupt(&path, error))?;
    put(&path, &bytes)?;
    if let Some(tokenizer) = tokenizer {
        tokenizer.write(&directory.join(files::TOKENIZER))?;
        let config = serde_json::json!({"tokenizer_class": "PreTrainedTokenizerFast"});
        put(
            &directory.join("tokenizer_config.json"),
            &pretty(&config, directory)?,
        )?;
    }
    let config = architecture.to_json(classes, directory)?;
    put(&directory.join(files::CONFIG), &pretty(&config, directory)?)
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(kiti_data::atomic_file::write(path, |file| {
        file.write_all(bytes)
    })?)
}

fn pretty(value: &serde_json::Value, place: &Path) -> Result<Vec<u8>> {
    let mut text =
        serde_json::to_vec_pretty(value).map_err(|error| Error::corrupt(place, error))?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests;
