//! Texts with a class each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kiti_data::Field;
use kiti_data::cache::Cache;
use kiti_data::pde::Observer;
use kiti_data::text::{
    Columns, Examples, TextSource, TextSplits, TextTokenizer, Tokenised, text_rows,
};
use kiti_kinetics::rng::{Stream, derive_seed};
use serde::{Deserialize, Serialize};

use super::{FieldExtent, FieldSource, Loaded, TestKey, TestSet};
use crate::hub::PretrainedFiles;
use crate::text::Companions;
use crate::{Error, Result};

/// Which data set of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextFormat {
    /// IMDb reviews.
    #[default]
    Imdb,
    /// SNLI pairs.
    Snli,
    /// Tables of one's own.
    Table,
}

/// Texts, or pairs of texts, with a class each: see [`kiti_data::text`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextsSection {
    /// Which data set.
    pub format: TextFormat,
    /// Archive, table or folder; a relative path starts at the working directory.
    pub path: PathBuf,
    /// Number of training examples; fewer than there are make a random choice.
    pub samples: usize,
    /// Number of classes.
    pub classes: usize,
    /// A `tokenizer.json`, or the checkpoint whose tokenizer it is: a folder or a repository of the Hub.
    pub tokenizer: String,
    /// Tokens of the longest text; longer ones are cut.
    pub max_tokens: usize,
    /// Column of a table that holds the text; empty for its usual names.
    pub text_column: String,
    /// Column of the second text; empty for its usual names or none.
    pub second_column: String,
    /// Column of the label; empty for its usual names.
    pub label_column: String,
    /// Seed of the choice of examples: the same for every seed of training.
    pub seed: u64,
}

impl Default for TextsSection {
    fn default() -> Self {
        Self {
            format: TextFormat::Imdb,
            path: PathBuf::from("aclImdb_v1.tar.gz"),
            samples: 25_000,
            classes: 2,
            tokenizer: "tokenizer.json".to_owned(),
            max_tokens: 256,
            text_column: String::new(),
            second_column: String::new(),
            label_column: String::new(),
            seed: 0,
        }
    }
}

impl TextsSection {
    fn text_source(&self) -> TextSource {
        let named = |name: &String| (!name.is_empty()).then(|| name.clone());
        match self.format {
            TextFormat::Imdb => TextSource::Imdb,
            TextFormat::Snli => TextSource::Snli,
            TextFormat::Table => TextSource::Table(Columns {
                text: named(&self.text_column),
                second: named(&self.second_column),
                label: named(&self.label_column),
            }),
        }
    }

    /// The tokenizer that the texts are read with.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] where it cannot be had; [`Error::Io`] for a checkpoint without one.
    pub fn read_tokenizer(&self) -> Result<TextTokenizer> {
        named_tokenizer(&self.tokenizer)
    }

    fn read_splits(&self) -> Result<TextSplits> {
        let name = match self.format {
            TextFormat::Imdb => "imdb",
            TextFormat::Snli => "snli",
            TextFormat::Table => "",
        };
        check_there(&self.path, name)?;
        Ok(self.text_source().read(&self.path)?)
    }

    fn samples(&self, set: Option<&TestSet>) -> usize {
        set.and_then(|set| set.samples).unwrap_or(self.samples)
    }

    fn choose(&self, mut examples: Examples, set: Option<&TestSet>) -> Result<Examples> {
        let (wanted, found) = (self.samples(set), examples.examples.len());
        if found < wanted || examples.classes.len() != self.classes {
            return Err(Error::Shape {
                name: self.path.display().to_string(),
                expected: format!("{wanted} examples of {} classes for this set", self.classes),
                found: vec![found, examples.classes.len()],
            });
        }
        if found > wanted {
            let mut order: Vec<usize> = (0..found).collect();
            let name = set.map_or("texts/train", |_| "texts/test");
            Stream::new(derive_seed(self.seed, name), [0; 3]).shuffle(&mut order);
            order.truncate(wanted);
            let chosen = order
                .iter()
                .map(|&example| examples.examples[example].clone());
            examples.examples = chosen.collect();
        }
        Ok(examples)
    }
}

/// The tokenizer called `name`: a `tokenizer.json`, or the checkpoint whose tokenizer it is.
pub(super) fn named_tokenizer(name: &str) -> Result<TextTokenizer> {
    if name.ends_with(".json") {
        return Ok(TextTokenizer::read(name)?);
    }
    let files = PretrainedFiles::locate(name, None, &|_, _, _| {})?;
    files.tokenizer()?.ok_or_else(|| {
        let path = PathBuf::from(name).join(Companions::TOKENIZER);
        Error::io(&path, "read")(std::io::ErrorKind::NotFound.into())
    })
}

/// Refuses a path where nothing is, and says how to get the data set `name`, if it has one.
pub(super) fn check_there(path: &Path, name: &str) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    Err(Error::NoData {
        path: path.to_owned(),
        name: name.to_owned(),
    })
}

impl FieldSource for TextsSection {
    fn test_keys(&self) -> &'static [TestKey] {
        &[TestKey::Samples, TestKey::Split]
    }

    fn extent(&self, set: Option<&TestSet>) -> Result<FieldExtent> {
        Ok(FieldExtent {
            samples: self.samples(set),
            grid: vec![self.max_tokens],
            inputs: 1,
            outputs: self.classes,
        })
    }

    fn validate(&self, _: Option<&TestSet>) -> Result<()> {
        if !(3..=1 << 16).contains(&self.max_tokens) {
            return Err(Error::ModelConfig {
                key: "data.max_tokens",
                found: self.max_tokens.to_string(),
                expected: "a number from 3 to 65536",
            });
        }
        Ok(())
    }

    fn load(&self, set: Option<&TestSet>, cache: &Cache, _: Observer<'_>) -> Result<Loaded> {
        let tokenizer = self.read_tokenizer()?;
        let mut splits = self.read_splits()?;
        let name = match set {
            None => "train",
            Some(set) => set.split.as_deref().unwrap_or("test"),
        };
        let known: Vec<String> = splits.keys().cloned().collect();
        let examples = splits
            .remove(name)
            .ok_or_else(|| kiti_data::Error::NoDataset {
                path: self.path.clone(),
                expected: format!("a split {name}"),
                found: known.join(", "),
            })?;
        let examples = self.choose(examples, set)?;
        let (tokens, outcome) =
            Tokenised::load_or_make(&examples, &tokenizer, self.max_tokens, cache)?;
        Ok((text_rows(Arc::new(tokens))?, Some(outcome)))
    }

    fn write_companions(&self, folder: &Path) -> Result<()> {
        self.read_tokenizer()?
            .write(&folder.join(Companions::TOKENIZER))?;
        let companions = Companions {
            max_tokens: Some(self.max_tokens),
            characters: None,
        };
        companions.write(folder)
    }

    fn trial(&self, samples: usize) -> Result<(Field, Field)> {
        // Token 0 of segment 0 everywhere: every model has it.
        let tokens = [0.0f32, 0.0, 1.0].repeat(samples * self.max_tokens);
        let mut weights = vec![0.0; samples * self.classes];
        for text in weights.chunks_exact_mut(self.classes) {
            text[0] = 1.0;
        }
        Ok((
            Field::from_f32(vec![samples, self.max_tokens, 3], tokens)?,
            Field::from_f32(vec![samples, self.classes], weights)?,
        ))
    }
}
