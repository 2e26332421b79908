//! Tokenizers in the Hub's format.

use std::path::Path;

use tokenizers::{EncodeInput, PostProcessor, Tokenizer, TruncationParams};

use super::examples::Example;
use crate::{Error, Result, archive, checksum};

/// The largest `tokenizer.json` that is read.
const LARGEST_FILE: u64 = 256 << 20;

/// Names of the padding token, the first that a tokenizer has.
const PADDING_TOKENS: [&str; 3] = ["[PAD]", "<pad>", "<|endoftext|>"];

/// A tokenizer (`tokenizer.json`), whose own settings for truncation and padding are passed over.
#[derive(Clone, Debug)]
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    sha256: String,
    padding: u32,
}

/// Tokens of one text or pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Numbers of the tokens.
    pub ids: Vec<u32>,
    /// Segment of each: 0, or 1 for the second of two texts.
    pub types: Vec<u32>,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Malformed`] for another file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = archive::read_file(path, LARGEST_FILE)?;
        Self::from_bytes(path, &bytes)
    }

    /// The tokenizer in the content of such a file; `path` is named in errors.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self> {
        let mut tokenizer =
            Tokenizer::from_bytes(bytes).map_err(|error| malformed(path, error.to_string()))?;
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| malformed(path, error.to_string()))?;
        let padding = PADDING_TOKENS
            .iter()
            .find_map(|token| tokenizer.token_to_id(token))
            .unwrap_or(0);
        Ok(Self {
            tokenizer,
            sha256: checksum::of_bytes(bytes),
            padding,
        })
    }

    /// Number of tokens, special ones included.
    pub fn vocabulary_size(&self) -> usize {
        // Numbers need not be consecutive: a model needs a row up to the largest.
        let largest = self.tokenizer.get_vocab(true).into_values().max();
        largest.map_or(0, |largest| largest as usize + 1)
    }

    /// Number of the token with this name, special ones included.
    pub fn token(&self, name: &str) -> Option<u32> {
        self.tokenizer.token_to_id(name)
    }

    /// Number of the token that fills up shorter sequences.
    pub fn padding(&self) -> u32 {
        self.padding
    }

    /// SHA-256 of the file it came from.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The tokens of a text, or of two, with the special ones of the tokenizer; cut to `longest` of them, of two texts
    /// the longer one first.
    ///
    /// # Errors
    /// [`Error::Setting`] for so short a length that the special tokens leave no room.
    pub fn encode(&self, first: &str, second: Option<&str>, longest: usize) -> Result<Tokens> {
        let input = match second {
            Some(second) => EncodeInput::Dual(first.into(), second.into()),
            None => EncodeInput::Single(first.into()),
        };
        let tokens = self.truncating(longest)?.encode_fast(input, true);
        Ok(into_tokens(tokens.map_err(unencodable)?))
    }

    /// The tokens of many examples, as [`encode`](Self::encode) gives them, on all cores.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_all(&self, examples: &[Example], longest: usize) -> Result<Vec<Tokens>> {
        let tokenizer = self.truncating(longest)?;
        let mut all = Vec::with_capacity(examples.len());
        for part in examples.chunks(1024) {
            let inputs: Vec<EncodeInput<'_>> = part
                .iter()
                .map(|example| match &example.second {
                    Some(second) => {
                        EncodeInput::Dual(example.first.as_str().into(), second.as_str().into())
                    }
                    None => EncodeInput::Single(example.first.as_str().into()),
                })
                .collect();
            let encoded = tokenizer
                .encode_batch_fast(inputs, true)
                .map_err(unencodable)?;
            all.extend(encoded.into_iter().map(into_tokens));
        }
        Ok(all)
    }

    /// The tokens of a text without special ones or truncation.
    ///
    /// # Errors
    /// [`Error::Setting`] where the tokenizer fails.
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>> {
        let tokens = self
            .tokenizer
            .encode_fast(text, false)
            .map_err(unencodable)?;
        Ok(tokens.get_ids().to_vec())
    }

    /// The text of tokens, special ones left out.
    ///
    /// # Errors
    /// [`Error::Setting`] where the tokenizer fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.tokenizer.decode(ids, true).map_err(unencodable)
    }

    /// Writes `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::StorageFull`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = self.tokenizer.to_string(false).map_err(unencodable)?;
        crate::atomic_file::write(path, |file| {
            std::io::Write::write_all(file, text.as_bytes())
        })
    }

    fn truncating(&self, longest: usize) -> Result<Tokenizer> {
        let mut tokenizer = self.tokenizer.clone();
        let special = tokenizer
            .get_post_processor()
            .map_or(0, |processor| processor.added_tokens(true));
        if longest <= special {
            return Err(Error::Setting {
                key: "max_tokens",
                found: longest.to_string(),
                expected: "more than the special tokens of a pair of texts",
            });
        }
        let truncation = TruncationParams {
            max_length: longest,
            ..TruncationParams::default()
        };
        tokenizer
            .with_truncation(Some(truncation))
            .map_err(unencodable)?;
        Ok(tokenizer)
    }
}

fn into_tokens(encoding: tokenizers::Encoding) -> Tokens {
    Tokens {
        ids: encoding.get_ids().to_vec(),
        types: encoding.get_type_ids().to_vec(),
    }
}

fn malformed(path: &Path, found: String) -> Error {
    Error::Malformed {
        path: path.to_owned(),
        array: None,
        expected: "a tokenizer as the Hub's tokenizer.json has it".to_owned(),
        found,
    }
}

fn unencodable(error: tokenizers::Error) -> Error {
    Error::Setting {
        key: "tokenizer",
        found: error.to_string(),
        expected: "a text and a length that the tokenizer can work on",
    }
}
