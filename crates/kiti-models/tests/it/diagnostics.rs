//! How an operator errs: on a model that is known in closed form.

use candle::{Device, Tensor};
use kiti_data::Field;
use kiti_data::loader::Dataset;
use kiti_data::metrics::Boundary;
use kiti_models::Result;
use kiti_models::diagnostics::diagnose;
use kiti_models::operator::Operator;
use kiti_nn::Context;

/// Multiplies the last snapshot by a factor.
struct Growth(f64);

impl Operator for Growth {
    fn dims(&self) -> usize {
        1
    }

    fn in_channels(&self) -> usize {
        1
    }

    fn out_channels(&self) -> usize {
        1
    }

    fn check_grid(&self, _: &[usize]) -> Result<()> {
        Ok(())
    }

    fn forward_t(&self, xs: &Tensor, _: &Context) -> Result<Tensor> {
        Ok(xs.affine(self.0, 0.0)?)
    }

    fn first_not_finite(&self, _: &Tensor, _: usize, _: &Context) -> Result<Option<String>> {
        Ok(None)
    }
}

/// Waves of the wavenumbers 1 and 3 that stay as they are, four snapshots.
fn standing_waves() -> Dataset {
    let value = |sample: usize, point: usize| {
        let phase = std::f32::consts::TAU * point as f32 / 16.0;
        match sample {
            0 => phase.sin(),
            _ => 2.0 * (3.0 * phase).cos(),
        }
    };
    let inputs = (0..32).map(|at| value(at / 16, at % 16)).collect();
    let targets = (0..128).map(|at| value(at / 64, at / 4 % 16)).collect();
    Dataset::new(
        Field::from_f32(vec![2, 16], inputs).unwrap(),
        Field::from_f32(vec![2, 16, 4], targets).unwrap(),
    )
    .unwrap()
}

#[test]
fn a_growing_roll_out_is_told_by_its_steps_and_its_spectrum() {
    let found = diagnose(
        &Growth(1.5),
        &standing_waves(),
        Boundary::Periodic,
        1,
        &Device::Cpu,
    );
    let found = found.unwrap();
    for step in 0..4 {
        let ratio = 1.5_f64.powi(step as i32 + 1);
        // Single precision, powers of up to 5.
        assert!((found.norm_ratio_by_step[step] - ratio).abs() < 1e-5);
        assert!((found.error_by_step[step] - (ratio - 1.0)).abs() < 1e-5);
    }
    assert_eq!(
        (found.fails_at(1.0), found.fails_at(100.0)),
        (Some(2), None)
    );
    // Mean squares 1/2 and 2 of the waves, each in one of two samples; those of the errors by the mean of squares.
    let factor = (1..=4)
        .map(|step| (1.5_f64.powi(step) - 1.0).powi(2))
        .sum::<f64>()
        / 4.0;
    for (wavenumber, square) in [(1, 0.25), (3, 1.0)] {
        assert!((found.target_spectrum[wavenumber] - square).abs() < 1e-5);
        assert!((found.error_spectrum[wavenumber] - square * factor).abs() < 1e-4);
    }
    assert!(found.error_spectrum[2] < 1e-9);
    // The error is the field times a factor at each step, in every norm.
    let expected = factor.sqrt();
    assert!((found.relative_h1.unwrap() - expected).abs() < 1e-5);
}

#[test]
fn what_cannot_be_measured_is_left_out() {
    let found = diagnose(
        &Growth(1.0),
        &standing_waves(),
        Boundary::Walls,
        2,
        &Device::Cpu,
    );
    let found = found.unwrap();
    assert!(found.error_spectrum.is_empty() && found.relative_h1.is_some());
    assert_eq!(found.fails_at(1e-6), None);
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(
        serde_json::from_str::<kiti_models::diagnostics::FieldDiagnostics>(&text).unwrap(),
        found
    );
}
