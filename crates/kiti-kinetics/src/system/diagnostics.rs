//! What the collisions of a step did to momentum and energy.

/// Counts and sums over the systems of a step; sums of several steps add up.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Diagnostics {
    /// Pairs that could have collided.
    pub candidates: u64,
    /// Pairs that collided.
    pub accepted: u64,
    /// Sum of `|v|^2` after the kick, before collisions.
    pub energy_before: f64,
    /// Sum of `|v|^2` after collisions.
    pub energy_after: f64,
    /// Largest `|sum v' - sum v|` of a system over its `sum |v|`.
    pub momentum_error: f64,
}

impl Diagnostics {
    /// Share of the candidate pairs that collided; 0 where there was none.
    pub fn acceptance_rate(&self) -> f64 {
        if self.candidates == 0 {
            0.0
        } else {
            self.accepted as f64 / self.candidates as f64
        }
    }

    /// Kinetic energy after the collisions over that before; 1 where there was none before.
    pub fn energy_ratio(&self) -> f64 {
        if self.energy_before == 0.0 {
            1.0
        } else {
            self.energy_after / self.energy_before
        }
    }

    /// Adds the counts and sums of `other`, and keeps the larger momentum error.
    pub fn merge(&mut self, other: &Self) {
        self.candidates += other.candidates;
        self.accepted += other.accepted;
        self.energy_before += other.energy_before;
        self.energy_after += other.energy_after;
        self.momentum_error = if other.momentum_error.is_nan() {
            other.momentum_error
        } else {
            self.momentum_error.max(other.momentum_error)
        };
    }
}
