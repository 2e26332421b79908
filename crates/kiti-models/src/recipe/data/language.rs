//! Plain text whose next tokens are predicted.

use std::path::{Path, PathBuf};

use kiti_data::Field;
use kiti_data::cache::Cache;
use kiti_data::pde::Observer;
use kiti_data::text::corpus::{SAMPLE, read_text};
use kiti_data::text::{Characters, Corpus};
use serde::{Deserialize, Serialize};

use super::texts::{check_there, named_tokenizer};
use super::{FieldExtent, FieldSource, Loaded, TestKey, TestSet};
use crate::text::Companions;
use crate::{Error, Result};

/// Parts of the text, one after the other: names, where they begin and end.
const PARTS: [(&str, f64, f64); 3] = [
    ("train", 0.0, 0.9),
    ("validation", 0.9, 0.95),
    ("test", 0.95, 1.0),
];

/// A plain text, cut into windows of tokens: see [`kiti_data::text::corpus`]. The first 90 % of it are trained on, the next
/// 5 % are the split `validation`, the last 5 % the split `test`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LanguageSection {
    /// A file of UTF-8, alone, in `.gz` or in `.zip`; a relative path starts at the working directory. Empty for a few
    /// speeches that are part of this crate.
    pub path: PathBuf,
    /// Number of training windows, the first of the text; an epoch shifts all of them by the same random number of tokens.
    pub samples: usize,
    /// Tokens of a window.
    pub window: usize,
    /// Different tokens that the model knows: as many as the text or the tokenizer has, or more.
    pub vocabulary: usize,
    /// A `tokenizer.json`, or the checkpoint whose tokenizer it is; empty for characters.
    pub tokenizer: String,
}

impl Default for LanguageSection {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            samples: 30,
            window: 128,
            vocabulary: 65,
            tokenizer: String::new(),
        }
    }
}

impl LanguageSection {
    /// Whether tokens are characters.
    pub fn is_of_characters(&self) -> bool {
        self.tokenizer.is_empty()
    }

    fn read(&self) -> Result<String> {
        if self.path.as_os_str().is_empty() {
            return Ok(SAMPLE.to_owned());
        }
        check_there(&self.path, "tinyshakespeare")?;
        Ok(read_text(&self.path)?)
    }

    fn part(&self, set: Option<&TestSet>) -> Result<(f64, f64)> {
        let name = match set {
            None => "train",
            Some(set) => set.split.as_deref().unwrap_or("test"),
        };
        let part = PARTS.iter().find(|(known, ..)| *known == name);
        part.map(|&(_, from, to)| (from, to))
            .ok_or_else(|| Error::ModelConfig {
                key: "split",
                found: format!("{name:?}"),
                expected: "train, validation or test",
            })
    }
}

impl FieldSource for LanguageSection {
    fn test_keys(&self) -> &'static [TestKey] {
        &[TestKey::Samples, TestKey::Split]
    }

    fn extent(&self, set: Option<&TestSet>) -> Result<FieldExtent> {
        let samples = set.and_then(|set| set.samples).unwrap_or(self.samples);
        Ok(FieldExtent {
            samples,
            grid: vec![self.window],
            inputs: 1,
            outputs: self.vocabulary,
        })
    }

    fn validate(&self, set: Option<&TestSet>) -> Result<()> {
        if !(1..=1 << 16).contains(&self.window) {
            return Err(Error::ModelConfig {
                key: "data.window",
                found: self.window.to_string(),
                expected: "a number from 1 to 65536",
            });
        }
        self.part(set).map(|_| ())
    }

    fn load(&self, set: Option<&TestSet>, cache: &Cache, _: Observer<'_>) -> Result<Loaded> {
        let tokenizer = match self.is_of_characters() {
            true => None,
            false => Some(named_tokenizer(&self.tokenizer)?),
        };
        let (corpus, outcome) = Corpus::load_or_make(&self.read()?, tokenizer, cache)?;
        let wrong = |expected: String, found: usize| Error::Shape {
            name: self.path.display().to_string(),
            expected,
            found: vec![found],
        };
        let tokens = corpus.vocabulary.len();
        if tokens > self.vocabulary {
            let expected = format!(
                "at most {} different tokens as data.vocabulary says; set it and model.decoder.vocab_size to the number found",
                self.vocabulary
            );
            return Err(wrong(expected, tokens));
        }
        let (from, to) = self.part(set)?;
        let data = corpus.rows(from, to, self.window)?;
        let wanted = self.extent(set)?.samples;
        match data.len() {
            found if found < wanted => Err(wrong(
                format!("{wanted} windows of {} tokens for this set", self.window),
                found,
            )),
            found if found == wanted => Ok((data, outcome)),
            _ => Ok((data.split_at(wanted)?.0, outcome)),
        }
    }

    fn trial(&self, samples: usize) -> Result<(Field, Field)> {
        let tokens =
            || Field::from_f32(vec![samples, self.window], vec![0.0; samples * self.window]);
        Ok((tokens()?, tokens()?))
    }

    fn write_companions(&self, folder: &Path) -> Result<()> {
        if !self.is_of_characters() {
            named_tokenizer(&self.tokenizer)?.write(&folder.join(Companions::TOKENIZER))?;
        }
        let characters = match self.is_of_characters() {
            true => Some(Characters::of(&self.read()?)),
            false => None,
        };
        let companions = Companions {
            characters,
            ..Companions::default()
        };
        companions.write(folder)
    }
}
