//! The choice of a token from its logits.

use kiti_kinetics::rng::{Stream, derive_seed};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How tokens are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingConfig {
    /// What logits are divided by: smaller is surer, 0 always takes the most likely token.
    pub temperature: f64,
    /// Only so many of the most likely tokens are drawn from; 0 for all.
    pub top_k: usize,
    /// Only the most likely tokens that together have this probability are drawn from; 1 for all.
    pub top_p: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for SamplingConfig {
    /// Every token with its probability.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            seed: 0,
        }
    }
}

/// Draws one token after the other.
///
/// ```text
/// p_i ~ exp(x_i / temperature)   over the top_k largest x, of which the fewest are kept whose p sum to top_p
/// ```
///
/// where x are the logits (Fan et al. 2018, arXiv:1805.04833; Holtzman et al. 2020, arXiv:1904.09751). The draw of the token at place n
/// depends on seed, n and logits alone. Of equal logits the one with the smaller number counts as larger.
///
/// ```
/// use kiti_models::text::{Sampler, SamplingConfig};
///
/// let greedy = Sampler::new(&SamplingConfig { temperature: 0.0, ..SamplingConfig::default() })?;
/// assert_eq!(greedy.draw(&[0.5, 2.0, 2.0], 7)?, 1);
/// # Ok::<(), kiti_models::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sampler {
    config: SamplingConfig,
    seed: u64,
}

impl Sampler {
    /// A sampler with these settings.
    ///
    /// # Errors
    ///
    /// [`Error::ModelConfig`] for settings out of range.
    pub fn new(config: &SamplingConfig) -> Result<Self> {
        let refuse = |key, found: f64, expected| {
            Err(Error::ModelConfig {
                key,
                found: found.to_string(),
                expected,
            })
        };
        if !(config.temperature >= 0.0 && config.temperature.is_finite()) {
            return refuse("temperature", config.temperature, "0 or more");
        }
        if !(config.top_p > 0.0 && config.top_p <= 1.0) {
            return refuse("top_p", config.top_p, "more than 0 and at most 1");
        }
        Ok(Self {
            config: config.clone(),
            seed: derive_seed(config.seed, "text/generation"),
        })
    }

    /// The token at `place` of a text, given its logits.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] without logits, or where one is NaN or infinite.
    pub fn draw(&self, logits: &[f32], place: u64) -> Result<u32> {
        if logits.is_empty() || logits.iter().any(|logit| !logit.is_finite()) {
            return Err(Error::Shape {
                name: "logits".to_owned(),
                expected: "finite numbers, one a token: the model's weights are damaged".to_owned(),
                found: vec![logits.len()],
            });
        }
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        let logit = |token: u32| f64::from(logits[token as usize]);
        order.sort_by(|&a, &b| logit(b).total_cmp(&logit(a)).then(a.cmp(&b)));
        if self.config.temperature == 0.0 {
            return Ok(order[0]);
        }
        if self.config.top_k > 0 {
            order.truncate(self.config.top_k);
        }
        let largest = logit(order[0]);
        let mut weights: Vec<f64> = order
            .iter()
            .map(|&token| ((logit(token) - largest) / self.config.temperature).exp())
            .collect();
        let kept = self.nucleus(&weights);
        weights.truncate(kept);
        let words = [place as u32, (place >> 32) as u32, 0];
        let mut left = Stream::new(self.seed, words).uniform() * weights.iter().sum::<f64>();
        for (token, weight) in order.iter().zip(&weights) {
            left -= weight;
            if left < 0.0 {
                return Ok(*token);
            }
        }
        Ok(order[kept - 1])
    }

    /// How many of the largest weights have together the share `top_p`, at least one.
    fn nucleus(&self, weights: &[f64]) -> usize {
        if self.config.top_p >= 1.0 {
            return weights.len();
        }
        let wanted = self.config.top_p * weights.iter().sum::<f64>();
        let mut sum = 0.0;
        for (index, weight) in weights.iter().enumerate() {
            sum += weight;
            if sum >= wanted {
                return index + 1;
            }
        }
        weights.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(temperature: f64, top_k: usize, top_p: f64) -> Sampler {
        Sampler::new(&SamplingConfig {
            temperature,
            top_k,
            top_p,
            seed: 4,
        })
        .unwrap()
    }

    /// Logits of the probabilities 0.5, 0.3, 0.15, 0.05, not in this order.
    fn logits() -> [f32; 4] {
        [0.15f32, 0.5, 0.05, 0.3].map(f32::ln)
    }

    /// Shares of 20,000 draws.
    fn shares(sampler: &Sampler) -> [f64; 4] {
        let mut counts = [0.0; 4];
        for place in 0..20_000 {
            counts[sampler.draw(&logits(), place).unwrap() as usize] += 1.0;
        }
        counts.map(|count: f64| count / 20_000.0)
    }

    #[test]
    fn tokens_come_as_often_as_they_are_likely() {
        for (sampler, expected) in [
            (sampler(1.0, 0, 1.0), [0.15, 0.5, 0.05, 0.3]),
            (sampler(1.0, 2, 1.0), [0.0, 0.625, 0.0, 0.375]),
            // 0.5 is not enough for 0.6, 0.5 + 0.3 is.
            (sampler(1.0, 0, 0.6), [0.0, 0.625, 0.0, 0.375]),
            (sampler(1.0, 0, 0.2), [0.0, 1.0, 0.0, 0.0]),
            // Squared and normalised: 0.365 in all.
            (
                sampler(0.5, 0, 1.0),
                [0.0225, 0.25, 0.0025, 0.09].map(|square| square / 0.365),
            ),
        ] {
            for (found, expected) in shares(&sampler).iter().zip(expected) {
                // Four standard errors of a share.
                let error: f64 = (expected * (1.0 - expected) / 20_000.0f64).sqrt();
                assert!(
                    (found - expected).abs() <= 4.0 * error,
                    "{found} {expected}"
                );
            }
        }
    }

    #[test]
    fn settings_out_of_range_and_damaged_logits_are_refused() {
        for (temperature, top_p) in [(-1.0, 1.0), (f64::NAN, 1.0), (1.0, 0.0), (1.0, 1.5)] {
            let config = SamplingConfig {
                temperature,
                top_p,
                ..SamplingConfig::default()
            };
            assert!(Sampler::new(&config).is_err(), "{temperature} {top_p}");
        }
        let sampler = sampler(1.0, 0, 1.0);
        assert!(sampler.draw(&[], 0).is_err());
        assert!(sampler.draw(&[0.0, f32::NAN], 0).is_err());
    }
}
