//! What a model of text needs besides its weights.

use std::io::Write;
use std::path::{Path, PathBuf};

use kiti_data::text::{Characters, TextTokenizer};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The content of `texts.json`, which a run keeps beside its model together with `tokenizer.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Companions {
    /// Tokens of the longest text that a classifier was trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// The characters of a language model whose tokens they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characters: Option<Characters>,
}

impl Companions {
    /// Name of their file.
    pub const FILE: &'static str = "texts.json";
    /// Name of the tokenizer's file.
    pub const TOKENIZER: &'static str = "tokenizer.json";

    /// Writes them into `folder`, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] with the path.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(Self::FILE);
        let text = serde_json::to_vec_pretty(self).map_err(|error| Error::corrupt(&path, error))?;
        Ok(kiti_data::atomic_file::write(&path, |file| {
            file.write_all(&text)
        })?)
    }

    /// Those of the model at `path`: in its folder, or one of the folders around that.
    ///
    /// # Errors
    ///
    /// [`Error::NoCompanion`] where there are none; [`Error::Corrupt`].
    pub fn find(path: &Path) -> Result<Self> {
        let file = find(path, Self::FILE)?;
        let text = std::fs::read(&file).map_err(Error::io(&file, "read"))?;
        serde_json::from_slice(&text).map_err(|error| Error::corrupt(&file, error))
    }

    /// The tokenizer of the model at `path`, likewise.
    ///
    /// # Errors
    ///
    /// [`Error::NoCompanion`] where there is none; [`Error::Data`].
    pub fn find_tokenizer(path: &Path) -> Result<TextTokenizer> {
        Ok(TextTokenizer::read(find(path, Self::TOKENIZER)?)?)
    }
}

/// A file beside the model at `path`: a model file's folder lies up to two folders below that of its run.
fn find(path: &Path, name: &str) -> Result<PathBuf> {
    let found = path
        .ancestors()
        .take(4)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    found.ok_or_else(|| Error::NoCompanion {
        path: path.to_owned(),
        file: name.to_owned(),
    })
}
