//! Does a variant differ from the baseline? Paired differences over seeds, with an interval.
//!
//! Runs of the same seed share initial weights and batches, so a variant is compared with the
//! baseline seed by seed: `d_s = variant_s - baseline_s`, and the 95 % interval of its mean is
//! `mean(d) +- t(0.975, n - 1) sd(d) / sqrt(n)` with Student's t.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Confidence of the intervals in a report.
pub const CONFIDENCE: f64 = 0.95;

/// Mean and spread of one value over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of values.
    pub count: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (`n - 1`); none for a single value.
    pub standard_deviation: Option<f64>,
}

/// Mean and sample standard deviation of `values`; none when there are none.
///
/// ```
/// let summary = kiti_models::comparison::summarize(&[1.0, 2.0, 3.0]).unwrap();
/// assert_eq!((summary.mean, summary.standard_deviation), (2.0, Some(1.0)));
/// ```
pub fn summarize(values: &[f64]) -> Option<Summary> {
    let count = values.len();
    if count == 0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count as f64;
    let standard_deviation = (count > 1).then(|| {
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / (count - 1) as f64).sqrt()
    });
    Some(Summary {
        count,
        mean,
        standard_deviation,
    })
}

/// What an interval says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The interval holds 0.
    NoDifferenceSeen,
    /// The whole interval lies below 0: the variant's value is lower (a lower error is better).
    Lower,
    /// The whole interval lies above 0.
    Higher,
    /// Fewer than two pairs: no interval can be given.
    TooFewPairs,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Verdict::NoDifferenceSeen => "no difference seen",
            Verdict::Lower => "lower",
            Verdict::Higher => "higher",
            Verdict::TooFewPairs => "too few pairs to say",
        })
    }
}

/// The difference of a variant from the baseline over the seeds that both have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// Number of pairs.
    pub pairs: usize,
    /// Mean of variant minus baseline.
    pub mean: f64,
    /// Sample standard deviation of the differences; none for a single pair.
    pub standard_deviation: Option<f64>,
    /// Lower end of the interval; none for a single pair.
    pub low: Option<f64>,
    /// Upper end of the interval; none for a single pair.
    pub high: Option<f64>,
    /// What the interval says.
    pub verdict: Verdict,
}

/// Compares `variant` with `baseline`, both `(seed, value)`, over their common seeds; none when
/// they have no seed in common.
///
/// `confidence` is that of the two-sided interval ([`CONFIDENCE`] in reports). An interval that
/// merely touches 0 holds it; differences that are not finite give no verdict but
/// [`Verdict::TooFewPairs`], since such runs cannot be compared.
///
/// ```
/// use kiti_models::comparison::{paired_difference, Verdict, CONFIDENCE};
/// let baseline = [(0, 0.033), (1, 0.035), (2, 0.032)];
/// let variant = [(0, 0.151), (1, 0.149), (2, 0.158)];
/// let difference = paired_difference(&variant, &baseline, CONFIDENCE).unwrap();
/// assert_eq!(difference.verdict, Verdict::Higher);
/// ```
pub fn paired_difference(
    variant: &[(u64, f64)],
    baseline: &[(u64, f64)],
    confidence: f64,
) -> Option<PairedDifference> {
    let differences: Vec<f64> = variant
        .iter()
        .filter_map(|(seed, value)| {
            let (_, reference) = baseline.iter().find(|(other, _)| other == seed)?;
            Some(value - reference)
        })
        .collect();
    let summary = summarize(&differences)?;
    let half_width = summary.standard_deviation.and_then(|deviation| {
        let freedom = (summary.count - 1) as f64;
        let quantile = StudentsT::new(0.0, 1.0, freedom)
            .ok()?
            .inverse_cdf(0.5 + confidence / 2.0);
        let half = quantile * deviation / (summary.count as f64).sqrt();
        (half.is_finite() && summary.mean.is_finite()).then_some(half)
    });
    let low = half_width.map(|half| summary.mean - half);
    let high = half_width.map(|half| summary.mean + half);
    let verdict = match (low, high) {
        (Some(low), _) if low > 0.0 => Verdict::Higher,
        (_, Some(high)) if high < 0.0 => Verdict::Lower,
        (Some(_), Some(_)) => Verdict::NoDifferenceSeen,
        _ => Verdict::TooFewPairs,
    };
    Some(PairedDifference {
        pairs: summary.count,
        mean: summary.mean,
        standard_deviation: summary.standard_deviation,
        low,
        high,
        verdict,
    })
}

/// One point of a learning curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Optimiser steps done.
    pub step: u64,
    /// Training seconds spent up to here.
    pub seconds: f64,
    /// The error at this point.
    pub value: f64,
}

/// The cost of a target quality: the first point of `curve` (in the order of training) whose
/// error is at most `target`; none when it is never reached.
pub fn reaching(curve: &[CurvePoint], target: f64) -> Option<CurvePoint> {
    curve.iter().copied().find(|point| point.value <= target)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Reference values: scipy 1.x, `stats.ttest_rel(...).confidence_interval(0.95)`. The inverse
    // of Student's distribution is good to about 1e-9 here, the interval to 1e-8 of its width.
    const TOLERANCE: f64 = 1e-9;

    fn seeds(values: &[f64]) -> Vec<(u64, f64)> {
        values
            .iter()
            .enumerate()
            .map(|(seed, value)| (seed as u64, *value))
            .collect()
    }

    #[test]
    fn five_seeds_agree_with_scipy_and_see_no_difference() {
        let baseline = seeds(&[0.0331, 0.0352, 0.0317, 0.0340, 0.0365]);
        let variant = seeds(&[0.0349, 0.0361, 0.0312, 0.0377, 0.0381]);
        let found = paired_difference(&variant, &baseline, CONFIDENCE).unwrap();
        assert!((found.mean - 0.0015).abs() < TOLERANCE);
        assert!((found.standard_deviation.unwrap() - 0.0015247950681976895).abs() < TOLERANCE);
        assert!((found.low.unwrap() + 0.0003932831408197243).abs() < TOLERANCE);
        assert!((found.high.unwrap() - 0.0033932831408197243).abs() < TOLERANCE);
        assert_eq!(found.verdict, Verdict::NoDifferenceSeen);
        let values: Vec<f64> = baseline.iter().map(|(_, value)| *value).collect();
        let summary = summarize(&values).unwrap();
        assert!((summary.standard_deviation.unwrap() - 0.001853375299285064).abs() < TOLERANCE);
    }

    #[test]
    fn three_seeds_agree_with_scipy_and_see_a_higher_error() {
        let baseline = seeds(&[0.033, 0.0352, 0.0317]);
        let variant = seeds(&[0.151, 0.149, 0.158]);
        let found = paired_difference(&variant, &baseline, CONFIDENCE).unwrap();
        assert!((found.low.unwrap() - 0.10356486901207024).abs() < TOLERANCE);
        assert!((found.high.unwrap() - 0.1351684643212631).abs() < TOLERANCE);
        assert_eq!(found.verdict, Verdict::Higher);
        let reversed = paired_difference(&baseline, &variant, CONFIDENCE).unwrap();
        assert_eq!(reversed.verdict, Verdict::Lower);
    }

    #[test]
    fn only_common_seeds_are_paired() {
        let found = paired_difference(&[(3, 1.0), (7, 5.0)], &[(7, 2.0), (9, 0.0)], CONFIDENCE);
        let found = found.unwrap();
        assert_eq!((found.pairs, found.mean, found.low), (1, 3.0, None));
        assert_eq!(found.verdict, Verdict::TooFewPairs);
        assert!(paired_difference(&[(1, 1.0)], &[(2, 1.0)], CONFIDENCE).is_none());
    }

    #[test]
    fn equal_runs_show_no_difference_and_nan_gives_no_verdict() {
        let runs = seeds(&[0.1, 0.2, 0.3]);
        let same = paired_difference(&runs, &runs, CONFIDENCE).unwrap();
        assert_eq!((same.low, same.high), (Some(0.0), Some(0.0)));
        assert_eq!(same.verdict, Verdict::NoDifferenceSeen);
        let broken = paired_difference(&seeds(&[0.1, f64::NAN]), &runs, CONFIDENCE).unwrap();
        assert_eq!(broken.verdict, Verdict::TooFewPairs);
    }

    #[test]
    fn the_first_point_at_the_target_counts() {
        let point = |step, value| CurvePoint {
            step,
            seconds: step as f64,
            value,
        };
        let curve = [point(1, 0.5), point(2, 0.2), point(3, 0.3), point(4, 0.1)];
        assert_eq!(reaching(&curve, 0.2).unwrap().step, 2);
        assert!(reaching(&curve, 0.05).is_none());
    }
}
