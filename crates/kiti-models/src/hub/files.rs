//! Where a checkpoint's files are: in a folder, or on the Hub.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kiti_data::fetch::{DownloadObserver, Hub, HubSettings, RepoKind};
use kiti_data::text::TextTokenizer;
use serde::Deserialize;

use super::Architecture;
use super::weights::Shard;
use crate::{Error, Result};

pub(super) const CONFIG: &str = "config.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";

/// The largest configuration or index that is read.
const LARGEST_TEXT: u64 = 64 << 20;

/// The files of a checkpoint, on disk.
#[derive(Debug, Clone)]
pub struct PretrainedFiles {
    config: PathBuf,
    weights: Vec<Shard>,
    tokenizer: Option<PathBuf>,
}

/// `model.safetensors.index.json`.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Where files come from by name.
enum Source<'a> {
    Folder(&'a Path),
    Hub {
        hub: Hub,
        id: &'a str,
        revision: &'a str,
        observer: DownloadObserver<'a>,
    },
}

impl Source<'_> {
    /// Path of a file; none where the source has no such file.
    fn find(&self, name: &str) -> Result<Option<PathBuf>> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                Ok(path.is_file().then_some(path))
            }
            Self::Hub {
                hub,
                id,
                revision,
                observer,
            } => match hub.file(RepoKind::Model, id, revision, name, observer) {
                Ok(path) => Ok(Some(path)),
                Err(error) if error.is_absent() => Ok(None),
                Err(error) => Err(error.into()),
            },
        }
    }

    fn need(&self, name: &str) -> Result<PathBuf> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                match path.is_file() {
                    true => Ok(path),
                    false => Err(Error::io(&path, "read")(
                        std::io::ErrorKind::NotFound.into(),
                    )),
                }
            }
            Self::Hub {
                hub,
                id,
                revision,
                observer,
            } => Ok(hub.file(RepoKind::Model, id, revision, name, observer)?),
        }
    }

    /// Names of all files.
    fn list(&self) -> Vec<String> {
        match self {
            Self::Folder(folder) => std::fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect(),
            Self::Hub {
                hub, id, revision, ..
            } => hub.list(RepoKind::Model, id, revision).unwrap_or_default(),
        }
    }

    fn name(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.to_path_buf(),
            Self::Hub { id, .. } => PathBuf::from(id),
        }
    }
}

impl PretrainedFiles {
    /// The files of `name_or_path`: a folder, a `.safetensors` file of weights alone, or a repository of the Hub, from which
    /// those are fetched that are not in the cache; `observer` hears of each. A name that is both a folder and a repository
    /// is the folder.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] where a file cannot be had, [`Error::Pickle`] where the weights are in no other format,
    /// [`Error::Corrupt`] for an index that is none.
    pub fn locate(
        name_or_path: &str,
        revision: Option<&str>,
        observer: DownloadObserver<'_>,
    ) -> Result<Self> {
        let folder = Path::new(name_or_path);
        if folder.is_dir() {
            return Self::from_source(&Source::Folder(folder));
        }
        if folder.extension().is_some_and(|end| end == "safetensors") {
            return Ok(Self::of_weights(folder));
        }
        let hub = Hub::new(HubSettings::from_environment()?);
        Self::on_hub(hub, name_or_path, revision, observer)
    }

    /// The files of the repository `id` of a Hub.
    ///
    /// # Errors
    ///
    /// As [`locate`](Self::locate).
    pub fn on_hub(
        hub: Hub,
        id: &str,
        revision: Option<&str>,
        observer: DownloadObserver<'_>,
    ) -> Result<Self> {
        Self::from_source(&Source::Hub {
            hub,
            id,
            revision: revision.unwrap_or("main"),
            observer,
        })
    }

    /// A file of weights without a configuration: good for a model whose sizes are known.
    fn of_weights(path: &Path) -> Self {
        Self {
            config: path.to_path_buf(),
            weights: vec![Shard::whole(path.to_path_buf())],
            tokenizer: None,
        }
    }

    fn from_source(source: &Source<'_>) -> Result<Self> {
        let config = source.need(CONFIG)?;
        let weights = match source.find(WEIGHTS)? {
            Some(path) => vec![Shard::whole(path)],
            None => Self::shards(source)?,
        };
        Ok(Self {
            config,
            weights,
            tokenizer: source.find(TOKENIZER)?,
        })
    }

    fn shards(source: &Source<'_>) -> Result<Vec<Shard>> {
        let Some(index) = source.find(INDEX)? else {
            return Err(no_weights(source));
        };
        let text = read_text(&index)?;
        let parsed: Index = serde_json::from_slice(&text).map_err(|error| {
            Error::corrupt(
                &index,
                format!("expected weight_map from names of tensors to files, found {error}"),
            )
        })?;
        let mut tensors: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (tensor, file) in parsed.weight_map {
            if file.contains(['/', '\\']) || !file.ends_with(".safetensors") {
                let message = format!("expected .safetensors files beside it, found {file:?}");
                return Err(Error::corrupt(&index, message));
            }
            tensors.entry(file).or_default().insert(tensor);
        }
        tensors
            .into_iter()
            .map(|(file, tensors)| Ok(Shard::of(source.need(&file)?, tensors)))
            .collect()
    }

    /// Kind and sizes of the model, its head of `labels` classes if that is given.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::UnknownArchitecture`], [`Error::ModelConfig`].
    pub fn architecture(&self, labels: Option<usize>) -> Result<Architecture> {
        Architecture::parse(&self.config, &read_text(&self.config)?, labels)
    }

    /// The tokenizer, where the checkpoint has one.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a damaged one.
    pub fn tokenizer(&self) -> Result<Option<TextTokenizer>> {
        let read = |path| TextTokenizer::read(path).map_err(Error::from);
        self.tokenizer.as_ref().map(read).transpose()
    }

    pub(super) fn config_path(&self) -> &Path {
        &self.config
    }

    pub(super) fn config_text(&self) -> Result<Vec<u8>> {
        read_text(&self.config)
    }

    pub(super) fn weights(&self) -> &[Shard] {
        &self.weights
    }

    /// The file of weights where there is but one.
    pub(super) fn single_weights(&self) -> Result<&Path> {
        match &self.weights[..] {
            [only] => Ok(&only.path),
            several => {
                let message = format!("expected one file of weights, found {}", several.len());
                Err(Error::corrupt(&self.config, message))
            }
        }
    }
}

fn read_text(path: &Path) -> Result<Vec<u8>> {
    let length = std::fs::metadata(path)
        .map_err(Error::io(path, "look at"))?
        .len();
    if length > LARGEST_TEXT {
        let message = format!("expected at most {LARGEST_TEXT} bytes of text, found {length}");
        return Err(Error::corrupt(path, message));
    }
    std::fs::read(path).map_err(Error::io(path, "read"))
}

/// What to say of a checkpoint without safetensors.
fn no_weights(source: &Source<'_>) -> Error {
    let is_pickle = |name: &String| {
        let extension = Path::new(name)
            .extension()
            .unwrap_or_default()
            .to_string_lossy();
        ["bin", "pt", "pth", "ckpt", "pkl"].contains(&extension.as_ref())
    };
    match source.list().into_iter().find(is_pickle) {
        Some(file) => Error::Pickle {
            checkpoint: source.name(),
            file,
        },
        None => {
            let path = source.name().join(WEIGHTS);
            Error::io(&path, "read")(std::io::ErrorKind::NotFound.into())
        }
    }
}
