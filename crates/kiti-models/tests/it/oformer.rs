//! The operator transformer: what it must not depend on, its gradient, and that it learns.

use candle::{DType, Device, Tensor};
use kiti_models::Error;
use kiti_models::oformer::{OFormer, OFormerConfig};
use kiti_models::operator::Operator;
use kiti_models::rollout::roll_out_loss;
use kiti_nn::optim::{AdamConfig, Optimizer, OptimizerConfig};
use kiti_nn::residual::ArrangementKind;
use kiti_nn::{Context, ResidualConfig, VarStore, Variant, VariantSettings};

use crate::support::{normals, numbers};

fn config(dims: usize) -> OFormerConfig {
    OFormerConfig {
        dims,
        in_channels: 2,
        out_channels: 1,
        width: 16,
        heads: 2,
        layers: 2,
        feed_forward: 12,
        ..OFormerConfig::default()
    }
}

fn residual(variant: Variant) -> ResidualConfig {
    variant.config(&VariantSettings {
        arrangement: ArrangementKind::Tokens,
        token_dims: 4,
        ..VariantSettings::default()
    })
}

fn build(config: &OFormerConfig, residual: &ResidualConfig, dtype: DType) -> (OFormer, VarStore) {
    let store = VarStore::new(5, dtype, &Device::Cpu);
    let model = OFormer::new(config, residual, store.builder()).unwrap();
    (model, store)
}

/// Points in the unit cube.
fn scattered(count: usize, dims: usize, seed: u64) -> Tensor {
    let points = normals(&[1, count, dims], seed);
    points.affine(0.2, 0.5).unwrap()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    let pairs = numbers(a).into_iter().zip(numbers(b));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Sums over points come in another order: rounding of single precision on values of size 1.
const ROUNDING: f32 = 2e-5;

#[test]
fn the_order_of_the_input_points_does_not_matter() {
    for dims in [1, 2] {
        let (model, _) = build(&config(dims), &ResidualConfig::Additive, DType::F32);
        let (values, points) = (normals(&[2, 23, 2], 1), scattered(23, dims, 2));
        let queries = scattered(5, dims, 3);
        let ctx = Context::evaluate();
        let order: Vec<u32> = (0..23).map(|i| (i * 7 + 3) % 23).collect();
        let order = Tensor::new(order, &Device::Cpu).unwrap();
        let moved = |tensor: &Tensor| tensor.index_select(&order, 1).unwrap();
        let ask = |values: &Tensor, points: &Tensor| {
            model
                .forward_points(values, points, &queries, 2, &ctx)
                .unwrap()
        };
        let (answers, permuted) = (ask(&values, &points), ask(&moved(&values), &moved(&points)));
        for (answer, permuted) in answers.iter().zip(&permuted) {
            assert!(largest_difference(answer, permuted) < ROUNDING);
        }
        // Values at other points are another function.
        let other = ask(&moved(&values), &points);
        assert!(largest_difference(&answers[0], &other[0]) > 1e-3);
    }
}

#[test]
fn queries_are_answered_alone_as_together() {
    let (model, _) = build(&config(2), &ResidualConfig::Additive, DType::F32);
    let (values, points) = (normals(&[2, 20, 2], 1), scattered(20, 2, 2));
    let queries = scattered(9, 2, 3);
    let ctx = Context::evaluate();
    let ask = |queries: &Tensor| {
        model
            .forward_points(&values, &points, queries, 3, &ctx)
            .unwrap()
    };
    let together = ask(&queries);
    for place in [0, 4, 8] {
        let alone = ask(&queries.narrow(1, place, 1).unwrap());
        for (step, alone) in alone.iter().enumerate() {
            let expected = together[step].narrow(1, place, 1).unwrap();
            assert!(largest_difference(alone, &expected) < ROUNDING);
        }
    }
}

#[test]
fn a_grid_is_its_points() {
    for periodic in [true, false] {
        let config = OFormerConfig {
            periodic,
            ..config(2)
        };
        let (model, _) = build(&config, &ResidualConfig::Additive, DType::F32);
        let fields = normals(&[2, 4, 5, 2], 1);
        let ctx = Context::evaluate();
        let on_grid = model.roll_out(&fields, 2, &ctx).unwrap();
        let intervals = |extent: usize| if periodic { extent } else { extent - 1 };
        let points: Vec<f32> = (0..20)
            .flat_map(|site| {
                let x = (site / 5) as f32 / intervals(4) as f32;
                [x, (site % 5) as f32 / intervals(5) as f32]
            })
            .collect();
        let points = Tensor::from_vec(points, (1, 20, 2), &Device::Cpu).unwrap();
        let values = fields.reshape((2, 20, 2)).unwrap();
        let found = model
            .forward_points(&values, &points, &points, 2, &ctx)
            .unwrap();
        assert_eq!(on_grid[1].dims(), [2, 4, 5, 1]);
        assert_eq!(numbers(&on_grid[1]), numbers(&found[1]));
    }
}

#[test]
fn every_variable_gets_a_gradient_and_residuals_differ_in_training_alone() {
    // As many samples as make it unlikely that stochastic depth drops a layer of all of them.
    let fields = normals(&[8, 4, 4, 2], 1);
    let targets = normals(&[8, 4, 4, 2], 2);
    let (plain, store) = build(&config(2), &ResidualConfig::Additive, DType::F32);
    assert_eq!(store.parameter_count(), config(2).parameter_count());
    let expected = numbers(&plain.forward_t(&fields, &Context::evaluate()).unwrap());
    for &variant in Variant::ALL {
        let (model, store) = build(&config(2), &residual(variant), DType::F32);
        let evaluated = model.forward_t(&fields, &Context::evaluate()).unwrap();
        assert_eq!(numbers(&evaluated), expected, "{variant}");
        let ctx = Context::train(1, 0);
        if variant != Variant::Additive {
            let trained = numbers(&model.forward_t(&fields, &ctx).unwrap());
            assert_ne!(trained, expected, "{variant}");
            assert_eq!(trained, numbers(&model.forward_t(&fields, &ctx).unwrap()));
        }
        let loss = roll_out_loss(&model, &fields, &targets, &ctx).unwrap();
        let gradients = loss.backward().unwrap();
        for (name, variable) in store.variables() {
            let gradient = gradients.get(&variable);
            let gradient = numbers(gradient.unwrap_or_else(|| panic!("{variant}: {name}")));
            assert!(gradient.iter().all(|value| value.is_finite()), "{name}");
            assert!(
                gradient.iter().any(|value| *value != 0.0),
                "{variant}: {name}"
            );
        }
    }
}

#[test]
fn the_gradient_is_that_of_differences() {
    let (model, store) = build(&config(2), &ResidualConfig::Additive, DType::F64);
    let double = |tensor: Tensor| tensor.to_dtype(DType::F64).unwrap();
    let (fields, targets) = (
        double(normals(&[1, 3, 3, 2], 1)),
        double(normals(&[1, 3, 3, 2], 2)),
    );
    let ctx = Context::evaluate();
    let loss = || roll_out_loss(&model, &fields, &targets, &ctx).unwrap();
    let value = || loss().to_scalar::<f64>().unwrap();
    let gradients = loss().backward().unwrap();
    for (index, (name, variable)) in store.variables().into_iter().enumerate() {
        let gradient = gradients.get(&variable).unwrap();
        let gradient: Vec<f64> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        let before: Vec<f64> = variable.flatten_all().unwrap().to_vec1().unwrap();
        let place = index * 13 % before.len();
        // The error of a central difference is of order h^2 and rounding over h.
        let h = 1e-5;
        let at = |shift: f64| {
            let mut values = before.clone();
            values[place] += shift;
            let moved = Tensor::from_vec(values, variable.shape(), &Device::Cpu).unwrap();
            variable.set(&moved).unwrap();
            value()
        };
        let difference = (at(h) - at(-h)) / (2.0 * h);
        at(0.0);
        let error = (difference - gradient[place]).abs();
        assert!(
            error < 1e-6 * (1.0 + difference.abs()),
            "{name}[{place}]: {difference} {}",
            gradient[place]
        );
    }
}

/// From a wave to the wave moved by an eighth of the circle.
#[test]
fn it_learns_to_shift_waves() {
    let config = OFormerConfig {
        in_channels: 1,
        ..config(1)
    };
    let (model, store) = build(&config, &ResidualConfig::Additive, DType::F32);
    let waves = |count: usize, seed: u64| {
        let amplitudes = numbers(&normals(&[count, 4], seed));
        let at = |shift: f32| {
            let values: Vec<f32> = (0..count * 16)
                .map(|index| {
                    let (sample, x) = (index / 16, (index % 16) as f32 / 16.0 + shift);
                    let a = &amplitudes[sample * 4..];
                    let phase = std::f32::consts::TAU * x;
                    a[0] * phase.cos()
                        + a[1] * phase.sin()
                        + 0.5 * (a[2] * (2.0 * phase).cos() + a[3] * (2.0 * phase).sin())
                })
                .collect();
            Tensor::from_vec(values, (count, 16, 1), &Device::Cpu).unwrap()
        };
        (at(0.0), at(0.125))
    };
    let (inputs, targets) = waves(64, 1);
    let adam = OptimizerConfig::AdamW(AdamConfig::default());
    let mut optimizer = Optimizer::new(&adam, store.variables()).unwrap();
    for step in 0..200 {
        let ctx = Context::train(0, step);
        let loss = roll_out_loss(&model, &inputs, &targets, &ctx).unwrap();
        optimizer.step(&loss.backward().unwrap(), 5e-3).unwrap();
    }
    let (inputs, targets) = waves(16, 2);
    let ctx = Context::evaluate();
    let error = roll_out_loss(&model, &inputs, &targets, &ctx).unwrap();
    let error = error.to_scalar::<f32>().unwrap() / 16.0;
    // Guessing nothing gives 1; new waves, never seen.
    assert!(error < 0.3, "{error}");
}

#[test]
fn sizes_and_arrays_that_do_not_fit_are_refused_by_name() {
    for (wrong, key) in [
        (
            OFormerConfig {
                heads: 3,
                ..config(1)
            },
            "heads",
        ),
        (
            OFormerConfig {
                dims: 4,
                ..config(1)
            },
            "dims",
        ),
        (
            OFormerConfig {
                layers: 0,
                ..config(1)
            },
            "layers",
        ),
        (
            OFormerConfig {
                rotary_frequency: f64::NAN,
                ..config(1)
            },
            "rotary_frequency",
        ),
    ] {
        assert!(wrong.validate().unwrap_err().to_string().contains(key));
    }
    let (model, _) = build(&config(2), &ResidualConfig::Additive, DType::F32);
    let ask = |values: &[usize], points: &[usize], queries: &[usize]| {
        let (points, queries) = (normals(points, 2), normals(queries, 3));
        model
            .forward_points(
                &normals(values, 1),
                &points,
                &queries,
                1,
                &Context::evaluate(),
            )
            .unwrap_err()
    };
    for (error, name) in [
        (ask(&[2, 9, 3], &[1, 9, 2], &[1, 4, 2]), "values"),
        (ask(&[2, 9, 2], &[1, 8, 2], &[1, 4, 2]), "positions"),
        (ask(&[2, 9, 2], &[1, 9, 2], &[3, 4, 2]), "queries"),
    ] {
        assert!(matches!(error, Error::Shape { .. }), "{error}");
        assert!(error.to_string().starts_with(name), "{error}");
    }
}
