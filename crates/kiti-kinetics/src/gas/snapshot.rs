//! The state of a simulation between two steps, as plain arrays.

use super::error::{GasError, GasResult};

/// Values of one array.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Real numbers.
    F64(Vec<f64>),
    /// Counts.
    U64(Vec<u64>),
}

/// Named arrays: all that a simulation or a sampler needs to go on as if it had not been interrupted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// The arrays in a fixed order.
    pub arrays: Vec<(String, Values)>,
}

impl Snapshot {
    pub(crate) fn put_f64(&mut self, name: &str, values: Vec<f64>) {
        self.arrays.push((name.into(), Values::F64(values)));
    }

    pub(crate) fn put_u64(&mut self, name: &str, values: Vec<u64>) {
        self.arrays.push((name.into(), Values::U64(values)));
    }

    pub(crate) fn f64(&self, name: &str, length: Option<usize>) -> GasResult<&[f64]> {
        match self.find(name) {
            Some(Values::F64(values)) => checked(name, values, length),
            _ => Err(missing(name, "real numbers")),
        }
    }

    pub(crate) fn u64(&self, name: &str, length: Option<usize>) -> GasResult<&[u64]> {
        match self.find(name) {
            Some(Values::U64(values)) => checked(name, values, length),
            _ => Err(missing(name, "counts")),
        }
    }

    fn find(&self, name: &str) -> Option<&Values> {
        let named = self.arrays.iter().find(|(n, _)| n == name);
        named.map(|(_, values)| values)
    }
}

fn missing(name: &str, kind: &'static str) -> GasError {
    GasError::SnapshotArray {
        name: name.into(),
        kind,
    }
}

fn checked<'a, V>(name: &str, values: &'a [V], length: Option<usize>) -> GasResult<&'a [V]> {
    match length {
        Some(expected) if expected != values.len() => Err(GasError::Length {
            name: format!("snapshot array `{name}`"),
            expected,
            found: values.len(),
        }),
        _ => Ok(values),
    }
}

/// A snapshot of another simulation.
pub(super) fn other_case(
    what: &'static str,
    expected: String,
    found: impl std::fmt::Debug,
) -> GasError {
    GasError::SnapshotCase {
        what,
        expected,
        found: format!("{found:?}"),
    }
}

/// Refuses numbers of another simulation.
pub(super) fn check_same(what: &'static str, expected: &[u64], found: &[u64]) -> GasResult<()> {
    if expected == found {
        return Ok(());
    }
    Err(other_case(what, format!("{expected:?}"), found))
}
