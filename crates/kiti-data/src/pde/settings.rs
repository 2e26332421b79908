//! Checks that several generators make of their settings.

use crate::{Error, Result};

/// Refuses the setting `key` unless `holds`.
pub(super) fn require(
    holds: bool,
    key: &'static str,
    found: impl ToString,
    expected: &'static str,
) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::Setting {
        key,
        found: found.to_string(),
        expected,
    })
}

/// Refuses a number of samples or snapshots that a stream cannot be keyed by.
pub(super) fn require_count(key: &'static str, value: usize) -> Result<()> {
    require(
        (1..=u32::MAX as usize).contains(&value),
        key,
        value,
        "at least 1 and fewer than 2^32",
    )
}

/// Refuses what is not a positive finite number.
pub(super) fn require_positive(key: &'static str, value: f64) -> Result<()> {
    require(
        value.is_finite() && value > 0.,
        key,
        value,
        "a positive finite number",
    )
}

/// Refuses a number that is negative, infinite or NaN.
pub(super) fn require_not_negative(key: &'static str, value: f64) -> Result<()> {
    require(
        value.is_finite() && value >= 0.,
        key,
        value,
        "a finite number that is not negative",
    )
}
