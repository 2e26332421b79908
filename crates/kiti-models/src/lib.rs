#![doc = include_str!("../README.md")]

pub mod checkpoint;
pub mod comparison;
pub mod error;
pub mod evaluate;
pub mod fno;
pub mod golden;
pub mod model;
pub mod operator;
pub mod recipe;
pub mod rollout;
pub mod task;
pub mod train;

pub use error::{Error, Result};
