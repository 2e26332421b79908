#![doc = include_str!("../README.md")]

pub mod bert;
pub mod checkpoint;
pub mod comparison;
pub mod diagnostics;
pub mod error;
pub mod evaluate;
pub mod fno;
pub mod golden;
pub mod gpt2;
pub mod hub;
pub mod image_classifier;
pub mod model;
pub mod oformer;
pub mod operator;
pub mod recipe;
pub mod resnet;
pub mod rollout;
pub mod task;
pub mod text;
pub mod train;
pub mod transformer;

pub use error::{Error, Result};
