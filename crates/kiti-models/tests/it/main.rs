//! Tests of kiti-models across its modules.

mod checkpoints;
mod golden;
mod images;
mod models;
mod recipes;
mod runs;
mod support;
mod text;
