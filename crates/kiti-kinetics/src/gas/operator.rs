//! What happens between the particles of a cell, with its constants worked out.

use super::config::Collisions;
use super::molecule::Molecule;
use super::pairing::Binary;
use super::relaxation::Relaxing;

/// The collision operator of cells of one size.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operator {
    None,
    Binary(Binary),
    Relaxation(Relaxing),
}

impl Operator {
    pub fn new(
        collisions: Collisions,
        molecule: &Molecule,
        weight_over_volume: f64,
        dt: f64,
    ) -> Self {
        match collisions {
            Collisions::None => Self::None,
            Collisions::Binary(selection) => {
                Self::Binary(Binary::new(selection, molecule, weight_over_volume, dt))
            }
            Collisions::Relaxation(model) => Self::Relaxation(Relaxing {
                model,
                molecule: *molecule,
                weight_over_volume,
                dt,
            }),
        }
    }
}
