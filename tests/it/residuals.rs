//! What every residual promises, in whole models: the same variables, a gradient for each of them, and the
//! plain network in evaluation.

use candle::{DType, Device, Tensor};
use kiti_models::fno::{Fno, FnoConfig};
use kiti_nn::{Context, ResidualConfig, VarStore, Variant, VariantSettings};

/// Small enough for seconds; 4 divisions of 32 or 64 sites leave 8 or 16 particles.
fn models() -> [(FnoConfig, Vec<usize>); 2] {
    let common = FnoConfig {
        width: 4,
        layers: 3,
        in_channels: 2,
        projection: 6,
        ..FnoConfig::default()
    };
    [
        (
            FnoConfig {
                modes: vec![5],
                ..common.clone()
            },
            vec![32],
        ),
        (
            FnoConfig {
                modes: vec![3, 3],
                ..common
            },
            vec![8, 8],
        ),
    ]
}

fn residuals() -> impl Iterator<Item = (Variant, ResidualConfig)> {
    let settings = VariantSettings {
        divisions: 4,
        ..VariantSettings::default()
    };
    Variant::ALL
        .iter()
        .map(move |variant| (*variant, variant.config(&settings)))
}

/// A fixed input without symmetries.
fn input(grid: &[usize], channels: usize) -> Tensor {
    let shape: Vec<usize> = [6].iter().chain(grid).chain([&channels]).copied().collect();
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count)
        .map(|i| ((i * i % 97) as f32 * 0.37).sin())
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    values.into_iter().map(f32::to_bits).collect()
}

#[test]
fn every_residual_starts_from_the_same_weights_and_evaluates_to_the_plain_network() {
    for (config, grid) in models() {
        let xs = input(&grid, config.in_channels);
        let plain_store = VarStore::new(7, DType::F32, &Device::Cpu);
        let plain = Fno::new(&config, &ResidualConfig::Additive, plain_store.builder()).unwrap();
        let expected = bits(&plain.forward_t(&xs, &Context::evaluate()).unwrap());
        for (variant, residual) in residuals() {
            let store = VarStore::new(7, DType::F32, &Device::Cpu);
            let model = Fno::new(&config, &residual, store.builder()).unwrap();
            let (plain, own) = (plain_store.tensors(), store.tensors());
            assert!(plain.keys().eq(own.keys()), "{variant}: other variables");
            for (name, tensor) in &own {
                assert_eq!(
                    bits(tensor),
                    bits(&plain[name]),
                    "{variant}: {name} starts elsewhere"
                );
            }
            let found = bits(&model.forward_t(&xs, &Context::evaluate()).unwrap());
            assert_eq!(
                found, expected,
                "{variant}: not the plain network in evaluation"
            );
        }
    }
}

#[test]
fn every_variable_receives_a_gradient_from_every_residual() {
    for (config, grid) in models() {
        let xs = input(&grid, config.in_channels);
        for (variant, residual) in residuals() {
            let store = VarStore::new(7, DType::F32, &Device::Cpu);
            let model = Fno::new(&config, &residual, store.builder()).unwrap();
            let loss = model
                .forward_t(&xs, &Context::train(5, 1))
                .unwrap()
                .sqr()
                .unwrap()
                .sum_all()
                .unwrap();
            let gradients = loss.backward().unwrap();
            for (name, variable) in store.variables() {
                let gradient = gradients
                    .get(&variable)
                    .unwrap_or_else(|| panic!("{variant}: {name} has no gradient"));
                let largest = gradient
                    .abs()
                    .unwrap()
                    .max_all()
                    .unwrap()
                    .to_scalar::<f32>()
                    .unwrap();
                assert!(
                    largest > 0.0 && largest.is_finite(),
                    "{variant}: the gradient of {name} is {largest}"
                );
            }
        }
    }
}

#[test]
fn training_draws_depend_on_seed_step_and_pass_and_on_nothing_else() {
    let [_, (config, grid)] = models();
    let xs = input(&grid, config.in_channels);
    for (variant, residual) in residuals() {
        let store = VarStore::new(7, DType::F32, &Device::Cpu);
        let model = Fno::new(&config, &residual, store.builder()).unwrap();
        let run = |ctx: Context| bits(&model.forward_t(&xs, &ctx).unwrap());
        let first = run(Context::train(5, 1));
        assert_eq!(
            first,
            run(Context::train(5, 1)),
            "{variant}: not repeatable"
        );
        if residual != ResidualConfig::Additive {
            for other in [
                Context::train(6, 1),
                Context::train(5, 2),
                Context::train(5, 1).with_pass(1),
            ] {
                assert_ne!(first, run(other), "{variant}: the draws do not change");
            }
        }
    }
}
