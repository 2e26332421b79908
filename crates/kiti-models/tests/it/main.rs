//! Tests of kiti-models across its modules.

mod checkpoints;
mod data_kinds;
mod diagnostics;
mod golden;
mod image_checkpoints;
mod images;
mod language;
mod minilm;
mod models;
mod oformer;
mod options;
mod recipes;
mod runs;
mod support;
mod text;
