//! Truncated transforms against the defining sums, and their errors.

use std::f64::consts::TAU;

use candle::{DType, Device, Tensor};
use kiti_nn::spectral::TruncatedDft;
use kiti_nn::{
    Context, PointwiseConv, Residual, ResidualConfig, SpectralConv1d, SpectralConv1dConfig,
    SpectralConv2d, SpectralConv2dConfig, VarStore,
};

use crate::support::{normal, values};

/// `sum_j x_j exp(-2 pi i k j / n)` by the definition.
fn dft(x: &[f64], k: usize) -> (f64, f64) {
    let n = x.len();
    x.iter().enumerate().fold((0.0, 0.0), |(re, im), (j, x)| {
        let angle = TAU * (k * j % n) as f64 / n as f64;
        (re + x * angle.cos(), im - x * angle.sin())
    })
}

#[test]
fn forward_is_the_defining_sum() {
    for (points, modes) in [(1, 1), (2, 2), (7, 4), (8, 5), (31, 9), (64, 12)] {
        let x = normal("dft", &[3, points], DType::F64);
        let transform = TruncatedDft::cached(points, modes, DType::F64, &Device::Cpu).unwrap();
        let (re, im) = transform.forward(&x).unwrap();
        let (re, im) = (re.to_vec2::<f64>().unwrap(), im.to_vec2::<f64>().unwrap());
        for (row, x) in x.to_vec2::<f64>().unwrap().iter().enumerate() {
            for k in 0..modes {
                let (expected_re, expected_im) = dft(x, k);
                let error = (re[row][k] - expected_re).abs() + (im[row][k] - expected_im).abs();
                assert!(error < 1e-12, "{points} points, mode {k}: {error}");
            }
        }
    }
}

#[test]
fn all_modes_invert_and_keep_the_energy() {
    for points in [1, 2, 7, 8, 31] {
        let modes = points / 2 + 1;
        let x = normal("parseval", &[points], DType::F64);
        let transform = TruncatedDft::cached(points, modes, DType::F64, &Device::Cpu).unwrap();
        let (re, im) = transform.forward(&x).unwrap();
        let back = values(&transform.inverse(&re, &im).unwrap());
        let energy: f64 = values(&re)
            .into_iter()
            .zip(values(&im))
            .enumerate()
            .map(|(k, (re, im))| {
                let copies = if k == 0 || 2 * k == points { 1.0 } else { 2.0 };
                copies * (re * re + im * im) / points as f64
            })
            .sum();
        let expected: f64 = values(&x).iter().map(|x| x * x).sum();
        assert!((energy - expected).abs() < 1e-12 * expected);
        for (back, x) in back.into_iter().zip(values(&x)) {
            assert!((back - x).abs() < 1e-13);
        }
    }
}

#[test]
fn inverse_ignores_imaginary_parts_that_a_real_signal_lacks() {
    let transform = TruncatedDft::cached(8, 5, DType::F64, &Device::Cpu).unwrap();
    let re = normal("re", &[5], DType::F64);
    let one = |at: &[usize]| {
        let im: Vec<f64> = (0..5)
            .map(|k| if at.contains(&k) { 1.0 } else { 0.0 })
            .collect();
        values(
            &transform
                .inverse(&re, &Tensor::new(im, &Device::Cpu).unwrap())
                .unwrap(),
        )
    };
    assert_eq!(one(&[0, 4]), one(&[]));
    assert_ne!(one(&[1]), one(&[]));
}

#[test]
fn a_grid_too_small_names_both_sizes() {
    let store = VarStore::new(0, DType::F32, &Device::Cpu);
    let config = SpectralConv1dConfig {
        in_channels: 1,
        out_channels: 1,
        modes: 9,
    };
    let one = SpectralConv1d::new(&config, store.builder().pp("one")).unwrap();
    let error = one
        .forward(&normal("x", &[1, 1, 15], DType::F32))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("15 points") && error.contains("9 are asked"),
        "{error}"
    );
    assert!(one.forward(&normal("x", &[1, 1, 16], DType::F32)).is_ok());
    let config = SpectralConv2dConfig {
        in_channels: 1,
        out_channels: 1,
        modes: [12, 3],
    };
    let two = SpectralConv2d::new(&config, store.builder().pp("two")).unwrap();
    let error = two.check_grid([8, 8]).unwrap_err().to_string();
    assert!(
        error.contains("dimension 0") && error.contains("8 points"),
        "{error}"
    );
    assert!(two.check_grid([12, 4]).is_ok() && two.check_grid([12, 3]).is_err());
    assert!(TruncatedDft::cached(4, 0, DType::F32, &Device::Cpu).is_err());
}

#[test]
fn wrong_channels_are_errors() {
    let store = VarStore::new(0, DType::F32, &Device::Cpu);
    let layer = PointwiseConv::new(3, 2, 1, store.builder()).unwrap();
    let x = normal("x", &[2, 4, 5], DType::F32);
    assert!(
        layer
            .forward(&x)
            .unwrap_err()
            .to_string()
            .contains("expected 3 channels, found 4")
    );
    let grid = normal("grid", &[1, 5], DType::F32);
    let short = normal("grid", &[1, 4], DType::F32);
    let samples = normal("samples", &[2, 5, 2], DType::F32);
    assert!(layer.forward_channels_last(&samples, None).is_err());
    assert!(layer.forward_channels_last(&samples, Some(&short)).is_err());
    assert!(layer.forward_channels_last(&samples, Some(&grid)).is_ok());
    assert!(layer.forward(&normal("scalar", &[], DType::F32)).is_err());
    assert!(
        layer
            .forward_channels_last(&normal("scalar", &[], DType::F32), None)
            .is_err()
    );
    let config = SpectralConv1dConfig {
        in_channels: 4,
        out_channels: 2,
        modes: 2,
    };
    let spectral = SpectralConv1d::new(&config, store.builder().pp("spectral")).unwrap();
    let residual = Residual::new(&ResidualConfig::Additive, 0).unwrap();
    let ctx = Context::evaluate();
    assert!(
        spectral
            .forward_with_skip(&x, &layer, &residual, None, &ctx)
            .is_err()
    );
    assert!(spectral.forward(&samples).is_err());
    // An empty batch is no error.
    let empty = Tensor::zeros((0, 4, 5), DType::F32, &Device::Cpu).unwrap();
    assert_eq!(spectral.forward(&empty).unwrap().dims(), [0, 2, 5]);
}
