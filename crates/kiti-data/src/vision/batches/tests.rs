use std::collections::BTreeSet;

use super::*;

fn images(count: usize) -> Arc<Images> {
    let classes = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let pixels = (0..count * 3 * 64)
        .map(|at| (at * 37 % 251) as u8)
        .collect();
    let labels = (0..count).map(|image| (image % 3) as u32).collect();
    Arc::new(Images::new([3, 8, 8], pixels, labels, classes).unwrap())
}

fn loader(settings: ImageLoaderSettings) -> ImageLoader {
    let images = images(11);
    let statistics = images.statistics();
    ImageLoader::new(images, &statistics, settings, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn evaluation_gives_every_image_normalised_and_in_order() {
    let loader = loader(ImageLoaderSettings::evaluation(4));
    let batches: Vec<_> = loader.epoch(0).map(Result::unwrap).collect();
    assert_eq!(batches.len(), 3);
    let rows: Vec<_> = batches
        .iter()
        .flat_map(|batch| batch.rows.clone())
        .collect();
    assert_eq!(rows, (0..11).collect::<Vec<_>>());
    // Each channel has mean 0 and variance 1 over the data set, up to single precision.
    let mut sums = [0.0f64; 3];
    let mut squares = [0.0f64; 3];
    for batch in &batches {
        for (at, value) in values(&batch.pixels).iter().enumerate() {
            sums[at / 64 % 3] += f64::from(*value);
            squares[at / 64 % 3] += f64::from(*value).powi(2);
        }
        assert_eq!(
            values(&batch.targets).iter().sum::<f32>(),
            batch.rows.len() as f32
        );
    }
    for channel in 0..3 {
        assert!((sums[channel] / 704.0).abs() < 1e-6);
        assert!((squares[channel] / 704.0 - 1.0).abs() < 1e-5);
    }
}

#[test]
fn batches_do_not_depend_on_threads_or_on_where_an_epoch_begins() {
    let settings = |workers| ImageLoaderSettings {
        batch_size: 3,
        seed: 4,
        workers,
        augment: AugmentConfig {
            cutout: 3,
            mixup: 0.4,
            label_smoothing: 0.1,
            ..AugmentConfig::default()
        },
        ..ImageLoaderSettings::default()
    };
    let whole: Vec<_> = loader(settings(0)).epoch(2).map(Result::unwrap).collect();
    for workers in [1, 3] {
        let part: Vec<_> = loader(settings(workers))
            .epoch_from(2, 1)
            .map(Result::unwrap)
            .collect();
        assert_eq!(part.len() + 1, whole.len());
        for (part, whole) in part.iter().zip(&whole[1..]) {
            assert_eq!((part.index, &part.rows), (whole.index, &whole.rows));
            assert_eq!(values(&part.pixels), values(&whole.pixels));
            assert_eq!(values(&part.targets), values(&whole.targets));
        }
    }
    let seen: BTreeSet<_> = whole.iter().flat_map(|batch| batch.rows.clone()).collect();
    assert_eq!(seen.len(), 11);
    let other: Vec<_> = loader(settings(0)).epoch(3).map(Result::unwrap).collect();
    assert_ne!(values(&other[0].pixels), values(&whole[0].pixels));
}

#[test]
fn smoothed_targets_sum_to_one() {
    let loader = loader(ImageLoaderSettings {
        augment: AugmentConfig {
            label_smoothing: 0.3,
            ..AugmentConfig::none()
        },
        ..ImageLoaderSettings::evaluation(1)
    });
    let batch = loader.epoch(0).nth(1).unwrap().unwrap();
    let found = values(&batch.targets);
    for (found, expected) in found.iter().zip([0.1, 0.8, 0.1]) {
        assert!((found - expected).abs() < 1e-7);
    }
    assert_eq!(batch.labels.to_vec1::<u32>().unwrap(), [1]);
}

#[test]
fn impossible_settings_are_refused() {
    let images = images(2);
    let statistics = images.statistics();
    let new = |settings, statistics: &ChannelStatistics| {
        ImageLoader::new(Arc::clone(&images), statistics, settings, &Device::Cpu)
    };
    let with = ImageLoaderSettings::evaluation;
    assert!(new(with(0), &statistics).is_err());
    let drop_last = ImageLoaderSettings {
        drop_last: true,
        ..with(3)
    };
    assert!(new(drop_last, &statistics).is_err());
    let one_channel = ChannelStatistics {
        mean: vec![0.0],
        deviation: vec![1.0],
    };
    assert!(new(with(1), &one_channel).is_err());
    let none = Arc::new(Images::empty([3, 8, 8], vec!["a".to_owned()]));
    assert!(ImageLoader::new(none, &statistics, with(1), &Device::Cpu).is_err());
}
