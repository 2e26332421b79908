//! Integration tests of kiti-nn, one binary.

mod condensation;
mod golden;
mod kinetic;
mod layers;
mod residual;
mod support;
mod torch;
mod training_state;
mod transforms;
