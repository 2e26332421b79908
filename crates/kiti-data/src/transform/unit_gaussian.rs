//! Fields of mean 0 and standard deviation 1.

use candle::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::loader::RowSource;
use crate::{Error, Field, Result};

/// Over what mean and standard deviation are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistics {
    /// Over the samples, at each point (and channel, and time) separately. Fits one grid only.
    Pointwise,
    /// Over samples and points: one mean, one deviation. Fits every grid.
    #[default]
    Global,
}

/// Maps values to `(x - mean)/(std + eps)` and back.
///
/// Mean and (sample) standard deviation come from the training samples alone, on the first axis
/// of the fitted field. `eps` is added where the deviation is 0, as on a boundary with a fixed
/// value. Source: the `UnitGaussianNormalizer` of Li et al. (2021), arXiv:2010.08895, whose
/// statistics are the pointwise ones.
///
/// ```
/// use kiti_data::Field;
/// use kiti_data::transform::unit_gaussian::{Statistics, UnitGaussianNormalizer};
///
/// let train = Field::from_f32(vec![2, 2], vec![1., 10., 3., 30.])?;
/// let normalizer = UnitGaussianNormalizer::fit(&train, Statistics::Pointwise)?;
/// let encoded = normalizer.encode(&train)?;
/// let expected = 1. / 2_f64.sqrt();
/// assert!(encoded.data().iter_f64().all(|value| (value.abs() - expected).abs() < 1e-5));
/// let decoded = normalizer.decode(&encoded)?;
/// assert!(train.data().iter_f64().zip(decoded.data().iter_f64()).all(|(a, b)| (a - b).abs() < 1e-5));
/// # Ok::<(), kiti_data::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitGaussianNormalizer {
    /// Shape of a sample, empty for global statistics.
    shape: Vec<usize>,
    mean: Vec<f64>,
    /// Standard deviation plus `eps`.
    scale: Vec<f64>,
}

/// What keeps a division by a deviation of 0 finite.
const EPS: f64 = 1e-5;

impl UnitGaussianNormalizer {
    /// Measures the samples on the first axis of `train`.
    ///
    /// # Errors
    /// [`Error::Shape`] for fewer than two values to take a deviation of, [`Error::NotFinite`].
    pub fn fit(train: &Field, statistics: Statistics) -> Result<Self> {
        train.check_finite("training samples")?;
        let samples = train.shape().first().copied().unwrap_or(0);
        let elements = train.data().len();
        let (shape, places) = match statistics {
            Statistics::Pointwise if samples > 0 => {
                (train.shape()[1..].to_vec(), elements / samples)
            }
            _ => (Vec::new(), 1),
        };
        let count = elements.checked_div(places).unwrap_or(0);
        if count < 2 {
            return Err(Error::Shape {
                array: "training samples".to_owned(),
                expected: "at least two values to take a standard deviation of".to_owned(),
                found: train.shape().to_vec(),
            });
        }
        // Two passes: the deviation of a small variation around a large mean keeps its digits.
        let mut mean = vec![0.; places];
        for (index, value) in train.data().iter_f64().enumerate() {
            mean[index % places] += value / count as f64;
        }
        let mut squares = vec![0.; places];
        for (index, value) in train.data().iter_f64().enumerate() {
            squares[index % places] += (value - mean[index % places]).powi(2);
        }
        let deviation = |square: f64| (square / (count - 1) as f64).sqrt() + EPS;
        Ok(Self {
            shape,
            mean,
            scale: squares.into_iter().map(deviation).collect(),
        })
    }

    /// Global statistics of samples wherever they come from, a block of them in memory at a time.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and rows that cannot be read.
    pub fn fit_rows(rows: &dyn RowSource) -> Result<Self> {
        /// Samples read at a time.
        const BLOCK: usize = 64;
        let every = |visit: &mut dyn FnMut(f64)| -> Result<()> {
            for start in (0..rows.len()).step_by(BLOCK) {
                let block: Vec<_> = (start..(start + BLOCK).min(rows.len())).collect();
                let block = rows.rows(&block)?;
                block.check_finite("training samples")?;
                block.data().iter_f64().for_each(&mut *visit);
            }
            Ok(())
        };
        let (mut count, mut sum, mut squares) = (0_usize, 0., 0.);
        every(&mut |value| {
            count += 1;
            sum += value;
        })?;
        if count < 2 {
            return Err(Error::Shape {
                array: "training samples".to_owned(),
                expected: "at least two values to take a standard deviation of".to_owned(),
                found: std::iter::once(rows.len())
                    .chain(rows.row_shape())
                    .collect(),
            });
        }
        let mean = sum / count as f64;
        every(&mut |value| squares += (value - mean).powi(2))?;
        Ok(Self {
            shape: Vec::new(),
            mean: vec![mean],
            scale: vec![(squares / (count - 1) as f64).sqrt() + EPS],
        })
    }

    /// The mean at each place, or the only one.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Standard deviation plus `eps` at each place, or the only one.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// Normalised values, in the precision of `field`.
    ///
    /// # Errors
    /// [`Error::Shape`] for samples of another shape than the fitted ones, where the statistics
    /// are pointwise.
    pub fn encode(&self, field: &Field) -> Result<Field> {
        self.map(field, |value, mean, scale| (value - mean) / scale)
    }

    /// What [`UnitGaussianNormalizer::encode`] was given; errors as there.
    pub fn decode(&self, field: &Field) -> Result<Field> {
        self.map(field, |value, mean, scale| value * scale + mean)
    }

    fn map(&self, field: &Field, map: impl Fn(f64, f64, f64) -> f64) -> Result<Field> {
        self.check(field.shape())?;
        let places = self.mean.len();
        let values = field.data().iter_f64().enumerate();
        let mapped = values.map(|(index, value)| {
            let place = index % places;
            map(value, self.mean[place], self.scale[place])
        });
        let shape = field.shape().to_vec();
        match field.data() {
            crate::field_io::FieldData::F32(_) => {
                Field::from_f32(shape, mapped.map(|value| value as f32).collect())
            }
            crate::field_io::FieldData::F64(_) => Field::from_f64(shape, mapped.collect()),
        }
    }

    /// [`UnitGaussianNormalizer::decode`] of a tensor `(batch, ...)`, through which gradients
    /// flow: a model is trained on the decoded error so.
    ///
    /// # Errors
    /// As [`UnitGaussianNormalizer::encode`], and [`Error::Tensor`].
    pub fn decode_tensor(&self, tensor: &Tensor) -> Result<Tensor> {
        self.check(tensor.dims())?;
        let (mean, scale) = self.tensors(tensor.dtype(), tensor.device())?;
        Ok(tensor.broadcast_mul(&scale)?.broadcast_add(&mean)?)
    }

    /// [`UnitGaussianNormalizer::encode`] of a tensor `(batch, ...)`; errors as for decoding.
    pub fn encode_tensor(&self, tensor: &Tensor) -> Result<Tensor> {
        self.check(tensor.dims())?;
        let (mean, scale) = self.tensors(tensor.dtype(), tensor.device())?;
        Ok(tensor.broadcast_sub(&mean)?.broadcast_div(&scale)?)
    }

    fn tensors(&self, dtype: DType, device: &Device) -> Result<(Tensor, Tensor)> {
        let tensor = |values: &[f64]| {
            Tensor::from_slice(values, self.shape.as_slice(), &Device::Cpu)?
                .to_dtype(dtype)?
                .to_device(device)
        };
        Ok((tensor(&self.mean)?, tensor(&self.scale)?))
    }

    fn check(&self, shape: &[usize]) -> Result<()> {
        if self.shape.is_empty() || shape.get(1..) == Some(&self.shape) {
            return Ok(());
        }
        Err(Error::Shape {
            array: "samples".to_owned(),
            expected: format!(
                "samples of the shape {:?} that the normaliser was fitted to (global statistics \
                 fit every grid)",
                self.shape
            ),
            found: shape.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train() -> Field {
        let values = (0..24).map(|i| 100. + ((i * i) % 7) as f32 * 0.25);
        Field::from_f32(vec![4, 3, 2], values.collect()).unwrap()
    }

    fn moments(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (mean, (square / (values.len() - 1) as f64).sqrt())
    }

    #[test]
    fn encoded_samples_have_mean_0_and_deviation_1() {
        let field = train();
        let global = UnitGaussianNormalizer::fit(&field, Statistics::Global).unwrap();
        let encoded: Vec<_> = global.encode(&field).unwrap().data().iter_f64().collect();
        let (mean, deviation) = moments(&encoded);
        // Single precision, and eps = 1e-5 beside a deviation of about 0.5.
        assert!(
            mean.abs() < 1e-5 && (deviation - 1.).abs() < 1e-4,
            "{mean} {deviation}"
        );

        let pointwise = UnitGaussianNormalizer::fit(&field, Statistics::Pointwise).unwrap();
        let encoded: Vec<_> = pointwise
            .encode(&field)
            .unwrap()
            .data()
            .iter_f64()
            .collect();
        for place in 0..6 {
            let at_place: Vec<_> = encoded.iter().skip(place).step_by(6).copied().collect();
            let (mean, deviation) = moments(&at_place);
            let constant = deviation == 0.;
            assert!(mean.abs() < 1e-4, "{mean}");
            assert!(constant || (deviation - 1.).abs() < 1e-3, "{deviation}");
        }
    }

    #[test]
    fn decoding_undoes_encoding_for_fields_and_tensors() {
        let field = Field::from_f64(vec![4, 3, 2], train().into_f64()).unwrap();
        for statistics in [Statistics::Global, Statistics::Pointwise] {
            let normalizer = UnitGaussianNormalizer::fit(&field, statistics).unwrap();
            let encoded = normalizer.encode(&field).unwrap();
            let decoded = normalizer.decode(&encoded).unwrap();
            for (a, b) in field.data().iter_f64().zip(decoded.data().iter_f64()) {
                assert!((a - b).abs() < 1e-12);
            }
            let tensor = field.to_tensor(&Device::Cpu).unwrap();
            let encoded_tensor = normalizer.encode_tensor(&tensor).unwrap();
            let same = Field::from_tensor(&encoded_tensor).unwrap();
            for (a, b) in encoded.data().iter_f64().zip(same.data().iter_f64()) {
                assert!((a - b).abs() < 1e-12);
            }
            let back = normalizer.decode_tensor(&encoded_tensor).unwrap();
            let back = Field::from_tensor(&back).unwrap();
            for (a, b) in field.data().iter_f64().zip(back.data().iter_f64()) {
                assert!((a - b).abs() < 1e-11);
            }
        }
    }

    #[test]
    fn statistics_of_rows_are_those_of_the_field() {
        // More rows than are read at a time.
        let values: Vec<f64> = (0..200).map(|i| 5. + f64::from((i * i) % 13)).collect();
        let field = Field::from_f64(vec![100, 2], values).unwrap();
        let whole = UnitGaussianNormalizer::fit(&field, Statistics::Global).unwrap();
        let rows = UnitGaussianNormalizer::fit_rows(&field).unwrap();
        assert!((whole.mean()[0] - rows.mean()[0]).abs() < 1e-12);
        assert!((whole.scale()[0] - rows.scale()[0]).abs() < 1e-12);
        let one = Field::from_f64(vec![1, 1], vec![1.]).unwrap();
        let message = UnitGaussianNormalizer::fit_rows(&one)
            .unwrap_err()
            .to_string();
        assert!(message.contains("two values"), "{message}");
    }

    #[test]
    fn a_place_that_never_varies_stays_finite() {
        let field = Field::from_f32(vec![3, 2], vec![0., 1., 0., 2., 0., 3.]).unwrap();
        let normalizer = UnitGaussianNormalizer::fit(&field, Statistics::Pointwise).unwrap();
        assert!(normalizer.encode(&field).unwrap().check_finite("x").is_ok());
        assert_eq!((normalizer.mean()[0], normalizer.scale()[0]), (0., EPS));
    }

    #[test]
    fn other_grids_fit_global_statistics_only() {
        let other = Field::from_f32(vec![1, 2, 2], vec![1.; 4]).unwrap();
        let fit = |statistics| UnitGaussianNormalizer::fit(&train(), statistics).unwrap();
        assert!(fit(Statistics::Global).encode(&other).is_ok());
        let message = fit(Statistics::Pointwise)
            .encode(&other)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("[3, 2]") && message.contains("global"),
            "{message}"
        );
    }

    #[test]
    fn bad_training_samples_are_refused() {
        let fit = |shape: Vec<usize>, values: Vec<f32>, statistics| {
            let field = Field::from_f32(shape, values).unwrap();
            UnitGaussianNormalizer::fit(&field, statistics)
                .unwrap_err()
                .to_string()
        };
        assert!(fit(vec![1, 3], vec![1.; 3], Statistics::Pointwise).contains("two values"));
        assert!(fit(vec![0, 3], vec![], Statistics::Pointwise).contains("two values"));
        assert!(fit(vec![3, 0], vec![], Statistics::Pointwise).contains("two values"));
        assert!(fit(vec![], vec![1.], Statistics::Global).contains("two values"));
        assert!(fit(vec![2], vec![1., f32::NAN], Statistics::Global).contains("NaN"));
    }
}
