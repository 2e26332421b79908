#![doc = include_str!("../README.md")]

pub mod checkpoint;
pub mod comparison;
pub mod data;
pub mod error;
pub mod evaluate;
pub mod fno;
pub mod golden;
pub mod recipe;
pub mod rollout;
pub mod train;

pub use error::{Error, Result};
