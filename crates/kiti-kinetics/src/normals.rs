//! Gaussian vectors for the directions of four consecutive pairs at once.
//!
//! The scalar definition is `Generator::gaussian`; here the same words are computed for as many
//! counters as a vector has lanes. The first three rounds of Philox mix the counter word that runs
//! along the coordinates with words that are the same for a whole sample, so most of their products
//! are kept in a table per sample; the remaining seven rounds are done per pair.

use pulp::{Simd, WithSimd};

use crate::rng::{MULTIPLIERS, ROUNDS, WEYL};
use crate::simd::Lanes;
use crate::system::draws::{ANGLE, COS, Generator, LN, MANTISSA_START, SIN};
use crate::workspace::Buffer;

/// Coordinates that one counter word's 16 consecutive values give.
const CHUNK: usize = 32;

/// The numbers of the first counters.
const LANES: [u32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The directions of one sample (or of the pool), four indices at a time.
pub struct QuadStream<'a> {
    generator: Generator,
    tail: [u32; 2],
    dims: usize,
    padded: usize,
    keys: [[u32; 2]; ROUNDS],
    /// High word of the second product of round 0, mixed with the first key.
    second_high: u32,
    /// Four tables of `padded / 2` words, in the order of their use.
    prefix: &'a [u32],
    /// 1 for the coordinates of the last, incomplete chunk, 0 for its padding.
    keep: [f32; CHUNK],
}

#[inline(always)]
fn product(a: u32, b: u32) -> (u32, u32) {
    let product = u64::from(a) * u64::from(b);
    (product as u32, (product >> 32) as u32)
}

impl<'a> QuadStream<'a> {
    /// The vectors of `dims` coordinates whose counters end in `tail`.
    #[inline(always)]
    pub(crate) fn new<S: Simd>(
        simd: S,
        generator: Generator,
        tail: [u32; 2],
        dims: usize,
        table: &'a mut Buffer<u32>,
    ) -> Self {
        let mut keys = [generator.philox.key(); ROUNDS];
        for round in 1..ROUNDS {
            keys[round] =
                std::array::from_fn(|word| keys[round - 1][word].wrapping_add(WEYL[word]));
        }
        let padded = Self::padded_dims(dims);
        let length = padded / 2;
        let prefix = table.take(4 * length);
        let (second_low, second_high) = product(MULTIPLIERS[1], tail[0]);
        let xor = |value, key| simd.xor_u32s(value, simd.splat_u32s(key));
        let multipliers = MULTIPLIERS.map(|multiplier| simd.splat_u32s(multiplier));
        let (vectors, _) = S::as_mut_simd_u32s(prefix);
        let [first, second, third, fourth] = four_parts(vectors);
        let mut lane = S::as_simd_u32s(&LANES).0[0];
        for at in 0..first.len() {
            let (low0, high0) = simd.widening_mul_u32s(lane, multipliers[0]);
            let (low1, high1) =
                simd.widening_mul_u32s(xor(high0, tail[1] ^ keys[0][1]), multipliers[1]);
            let (low2, high2) =
                simd.widening_mul_u32s(xor(high1, second_low ^ keys[1][0]), multipliers[0]);
            first[at] = xor(low0, keys[1][1]);
            second[at] = xor(low1, keys[2][0]);
            third[at] = xor(high2, keys[2][1]);
            fourth[at] = low2;
            lane = simd.add_u32s(lane, simd.splat_u32s(S::U32_LANES as u32));
        }
        let second_high = second_high ^ keys[0][0];
        let keep = std::array::from_fn(|k| f32::from(u8::from(k < dims % CHUNK)));
        Self {
            generator,
            tail,
            dims,
            padded,
            keys,
            second_high,
            prefix,
            keep,
        }
    }

    /// The words of one row of choices: that of column `j = 64 b + 16 k + l` (with `k < 4` and
    /// `l < 16`) is word `k` of the counter `(16 b + l, row, ...)`. Columns before `from` may be left
    /// as they are.
    #[inline(always)]
    pub(crate) fn words<S: Simd>(&self, simd: S, row: usize, from: usize, out: &mut [u32]) {
        let step = S::U32_LANES;
        let tables = self.tables::<S>();
        let head = Head::new(simd, self, row as u32);
        for (block, out) in out.chunks_exact_mut(64).enumerate().skip(from / 64) {
            for part in 0..16 / step {
                let at = block * (16 / step) + part;
                let words = head.words(
                    simd,
                    self,
                    [tables[0][at], tables[1][at], tables[2][at], tables[3][at]],
                );
                for (k, word) in words.into_iter().enumerate() {
                    let first = 16 * k + part * step;
                    S::as_mut_simd_u32s(&mut out[first..first + step]).0[0] = word;
                }
            }
        }
    }

    /// The four tables of the first rounds.
    #[inline(always)]
    fn tables<S: Simd>(&self) -> [&[S::u32s]; 4] {
        let table = |number| {
            let length = self.padded / 2;
            S::as_simd_u32s(&self.prefix[number * length..(number + 1) * length]).0
        };
        [table(0), table(1), table(2), table(3)]
    }

    /// Length of a vector with its padding.
    pub(crate) fn padded_dims(dims: usize) -> usize {
        dims.next_multiple_of(CHUNK)
    }
}

/// Unit vectors `0, 1, ...`, one a row of `stride` values; what lies behind them is left as it is.
pub(crate) struct UnitVectors<'a, T> {
    pub generator: Generator,
    pub tail: [u32; 2],
    pub dims: usize,
    pub stride: usize,
    pub out: &'a mut [T],
}

impl<T: crate::Real> WithSimd for UnitVectors<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut table = Buffer::default();
        let stream = QuadStream::new(simd, self.generator, self.tail, self.dims, &mut table);
        let mut normals = vec![T::ZERO; 4 * stream.padded];
        for (quad, vectors) in self.out.chunks_mut(4 * self.stride).enumerate() {
            let squares = T::quad(simd, &stream, quad, [true; 4], &mut normals);
            let drawn = normals.chunks_exact(stream.padded).zip(squares);
            for (vector, (normals, square)) in vectors.chunks_exact_mut(self.stride).zip(drawn) {
                let scale = T::ONE / square.sqrt();
                for (value, &normal) in vector[..self.dims].iter_mut().zip(normals) {
                    *value = normal * scale;
                }
            }
        }
    }
}

/// Scalars whose Gaussian vectors can be drawn.
pub trait Normals: Lanes {
    /// Writes the vectors `4 quad + k` for the wanted `k` to `out[k * padded ..]`, unnormalised and
    /// padded with zeros, and returns their squares. The others become or stay finite.
    fn quad<S: Simd>(
        simd: S,
        stream: &QuadStream<'_>,
        quad: usize,
        wanted: [bool; 4],
        out: &mut [Self],
    ) -> [Self; 4];
}

impl Normals for f64 {
    #[inline(always)]
    fn quad<S: Simd>(
        _: S,
        stream: &QuadStream<'_>,
        quad: usize,
        wanted: [bool; 4],
        out: &mut [f64],
    ) -> [f64; 4] {
        let mut squares = [1.0; 4];
        for k in (0..4).filter(|&k| wanted[k]) {
            let vector = &mut out[k * stream.padded..(k + 1) * stream.padded];
            vector[stream.dims..].fill(0.0);
            let vector = &mut vector[..stream.dims];
            squares[k] = stream.generator.gaussian(stream.tail, 4 * quad + k, vector);
        }
        squares
    }
}

impl Normals for f32 {
    /// Two passes, because the constants of both do not fit into the registers together: all words
    /// first, each where its first normal will stand, then the normals in their place.
    #[inline(always)]
    fn quad<S: Simd>(
        simd: S,
        stream: &QuadStream<'_>,
        quad: usize,
        wanted: [bool; 4],
        out: &mut [f32],
    ) -> [f32; 4] {
        let padded = stream.padded;
        let (vectors, _) = S::as_mut_simd_f32s(&mut out[..4 * padded]);
        let [a, b, c, d] = four_parts(vectors);
        write_words(
            simd,
            stream,
            quad as u32,
            [&mut *a, &mut *b, &mut *c, &mut *d],
        );
        let mut squares = [1.0; 4];
        for (k, vector) in [a, b, c, d].into_iter().enumerate() {
            if wanted[k] {
                squares[k] = words_to_normals(simd, stream, vector);
            } else {
                vector.fill(simd.splat_f32s(0.0));
            }
        }
        squares
    }
}

/// Four equal parts of a slice.
#[inline(always)]
fn four_parts<V>(values: &mut [V]) -> [&mut [V]; 4] {
    let quarter = values.len() / 4;
    let (ab, cd) = values.split_at_mut(2 * quarter);
    let (a, b) = ab.split_at_mut(quarter);
    let (c, d) = cd.split_at_mut(quarter);
    [a, b, c, d]
}

/// Writes the words of one quad, the word of each counter to the place of its first normal.
#[inline(always)]
fn write_words<S: Simd>(
    simd: S,
    stream: &QuadStream<'_>,
    quad: u32,
    [a, b, c, d]: [&mut [S::f32s]; 4],
) {
    let head = Head::new(simd, stream, quad);
    let table = stream.tables::<S>();
    let steps = 16 / S::U32_LANES;
    for at in 0..table[0].len() {
        let words = head.words(
            simd,
            stream,
            [table[0][at], table[1][at], table[2][at], table[3][at]],
        );
        let place = at / steps * (2 * steps) + at % steps;
        a[place] = simd.transmute_f32s_u32s(words[0]);
        b[place] = simd.transmute_f32s_u32s(words[1]);
        c[place] = simd.transmute_f32s_u32s(words[2]);
        d[place] = simd.transmute_f32s_u32s(words[3]);
    }
}

/// Replaces the words of one vector by its normals and returns their square.
#[inline(always)]
fn words_to_normals<S: Simd>(simd: S, stream: &QuadStream<'_>, vector: &mut [S::f32s]) -> f32 {
    let steps = 16 / S::U32_LANES;
    let whole = stream.dims / CHUNK;
    let mut square = simd.splat_f32s(0.0);
    let keep = S::as_simd_f32s(&stream.keep).0;
    for (chunk, vector) in vector.chunks_exact_mut(2 * steps).enumerate() {
        let (firsts, seconds) = vector.split_at_mut(steps);
        for (part, (first, second)) in firsts.iter_mut().zip(seconds).enumerate() {
            (*first, *second) = normal_pair(simd, simd.transmute_u32s_f32s(*first));
            if chunk == whole {
                *first = simd.mul_f32s(*first, keep[part]);
                *second = simd.mul_f32s(*second, keep[steps + part]);
            }
            square = f32::fma(simd, *first, *first, square);
            square = f32::fma(simd, *second, *second, square);
        }
    }
    simd.reduce_sum_f32s(square)
}

/// What the rounds 1 and 2 add for one quad.
struct Head<S: Simd> {
    first_high: S::u32s,
    first_low: S::u32s,
}

impl<S: Simd> Head<S> {
    #[inline(always)]
    fn new(simd: S, stream: &QuadStream<'_>, quad: u32) -> Self {
        let (low, high) = product(MULTIPLIERS[0], stream.second_high ^ quad);
        Self {
            first_high: simd.splat_u32s(high),
            first_low: simd.splat_u32s(low),
        }
    }

    /// The four words of as many counters as there are lanes.
    #[inline(always)]
    fn words(&self, simd: S, stream: &QuadStream<'_>, table: [S::u32s; 4]) -> [S::u32s; 4] {
        let multipliers = [
            simd.splat_u32s(MULTIPLIERS[0]),
            simd.splat_u32s(MULTIPLIERS[1]),
        ];
        let xor = |a, b| simd.xor_u32s(a, b);
        let (low, high) = simd.widening_mul_u32s(xor(table[0], self.first_high), multipliers[1]);
        let mut c = [
            xor(high, table[1]),
            low,
            xor(table[2], self.first_low),
            table[3],
        ];
        for round in 3..ROUNDS {
            let key = stream.keys[round];
            let key = [simd.splat_u32s(key[0]), simd.splat_u32s(key[1])];
            let (low0, high0) = simd.widening_mul_u32s(c[0], multipliers[0]);
            let (low1, high1) = simd.widening_mul_u32s(c[2], multipliers[1]);
            c = [
                xor(xor(high1, c[1]), key[0]),
                low1,
                xor(xor(high0, c[3]), key[1]),
                low0,
            ];
        }
        c
    }
}

/// `draws::normal_pair` for every lane.
#[inline(always)]
fn normal_pair<S: Simd>(simd: S, word: S::u32s) -> (S::f32s, S::f32s) {
    let bits = |value| simd.splat_u32s(value);
    let splat = |value: f64| simd.splat_f32s(value as f32);
    let float = |value| simd.transmute_f32s_u32s(value);
    let fma = |a, b, c| f32::fma(simd, a, b, c);

    // 2 h + 1: h written below 2^24, where floats stand two apart.
    let h = simd.and_u32s(simd.wrapping_dyn_shr_u32s(word, bits(15)), bits(0xffff));
    let odd = simd.sub_f32s(
        float(simd.or_u32s(h, bits(0x4b80_0000))),
        splat(16_777_215.0),
    );
    let odd_bits = simd.transmute_u32s_f32s(odd);
    let exponent =
        simd.wrapping_dyn_shr_u32s(simd.sub_u32s(odd_bits, bits(MANTISSA_START)), bits(23));
    let mantissa = float(simd.sub_u32s(odd_bits, simd.wrapping_dyn_shl_u32s(exponent, bits(23))));
    let exponent = float(simd.or_u32s(exponent, bits(0x4b00_0000)));
    let exponent = simd.sub_f32s(exponent, splat(8_388_608.0 + 17.0));
    let t = simd.sub_f32s(mantissa, splat(1.0));
    let mut p = splat(-2.0 * LN[5]);
    for coefficient in LN[..5].iter().rev() {
        p = fma(p, t, splat(-2.0 * coefficient));
    }
    let whole = simd.mul_f32s(exponent, splat(-2.0 * std::f64::consts::LN_2));
    let radius = simd.sqrt_f32s(fma(p, t, whole));

    // k - 8191.5: k / 2 written below 2^22, where floats stand half apart.
    let k = simd.and_u32s(word, bits(0x7ffe));
    let k = simd.sub_f32s(
        float(simd.or_u32s(k, bits(0x4a80_0000))),
        splat(4_194_304.0 + 8191.5),
    );
    let square = simd.mul_f32s(k, k);
    let scale = ANGLE * ANGLE;
    let sine = fma(
        splat(SIN[2] * scale * scale * ANGLE),
        square,
        splat(SIN[1] * scale * ANGLE),
    );
    let sine = fma(sine, square, splat(SIN[0] * ANGLE));
    let sine = simd.mul_f32s(simd.mul_f32s(radius, k), sine);
    let cosine = fma(
        splat(COS[3] * scale * scale * scale),
        square,
        splat(COS[2] * scale * scale),
    );
    let cosine = fma(
        fma(cosine, square, splat(COS[1] * scale)),
        square,
        splat(COS[0]),
    );
    let cosine = simd.mul_f32s(radius, cosine);
    let sign = simd.and_u32s(word, bits(0x8000_0000));
    let cosine = float(simd.xor_u32s(simd.transmute_u32s_f32s(cosine), sign));
    let swap = simd.equal_u32s(simd.and_u32s(word, bits(1)), bits(0));
    (
        simd.select_f32s(swap, cosine, sine),
        simd.select_f32s(swap, sine, cosine),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::tests::{SETS, dispatch_to};
    use crate::system::StreamKey;

    struct Draw {
        generator: Generator,
        tail: [u32; 2],
        dims: usize,
        quad: usize,
    }

    impl WithSimd for Draw {
        type Output = (Vec<f32>, [f32; 4]);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let mut table = Buffer::default();
            let stream = QuadStream::new(simd, self.generator, self.tail, self.dims, &mut table);
            let mut out = vec![0.0; 4 * stream.padded];
            let squares = f32::quad(
                simd,
                &stream,
                self.quad,
                [true, true, false, true],
                &mut out,
            );
            (out, squares)
        }
    }

    /// Every instruction set gives the scalar definition's vectors; polynomials in f32 keep 2e-6.
    #[test]
    fn vectors_are_those_of_the_definition() {
        let generator = Generator::new(StreamKey {
            seed: 9,
            step: 3,
            ..StreamKey::default()
        });
        let tail = [77, 1];
        for dims in [1, 15, 16, 17, 31, 32, 33, 64, 160] {
            let padded = QuadStream::padded_dims(dims);
            for quad in [0, 1, 12345] {
                for set in SETS {
                    let (vectors, squares) = dispatch_to(
                        set,
                        Draw {
                            generator,
                            tail,
                            dims,
                            quad,
                        },
                    );
                    for k in [0, 1, 3] {
                        let mut expected = vec![0.0f64; dims];
                        let square = generator.gaussian(tail, 4 * quad + k, &mut expected);
                        let found = &vectors[k * padded..(k + 1) * padded];
                        for (f, e) in found.iter().zip(&expected) {
                            assert!((f64::from(*f) - e).abs() < 1e-5, "{set:?} {dims} {f} {e}");
                        }
                        assert!(found[dims..].iter().all(|&f| f == 0.0));
                        assert!((f64::from(squares[k]) - square).abs() < 1e-5 * square.max(1.0));
                    }
                }
            }
        }
    }
}
