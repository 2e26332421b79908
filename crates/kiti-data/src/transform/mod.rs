//! What is done to fields before a model sees them and after it has answered.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`unit_gaussian`] | mean 0 and standard deviation 1, fitted on the training samples |

pub mod unit_gaussian;

pub use unit_gaussian::UnitGaussianNormalizer;
