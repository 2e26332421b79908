//! Images that a classifier is wrong about.

use std::collections::BTreeMap;
use std::path::Path;

use kiti_data::Field;
use kiti_data::field_io::{names, read_array};
use kiti_data::loader::Dataset;
use kiti_data::metrics::Prediction;
use kiti_data::vision::ChannelStatistics;

use crate::Result;

/// The most images that are kept of a set.
const MOST_IMAGES: usize = 24;

/// The most numbers that they have together, so that large images take no more room.
const MOST_VALUES: usize = 1 << 20;

/// The images of a set that a classifier is surest and wrong about, the surest first.
///
/// In a file of arrays they are `SET.misclassified`, levels from 0 to 255 of shape `(images, channels, height, width)`, and
/// `SET.misclassified_classes`, a row of true class, predicted class and its probability for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Misclassified {
    /// Channels, height and width.
    pub size: [usize; 3],
    /// The pixels of each image, `(channels, height, width)`.
    pub images: Vec<Vec<u8>>,
    /// What was predicted for each.
    pub predictions: Vec<Prediction>,
}

impl Misclassified {
    /// Those of `data`, whose rows `order` have these predictions; none where all are right, or `data` are no images.
    ///
    /// # Errors
    ///
    /// Samples that cannot be read.
    pub fn surest(
        data: &Dataset,
        order: &[usize],
        predictions: &[Prediction],
    ) -> Result<Option<Self>> {
        let inputs = data.inputs();
        let shape = inputs.row_shape();
        let (Some(statistics), &[channels, height, width]) =
            (inputs.channel_statistics(), &shape[..])
        else {
            return Ok(None);
        };
        let mut wrong: Vec<(usize, Prediction)> = order
            .iter()
            .copied()
            .zip(predictions.iter().copied())
            .filter(|(_, prediction)| prediction.class != prediction.label)
            .collect();
        wrong.sort_by(|(row, one), (other_row, other)| {
            let surer = other.confidence.total_cmp(&one.confidence);
            surer.then(row.cmp(other_row))
        });
        let values = channels * height * width;
        wrong.truncate(MOST_IMAGES.min(MOST_VALUES / values.max(1)));
        if wrong.is_empty() {
            return Ok(None);
        }
        let rows: Vec<usize> = wrong.iter().map(|(row, _)| *row).collect();
        let normalised = inputs.rows(&rows)?.into_f32();
        let images = normalised
            .chunks_exact(values)
            .map(|image| levels(image, height * width, statistics));
        Ok(Some(Self {
            size: [channels, height, width],
            images: images.collect(),
            predictions: wrong
                .into_iter()
                .map(|(_, prediction)| prediction)
                .collect(),
        }))
    }

    /// The arrays of the set `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) for images of different sizes.
    pub fn into_arrays(self, name: &str) -> Result<BTreeMap<String, Field>> {
        let count = self.images.len();
        let pixels = self.images.concat().into_iter().map(f32::from).collect();
        let classes = self.predictions.iter().flat_map(|prediction| {
            [
                f64::from(prediction.label),
                f64::from(prediction.class),
                prediction.confidence,
            ]
        });
        let shape = [&[count], &self.size[..]].concat();
        Ok(BTreeMap::from([
            (
                format!("{name}.misclassified"),
                Field::from_f32(shape, pixels)?,
            ),
            (
                format!("{name}.misclassified_classes"),
                Field::from_f64(vec![count, 3], classes.collect())?,
            ),
        ]))
    }

    /// Those of the set `name` in the file at `path`; none where it has none of that set.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) for a file that cannot be read.
    pub fn read(path: &Path, name: &str) -> Result<Option<Self>> {
        let key = format!("{name}.misclassified");
        if !names(path)?.contains(&key) {
            return Ok(None);
        }
        let pixels = read_array(path, Some(&key))?;
        let classes = read_array(path, Some(&format!("{name}.misclassified_classes")))?;
        let [count, channels, height, width] = *pixels.shape() else {
            return Ok(None);
        };
        if classes.shape() != [count, 3] {
            return Ok(None);
        }
        let size = [channels, height, width];
        let levels: Vec<u8> = pixels.into_f32().iter().map(|level| *level as u8).collect();
        let values: usize = size.iter().product();
        let predictions = classes.into_f64();
        let predictions = predictions.chunks_exact(3).map(|row| Prediction {
            label: row[0] as u32,
            class: row[1] as u32,
            confidence: row[2],
        });
        Ok(Some(Self {
            size,
            images: levels
                .chunks_exact(values.max(1))
                .map(<[u8]>::to_vec)
                .collect(),
            predictions: predictions.collect(),
        }))
    }
}

/// The pixels that were normalised to `values`.
fn levels(values: &[f32], area: usize, statistics: &ChannelStatistics) -> Vec<u8> {
    let scales = statistics.mean.iter().zip(&statistics.deviation);
    let planes = values.chunks_exact(area.max(1)).zip(scales);
    planes
        .flat_map(|(plane, (&mean, &deviation))| {
            // A channel that does not vary was only centred.
            let scale = if deviation > 0.0 { deviation } else { 1.0 };
            plane.iter().map(move |&value| {
                ((f64::from(value) * scale + mean) * 255.0)
                    .round()
                    .clamp(0.0, 255.0) as u8
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kiti_data::field_io;
    use kiti_data::vision::{AugmentConfig, Images, image_rows};

    use super::*;

    #[test]
    fn the_surest_mistakes_keep_their_pixels_through_a_file() {
        let pixels: Vec<u8> = (0..4 * 12).map(|level| (level * 5) as u8).collect();
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let images = Images::new([3, 2, 2], pixels.clone(), vec![0, 1, 0, 1], classes).unwrap();
        let statistics = images.statistics();
        let data = image_rows(Arc::new(images), &statistics, &AugmentConfig::none()).unwrap();
        let prediction = |label, class, confidence| Prediction {
            label,
            class,
            confidence,
        };
        let predictions = [
            prediction(1, 0, 0.6),
            prediction(0, 0, 0.99),
            prediction(0, 1, 0.9),
            prediction(1, 1, 0.7),
        ];
        let found = Misclassified::surest(&data, &[3, 2, 0, 1], &predictions).unwrap();
        let found = found.unwrap();
        assert_eq!(found.images, [&pixels[..12], &pixels[36..]]);
        assert_eq!(found.predictions, [predictions[2], predictions[0]]);

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("predictions.safetensors");
        let arrays = found.clone().into_arrays("test").unwrap();
        field_io::write(&path, &arrays).unwrap();
        assert_eq!(Misclassified::read(&path, "test").unwrap(), Some(found));
        assert_eq!(Misclassified::read(&path, "other").unwrap(), None);
        let right = [predictions[1], predictions[3]];
        assert_eq!(Misclassified::surest(&data, &[2, 1], &right).unwrap(), None);
    }
}
