//! What a forward pass keeps for its backward pass, in either of the types that steps are computed in.

use kiti_kinetics::Real;
use kiti_kinetics::system::Collisions;

use crate::cpu::Element;

/// Collisions of a forward pass: of the whole batch, or of one sample after the other.
pub(crate) enum Record {
    F32(Vec<Collisions<f32>>),
    F64(Vec<Collisions<f64>>),
}

/// The types that steps are computed in.
pub(crate) trait Scalar: Real + Element {
    fn record(collisions: Vec<Collisions<Self>>) -> Record;
    fn recorded(record: &Record) -> Option<&[Collisions<Self>]>;
}

macro_rules! scalar {
    ($scalar:ty, $variant:ident) => {
        impl Scalar for $scalar {
            fn record(collisions: Vec<Collisions<Self>>) -> Record {
                Record::$variant(collisions)
            }

            fn recorded(record: &Record) -> Option<&[Collisions<Self>]> {
                match record {
                    Record::$variant(collisions) => Some(collisions),
                    _ => None,
                }
            }
        }
    };
}

scalar!(f32, F32);
scalar!(f64, F64);
