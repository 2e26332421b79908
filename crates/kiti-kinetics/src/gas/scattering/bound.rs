//! Bounds of the relative speeds in a cell.

/// An upper bound of relative squares in a cell: twice the square of the diagonal of the smallest box
/// around its velocities, or twice their energy `sum c^2` about the mean where that is less. The former is
/// sqrt 2 more than a relative speed can be before the first collision; the latter holds after any
/// number of collisions, because a pair has the highest relative speed where it has all the energy.
#[inline(always)]
pub(super) fn cell_bound(diagonal_square: f64, energy: f64) -> f64 {
    let bound = if energy < diagonal_square {
        energy
    } else {
        diagonal_square
    };
    2.0 * bound
}

/// Largest less smallest of some values, and their square sum about the mean.
#[inline(always)]
pub(super) fn spread(values: impl ExactSizeIterator<Item = f64>) -> (f64, f64) {
    let count = values.len() as f64;
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let (mut sum, mut squares) = (0.0, 0.0);
    // About the first value, so that a common drift takes no digits away.
    let mut origin = None;
    for value in values {
        let v = value - *origin.get_or_insert(value);
        low = if v < low { v } else { low };
        high = if v > high { v } else { high };
        sum += v;
        squares += v * v;
    }
    (high - low, squares - sum * sum / count)
}
