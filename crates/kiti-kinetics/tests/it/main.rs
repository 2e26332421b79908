//! Tests of the kinetic step against independent oracles.

mod faults;
mod golden;
mod gradients;
mod operators;
mod oracle;
mod properties;
mod statistics;
mod support;
