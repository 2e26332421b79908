//! One binary of integration tests, a module for each subject.

mod real_data;
mod residuals;
