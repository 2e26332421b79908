//! Integration tests that cross crates live in `it/`; the examples of the pages run here.

/// The example of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct FrontPage;
