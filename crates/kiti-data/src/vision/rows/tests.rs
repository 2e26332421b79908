use std::collections::BTreeSet;

use candle::{Device, Tensor};

use super::*;
use crate::loader::{Batch, Loader, LoaderSettings};

fn images(count: usize) -> Arc<Images> {
    let classes = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let pixels = (0..count * 3 * 64)
        .map(|at| (at * 37 % 251) as u8)
        .collect();
    let labels = (0..count).map(|image| (image % 3) as u32).collect();
    Arc::new(Images::new([3, 8, 8], pixels, labels, classes).unwrap())
}

fn data(augment: &AugmentConfig) -> Dataset {
    let images = images(11);
    let statistics = images.statistics();
    image_rows(images, &statistics, augment).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Each channel has mean 0 and variance 1 over the data set, up to single precision.
#[test]
fn unchanged_images_are_normalised() {
    let data = data(&AugmentConfig::default());
    let all: Vec<_> = (0..11).collect();
    let pixels = data.inputs().rows(&all).unwrap().into_f32();
    let (mut sums, mut squares) = ([0.0f64; 3], [0.0f64; 3]);
    for (at, value) in pixels.iter().enumerate() {
        sums[at / 64 % 3] += f64::from(*value);
        squares[at / 64 % 3] += f64::from(*value).powi(2);
    }
    for channel in 0..3 {
        assert!((sums[channel] / 704.0).abs() < 1e-6);
        assert!((squares[channel] / 704.0 - 1.0).abs() < 1e-5);
    }
    let targets = data.targets().rows(&[4]).unwrap().into_f32();
    assert_eq!(targets, [0.0, 1.0, 0.0]);
}

#[test]
fn batches_do_not_depend_on_threads_or_on_where_an_epoch_begins() {
    let augment = AugmentConfig {
        cutout: 3,
        mixup: 0.4,
        label_smoothing: 0.1,
        ..AugmentConfig::default()
    };
    let batches = |prefetch, epoch, first| -> Vec<Batch> {
        let settings = LoaderSettings {
            batch_size: 3,
            seed: 4,
            prefetch,
            ..LoaderSettings::default()
        };
        let loader = Loader::new(data(&augment), settings, &Device::Cpu).unwrap();
        loader
            .epoch_from(epoch, first)
            .map(Result::unwrap)
            .collect()
    };
    let whole = batches(0, 2, 0);
    let part = batches(2, 2, 1);
    assert_eq!(part.len() + 1, whole.len());
    for (part, whole) in part.iter().zip(&whole[1..]) {
        assert_eq!((part.index, &part.rows), (whole.index, &whole.rows));
        assert_eq!(values(&part.inputs), values(&whole.inputs));
        assert_eq!(values(&part.targets), values(&whole.targets));
        for weights in values(&part.targets).chunks(3) {
            assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }
    let seen: BTreeSet<_> = whole.iter().flat_map(|batch| batch.rows.clone()).collect();
    assert_eq!(seen.len(), 11);
    assert_ne!(
        values(&batches(0, 3, 0)[0].inputs),
        values(&whole[0].inputs)
    );
}

/// Inputs and targets of an image are mixed with the same partner by the same weight.
#[test]
fn pixels_and_classes_are_mixed_alike() {
    let classes: Vec<String> = (0..8).map(|class| class.to_string()).collect();
    // Image i has the level 10 i and the class i.
    let pixels = (0..8).map(|image| 10 * image).collect();
    let images = Arc::new(Images::new([1, 1, 1], pixels, (0..8).collect(), classes).unwrap());
    let statistics = ChannelStatistics {
        mean: vec![0.0],
        deviation: vec![1.0 / 255.0],
    };
    let augment = AugmentConfig {
        mixup: 1.0,
        ..AugmentConfig::none()
    };
    let data = image_rows(images, &statistics, &augment).unwrap();
    let change = Change { seed: 1, epoch: 5 };
    let rows = [7, 0, 3, 5];
    let levels = data
        .inputs()
        .changed_rows(&rows, &change)
        .unwrap()
        .into_f32();
    let weights = data
        .targets()
        .changed_rows(&rows, &change)
        .unwrap()
        .into_f32();
    for (level, weights) in levels.iter().zip(weights.chunks(8)) {
        let expected: f32 = weights
            .iter()
            .zip(0..)
            .map(|(weight, class)| weight * (10 * class) as f32)
            .sum();
        assert!((level - expected).abs() < 1e-4, "{level} != {expected}");
    }
}

#[test]
fn smoothed_targets_sum_to_one() {
    let data = data(&AugmentConfig {
        label_smoothing: 0.3,
        ..AugmentConfig::none()
    });
    let change = Change { seed: 0, epoch: 0 };
    let found = data
        .targets()
        .changed_rows(&[1], &change)
        .unwrap()
        .into_f32();
    for (found, expected) in found.iter().zip([0.1, 0.8, 0.1]) {
        assert!((found - expected).abs() < 1e-7);
    }
}

#[test]
fn impossible_settings_are_refused() {
    let statistics = images(2).statistics();
    let one_channel = ChannelStatistics {
        mean: vec![0.0],
        deviation: vec![1.0],
    };
    let none = AugmentConfig::none();
    assert!(image_rows(images(2), &one_channel, &none).is_err());
    let empty = Arc::new(Images::empty([3, 8, 8], vec!["a".to_owned()]));
    assert!(image_rows(empty, &statistics, &none).is_err());
    let augment = AugmentConfig {
        mixup: f64::INFINITY,
        ..none
    };
    assert!(image_rows(images(2), &statistics, &augment).is_err());
}
