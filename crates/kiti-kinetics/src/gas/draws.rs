//! Where the random numbers of a step come from.
//!
//! Every number is a word of a Philox block whose key is made of (seed, step) and whose counter names
//! what it is for: so neither threads nor the order of evaluation change it.

use pulp::Simd;

use crate::rng::{MULTIPLIERS, Philox4x32, ROUNDS, Stream, WEYL};

/// Counters whose words are computed together.
pub(super) const BATCH: usize = 16;

/// What a number is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Initial = 1,
    Rounding = 2,
    Trial = 3,
    Direction = 4,
    Count = 5,
    Order = 6,
    Relaxation = 7,
    Wall = 8,
    Inflow = 9,
}

/// Marks keys of the gas solver, so that no other user of the same seed shares its numbers.
const GAS: u32 = 0x6761_7300;

/// The generator of one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepDraws {
    philox: Philox4x32,
}

impl StepDraws {
    pub fn new(seed: u64, step: u64) -> Self {
        Self {
            philox: Philox4x32::of_step(seed, step, [GAS, 0]),
        }
    }

    /// The stream of a purpose and two numbers.
    pub fn stream(&self, purpose: Purpose, first: u32, second: u32) -> Stream {
        Stream::keyed(self.philox, [first, second, purpose as u32])
    }

    /// The stream of a trial's direction.
    pub fn direction(&self, trial: u32, cell: u32, group: u32) -> Stream {
        let words = [trial, cell, group << 8 | Purpose::Direction as u32];
        Stream::keyed(self.philox, words)
    }

    /// The four words of each counter `[first[k], second[k], third, purpose]`.
    #[inline(always)]
    pub fn blocks<S: Simd>(
        &self,
        simd: S,
        first: &[u32; BATCH],
        second: &[u32; BATCH],
        third: u32,
        purpose: Purpose,
    ) -> [[u32; BATCH]; 4] {
        let mut out = [*first, *second, [third; BATCH], [purpose as u32; BATCH]];
        let [a, b, c, d] = &mut out;
        let parts = S::as_mut_simd_u32s(a)
            .0
            .iter_mut()
            .zip(S::as_mut_simd_u32s(b).0)
            .zip(S::as_mut_simd_u32s(c).0)
            .zip(S::as_mut_simd_u32s(d).0);
        let multipliers = MULTIPLIERS.map(|m| simd.splat_u32s(m));
        for (((a, b), c), d) in parts {
            let mut key = self.philox.key();
            for _ in 0..ROUNDS {
                let (low0, high0) = simd.widening_mul_u32s(*a, multipliers[0]);
                let (low1, high1) = simd.widening_mul_u32s(*c, multipliers[1]);
                *a = simd.xor_u32s(simd.xor_u32s(high1, *b), simd.splat_u32s(key[0]));
                *b = low1;
                *c = simd.xor_u32s(simd.xor_u32s(high0, *d), simd.splat_u32s(key[1]));
                *d = low0;
                key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
            }
        }
        out
    }
}

/// Uniform in `(0, 1)`: the middle of the `word`-th of `2^32` equal parts.
#[inline(always)]
pub(super) fn unit(word: u32) -> f64 {
    (f64::from(word) + 0.5) * (1.0 / 4_294_967_296.0)
}

/// One of `0 .. n` by the word's size; the `n` outcomes differ in probability by less than `n / 2^32`.
#[inline(always)]
pub(super) fn choose(word: u32, n: u32) -> u32 {
    ((u64::from(word) * u64::from(n)) >> 32) as u32
}

/// A Poisson number of any mean: sums of numbers of means up to 16, each found by inversion.
pub(super) fn poisson(stream: &mut Stream, mean: f64) -> u64 {
    const PART: f64 = 16.0;
    let mut rest = mean;
    let mut total = 0;
    while rest > 0.0 {
        let part = rest.min(PART);
        rest -= part;
        let u = stream.uniform();
        let mut probability = (-part).exp();
        let mut sum = probability;
        let mut k = 0u64;
        // The last condition ends the search where rounding keeps the sum below u.
        while u >= sum && (probability > 1e-18 || (k as f64) < part) {
            k += 1;
            probability *= part / k as f64;
            sum += probability;
        }
        total += k;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::dispatch;
    use pulp::WithSimd;

    struct Blocks(StepDraws, [u32; BATCH], [u32; BATCH]);

    impl WithSimd for Blocks {
        type Output = [[u32; BATCH]; 4];

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            self.0.blocks(simd, &self.1, &self.2, 7, Purpose::Trial)
        }
    }

    /// Together or one by one, the words are those of the generator.
    #[test]
    fn blocks_are_those_of_the_generator() {
        let draws = StepDraws::new(5, 1 << 40);
        let first = std::array::from_fn(|k| k as u32 * 77);
        let second = std::array::from_fn(|k| 1000 - k as u32);
        let found = dispatch(Blocks(draws, first, second));
        for k in 0..BATCH {
            let counter = [first[k], second[k], 7, Purpose::Trial as u32];
            let words = draws.philox.block(counter);
            assert_eq!(found.map(|lane| lane[k]), words);
        }
    }

    /// Mean and variance of Poisson numbers within four standard errors.
    #[test]
    fn poisson_moments() {
        for (index, mean) in [0.01, 0.7, 5.0, 40.0, 333.3].into_iter().enumerate() {
            let mut stream = StepDraws::new(1, 0).stream(Purpose::Count, index as u32, 0);
            let count = 40_000;
            let draws: Vec<f64> = (0..count)
                .map(|_| poisson(&mut stream, mean) as f64)
                .collect();
            let m = draws.iter().sum::<f64>() / f64::from(count);
            let v = draws.iter().map(|k| (k - mean).powi(2)).sum::<f64>() / f64::from(count);
            let error = (mean / f64::from(count)).sqrt();
            assert!((m - mean).abs() < 4.0 * error, "{mean}: {m}");
            // Var (k - mean)^2 = mean + 2 mean^2.
            let error = ((mean + 2.0 * mean * mean) / f64::from(count)).sqrt();
            assert!((v - mean).abs() < 4.0 * error, "{mean}: variance {v}");
        }
        let mut stream = StepDraws::new(1, 0).stream(Purpose::Count, 0, 0);
        assert_eq!(poisson(&mut stream, 0.0), 0);
    }
}
