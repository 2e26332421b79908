//! One comparison of a simulation with an exact value.

use std::fmt;

/// A mean over independent samples, with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

impl Estimate {
    /// Mean and standard error of independent, equally distributed values; two or more.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let value = values.iter().sum::<f64>() / count;
        let square = values.iter().map(|v| (v - value).powi(2)).sum::<f64>();
        Self {
            value,
            standard_error: (square / (count * (count - 1.0))).sqrt(),
        }
    }

    /// An exact number.
    pub fn exact(value: f64) -> Self {
        Self {
            value,
            standard_error: 0.0,
        }
    }

    /// Times a number.
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            value: factor * self.value,
            standard_error: factor.abs() * self.standard_error,
        }
    }
}

/// A quantity of a simulation beside its expected value.
///
/// It passes where the two differ by at most `5 standard errors + systematic`, and where that margin is no
/// wider than `limit`: a run too short to tell fails as one that is wrong does.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What is compared, with the circumstances.
    pub quantity: String,
    /// The simulation's value.
    pub value: f64,
    /// The exact value.
    pub expected: f64,
    /// Standard error of `value`; zero where nothing is random.
    pub standard_error: f64,
    /// Part of the tolerance that no number of samples removes: what discretisation, finite differences of
    /// temperature or the reference's own digits may contribute.
    pub systematic: f64,
    /// Widest tolerance that still says something.
    pub limit: f64,
    /// Why `systematic` and `limit` are what they are.
    pub reason: &'static str,
}

impl Check {
    /// The accepted difference: `5 standard_error + systematic`.
    pub fn tolerance(&self) -> f64 {
        5.0 * self.standard_error + self.systematic
    }

    /// Whether the run was long enough for a tolerance within `limit`.
    pub fn is_sharp(&self) -> bool {
        // The last digits of a sum may push an exact tolerance over its limit.
        self.tolerance() <= self.limit * (1.0 + 1e-12)
    }

    /// Whether the value is the expected one.
    pub fn passes(&self) -> bool {
        self.is_sharp() && (self.value - self.expected).abs() <= self.tolerance()
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match (self.passes(), self.is_sharp()) {
            (true, _) => "pass",
            (false, true) => "FAIL",
            (false, false) => "TOO NOISY",
        };
        write!(
            f,
            "{}: {} expected {}, standard error {:.1e}, tolerance {:.1e}: {verdict}",
            self.quantity,
            digits(self.value),
            digits(self.expected),
            self.standard_error,
            self.tolerance(),
        )
    }
}

/// Six decimals, or an exponent where they would hide the number.
fn digits(value: f64) -> String {
    if value == 0.0 || (1e-3..1e6).contains(&value.abs()) {
        format!("{value:.6}")
    } else {
        format!("{value:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 6.0]);
        assert_eq!(estimate.value, 3.0);
        // Variance 14/3 of four values.
        assert!((estimate.standard_error - (14.0f64 / 12.0).sqrt()).abs() < 1e-15);
        assert_eq!(estimate.scaled(-2.0).value, -6.0);
    }

    #[test]
    fn wrong_noisy_and_undefined_values_fail() {
        let check = Check {
            quantity: "temperature".to_owned(),
            value: 1.04,
            expected: 1.0,
            standard_error: 0.01,
            systematic: 0.0,
            limit: 0.05,
            reason: "",
        };
        assert!(check.passes());
        let wrong = Check {
            value: 1.06,
            ..check.clone()
        };
        assert!(!wrong.passes() && wrong.is_sharp() && wrong.to_string().ends_with("FAIL"));
        let noisy = Check {
            standard_error: 0.02,
            ..check.clone()
        };
        assert!(!noisy.passes() && noisy.to_string().ends_with("TOO NOISY"));
        for (value, standard_error) in [(f64::NAN, 0.01), (1.0, f64::NAN), (f64::INFINITY, 0.01)] {
            let undefined = Check {
                value,
                standard_error,
                ..check.clone()
            };
            assert!(!undefined.passes());
        }
    }
}
