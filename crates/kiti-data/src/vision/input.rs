//! What a trained network is given of an image.

use serde::{Deserialize, Serialize};

use super::augment::LevelTable;
use super::images::ChannelStatistics;
use super::picture::Picture;
use crate::{Error, Field, Result};

/// How an image becomes a network's input: the same way in training and in prediction.
///
/// The middle of the image is cut out with the proportions of `size`, of it the share `middle` along each edge is brought to
/// `size`, and every channel becomes `(level / 255 - mean) / deviation`.
///
/// ```
/// use kiti_data::vision::{ChannelStatistics, ImageInput};
///
/// let statistics = ChannelStatistics { mean: vec![0.5; 3], deviation: vec![0.25; 3] };
/// let input = ImageInput { size: [32, 32], middle: 1.0, statistics };
/// input.validate()?;
/// # Ok::<(), kiti_data::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageInput {
    /// Height and width of the input.
    pub size: [usize; 2],
    /// Share of the image's edges that is seen.
    pub middle: f64,
    /// Mean and deviation of each channel of the training images.
    pub statistics: ChannelStatistics,
}

impl ImageInput {
    /// Refuses values that describe no input, such as those of a damaged file.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<()> {
        let refuse = |key, found: String, expected| {
            Err(Error::Setting {
                key,
                found,
                expected,
            })
        };
        if self.size.iter().any(|edge| !(1..=4096).contains(edge)) {
            let found = format!("{:?}", self.size);
            return refuse("size", found, "two numbers from 1 to 4096");
        }
        if !(self.middle > 0.0 && self.middle <= 1.0) {
            return refuse(
                "middle",
                self.middle.to_string(),
                "more than 0 and at most 1",
            );
        }
        let ChannelStatistics { mean, deviation } = &self.statistics;
        let finite = mean.iter().chain(deviation).all(|value| value.is_finite());
        if mean.len() != 3 || deviation.len() != 3 || !finite {
            let found = format!("{mean:?} and {deviation:?}");
            return refuse("mean, deviation", found, "three finite numbers each");
        }
        Ok(())
    }

    /// Whether an image keeps its size.
    pub fn keeps(&self, picture: &Picture) -> bool {
        picture.size() == self.size && self.middle == 1.0
    }

    /// The input of `pictures`, `(pictures, 3, height, width)`.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate).
    pub fn prepare(&self, pictures: &[Picture]) -> Result<Field> {
        self.validate()?;
        let table = LevelTable::new(&self.statistics);
        let [height, width] = self.size;
        let mut values = Vec::with_capacity(pictures.len() * 3 * height * width);
        for picture in pictures {
            let fitted = picture.middle(self.size, self.middle);
            table.extend(fitted.pixels(), height * width, &mut values);
        }
        Field::from_f32(vec![pictures.len(), 3, height, width], values)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::vision::{AugmentConfig, Images, image_rows};

    fn input(size: [usize; 2]) -> ImageInput {
        let statistics = ChannelStatistics {
            mean: vec![0.2, 0.5, 0.4],
            deviation: vec![0.3, 0.2, 0.0],
        };
        ImageInput {
            size,
            middle: 1.0,
            statistics,
        }
    }

    #[test]
    fn an_image_is_given_as_it_was_in_training() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/images/smooth.jpg"
        );
        let picture = Picture::read(path).unwrap();
        let [height, width] = picture.size();
        let input = input(picture.size());
        assert!(input.keeps(&picture));
        let images = Images::new(
            [3, height, width],
            picture.pixels().to_vec(),
            vec![0],
            vec!["sea".to_owned()],
        )
        .unwrap();
        let rows = image_rows(
            Arc::new(images),
            &input.statistics,
            &AugmentConfig::default(),
        );
        let rows = rows.unwrap();
        let expected = rows.inputs().rows(&[0]).unwrap();
        assert_eq!(input.prepare(&[picture]).unwrap(), expected);
        assert_eq!(rows.targets().classes(), ["sea"]);
        assert_eq!(rows.inputs().channel_statistics(), Some(&input.statistics));
    }

    #[test]
    fn values_that_describe_no_input_are_refused() {
        assert!(input([32, 32]).validate().is_ok());
        assert!(input([0, 32]).validate().is_err());
        assert!(input([32, 1 << 40]).validate().is_err());
        for middle in [0.0, 1.5, f64::NAN] {
            let changed = ImageInput {
                middle,
                ..input([32, 32])
            };
            assert!(changed.validate().is_err());
        }
        let mut two = input([32, 32]);
        two.statistics.mean.pop();
        assert!(two.prepare(&[]).is_err());
    }
}
