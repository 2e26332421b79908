//! What can be wrong with a layer's settings or input.

/// An error of this crate: where it happened, what was expected, what was found, what to do.
///
/// Layers return [`candle::Result`] so that they can stand in any candle model; this enum is what
/// they say, converted by [`From`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kinetic step refuses its parameters, its layout or its draws.
    #[error("residual of layer {layer}: {source}")]
    Kinetics {
        /// Index of the residual in its model.
        layer: u32,
        /// What the physics says.
        source: kiti_kinetics::Error,
    },
    /// Settings of a kinetic residual contradict each other.
    #[error("kinetic residual: {key}: {message}")]
    KineticSettings {
        /// The key in question.
        key: &'static str,
        /// What is wrong and what to do.
        message: &'static str,
    },
    /// Two tensors of a residual differ in shape.
    #[error(
        "residual of layer {layer}: {name} has the shape {found:?}, but x has {expected:?}; \
         both branches of a residual have one shape"
    )]
    BranchShape {
        /// Index of the residual in its model.
        layer: u32,
        /// The tensor.
        name: &'static str,
        /// Shape of `x`.
        expected: Vec<usize>,
        /// Shape found.
        found: Vec<usize>,
    },
    /// Given directions do not have the shape that the particles demand.
    #[error(
        "residual of layer {layer}: directions have the shape {found:?}, expected {expected:?}"
    )]
    DirectionShape {
        /// Index of the residual in its model.
        layer: u32,
        /// Shape that the layout demands.
        expected: Vec<usize>,
        /// Shape found.
        found: Vec<usize>,
    },
    /// A tensor has too few dimensions to be read as particles.
    #[error(
        "residual of layer {layer}: an input of shape {found:?} cannot be read as {arrangement}"
    )]
    Rank {
        /// Index of the residual in its model.
        layer: u32,
        /// The arrangement, with the shape it needs.
        arrangement: &'static str,
        /// Shape found.
        found: Vec<usize>,
    },
    /// Something was asked of a residual that it does not do.
    #[error("residual of layer {layer}: {asked}: only {only}")]
    Unsupported {
        /// Index of the residual in its model.
        layer: u32,
        /// What was asked.
        asked: &'static str,
        /// What can do it.
        only: &'static str,
    },
    /// A setting lies outside its range.
    #[error("{name} = {value}: expected {expected}")]
    Parameter {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The range it must lie in.
        expected: &'static str,
    },
    /// No residual variant has this name.
    #[error("unknown residual variant \"{found}\"; did you mean \"{nearest}\"? There are: {known}")]
    UnknownVariant {
        /// The name given.
        found: String,
        /// The known name with the smallest edit distance.
        nearest: &'static str,
        /// All known names.
        known: String,
    },
    /// A tensor that an operation or layer cannot take.
    #[error("{operation}: {name} has the shape {found:?}; expected {expected}")]
    Shape {
        /// The operation or layer.
        operation: &'static str,
        /// The tensor.
        name: &'static str,
        /// The shape that it must have.
        expected: String,
        /// Shape found.
        found: Vec<usize>,
    },
    /// A number of a class or token that does not exist.
    #[error("{operation}: {name} {found} at position {position}; expected a number below {count}")]
    Index {
        /// The operation or layer.
        operation: &'static str,
        /// What is numbered.
        name: &'static str,
        /// Where in the tensor, counted row by row.
        position: usize,
        /// The number found.
        found: i64,
        /// How many there are.
        count: usize,
    },
    /// No row of the targets counts: the mean over none is undefined.
    #[error(
        "{operation}: none of the {rows} targets counts; give at least one that is not ignored"
    )]
    NoTargets {
        /// The operation.
        operation: &'static str,
        /// Rows of the targets.
        rows: usize,
    },
    /// A weight cannot be read as neurons.
    #[error("weight {name} of shape {shape:?}: {message}")]
    Weight {
        /// The tensor's name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What is wrong with it.
        message: &'static str,
    },
}

impl From<Error> for candle::Error {
    fn from(error: Error) -> Self {
        Self::wrap(error)
    }
}

/// Result of this crate's own checks.
pub type Result<T> = std::result::Result<T, Error>;
