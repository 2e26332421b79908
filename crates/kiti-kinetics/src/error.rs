//! What can be wrong with the input of this crate.

/// An error of the kinetic step: which value is wrong, what was expected, what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field's sites cannot be cut into equal runs.
    #[error(
        "divisions: {sites} sites of a channel cannot be cut into {divisions} equal runs; \
         choose a divisor of {sites}"
    )]
    Divisions {
        /// Sites of one channel (the product of the grid's extents).
        sites: usize,
        /// The requested number of runs.
        divisions: usize,
    },
    /// A token's width is not a multiple of the particles' dimension.
    #[error(
        "particle dimension: a token of width {width} cannot be cut into particles of {dims} \
         coordinates; choose a divisor of {width}"
    )]
    ParticleDimension {
        /// Width of a token.
        width: usize,
        /// Requested coordinates of a particle.
        dims: usize,
    },
    /// A slice does not have the length that the layout demands.
    #[error("{name}: expected {expected} values for {layout}, found {found}")]
    Length {
        /// The argument.
        name: &'static str,
        /// The layout, as text.
        layout: String,
        /// Values the layout demands.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A parameter lies outside its range.
    #[error("{name} = {value}: expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The range it must lie in.
        expected: &'static str,
    },
    /// A replayed collision names particles that the system does not have, or one of them twice.
    #[error("pair {index} (sample {sample}, particles {first} and {second}): {reason}")]
    Pair {
        /// Position in the list of pairs.
        index: usize,
        /// Sample.
        sample: usize,
        /// First particle.
        first: usize,
        /// Second particle.
        second: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two arguments contradict each other.
    #[error("{0}")]
    Inconsistent(&'static str),
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
