//! Trained models of text, applied: classes of new texts, and new text.

mod classifier;
mod companions;
mod generation;
mod language_model;
mod sampling;

pub use classifier::{ClassProbability, TextClassifier};
pub use companions::Companions;
pub use generation::{GenerationConfig, generate};
pub use language_model::LanguageModel;
pub use sampling::{Sampler, SamplingConfig};
