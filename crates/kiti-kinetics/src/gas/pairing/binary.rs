//! How often a pair collides.

use super::PairSelection;
use crate::gas::draws::BATCH;
use crate::gas::elementary::power;
use crate::gas::molecule::Molecule;

/// The constants of binary collisions in cells of one size.
#[derive(Debug, Clone, Copy)]
pub struct Binary {
    pub(super) selection: PairSelection,
    /// `F A dt / V`, so that a pair collides with the expected number `coefficient g^(2 - 2 omega)`.
    pub(super) coefficient: f64,
    pub(super) law: Law,
}

/// How `sigma g` depends on `g^2`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Law {
    HardSphere,
    Maxwell,
    Power(f64),
}

impl Law {
    #[inline(always)]
    fn of(self, square: f64) -> f64 {
        match self {
            Self::HardSphere => square.sqrt(),
            Self::Maxwell => 1.0,
            Self::Power(exponent) => power(square, exponent),
        }
    }
}

impl Binary {
    pub fn new(
        selection: PairSelection,
        molecule: &Molecule,
        weight_over_volume: f64,
        dt: f64,
    ) -> Self {
        let law = match molecule.omega {
            0.5 => Law::HardSphere,
            1.0 => Law::Maxwell,
            omega => Law::Power(1.0 - omega),
        };
        Self {
            selection,
            coefficient: weight_over_volume * molecule.rate_constant() * dt,
            law,
        }
    }

    /// Expected number of collisions of a pair in the step.
    #[inline(always)]
    pub(super) fn expected(&self, square: f64) -> f64 {
        self.coefficient * self.law.of(square)
    }

    #[inline(always)]
    pub(super) fn expected_of(&self, squares: &[f64; BATCH]) -> [f64; BATCH] {
        let mut expected = [self.coefficient; BATCH];
        // One loop for each law, so that each runs in vectors.
        match self.law {
            Law::HardSphere => {
                for k in 0..BATCH {
                    expected[k] *= squares[k].sqrt();
                }
            }
            Law::Maxwell => {}
            Law::Power(exponent) => {
                for k in 0..BATCH {
                    expected[k] *= power(squares[k], exponent);
                }
            }
        }
        expected
    }
}
