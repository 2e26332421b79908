use std::collections::BTreeSet;

use super::*;
use crate::Field;

/// Row `i` holds `[i, i + 0.5]` and its target `-i`.
fn data(rows: usize) -> Dataset {
    let inputs = (0..rows)
        .flat_map(|row| [row as f32, row as f32 + 0.5])
        .collect();
    let targets = (0..rows).map(|row| -(row as f64)).collect();
    Dataset::new(
        Field::from_f32(vec![rows, 1, 2], inputs).unwrap(),
        Field::from_f64(vec![rows], targets).unwrap(),
    )
    .unwrap()
}

fn loader(rows: usize, settings: LoaderSettings) -> Loader {
    Loader::new(data(rows), settings, &Device::Cpu).unwrap()
}

fn batches(iterator: Batches) -> Vec<Batch> {
    iterator.map(Result::unwrap).collect()
}

#[test]
fn every_row_comes_once_with_its_target() {
    for (rows, batch_size, prefetch) in [(10, 3, 2), (10, 5, 1), (3, 8, 0), (1, 1, 4)] {
        let settings = LoaderSettings {
            batch_size,
            prefetch,
            ..LoaderSettings::default()
        };
        let loader = loader(rows, settings);
        let epoch = batches(loader.epoch(0));
        assert_eq!(epoch.len(), loader.batches_per_epoch());
        let mut seen = BTreeSet::new();
        for (index, batch) in epoch.iter().enumerate() {
            assert_eq!(batch.index, index);
            let expected = batch_size.min(rows - index * batch_size);
            assert_eq!(batch.inputs.dims(), [expected, 1, 2]);
            let inputs = batch
                .inputs
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap();
            let targets = batch.targets.to_vec1::<f64>().unwrap();
            for (position, &row) in batch.rows.iter().enumerate() {
                assert!(seen.insert(row));
                assert_eq!(inputs[2 * position], row as f32);
                assert_eq!(inputs[2 * position + 1], row as f32 + 0.5);
                assert_eq!(targets[position], -(row as f64));
            }
        }
        assert_eq!(seen.len(), rows);
    }
}

#[test]
fn order_depends_on_seed_and_epoch_only() {
    let settings = LoaderSettings::default();
    let first = loader(50, settings);
    assert_eq!(first.order(3), loader(50, settings).order(3));
    assert_ne!(first.order(3), first.order(4));
    assert_ne!(first.order(3), first.order(3 + (1 << 32)));
    let other = loader(
        50,
        LoaderSettings {
            seed: 1,
            ..settings
        },
    );
    assert_ne!(first.order(3), other.order(3));
    for prefetch in [0, 1, 7] {
        let settings = LoaderSettings {
            batch_size: 8,
            prefetch,
            ..settings
        };
        let rows: Vec<_> = batches(loader(50, settings).epoch(3))
            .into_iter()
            .flat_map(|batch| batch.rows)
            .collect();
        assert_eq!(rows, first.order(3));
    }
    let unshuffled = LoaderSettings {
        shuffle: false,
        ..settings
    };
    assert_eq!(loader(5, unshuffled).order(9), [0, 1, 2, 3, 4]);
}

/// Each row is at each place equally often: chi-square with 5 * 5 cells.
#[test]
fn orders_are_uniform() {
    let loader = loader(5, LoaderSettings::default());
    let epochs = 5000;
    let mut counts = [[0.; 5]; 5];
    for epoch in 0..epochs {
        for (place, row) in loader.order(epoch).into_iter().enumerate() {
            counts[place][row] += 1.;
        }
    }
    let expected = epochs as f64 / 5.;
    let chi_square: f64 = counts
        .iter()
        .flatten()
        .map(|count: &f64| (count - expected).powi(2) / expected)
        .sum();
    // 16 degrees of freedom (scaled by 5/4): 50 is beyond the 1e-4 quantile.
    assert!(chi_square < 50., "{chi_square}");
}

#[test]
fn any_part_of_an_epoch_can_be_resumed() {
    let settings = LoaderSettings {
        batch_size: 4,
        ..LoaderSettings::default()
    };
    let loader = loader(18, settings);
    let whole = batches(loader.epoch(2));
    assert_eq!(whole.len(), 5);
    for first in 0..5 {
        let rest = batches(loader.epoch_from(2, first));
        assert_eq!(rest.len(), 5 - first);
        for (resumed, original) in rest.iter().zip(&whole[first..]) {
            assert_eq!(resumed.index, original.index);
            assert_eq!(resumed.rows, original.rows);
        }
    }
    assert!(batches(loader.epoch_from(2, 5)).is_empty());
    assert!(batches(loader.epoch_from(2, 77)).is_empty());
}

#[test]
fn the_smaller_last_batch_can_be_dropped() {
    let settings = LoaderSettings {
        batch_size: 4,
        drop_last: true,
        ..LoaderSettings::default()
    };
    let epoch = batches(loader(11, settings).epoch(0));
    assert_eq!(epoch.len(), 2);
    assert!(epoch.iter().all(|batch| batch.rows.len() == 4));
    let none_left = Loader::new(data(3), settings, &Device::Cpu).unwrap_err();
    assert!(none_left.to_string().contains("drop_last"), "{none_left}");
}

#[test]
fn an_epoch_can_be_left_early() {
    let settings = LoaderSettings {
        batch_size: 1,
        prefetch: 2,
        ..LoaderSettings::default()
    };
    let loader = loader(1000, settings);
    for _ in 0..20 {
        let mut epoch = loader.epoch(0);
        assert_eq!(epoch.next().unwrap().unwrap().index, 0);
    }
}

#[test]
fn bad_input_is_refused() {
    let column = |rows| Field::from_f32(vec![rows, 1], vec![0.; rows]).unwrap();
    let scalar = Field::from_f32(vec![], vec![0.]).unwrap();
    assert!(Dataset::new(column(2), column(3)).is_err());
    assert!(Dataset::new(column(0), column(0)).is_err());
    assert!(Dataset::new(scalar, column(1)).is_err());
    let settings = LoaderSettings {
        batch_size: 0,
        ..LoaderSettings::default()
    };
    let error = Loader::new(data(3), settings, &Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("batch_size"), "{error}");
}

#[test]
fn a_split_shares_the_samples_out() {
    let whole = data(7);
    let (first, rest) = whole.split_at(5).unwrap();
    assert_eq!((first.len(), rest.len()), (5, 2));
    let rows = |data: &Dataset, rows: &[usize]| data.inputs().rows(rows).unwrap();
    assert_eq!(rows(&rest, &[1, 0]), rows(&whole, &[6, 5]));
    assert_eq!(rows(&first, &[4]), rows(&whole, &[4]));
    assert_eq!(rest.inputs().row_shape(), [1, 2]);
    assert_eq!(rest.targets().rows(&[0]).unwrap().into_f64(), [-5.]);
    assert!(whole.split_at(0).is_err() && whole.split_at(7).is_err());
}

#[test]
fn samples_that_are_not_finite_are_refused_with_their_place() {
    let inputs = Field::from_f32(vec![2, 2], vec![0., 1., 2., 3.]).unwrap();
    let targets = Field::from_f32(vec![2, 1], vec![0., f32::INFINITY]).unwrap();
    let message = Dataset::new(inputs, targets).unwrap_err().to_string();
    assert!(
        message.contains("targets") && message.contains("[1, 0]"),
        "{message}"
    );
}
