//! Operators: gradients, initial weights, and what a residual does and does not change.

use std::collections::BTreeMap;

use candle::{DType, Device, Tensor};
use kiti_models::Error;
use kiti_models::fno::{Fno, FnoConfig};
use kiti_models::rollout::{first_not_finite, roll_out, roll_out_loss};
use kiti_nn::kinetic::Velocity;
use kiti_nn::{Context, ResidualConfig, VarStore, Variant, VariantSettings};

use crate::support::{normals, numbers, tiny_fno};

fn residual(variant: Variant) -> ResidualConfig {
    variant.config(&VariantSettings {
        divisions: 4,
        ..VariantSettings::default()
    })
}

fn build(config: &FnoConfig, residual: &ResidualConfig, seed: u64) -> (Fno, VarStore) {
    let store = VarStore::new(seed, DType::F32, &Device::Cpu);
    (Fno::new(config, residual, store.builder()).unwrap(), store)
}

fn weights(store: &VarStore) -> BTreeMap<String, Vec<f32>> {
    store
        .tensors()
        .iter()
        .map(|(name, tensor)| (name.clone(), numbers(tensor)))
        .collect()
}

#[test]
fn every_variable_gets_a_gradient_with_every_residual() {
    let line = FnoConfig {
        modes: vec![3],
        ..tiny_fno()
    };
    for &variant in Variant::ALL {
        for (config, grid) in [(tiny_fno(), vec![8, 8]), (line.clone(), vec![16])] {
            let (model, store) = build(&config, &residual(variant), 5);
            let shape = |last| [&[2], &grid[..], &[last]].concat();
            let (history, targets) = (normals(&shape(3), 1), normals(&shape(2), 2));
            let ctx = Context::train(1, 0);
            let loss = roll_out_loss(&model, &history, &targets, &ctx).unwrap();
            let gradients = loss.backward().unwrap();
            for (name, variable) in store.variables() {
                let gradient = gradients.get(&variable);
                let gradient = gradient.unwrap_or_else(|| panic!("{variant}: {name} has none"));
                let values = numbers(gradient);
                assert!(
                    values.iter().all(|value| value.is_finite()),
                    "{variant}: {name}"
                );
                assert!(
                    values.iter().any(|value| *value != 0.0),
                    "{variant}: {name} is zero"
                );
            }
        }
    }
}

#[test]
fn one_seed_gives_one_set_of_initial_weights_whatever_the_residual() {
    let (_, store) = build(&tiny_fno(), &ResidualConfig::Additive, 11);
    let expected = weights(&store);
    for &variant in Variant::ALL {
        let (_, store) = build(&tiny_fno(), &residual(variant), 11);
        assert_eq!(weights(&store), expected, "{variant}");
    }
    let (_, other) = build(&tiny_fno(), &ResidualConfig::Additive, 12);
    assert!(
        weights(&other)
            .iter()
            .all(|(name, values)| *values != expected[name])
    );
}

#[test]
fn in_evaluation_every_residual_is_the_additive_one() {
    let xs = normals(&[2, 8, 8, 3], 3);
    let (plain, _) = build(&tiny_fno(), &ResidualConfig::Additive, 1);
    let expected = numbers(&plain.forward_t(&xs, &Context::evaluate()).unwrap());
    let trained = Context::train(4, 7);
    assert_eq!(numbers(&plain.forward_t(&xs, &trained).unwrap()), expected);
    for &variant in Variant::ALL {
        let (model, _) = build(&tiny_fno(), &residual(variant), 1);
        let evaluated = numbers(&model.forward_t(&xs, &Context::evaluate()).unwrap());
        assert_eq!(evaluated, expected, "{variant}");
        if variant != Variant::Additive {
            let once = numbers(&model.forward_t(&xs, &trained).unwrap());
            assert_ne!(once, expected, "{variant} does nothing in training");
            let again = numbers(&model.forward_t(&xs, &trained).unwrap());
            assert_eq!(once, again, "{variant} is not a function of its context");
        }
    }
}

/// An addition draws nothing: training and evaluation give the same bits.
#[test]
fn the_plain_network_is_the_same_in_training_and_evaluation() {
    for modes in [vec![5], vec![3, 4]] {
        let config = FnoConfig {
            in_channels: 2,
            width: 6,
            ..FnoConfig::default()
        };
        let shape = [&[3], &vec![12; modes.len()][..], &[2]].concat();
        let config = FnoConfig { modes, ..config };
        let (model, _) = build(&config, &ResidualConfig::Additive, 9);
        let xs = normals(&shape, 4);
        let run = |ctx: &Context| numbers(&model.forward_t(&xs, ctx).unwrap());
        assert_eq!(run(&Context::evaluate()), run(&Context::train(1, 0)));
    }
}

#[test]
fn an_inertial_model_carries_velocities_from_layer_to_layer() {
    let xs = normals(&[1, 8, 8, 3], 3);
    let settings = |velocity| VariantSettings {
        velocity,
        ..VariantSettings::default()
    };
    let output = |velocity| {
        let residual = Variant::Reflection.config(&settings(velocity));
        let (model, _) = build(&tiny_fno(), &residual, 1);
        numbers(&model.forward_t(&xs, &Context::evaluate()).unwrap())
    };
    assert_ne!(output(Velocity::Inertial), output(Velocity::Memoryless));
}

#[test]
fn a_grid_smaller_than_the_modes_and_a_wrong_shape_are_errors() {
    let config = FnoConfig {
        modes: vec![4, 6],
        ..tiny_fno()
    };
    let (model, _) = build(&config, &ResidualConfig::Additive, 1);
    let run = |shape: &[usize]| model.forward_t(&normals(shape, 1), &Context::evaluate());
    assert!(run(&[1, 4, 10, 3]).is_ok());
    let error = run(&[1, 8, 8, 3]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::GridTooSmall {
                dimension: 1,
                needed: 10,
                ..
            }
        ),
        "{error}"
    );
    assert!(matches!(
        run(&[1, 16, 16, 2]).unwrap_err(),
        Error::Shape { .. }
    ));
    assert!(matches!(run(&[1, 16, 3]).unwrap_err(), Error::Shape { .. }));
}

#[test]
fn divisions_that_do_not_divide_are_an_error_that_names_both_numbers() {
    let settings = VariantSettings {
        divisions: 7,
        ..VariantSettings::default()
    };
    let (model, _) = build(&tiny_fno(), &Variant::Elastic.config(&settings), 1);
    let error = model
        .forward_t(&normals(&[1, 8, 8, 3], 1), &Context::train(0, 0))
        .unwrap_err();
    let message = error.to_string();
    assert!(message.contains("64") && message.contains('7'), "{message}");
}

#[test]
fn a_roll_out_feeds_predictions_back_in_the_order_of_time() {
    let (model, _) = build(&tiny_fno(), &ResidualConfig::Additive, 1);
    let history = normals(&[2, 8, 8, 3], 4);
    let ctx = Context::evaluate();
    let mut window = history.clone();
    let rolled = roll_out(&model, &history, 5, &ctx).unwrap();
    for prediction in &rolled {
        let expected = model.forward_t(&window, &ctx).unwrap();
        assert_eq!(numbers(prediction), numbers(&expected));
        let tail = window.narrow(3, 1, 2).unwrap().contiguous().unwrap();
        window = Tensor::cat(&[&tail, &expected], 3)
            .unwrap()
            .contiguous()
            .unwrap();
    }
    // The loss, by its definition in double precision.
    let targets = normals(&[2, 8, 8, 5], 5);
    let loss = roll_out_loss(&model, &history, &targets, &ctx).unwrap();
    let mut expected = 0.0f64;
    for (step, prediction) in rolled.iter().enumerate() {
        for sample in 0..2 {
            let p = numbers(&prediction.get(sample).unwrap());
            let t = numbers(&targets.get(sample).unwrap().narrow(2, step, 1).unwrap());
            let norm = |values: &mut dyn Iterator<Item = f32>| {
                values
                    .map(|value| f64::from(value).powi(2))
                    .sum::<f64>()
                    .sqrt()
            };
            let difference = norm(&mut p.iter().zip(&t).map(|(p, t)| p - t));
            expected += difference / norm(&mut t.iter().copied());
        }
    }
    // 640 terms in single precision.
    let found = f64::from(loss.to_scalar::<f32>().unwrap());
    assert!(
        (found - expected).abs() < 1e-5 * expected,
        "{found} {expected}"
    );
}

#[test]
fn the_first_place_that_is_not_finite_is_named() {
    let (model, store) = build(&tiny_fno(), &residual(Variant::Reflection), 1);
    let history = normals(&[1, 8, 8, 3], 4);
    let ctx = Context::evaluate();
    assert_eq!(first_not_finite(&model, &history, 2, &ctx).unwrap(), None);
    for (name, variable) in store.variables() {
        if name == "skip.1.bias" {
            variable
                .set(&Tensor::full(f32::NAN, 4, &Device::Cpu).unwrap())
                .unwrap();
        }
    }
    let place = first_not_finite(&model, &history, 2, &ctx).unwrap();
    assert_eq!(place.unwrap(), "skip.1 (roll-out step 1)");
}
