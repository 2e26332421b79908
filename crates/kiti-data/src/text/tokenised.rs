//! Texts as tokens, made once and kept in the cache.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::examples::Examples;
use super::tokenizer::TextTokenizer;
use crate::cache::{Cache, Outcome};
use crate::loader::{Dataset, RowSource};
use crate::{Error, Field, Result, checksum};

/// Numbers up to here are exact in single precision, in which arrays are kept.
const MOST_TOKENS: usize = 1 << 24;

/// The tokens of a split.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokenised {
    ids: Vec<f32>,
    types: Vec<f32>,
    /// Where each example begins, and the end of the last.
    starts: Vec<usize>,
    lengths: Vec<u32>,
    labels: Vec<u32>,
    classes: Vec<String>,
    longest: usize,
    padding: u32,
}

/// What decides the tokens of a split.
#[derive(Serialize)]
struct Settings<'a> {
    tokenizer: &'a str,
    longest: usize,
    texts: String,
}

impl Tokenised {
    /// The tokens of `examples`, at most `longest` of each: made by `tokenizer`, or had from `cache`.
    ///
    /// # Errors
    /// Those of [`TextTokenizer::encode`] and [`Cache::get_or_generate`]; [`Error::Setting`] for a vocabulary beyond 2^24.
    pub fn load_or_make(
        examples: &Examples,
        tokenizer: &TextTokenizer,
        longest: usize,
        cache: &Cache,
    ) -> Result<(Self, Outcome)> {
        if tokenizer.vocabulary_size() > MOST_TOKENS {
            return Err(Error::Setting {
                key: "vocabulary",
                found: format!("{} tokens", tokenizer.vocabulary_size()),
                expected: "at most 16777216",
            });
        }
        let settings = Settings {
            tokenizer: tokenizer.sha256(),
            longest,
            texts: digest(examples),
        };
        let entry = cache.get_or_generate("tokens", &settings, || {
            let tokens = tokenizer.encode_all(&examples.examples, longest)?;
            let floats = |values: Vec<f32>| Field::from_f32(vec![values.len()], values);
            let flat = |of: fn(&super::tokenizer::Tokens) -> &Vec<u32>| {
                tokens
                    .iter()
                    .flat_map(of)
                    .map(|&number| number as f32)
                    .collect()
            };
            let lengths = tokens.iter().map(|tokens| tokens.ids.len() as f32);
            Ok(BTreeMap::from([
                ("ids".to_owned(), floats(flat(|tokens| &tokens.ids))?),
                ("types".to_owned(), floats(flat(|tokens| &tokens.types))?),
                ("lengths".to_owned(), floats(lengths.collect())?),
            ]))
        })?;
        let mut arrays = entry.arrays;
        let mut take = |name: &str| {
            let array = arrays.remove(name).map(Field::into_f32);
            array.ok_or_else(|| Error::ArrayNotFound {
                path: entry.path.clone(),
                name: name.to_owned(),
                available: Vec::new(),
            })
        };
        let (ids, types, lengths) = (take("ids")?, take("types")?, take("lengths")?);
        let lengths: Vec<u32> = lengths.into_iter().map(|length| length as u32).collect();
        let mut starts = vec![0];
        for length in &lengths {
            starts.push(starts[starts.len() - 1] + *length as usize);
        }
        let tokenised = Self {
            ids,
            types,
            starts,
            lengths,
            labels: examples
                .examples
                .iter()
                .map(|example| example.label)
                .collect(),
            classes: examples.classes.clone(),
            longest,
            padding: tokenizer.padding(),
        };
        Ok((tokenised, entry.outcome))
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Tokens of every example.
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }
}

/// SHA-256 of all texts, with their lengths between them.
fn digest(examples: &Examples) -> String {
    let mut all = Vec::new();
    for example in &examples.examples {
        for text in std::iter::once(example.first.as_str()).chain(example.second.as_deref()) {
            all.extend((text.len() as u64).to_le_bytes());
            all.extend(text.as_bytes());
        }
        all.push(u8::from(example.second.is_some()));
    }
    checksum::of_bytes(&all)
}

/// Tokens as rows that a [`Loader`](crate::loader::Loader) cuts into batches of similar lengths.
///
/// Inputs are `(examples, tokens, 3)`: number of the token, its segment, and 1 where there is a token, 0 where a sequence is
/// filled up to the longest of its batch. Targets are `(examples, classes)`, 1 for the class of the example.
///
/// # Errors
/// [`Error::Shape`] without an example.
pub fn text_rows(tokenised: Arc<Tokenised>) -> Result<Dataset> {
    Dataset::from_rows(TokenRows(Arc::clone(&tokenised)), ClassRows(tokenised))
}

#[derive(Debug)]
struct TokenRows(Arc<Tokenised>);

impl RowSource for TokenRows {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn row_shape(&self) -> Vec<usize> {
        vec![self.0.longest, 3]
    }

    fn rows(&self, rows: &[usize]) -> Result<Field> {
        let source = &self.0;
        let lengths = rows.iter().map(|&row| source.lengths[row] as usize);
        let longest = lengths.max().unwrap_or(0);
        let mut values = Vec::with_capacity(rows.len() * longest * 3);
        for &row in rows {
            let tokens = source.starts[row]..source.starts[row + 1];
            let filling = longest - tokens.len();
            for (id, segment) in source.ids[tokens.clone()].iter().zip(&source.types[tokens]) {
                values.extend([*id, *segment, 1.0]);
            }
            for _ in 0..filling {
                values.extend([source.padding as f32, 0.0, 0.0]);
            }
        }
        Field::from_f32(vec![rows.len(), longest, 3], values)
    }

    fn lengths(&self) -> Option<&[u32]> {
        Some(&self.0.lengths)
    }
}

#[derive(Debug)]
struct ClassRows(Arc<Tokenised>);

impl RowSource for ClassRows {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn row_shape(&self) -> Vec<usize> {
        vec![self.0.classes.len()]
    }

    fn rows(&self, rows: &[usize]) -> Result<Field> {
        let classes = self.0.classes.len();
        let mut values = vec![0.0; rows.len() * classes];
        for (values, &row) in values.chunks_exact_mut(classes.max(1)).zip(rows) {
            values[self.0.labels[row] as usize] = 1.0;
        }
        Field::from_f32(vec![rows.len(), classes], values)
    }

    fn classes(&self) -> &[String] {
        &self.0.classes
    }
}

#[cfg(test)]
mod tests;
