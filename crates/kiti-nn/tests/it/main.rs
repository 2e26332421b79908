//! Integration tests of kiti-nn, one binary.

mod condensation;
mod golden;
mod kinetic;
mod residual;
mod support;
mod torch;
mod training_state;
mod transforms;
