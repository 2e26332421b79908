//! Tests of the gas solver against closed forms, conservation and itself.

mod boundaries;
mod collisions;
mod determinism;
mod faults;
mod flight;
mod one_physics;
mod relaxation;
