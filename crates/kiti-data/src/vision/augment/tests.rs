use super::*;

/// One channel, levels `10 y + x`, normalised to themselves.
fn table() -> LevelTable {
    LevelTable::new(&ChannelStatistics {
        mean: vec![0.0],
        deviation: vec![1.0 / 255.0],
    })
}

fn image(extent: usize) -> Vec<u8> {
    (0..extent * extent)
        .map(|at| (10 * (at / extent) + at % extent + 1) as u8)
        .collect()
}

fn applied(change: &ImageChange, extent: usize) -> Vec<f32> {
    let mut out = vec![-1.0; extent * extent];
    change.apply(&image(extent), [1, extent, extent], &table(), &mut out);
    out
}

#[test]
fn shifts_mirrors_and_cuts_by_hand() {
    let close = |found: Vec<f32>, expected: [f32; 9]| {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found} != {expected}");
        }
    };
    close(
        applied(&ImageChange::NONE, 3),
        [1., 2., 3., 11., 12., 13., 21., 22., 23.],
    );
    let shifted = ImageChange {
        shift: [1, -1],
        ..ImageChange::NONE
    };
    close(
        applied(&shifted, 3),
        [0., 11., 12., 0., 21., 22., 0., 0., 0.],
    );
    let mirrored = ImageChange {
        mirrored: true,
        ..shifted
    };
    close(
        applied(&mirrored, 3),
        [12., 11., 0., 22., 21., 0., 0., 0., 0.],
    );
    let cut = ImageChange {
        cut: Some(([0, 2], 2)),
        ..ImageChange::NONE
    };
    close(applied(&cut, 3), [1., 0., 0., 11., 12., 13., 21., 22., 23.]);
}

#[test]
fn draws_cover_their_range_evenly_and_depend_on_epoch_and_image() {
    let config = AugmentConfig {
        cutout: 8,
        ..AugmentConfig::default()
    };
    let draw = |epoch, image| ImageChange::draw(&config, [32, 32], 5, epoch, image);
    assert_eq!(draw(1, 2), draw(1, 2));
    assert_ne!(draw(1, 2), draw(2, 1));
    let (mut shifts, mut mirrored) = ([0u32; 9], 0u32);
    let draws = 9000;
    for image in 0..draws {
        let change = draw(0, image);
        shifts[(change.shift[0] + 4) as usize] += 1;
        mirrored += u32::from(change.mirrored);
    }
    // Binomial counts: five standard errors of 1000 (p = 1/9) and of 4500 (p = 1/2).
    let bound = |p: f64| 5.0 * (draws as f64 * p * (1.0 - p)).sqrt();
    for count in shifts {
        assert!(
            (f64::from(count) - 1000.0).abs() < bound(1.0 / 9.0),
            "{shifts:?}"
        );
    }
    assert!(
        (f64::from(mirrored) - 4500.0).abs() < bound(0.5),
        "{mirrored}"
    );
}

/// Switching one change on leaves the draws of the others as they were.
#[test]
fn changes_are_drawn_independently() {
    let plain = AugmentConfig::default();
    let cut = AugmentConfig {
        cutout: 8,
        ..AugmentConfig::default()
    };
    for image in 0..20 {
        let (plain, cut) = (
            ImageChange::draw(&plain, [32, 32], 1, 0, image),
            ImageChange::draw(&cut, [32, 32], 1, 0, image),
        );
        assert_eq!((plain.shift, plain.mirrored), (cut.shift, cut.mirrored));
        assert!(plain.cut.is_none() && cut.cut.is_some());
    }
}

/// Beta(a, a) has mean 1/2 and variance 1 / (4 (2a + 1)).
#[test]
fn mixing_weights_have_the_moments_of_their_distribution() {
    for a in [0.2, 1.0, 4.0] {
        let mut stream = Stream::new(9, [0, 0, 0]);
        let draws = 20_000;
        let values: Vec<f64> = (0..draws).map(|_| symmetric_beta(&mut stream, a)).collect();
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
        let n = f64::from(draws);
        let mean = values.iter().sum::<f64>() / n;
        let variance = values
            .iter()
            .map(|value| (value - 0.5).powi(2))
            .sum::<f64>()
            / n;
        let expected = 1.0 / (4.0 * (2.0 * a + 1.0));
        // Five standard errors; those of the variance are below those of a two-point distribution.
        assert!(
            (mean - 0.5).abs() < 5.0 * (expected / n).sqrt(),
            "a = {a}: mean {mean}"
        );
        let fourth = values
            .iter()
            .map(|value| (value - 0.5).powi(4))
            .sum::<f64>()
            / n;
        let error = ((fourth - variance * variance) / n).sqrt();
        assert!(
            (variance - expected).abs() < 5.0 * error,
            "a = {a}: variance {variance}"
        );
    }
}

#[test]
fn mixing_weighs_an_image_with_its_partner() {
    let mixing = Mixing {
        weight: 0.75,
        partners: vec![1, 0],
    };
    let mut rows = [4.0, 0.0, 0.0, 8.0];
    mixing.apply(&mut rows, 2);
    assert_eq!(rows, [3.0, 2.0, 1.0, 6.0]);
}

#[test]
fn settings_out_of_range_are_refused() {
    let refused = |config: AugmentConfig, key: &str| {
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains(key), "{message}");
    };
    let with = AugmentConfig::default;
    refused(
        AugmentConfig {
            mixup: -1.0,
            ..with()
        },
        "mixup",
    );
    refused(
        AugmentConfig {
            mixup: f64::NAN,
            ..with()
        },
        "mixup",
    );
    refused(
        AugmentConfig {
            label_smoothing: 1.0,
            ..with()
        },
        "label_smoothing",
    );
    refused(
        AugmentConfig {
            padding: 5000,
            ..with()
        },
        "padding",
    );
}
