//! How well classes are told apart.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Bins of the calibration error.
pub const CONFIDENCE_BINS: usize = 15;

/// Scores of a classifier on a set of samples.
///
/// With the probabilities `p = softmax(logits)`, `c_i` the class of sample `i`, and the prediction
/// the class of the largest logit (the first of equals):
///
/// - `loss`: mean of `-ln p_i(c_i)`;
/// - `accuracy`: share of samples whose prediction is their class;
/// - `top5`: share whose class is among the five largest logits; none with fewer than six classes;
/// - `calibration_error`: `sum_b n_b/n |accuracy_b - confidence_b|` over 15 bins of equal width of the
///   prediction's probability (Guo et al. 2017, arXiv:1706.04599).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// Number of samples.
    pub samples: usize,
    /// Samples that are predicted correctly.
    pub correct: usize,
    /// Their share.
    pub accuracy: f64,
    /// Share whose class is among the five most likely.
    pub top5: Option<f64>,
    /// Mean cross-entropy, in nats.
    pub loss: f64,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// Samples by class (row) and prediction (column).
    pub confusion: Vec<Vec<u64>>,
}

impl Classification {
    /// The scores alone.
    pub fn summary(&self) -> ClassificationSummary {
        ClassificationSummary {
            accuracy: self.accuracy,
            top5: self.top5,
            loss: self.loss,
            calibration_error: self.calibration_error,
        }
    }
}

/// The scores of a [`Classification`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassificationSummary {
    /// Share of samples that are predicted correctly.
    pub accuracy: f64,
    /// Share whose class is among the five most likely; none with fewer than six classes.
    pub top5: Option<f64>,
    /// Mean cross-entropy, in nats.
    pub loss: f64,
    /// Expected calibration error.
    pub calibration_error: f64,
}

/// The prediction for one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The most likely class.
    pub class: u32,
    /// Its probability.
    pub confidence: f64,
    /// The sample's own class.
    pub label: u32,
}

/// Gathers scores batch after batch.
///
/// ```
/// use kiti_data::metrics::ClassificationMeter;
///
/// let mut meter = ClassificationMeter::new(2);
/// meter.add(&[2.0, 0.0, 0.0, 0.0], &[0, 1])?;
/// let scores = meter.result();
/// assert_eq!((scores.samples, scores.correct), (2, 1));
/// # Ok::<(), kiti_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClassificationMeter {
    classes: usize,
    predictions: Vec<Prediction>,
    loss: f64,
    in_top5: usize,
    confusion: Vec<Vec<u64>>,
}

impl ClassificationMeter {
    /// Scores of nothing yet.
    pub fn new(classes: usize) -> Self {
        Self {
            classes,
            predictions: Vec::new(),
            loss: 0.0,
            in_top5: 0,
            confusion: vec![vec![0; classes]; classes],
        }
    }

    /// Adds samples: `logits` has one row of as many values as there are classes for each label.
    ///
    /// # Errors
    /// [`Error::Shape`] where the numbers do not agree, [`Error::Setting`] for a label without a
    /// class, [`Error::NotFinite`] for a logit that is no number.
    pub fn add(&mut self, logits: &[f32], labels: &[u32]) -> Result<()> {
        if logits.len() != labels.len() * self.classes {
            return Err(Error::Shape {
                array: "logits".to_owned(),
                expected: format!("{} rows of {}", labels.len(), self.classes),
                found: vec![logits.len()],
            });
        }
        for (row, &label) in logits.chunks_exact(self.classes.max(1)).zip(labels) {
            if let Some(class) = row.iter().position(|logit| !logit.is_finite()) {
                return Err(Error::NotFinite {
                    array: "logits".to_owned(),
                    index: vec![self.predictions.len(), class],
                    value: row[class].into(),
                });
            }
            let Some(&own) = row.get(label as usize) else {
                return Err(Error::Setting {
                    key: "label",
                    found: label.to_string(),
                    expected: "the number of a class",
                });
            };
            let mut class = 0;
            for (candidate, logit) in row.iter().enumerate() {
                if *logit > row[class] {
                    class = candidate;
                }
            }
            let largest = f64::from(row[class]);
            let sum: f64 = row
                .iter()
                .map(|&logit| (f64::from(logit) - largest).exp())
                .sum();
            self.loss += sum.ln() + largest - f64::from(own);
            let before_own = row
                .iter()
                .enumerate()
                .filter(|&(other, logit)| *logit > own || (*logit == own && other < label as usize))
                .count();
            self.in_top5 += usize::from(before_own < 5);
            self.confusion[label as usize][class] += 1;
            self.predictions.push(Prediction {
                class: class as u32,
                confidence: 1.0 / sum,
                label,
            });
        }
        Ok(())
    }

    /// The prediction for each sample so far, in their order.
    pub fn predictions(&self) -> &[Prediction] {
        &self.predictions
    }

    /// The scores so far; NaN without a sample.
    pub fn result(&self) -> Classification {
        let samples = self.predictions.len();
        let is_correct = |prediction: &&Prediction| prediction.class == prediction.label;
        let correct = self.predictions.iter().filter(is_correct).count();
        let share = |count: usize| count as f64 / samples as f64;
        let mut gaps = [0.0; CONFIDENCE_BINS];
        for prediction in &self.predictions {
            let bin = (prediction.confidence * CONFIDENCE_BINS as f64) as usize;
            let hit = if is_correct(&prediction) { 1.0 } else { 0.0 };
            gaps[bin.min(CONFIDENCE_BINS - 1)] += hit - prediction.confidence;
        }
        Classification {
            samples,
            correct,
            accuracy: share(correct),
            top5: (self.classes > 5).then(|| share(self.in_top5)),
            loss: self.loss / samples as f64,
            calibration_error: gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / samples as f64,
            confusion: self.confusion.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_logits_worked_out_by_hand() {
        let mut meter = ClassificationMeter::new(2);
        let ln3 = 3f32.ln();
        // Probabilities of the prediction: 3/4 twice (one right, one wrong), 1/2 (right).
        meter.add(&[ln3, 0.0, ln3, 0.0], &[0, 1]).unwrap();
        meter.add(&[0.0, 0.0], &[0]).unwrap();
        let scores = meter.result();
        assert_eq!((scores.samples, scores.correct), (3, 2));
        assert_eq!(scores.confusion, [[2, 0], [1, 0]]);
        assert_eq!(scores.top5, None);
        let loss = (4f64 / 3.0).ln() + 4f64.ln() + 2f64.ln();
        // ln 3 is rounded to single precision.
        assert!((scores.loss - loss / 3.0).abs() < 1e-7);
        let calibration = (2.0 * (0.5f64 - 0.75).abs() + (1.0f64 - 0.5).abs()) / 3.0;
        assert!((scores.calibration_error - calibration).abs() < 1e-7);
    }

    #[test]
    fn five_largest_count_ties_in_order() {
        let mut meter = ClassificationMeter::new(7);
        let logits = [7., 6., 5., 4., 3., 3., 1.];
        for label in 0..7 {
            meter.add(&logits, &[label]).unwrap();
        }
        assert_eq!(meter.result().top5, Some(5.0 / 7.0));
    }

    #[test]
    fn impossible_input_is_refused_by_place() {
        let mut meter = ClassificationMeter::new(2);
        assert!(meter.add(&[0.0; 3], &[0]).is_err());
        assert!(meter.add(&[0.0; 2], &[2]).is_err());
        let error = meter.add(&[0.0, f32::NAN], &[1]).unwrap_err().to_string();
        assert!(error.contains("[0, 1]") && error.contains("NaN"), "{error}");
        assert_eq!(meter.result().samples, 0);
    }
}
