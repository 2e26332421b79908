//! Plain text for language models, cut into windows of tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use kiti_kinetics::rng::Stream;
use serde::{Deserialize, Serialize};

use super::tokenizer::TextTokenizer;
use crate::archive::{self, Packing};
use crate::cache::{Cache, Outcome};
use crate::loader::{Change, Dataset, RowSource};
use crate::{Error, Field, Result, checksum};

/// The longest text that is read.
const LARGEST_TEXT: u64 = 4 << 30;

/// A few speeches of Shakespeare's: text enough to see that something runs.
pub const SAMPLE: &str = include_str!("../../../../datasets/tinyshakespeare/sample/speeches.txt");

/// Numbers up to here are exact in single precision, in which arrays are kept.
const MOST_TOKENS: usize = 1 << 24;

/// What a token of a text is.
#[derive(Clone, Debug)]
pub enum Vocabulary {
    /// One of these characters.
    Characters(Characters),
    /// A token of a tokenizer.
    Tokenizer(Box<TextTokenizer>),
}

/// The characters of a text, in order: character `i` has number `i`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Characters(String);

/// A text as tokens, in three parts one after the other.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// What the numbers mean.
    pub vocabulary: Vocabulary,
    tokens: Arc<[u32]>,
}

impl Characters {
    /// The characters that occur in a text.
    pub fn of(text: &str) -> Self {
        let characters: BTreeSet<char> = text.chars().collect();
        Self(characters.into_iter().collect())
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.0.chars().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers of a text's characters.
    ///
    /// # Errors
    /// [`Error::Setting`] for a character that is not among them.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let numbers: BTreeMap<char, u32> = self.0.chars().zip(0..).collect();
        let number = |character| {
            numbers
                .get(&character)
                .copied()
                .ok_or_else(|| Error::Setting {
                    key: "text",
                    found: format!("{character:?}"),
                    expected: "only characters of the text that the model was trained on",
                })
        };
        text.chars().map(number).collect()
    }

    /// The text of numbers; those beyond the last character are left out.
    pub fn decode(&self, ids: &[u32]) -> String {
        let characters: Vec<char> = self.0.chars().collect();
        ids.iter()
            .filter_map(|&id| characters.get(id as usize))
            .collect()
    }
}

impl Vocabulary {
    /// Number of tokens.
    pub fn len(&self) -> usize {
        match self {
            Self::Characters(characters) => characters.len(),
            Self::Tokenizer(tokenizer) => tokenizer.vocabulary_size(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of the token with this name; none where tokens are characters.
    pub fn token(&self, name: &str) -> Option<u32> {
        match self {
            Self::Characters(_) => None,
            Self::Tokenizer(tokenizer) => tokenizer.token(name),
        }
    }

    /// The tokens of a text.
    ///
    /// # Errors
    /// [`Error::Setting`] for a text that has no tokens here.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        match self {
            Self::Characters(characters) => characters.encode(text),
            Self::Tokenizer(tokenizer) => tokenizer.encode_plain(text),
        }
    }

    /// The text of tokens.
    ///
    /// # Errors
    /// [`Error::Setting`] where a tokenizer fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        match self {
            Self::Characters(characters) => Ok(characters.decode(ids)),
            Self::Tokenizer(tokenizer) => tokenizer.decode(ids),
        }
    }
}

/// Reads a text: a file of UTF-8, such a file in `.gz`, or the only file in a `.zip` (text8).
///
/// # Errors
/// [`Error::Io`]; [`Error::NoDataset`] for an empty text or several; [`Error::Sample`] for bytes that are not UTF-8.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let none = |found: &str| Error::NoDataset {
        path: path.to_owned(),
        expected: "one text: a file of UTF-8, alone, in .gz or in .zip".to_owned(),
        found: found.to_owned(),
    };
    let bytes = match Packing::of_path(path) {
        None => archive::read_file(path, LARGEST_TEXT)?,
        Some(Packing::Zip) => {
            let mut files = Vec::new();
            archive::visit_files(
                path,
                LARGEST_TEXT,
                |_| true,
                |_, content| {
                    files.push(content);
                    Ok(())
                },
            )?;
            match (files.pop(), files.len()) {
                (Some(content), 0) => content,
                (_, others) => return Err(none(&format!("{} files", others + 1))),
            }
        }
        Some(_) => return Err(none("a folder or another archive")),
    };
    let text = String::from_utf8(bytes).map_err(|error| Error::Sample {
        path: path.to_owned(),
        place: format!("byte {}", error.utf8_error().valid_up_to()),
        expected: "UTF-8".to_owned(),
        found: error.utf8_error().to_string(),
    })?;
    if text.is_empty() {
        return Err(none("an empty one"));
    }
    Ok(text)
}

impl Corpus {
    /// The tokens of a text: its characters, or those of a tokenizer.
    ///
    /// # Errors
    /// Those of [`Vocabulary::encode`].
    ///
    /// ```
    /// use kiti_data::text::Corpus;
    /// let corpus = Corpus::new("to be or not to be", None)?;
    /// assert_eq!(corpus.vocabulary.len(), 7);
    /// let data = corpus.rows(0.0, 1.0, 4)?;
    /// // Four tokens in, the same four shifted by one to predict.
    /// assert_eq!((data.len(), data.inputs().row_shape()), (4, vec![4]));
    /// # Ok::<(), kiti_data::Error>(())
    /// ```
    pub fn new(text: &str, tokenizer: Option<TextTokenizer>) -> Result<Self> {
        let vocabulary = match tokenizer {
            Some(tokenizer) => Vocabulary::Tokenizer(Box::new(tokenizer)),
            None => Vocabulary::Characters(Characters::of(text)),
        };
        Ok(Self {
            tokens: vocabulary.encode(text)?.into(),
            vocabulary,
        })
    }

    /// The same with the tokens of a tokenizer made once and kept in `cache`; characters are numbered anew.
    ///
    /// # Errors
    /// As [`new`](Self::new), and those of [`Cache::get_or_generate`]; [`Error::Setting`] for a vocabulary beyond 2^24.
    pub fn load_or_make(
        text: &str,
        tokenizer: Option<TextTokenizer>,
        cache: &Cache,
    ) -> Result<(Self, Option<Outcome>)> {
        let Some(tokenizer) = tokenizer else {
            return Ok((Self::new(text, None)?, None));
        };
        if tokenizer.vocabulary_size() > MOST_TOKENS {
            return Err(Error::Setting {
                key: "vocabulary",
                found: format!("{} tokens", tokenizer.vocabulary_size()),
                expected: "at most 16777216",
            });
        }
        let settings = BTreeMap::from([
            ("tokenizer", tokenizer.sha256().to_owned()),
            ("text", checksum::of_text(text)),
        ]);
        let mut entry = cache.get_or_generate("corpus", &settings, || {
            let tokens = tokenizer.encode_plain(text)?;
            let numbers: Vec<f32> = tokens.into_iter().map(|token| token as f32).collect();
            let field = Field::from_f32(vec![numbers.len()], numbers)?;
            Ok(BTreeMap::from([("tokens".to_owned(), field)]))
        })?;
        let tokens = entry
            .arrays
            .remove("tokens")
            .ok_or_else(|| Error::ArrayNotFound {
                path: entry.path.clone(),
                name: "tokens".to_owned(),
                available: Vec::new(),
            })?;
        let tokens: Vec<u32> = tokens
            .into_f32()
            .into_iter()
            .map(|token| token as u32)
            .collect();
        let corpus = Self {
            tokens: tokens.into(),
            vocabulary: Vocabulary::Tokenizer(Box::new(tokenizer)),
        };
        Ok((corpus, Some(entry.outcome)))
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Windows of `window` tokens between two places of the text, 0 its beginning and 1 its end: inputs and targets
    /// `(windows, window)`, the targets one token later.
    ///
    /// Windows follow each other; in training they are all shifted by the same random number of tokens in each epoch.
    ///
    /// # Errors
    /// [`Error::Shape`] where not one window fits.
    pub fn rows(&self, from: f64, to: f64, window: usize) -> Result<Dataset> {
        let at = |share: f64| (self.tokens.len() as f64 * share.clamp(0.0, 1.0)).round() as usize;
        let (start, end) = (at(from), at(to));
        let windows = (end.saturating_sub(start + 1))
            .checked_div(window)
            .unwrap_or(0);
        if windows == 0 {
            return Err(Error::Shape {
                array: "text".to_owned(),
                expected: format!(
                    "at least {} tokens, one window and the next token",
                    window + 1
                ),
                found: vec![end.saturating_sub(start)],
            });
        }
        let rows = |shift| WindowRows {
            tokens: Arc::clone(&self.tokens),
            start,
            end,
            window,
            windows,
            shift,
        };
        Dataset::from_rows(rows(0), rows(1))
    }
}

#[derive(Debug)]
struct WindowRows {
    tokens: Arc<[u32]>,
    start: usize,
    end: usize,
    window: usize,
    windows: usize,
    /// 0 for inputs, 1 for the tokens after them.
    shift: usize,
}

impl WindowRows {
    fn gather(&self, rows: &[usize], offset: usize) -> Result<Field> {
        let mut values = Vec::with_capacity(rows.len() * self.window);
        for &row in rows {
            // The last window must not run beyond the end.
            let last = self.end - 1 - self.window;
            let at = (self.start + row * self.window + offset).min(last) + self.shift;
            values.extend(
                self.tokens[at..at + self.window]
                    .iter()
                    .map(|&id| id as f32),
            );
        }
        Field::from_f32(vec![rows.len(), self.window], values)
    }
}

impl RowSource for WindowRows {
    fn len(&self) -> usize {
        self.windows
    }

    fn row_shape(&self) -> Vec<usize> {
        vec![self.window]
    }

    fn rows(&self, rows: &[usize]) -> Result<Field> {
        self.gather(rows, 0)
    }

    fn changed_rows(&self, rows: &[usize], change: &Change) -> Result<Field> {
        let mut stream = Stream::new(change.seed, [change.epoch as u32, 0, 2]);
        self.gather(rows, stream.below(self.window as u64) as usize)
    }
}

#[cfg(test)]
mod tests;
