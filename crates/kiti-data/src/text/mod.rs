//! Texts: with a class each (IMDb, SNLI, tables of one's own), and plain ones for language models.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`examples`] | texts or pairs of texts with their classes, and what is to be known of them |
//! | [`source`] | reads them: IMDb, SNLI, CSV, JSON lines, Parquet, alone, in folders and in archives |
//! | [`tokenizer`] | `tokenizer.json` |
//! | [`tokenised`] | tokenised once, kept in the cache, as rows of different lengths |
//! | [`corpus`] | plain text cut into windows of tokens |

pub mod corpus;
mod csv;
pub mod examples;
mod imdb;
pub mod source;
mod table;
pub mod tokenised;
pub mod tokenizer;

pub use corpus::{Characters, Corpus, Vocabulary};
pub use examples::{Example, Examples, LengthRange, TextSplits, TextSummary};
pub use source::{Columns, TextSource};
pub use tokenised::{Tokenised, text_rows};
pub use tokenizer::TextTokenizer;
