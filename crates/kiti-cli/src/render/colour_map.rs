//! From numbers to colours.

use colorous::Gradient;

/// A range of values and the colours it is shown in.
#[derive(Debug, Clone, Copy)]
pub struct ColourMap {
    gradient: Gradient,
    low: f64,
    high: f64,
}

impl ColourMap {
    /// Viridis from `low` to `high`: perceptually even, and safe for colour-blind readers.
    pub fn sequential(low: f64, high: f64) -> Self {
        Self::new(colorous::VIRIDIS, low, high)
    }

    /// Magma from 0 to `high`, for errors: dark is right, bright is wrong.
    pub fn magnitude(high: f64) -> Self {
        Self::new(colorous::MAGMA, 0.0, high)
    }

    fn new(gradient: Gradient, low: f64, high: f64) -> Self {
        let finite = low.is_finite() && high.is_finite();
        let (low, high) = if finite { (low, high) } else { (0.0, 1.0) };
        // A constant field still needs a range to be drawn in.
        let high = if high > low {
            high
        } else {
            low + low.abs().max(1.0) * 1e-6
        };
        Self {
            gradient,
            low,
            high,
        }
    }

    /// The smallest and largest values of the range.
    pub fn range(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The colour of `value`; beyond the range it is the nearest end's, and grey where it is not a number.
    pub fn colour(&self, value: f64) -> [u8; 3] {
        if value.is_nan() {
            return [128, 128, 128];
        }
        let position = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        let colour = self.gradient.eval_continuous(position);
        [colour.r, colour.g, colour.b]
    }
}

/// The smallest and largest finite values; none where there is no finite one.
pub fn finite_range<'a>(values: impl IntoIterator<Item = &'a f32>) -> Option<(f64, f64)> {
    values.into_iter().filter(|value| value.is_finite()).fold(
        None,
        |range: Option<(f64, f64)>, value| {
            let value = f64::from(*value);
            Some(range.map_or((value, value), |(low, high)| {
                (low.min(value), high.max(value))
            }))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_middle_and_missing_values_have_their_colours() {
        let map = ColourMap::sequential(-2.0, 2.0);
        assert_eq!(map.colour(-2.0), [68, 1, 84], "viridis begins dark violet");
        assert_eq!(map.colour(2.0), [253, 231, 37], "and ends yellow");
        assert_eq!(map.colour(f64::NAN), [128, 128, 128]);
        assert_eq!(map.colour(1e9), map.colour(2.0));
    }

    #[test]
    fn constant_and_empty_ranges_do_not_divide_by_zero() {
        let map = ColourMap::sequential(3.0, 3.0);
        assert!(map.range().1 > map.range().0);
        assert_eq!(finite_range(&[f32::NAN]), None);
        assert_eq!(finite_range(&[1.0, f32::INFINITY, -2.0]), Some((-2.0, 1.0)));
    }
}
