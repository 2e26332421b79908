//! Rotary embeddings of positions in space.

use candle::{D, DType, Device, Result, Tensor};

/// Rotations that describe where points lie (Su et al., arXiv:2104.09864, in several dimensions as Li, Meidani & Farimani
/// have it).
///
/// A head's vector of `d` numbers is `d/2` pairs `(j, j + d/2)`. Pairs are shared equally between the directions of space;
/// the i-th pair of a direction turns by `frequency 10000^(-i / pairs) x` at the coordinate x. The product of a turned
/// query and a turned key depends on the difference of their positions alone.
#[derive(Debug, Clone)]
pub(super) struct Rotation {
    cosines: Tensor,
    sines: Tensor,
}

/// Ratio of the fastest to (about) the slowest rotation.
const RANGE: f64 = 1e4;

impl Rotation {
    /// For `positions` `(batch or 1, points, dims)` and heads of `width` numbers, a multiple of `2 dims`.
    pub(super) fn new(positions: &Tensor, width: usize, frequency: f64) -> Result<Self> {
        let dims = positions.dim(D::Minus1)?;
        let pairs = width / 2 / dims;
        // A block matrix: direction k has the frequencies of columns k pairs ...
        let mut frequencies = vec![0.0; dims * dims * pairs];
        for direction in 0..dims {
            for pair in 0..pairs {
                let place = direction * dims * pairs + direction * pairs + pair;
                frequencies[place] = frequency * RANGE.powf(-(pair as f64) / pairs as f64);
            }
        }
        let frequencies = Tensor::from_vec(frequencies, (dims, dims * pairs), &Device::Cpu)?;
        // Large angles lose their digits in single precision.
        let (batch, points, _) = positions.dims3()?;
        let positions64 = positions
            .to_device(&Device::Cpu)?
            .to_dtype(DType::F64)?
            .reshape((batch * points, dims))?;
        let angles = positions64.matmul(&frequencies)?;
        let table = |values: Tensor| {
            values
                .reshape((batch, points, 1, dims * pairs))?
                .to_dtype(positions.dtype())?
                .to_device(positions.device())
        };
        Ok(Self {
            cosines: table(angles.cos()?)?,
            sines: table(angles.sin()?)?,
        })
    }

    /// Turns `features` `(batch, points, heads, width)`.
    pub(super) fn apply(&self, features: &Tensor) -> Result<Tensor> {
        let half = features.dim(D::Minus1)? / 2;
        let first = features.narrow(D::Minus1, 0, half)?;
        let second = features.narrow(D::Minus1, half, half)?;
        let turned = |cosine: &Tensor, sine: &Tensor| {
            cosine.broadcast_mul(&self.cosines)? + sine.broadcast_mul(&self.sines)?
        };
        let rotated_first = turned(&first, &second.neg()?)?;
        let rotated_second = turned(&second, &first)?;
        Tensor::cat(&[rotated_first, rotated_second], D::Minus1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f64]) -> Tensor {
        Tensor::from_slice(values, (1, 1, values.len()), &Device::Cpu).unwrap()
    }

    fn turned(vector: &[f64], position: &[f64]) -> Vec<f64> {
        let rotation = Rotation::new(&row(position), vector.len(), 20.0).unwrap();
        let features = row(vector).reshape((1, 1, 1, vector.len())).unwrap();
        let turned = rotation.apply(&features).unwrap();
        turned.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn product(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn products_depend_on_the_difference_of_positions_alone() {
        let query = [0.3, -1.2, 0.7, 2.0, -0.4, 0.9, 1.1, -0.6];
        let key = [1.0, 0.2, -0.5, 0.8, -1.3, 0.4, 0.6, 0.1];
        for (a, b, shift) in [
            (vec![0.1, 0.9], vec![0.4, 0.2], vec![0.3, -0.15]),
            (vec![0.75], vec![0.1], vec![0.2]),
        ] {
            let moved =
                |x: &[f64]| -> Vec<f64> { x.iter().zip(&shift).map(|(x, s)| x + s).collect() };
            let there = product(&turned(&query, &a), &turned(&key, &b));
            let elsewhere = product(&turned(&query, &moved(&a)), &turned(&key, &moved(&b)));
            assert!((there - elsewhere).abs() < 1e-12, "{there} {elsewhere}");
            let apart = product(&turned(&query, &moved(&a)), &turned(&key, &b));
            assert!((there - apart).abs() > 1e-3, "{there} {apart}");
        }
    }

    #[test]
    fn rotations_keep_lengths_and_turn_by_the_stated_angle() {
        let vector = [1.0, 0.0, 0.0, 0.0];
        let found = turned(&vector, &[0.05]);
        // One radian in the first pair, (0, 2).
        assert!(
            (found[0] - 1.0_f64.cos()).abs() < 1e-12 && (found[2] - 1.0_f64.sin()).abs() < 1e-12
        );
        let vector = [0.3, -1.2, 0.7, 2.0];
        let found = turned(&vector, &[0.7, 0.4]);
        assert!((product(&found, &found) - product(&vector, &vector)).abs() < 1e-12);
    }
}
