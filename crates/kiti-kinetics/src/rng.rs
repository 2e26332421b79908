//! Counter-based random numbers: Philox4x32-10.
//!
//! A counter-based generator is a keyed bijection of counters: the `i`-th block of a stream is
//! computed from `i` alone, so any draw can be repeated, in any order, on any thread. Philox with
//! four words and ten rounds is the one of Salmon, Moraes, Dror and Shaw, *Parallel random numbers:
//! as easy as 1, 2, 3* (SC'11), whose known answers the tests below repeat.
//!
//! ```
//! use kiti_kinetics::rng::{Stream, derive_seed};
//!
//! let seed = derive_seed(42, "weights/lift");
//! let mut stream = Stream::new(seed, [0, 0, 0]);
//! let mut again = Stream::new(seed, [0, 0, 0]);
//! assert_eq!(stream.normal(), again.normal());
//! ```

use crate::Real;

pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
pub(crate) const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
pub(crate) const ROUNDS: usize = 10;

/// The bijection Philox4x32-10 under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Philox4x32 {
    key: [u32; 2],
}

impl Philox4x32 {
    /// The generator with this key.
    pub const fn new(key: [u32; 2]) -> Self {
        Self { key }
    }

    /// The generator whose key is `seed`, low word first.
    pub const fn from_seed(seed: u64) -> Self {
        Self::new([seed as u32, (seed >> 32) as u32])
    }

    /// The generator of one step of a run: its key is the block of `[step, names]` under the seed, so that
    /// steps and users of the same seed share no numbers.
    pub(crate) fn of_step(seed: u64, step: u64, names: [u32; 2]) -> Self {
        let counter = [step as u32, (step >> 32) as u32, names[0], names[1]];
        let words = Self::from_seed(seed).block(counter);
        Self::new([words[0], words[1]])
    }

    pub(crate) const fn key(&self) -> [u32; 2] {
        self.key
    }

    /// The four words of one counter.
    #[inline]
    pub fn block(&self, counter: [u32; 4]) -> [u32; 4] {
        let mut key = self.key;
        let mut c = counter;
        for _ in 0..ROUNDS {
            let first = u64::from(MULTIPLIERS[0]) * u64::from(c[0]);
            let second = u64::from(MULTIPLIERS[1]) * u64::from(c[2]);
            c = [
                (second >> 32) as u32 ^ c[1] ^ key[0],
                second as u32,
                (first >> 32) as u32 ^ c[3] ^ key[1],
                first as u32,
            ];
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        c
    }
}

/// A sequence of random numbers: the blocks `[0, words]`, `[1, words]`, ... of one key.
///
/// Streams of different `(seed, words)` are independent. A stream holds `2^34` 32-bit words and
/// then starts again.
#[derive(Debug, Clone)]
pub struct Stream {
    philox: Philox4x32,
    counter: [u32; 4],
    words: [u32; 4],
    used: usize,
    spare_normal: Option<f64>,
}

impl Stream {
    /// The stream of `seed` that `words` name (an epoch, a layer, a sample ...).
    pub fn new(seed: u64, words: [u32; 3]) -> Self {
        Self::keyed(Philox4x32::from_seed(seed), words)
    }

    pub(crate) fn keyed(philox: Philox4x32, words: [u32; 3]) -> Self {
        Self {
            philox,
            counter: [0, words[0], words[1], words[2]],
            words: [0; 4],
            used: 4,
            spare_normal: None,
        }
    }

    /// 32 random bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.words = self.philox.block(self.counter);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) | u64::from(self.next_u32()) << 32
    }

    /// Uniform in `[0, 1)`, a multiple of `2^-53`.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Normal with mean 0 and variance 1 (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        if let Some(value) = self.spare_normal.take() {
            return value;
        }
        // 1 - u lies in (0, 1], so the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare_normal = Some(radius * sine);
        radius * cosine
    }

    /// Uniform in `0..n`, without bias (Lemire 2019); 0 where `n` is 0.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        if let Ok(n) = u32::try_from(n) {
            if n == 0 {
                return 0;
            }
            let mut product = u64::from(self.next_u32()) * u64::from(n);
            // At most n - 1 outcomes are rejected: only near them is a division worth it.
            if (product as u32) < n {
                let rejected = n.wrapping_neg() % n;
                while (product as u32) < rejected {
                    product = u64::from(self.next_u32()) * u64::from(n);
                }
            }
            return product >> 32;
        }
        let rejected = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= rejected {
                return (product >> 64) as u64;
            }
        }
    }

    /// Puts the items into an order drawn uniformly from all orders (Fisher and Yates).
    pub fn shuffle<I>(&mut self, items: &mut [I]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// Puts the items into a random order whose consecutive pairs are a matching drawn uniformly from all
    /// matchings of `floor(n / 2)` disjoint pairs.
    #[inline]
    pub fn matching<'a, I>(&mut self, items: &'a mut [I]) -> std::slice::ChunksExact<'a, I> {
        self.shuffle(items);
        items.chunks_exact(2)
    }

    /// Fills `vector` with a unit vector, uniform on the sphere of its dimension.
    pub fn direction<T: Real>(&mut self, vector: &mut [T]) {
        if vector.is_empty() {
            return;
        }
        loop {
            let mut square = 0.0;
            for value in vector.iter_mut() {
                let normal = self.normal();
                square += normal * normal;
                *value = T::from_f64(normal);
            }
            // So short a vector has lost its digits: draw another.
            if square > 1e-30 {
                let scale = T::from_f64(1.0 / square.sqrt());
                vector.iter_mut().for_each(|value| *value *= scale);
                return;
            }
        }
    }
}

/// A seed for the stream called `name` under `seed`: different names, independent streams.
///
/// The name is absorbed sixteen bytes at a time, each block being the counter of a Philox whose
/// key is the state so far; its length closes the chain.
pub fn derive_seed(seed: u64, name: &str) -> u64 {
    let absorb = |state: u64, counter: [u32; 4]| {
        let words = Philox4x32::from_seed(state).block(counter);
        u64::from(words[0]) | u64::from(words[1]) << 32
    };
    let mut state = seed;
    for chunk in name.as_bytes().chunks(16) {
        let mut bytes = [0u8; 16];
        bytes[..chunk.len()].copy_from_slice(chunk);
        let counter = std::array::from_fn(|word| {
            u32::from_le_bytes(std::array::from_fn(|byte| bytes[4 * word + byte]))
        });
        state = absorb(state, counter);
    }
    let length = name.len() as u64;
    absorb(
        state,
        [length as u32, (length >> 32) as u32, u32::MAX, u32::MAX],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The three vectors that Random123 publishes for philox4x32 with ten rounds.
    #[test]
    fn known_answers() {
        let cases = [
            (
                [0; 4],
                [0; 2],
                [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
            ),
            (
                [u32::MAX; 4],
                [u32::MAX; 2],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            ),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, answer) in cases {
            assert_eq!(Philox4x32::new(key).block(counter), answer);
        }
    }

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, words| {
            let mut stream = Stream::new(seed, words);
            (0..9).map(|_| stream.next_u32()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, [2, 3, 4]), draw(1, [2, 3, 4]));
        for other in [
            draw(2, [2, 3, 4]),
            draw(1, [3, 3, 4]),
            draw(1, [2, 2, 4]),
            draw(1, [2, 3, 5]),
        ] {
            assert_ne!(draw(1, [2, 3, 4]), other);
        }
    }

    #[test]
    fn seeds_depend_on_every_part_of_the_name() {
        let names = [
            "",
            "a",
            "b",
            "a\0",
            "layers.0",
            "layers.1",
            "0123456789abcdef",
            "0123456789abcdef0",
        ];
        let seeds: std::collections::BTreeSet<_> =
            names.iter().map(|name| derive_seed(7, name)).collect();
        assert_eq!(seeds.len(), names.len());
        assert_ne!(derive_seed(7, "a"), derive_seed(8, "a"));
    }

    /// Mean, variance and fourth moment; four standard errors of each.
    #[test]
    fn normal_moments() {
        let mut stream = Stream::new(3, [0; 3]);
        let count = 200_000;
        let draws: Vec<f64> = (0..count).map(|_| stream.normal()).collect();
        let moment = |power| draws.iter().map(|x| x.powi(power)).sum::<f64>() / f64::from(count);
        let errors = f64::from(count).sqrt();
        assert!(moment(1).abs() < 4.0 / errors);
        assert!((moment(2) - 1.0).abs() < 4.0 * 2f64.sqrt() / errors);
        assert!(moment(3).abs() < 4.0 * 15f64.sqrt() / errors);
        assert!((moment(4) - 3.0).abs() < 4.0 * 96f64.sqrt() / errors);
    }

    /// Each of seven outcomes within four standard errors of its share; same for all 24 orders of
    /// four items.
    #[test]
    fn below_and_shuffle_are_uniform() {
        let mut stream = Stream::new(4, [0; 3]);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        assert!(
            counts
                .iter()
                .all(|&c| (f64::from(c) - 1e4).abs() < 4.0 * (1e4f64 * 6.0 / 7.0).sqrt())
        );
        assert_eq!(stream.below(0), 0);
        assert!((0..100).all(|_| stream.below(1 << 40) < 1 << 40));

        let mut orders = std::collections::BTreeMap::new();
        for _ in 0..48_000 {
            let mut items = [0, 1, 2, 3];
            stream.shuffle(&mut items);
            *orders.entry(items).or_insert(0u32) += 1;
        }
        assert_eq!(orders.len(), 24);
        assert!(
            orders
                .values()
                .all(|&c| (f64::from(c) - 2e3).abs() < 4.5 * 2e3f64.sqrt())
        );
    }

    #[test]
    fn uniform_covers_the_unit_interval() {
        let mut stream = Stream::new(5, [0; 3]);
        let draws: Vec<f64> = (0..100_000).map(|_| stream.uniform()).collect();
        assert!(draws.iter().all(|u| (0.0..1.0).contains(u)));
        let mean = draws.iter().sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 4.0 / (12f64 * 1e5).sqrt());
    }

    #[test]
    fn directions_are_unit_vectors() {
        let mut stream = Stream::new(6, [0; 3]);
        for dims in [0, 1, 2, 3, 17] {
            let mut vector = vec![0.0f64; dims];
            stream.direction(&mut vector);
            let square: f64 = vector.iter().map(|x| x * x).sum();
            assert!(dims == 0 || (square - 1.0).abs() < 1e-14);
        }
    }
}
