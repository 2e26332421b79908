//! What can be wrong with a gas simulation.

/// An error of the gas solver: the key that is wrong, what was expected, what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GasError {
    /// A number lies outside its range.
    #[error("{key} = {value}: expected {expected}; {remedy}")]
    Value {
        /// The key, as the configuration spells it.
        key: String,
        /// Its value.
        value: f64,
        /// The range it must lie in.
        expected: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The simulation would need more memory than it may have.
    #[error(
        "weight = {weight}: {particles:.4e} simulated molecules would need {bytes:.4e} bytes, more than the \
         {limit:.4e} allowed; raise the weight to at least {needed:.4e} or take a smaller domain"
    )]
    Memory {
        /// Real molecules that a simulated one stands for.
        weight: f64,
        /// Molecules it leads to.
        particles: f64,
        /// Bytes they would need.
        bytes: f64,
        /// Bytes allowed.
        limit: f64,
        /// Weight that would fit.
        needed: f64,
    },
    /// A simulation has no molecules.
    #[error(
        "weight = {weight}: leads to no simulated molecules ({expected:.3} expected); lower the weight"
    )]
    NoParticles {
        /// Real molecules that a simulated one stands for.
        weight: f64,
        /// Expected molecules.
        expected: f64,
    },
    /// A face is periodic and the opposite one is not.
    #[error(
        "boundary {face}: periodic, but the opposite face is not; make both periodic or neither"
    )]
    Periodic {
        /// Name of the face.
        face: &'static str,
    },
    /// A time step in which molecules would cross the domain.
    #[error(
        "dt = {dt}: a molecule at the most probable speed flies {flight:.4e} in a step, more than the extent \
         {extent:.4e} of the domain along {axis}; take dt below {largest:.4e}"
    )]
    TimeStep {
        /// The time step.
        dt: f64,
        /// Distance flown.
        flight: f64,
        /// Extent of the domain.
        extent: f64,
        /// The axis.
        axis: char,
        /// The largest allowed step.
        largest: f64,
    },
    /// An array does not have the length it must have.
    #[error("{name}: expected {expected} values, found {found}")]
    Length {
        /// The array.
        name: String,
        /// Values it must have.
        expected: usize,
        /// Values it has.
        found: usize,
    },
    /// A snapshot lacks an array, or holds one of another type.
    #[error("snapshot: no array `{name}` of {kind}; it is of another version or incomplete")]
    SnapshotArray {
        /// The array.
        name: String,
        /// Type of its values.
        kind: &'static str,
    },
    /// A snapshot is of another case.
    #[error(
        "snapshot: {what} is {found}, but that of this case is {expected}; restart with the case it was written by"
    )]
    SnapshotCase {
        /// What differs.
        what: &'static str,
        /// Expected.
        expected: String,
        /// Found.
        found: String,
    },
}

/// Result of the gas solver.
pub type GasResult<T> = Result<T, GasError>;

/// Refuses values that are not positive and finite.
pub(crate) fn positive(key: impl Into<String>, value: f64, remedy: &'static str) -> GasResult<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(GasError::Value {
        key: key.into(),
        value,
        expected: "a positive number",
        remedy,
    })
}

/// Refuses values outside `[low, high]`.
pub(crate) fn within(
    key: impl Into<String>,
    value: f64,
    [low, high]: [f64; 2],
    expected: &'static str,
    remedy: &'static str,
) -> GasResult<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(GasError::Value {
        key: key.into(),
        value,
        expected,
        remedy,
    })
}
