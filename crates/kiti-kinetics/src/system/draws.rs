//! Where a step's random numbers come from: a keyed stream, or given values.
//!
//! Every keyed number is a word of one Philox block, whose key is derived from (seed, step, layer,
//! pass) and whose counter is (position, index, sample, purpose). A number is thus known from what
//! it is for, and neither threads nor the order of evaluation change it.
//!
//! # From a word to two normals
//!
//! Bits 15 to 30 of a word, `h`, give the radius `r = sqrt(-2 ln((h + 1/2) / 2^16))`; bits 1 to 14 one
//! of `2^14` equidistant angles within a quarter turn, bit 31 the sign of the cosine and bit 0 whether
//! the two coordinates change places, so that the angle is one of `2^16` around the circle.
//! `(r cos, r sin)` are two normals (Box and Muller), cut off at 4.86 standard deviations. Logarithm, sine and cosine are the polynomials below, with
//! relative errors up to 8e-6, 2e-6 and 3e-8; they *define* the draw, so that `f32` and `f64` agree
//! to the rounding of `f32`. Normalised, the vector is isotropic: any coordinate pair may be swapped
//! or change its signs without changing the law, and the moments `<e_i e_j>` and `<e_1^4>` depart
//! from their exact values by less than 1e-4 of themselves.
//!
//! Four consecutive pairs share the blocks of one counter, a word each: coordinate `32 b + l` and
//! `32 b + 16 + l` (with `l < 16`) of pair `4 q + w` come from word `w` of the counter
//! `(16 b + l, q, ...)`.

use crate::Real;
use crate::normals::UnitVectors;
use crate::rng::{Philox4x32, Stream};
use crate::simd::dispatch;

/// Key of the random numbers of one kinetic step: equal keys, equal draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamKey {
    /// Seed of the run.
    pub seed: u64,
    /// Training step.
    pub step: u64,
    /// Which residual of the model.
    pub layer: u32,
    /// Which application of that residual within the step (a roll-out applies it several times).
    pub pass: u32,
    /// Index of the batch's first sample, where a step's batch is processed in parts.
    pub first_sample: u64,
}

/// A collision to replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Sample.
    pub sample: usize,
    /// First particle.
    pub first: usize,
    /// Second particle.
    pub second: usize,
}

/// The random choices of a step.
#[derive(Debug, Clone, Copy)]
pub enum Draws<'a, T> {
    /// Drawn from the counter-based generator, again in the adjoint.
    Keyed(StreamKey),
    /// Given unit vectors `(B, D, n(n-1)/2)`, pairs in the order (0,1), (0,2) ... (1,2) ...
    Directions(&'a [T]),
    /// Given elastic collisions: pairs, and unit vectors `(pairs, D)`.
    Pairs {
        /// The colliding pairs.
        pairs: &'a [Pair],
        /// Their unit vectors.
        directions: &'a [T],
    },
}

/// What a keyed number is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Direction = 1,
    PoolDirection = 2,
    PoolChoice = 3,
    Matching = 4,
    Acceptance = 5,
}

/// The generator of one step: a key's Philox, with the batch's first sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generator {
    pub philox: Philox4x32,
    first_sample: u64,
}

impl Generator {
    pub fn new(key: StreamKey) -> Self {
        Self {
            philox: Philox4x32::of_step(key.seed, key.step, [key.layer, key.pass]),
            first_sample: key.first_sample,
        }
    }

    /// The two counter words that name a sample and a purpose.
    pub fn tail(&self, sample: usize, purpose: Purpose) -> [u32; 2] {
        let sample = self.first_sample.wrapping_add(sample as u64);
        [sample as u32, ((sample >> 32) as u32) << 8 | purpose as u32]
    }

    /// The counter words of the step's pool, which all samples share.
    pub fn pool_tail() -> [u32; 2] {
        [0, Purpose::PoolDirection as u32]
    }

    fn stream(&self, sample: usize, purpose: Purpose) -> Stream {
        let [low, high] = self.tail(sample, purpose);
        Stream::keyed(self.philox, [0, low, high])
    }

    /// Unnormalised vector number `index`, and its square.
    pub fn gaussian<T: Real>(&self, tail: [u32; 2], index: usize, vector: &mut [T]) -> T {
        let mut square = T::ZERO;
        for (chunk, values) in vector.chunks_mut(32).enumerate() {
            for lane in 0..values.len().min(16) {
                let counter = [
                    (16 * chunk + lane) as u32,
                    (index / 4) as u32,
                    tail[0],
                    tail[1],
                ];
                let (first, second) = normal_pair::<T>(self.philox.block(counter)[index % 4]);
                values[lane] = first;
                square += first * first;
                if let Some(value) = values.get_mut(lane + 16) {
                    *value = second;
                    square += second * second;
                }
            }
        }
        square
    }

    pub fn direction<T: Real>(&self, tail: [u32; 2], index: usize, vector: &mut [T]) {
        let square = self.gaussian(tail, index, vector);
        let scale = T::ONE / square.sqrt();
        vector.iter_mut().for_each(|value| *value *= scale);
    }

    pub fn pool_choice(&self, sample: usize, i: usize, j: usize, size: usize) -> (usize, bool) {
        let (low, high) = (i.min(j), i.max(j));
        let tail = self.tail(sample, Purpose::PoolChoice);
        let counter = [
            (high / 64 * 16 + high % 16) as u32,
            low as u32,
            tail[0],
            tail[1],
        ];
        let word = self.philox.block(counter)[high / 16 % 4];
        let (index, negative) = split_choice(word, size);
        (index, negative != (i > j))
    }

    /// Writes an order of the particles, whose consecutive pairs are the candidates.
    pub fn order(&self, sample: usize, order: &mut [u32]) {
        for (particle, slot) in order.iter_mut().enumerate() {
            *slot = particle as u32;
        }
        let _ = self.stream(sample, Purpose::Matching).matching(order);
    }

    /// The uniform numbers of a sample's candidates, one after the other.
    pub fn acceptance_uniforms(&self, sample: usize) -> Uniforms {
        Uniforms(self.stream(sample, Purpose::Acceptance))
    }
}

/// Uniform numbers in `[0, 1)` of 32 bits.
pub(crate) struct Uniforms(Stream);

impl Uniforms {
    pub fn next(&mut self) -> f64 {
        unit_interval(self.0.next_u32())
    }
}

/// `[0, 1)` from 32 bits.
fn unit_interval(word: u32) -> f64 {
    f64::from(word) * (1.0 / 4_294_967_296.0)
}

/// Index into a pool of `size` vectors from 31 bits, and whether the sign is negative.
#[inline(always)]
pub(crate) fn split_choice(word: u32, size: usize) -> (usize, bool) {
    (
        ((u64::from(word & 0x7fff_ffff) * size as u64) >> 31) as usize,
        word >> 31 == 1,
    )
}

/// `ln(1 + t) = t P(t)` on `[sqrt(1/2) - 1, sqrt(2) - 1]`.
pub(crate) const LN: [f64; 6] = [
    1.0000045588361883,
    -0.4999021754937574,
    0.33258023301563994,
    -0.2540326954402977,
    0.22055939500917487,
    -0.14292076395019018,
];
/// `sin y = y P(y^2)` on `[-pi/4, pi/4]`.
pub(crate) const SIN: [f64; 3] = [
    0.9999985695102351,
    -0.1666248022717424,
    0.008151636303560555,
];
/// `cos y = P(y^2)` on `[-pi/4, pi/4]`.
pub(crate) const COS: [f64; 4] = [
    0.999999972425293,
    -0.49999856698273065,
    0.04165502695860876,
    -0.001358590915952529,
];
/// Half a turn divided by `2^15`: the step between two angles.
pub(crate) const ANGLE: f64 = std::f64::consts::PI / 32768.0;
/// Bits of `sqrt(1/2)` in `f32`: where the logarithm's mantissa starts.
pub(crate) const MANTISSA_START: u32 = 0x3f35_04f3;

/// Two normals from one word, as the module describes.
#[inline]
pub(crate) fn normal_pair<T: Real>(word: u32) -> (T, T) {
    let number = |value: f64| T::from_f64(value);
    let horner = |coefficients: &[f64], x: T| {
        coefficients
            .iter()
            .rev()
            .fold(T::ZERO, |sum, &c| sum * x + number(c))
    };
    // 2 h + 1 = 2^exponent * mantissa, the mantissa in [sqrt(1/2), sqrt(2)): exact in f32.
    let odd = (2 * (word >> 15 & 0xffff) + 1) as f32;
    let exponent = (odd.to_bits() - MANTISSA_START) >> 23;
    let mantissa = f32::from_bits(odd.to_bits() - (exponent << 23));
    let t = number(f64::from(mantissa)) - T::ONE;
    let logarithm =
        t * horner(&LN, t) + number(f64::from(exponent) - 17.0) * number(std::f64::consts::LN_2);
    let radius = (number(-2.0) * logarithm).sqrt();

    let y = number((f64::from(word >> 1 & 0x3fff) - 8191.5) * ANGLE);
    let square = y * y;
    let sine = radius * y * horner(&SIN, square);
    let cosine = radius * horner(&COS, square);
    let cosine = if word >> 31 == 1 { -cosine } else { cosine };
    if word & 1 == 1 {
        (sine, cosine)
    } else {
        (cosine, sine)
    }
}

/// The pool of a step, its vectors padded with zeros to whole cache lines.
#[derive(Debug, Clone)]
pub(crate) struct Pool<T> {
    pub vectors: Vec<T>,
    pub size: usize,
    pub stride: usize,
}

impl<T: Real> Pool<T> {
    pub fn draw(generator: Generator, size: usize, dims: usize) -> Self {
        let stride = dims.next_multiple_of(16);
        let mut vectors = vec![T::ZERO; size * stride];
        if dims > 0 {
            let tail = Generator::pool_tail();
            dispatch(UnitVectors {
                generator,
                tail,
                dims,
                stride,
                out: &mut vectors,
            });
        }
        Self {
            vectors,
            size,
            stride,
        }
    }

    /// One vector, padded.
    #[inline(always)]
    pub fn vector(&self, index: usize) -> &[T] {
        &self.vectors[index * self.stride..(index + 1) * self.stride]
    }
}

/// The pool of a step: `size` unit vectors, `(P, D)`, the same for every sample.
pub fn pool_directions<T: Real>(key: StreamKey, size: usize, dims: usize) -> Vec<T> {
    let pool = Pool::<T>::draw(Generator::new(key), size, dims);
    (0..size)
        .flat_map(|index| pool.vector(index)[..dims].iter().copied())
        .collect()
}

/// Which vector of the pool the pair `(i, j)` of a sample takes, and with which sign (-1 or 1) `i`
/// acts on `j`: the index is symmetric in `i` and `j`, the sign antisymmetric.
pub fn pool_choice(key: StreamKey, sample: usize, i: usize, j: usize, size: usize) -> (usize, i32) {
    let (index, negative) = Generator::new(key).pool_choice(sample, i, j, size);
    (index, if negative { -1 } else { 1 })
}

/// The unit vector of an exactly isotropic collision: pair number `pair` of a sample, counted
/// (0,1), (0,2) ... (1,2) ... for `Published` and along [`matching`] for `Elastic`.
pub fn direction<T: Real>(
    key: StreamKey,
    sample: usize,
    pair: usize,
    dims: usize,
    vector: &mut [T],
) {
    let generator = Generator::new(key);
    let length = dims.min(vector.len());
    generator.direction(
        generator.tail(sample, Purpose::Direction),
        pair,
        &mut vector[..length],
    );
}

/// The candidate pairs of an elastic step: a matching drawn uniformly from all matchings of
/// `floor(n/2)` disjoint pairs.
pub fn matching(key: StreamKey, sample: usize, particles: usize) -> Vec<(usize, usize)> {
    let mut order = vec![0; particles];
    Generator::new(key).order(sample, &mut order);
    order
        .chunks_exact(2)
        .map(|pair| (pair[0] as usize, pair[1] as usize))
        .collect()
}

/// The number in `[0, 1)` that candidate pair `pair`'s acceptance probability must exceed.
pub fn acceptance_uniform(key: StreamKey, sample: usize, pair: usize) -> f64 {
    let generator = Generator::new(key);
    let [low, high] = generator.tail(sample, Purpose::Acceptance);
    let words = generator.philox.block([(pair / 4) as u32, 0, low, high]);
    unit_interval(words[pair % 4])
}
