//! A model and a recipe small enough to train in milliseconds.

use std::ops::ControlFlow;
use std::path::Path;

use candle::{DType, Device, Tensor};
use kiti_data::cache::Cache;
use kiti_kinetics::rng::Stream;
use kiti_models::Result;
use kiti_models::fno::FnoConfig;
use kiti_models::recipe::Recipe;
use kiti_models::train::{Event, Outcome, RunResult, TrainOptions, Trainer};
use kiti_nn::VarStore;

pub fn tiny_fno() -> FnoConfig {
    FnoConfig {
        modes: vec![2, 2],
        width: 4,
        layers: 2,
        in_channels: 3,
        projection: 6,
        ..FnoConfig::default()
    }
}

/// 5 samples in batches of 2 (the last one of 1), roll-outs of 2 steps, 3 epochs, evaluated
/// in epochs 2 and 3.
pub fn tiny_recipe(variant: &str, extra: &[(&str, &str)]) -> Recipe {
    let mut sets = vec![
        ("residual.variant", variant),
        ("model.modes", "[2, 2]"),
        ("model.width", "4"),
        ("model.layers", "2"),
        ("model.in_channels", "3"),
        ("model.projection", "6"),
        ("data.resolution", "8"),
        ("data.samples", "5"),
        ("data.inputs", "3"),
        ("data.outputs", "2"),
        ("training.epochs", "3"),
        ("training.batch_size", "2"),
        ("training.schedule.every", "2"),
        ("evaluation.every", "2"),
        ("evaluation.sets.32.resolution", "8"),
        ("evaluation.sets.64.resolution", "16"),
        ("evaluation.sets.64-published.resolution", "16"),
        ("evaluation.sets.32.samples", "3"),
        ("evaluation.sets.64.samples", "2"),
        ("evaluation.sets.64-published.samples", "2"),
    ];
    sets.extend(extra);
    let sets: Vec<_> = sets
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Recipe::load("heat", None, &sets).unwrap()
}

pub fn options(out: &Path) -> TrainOptions {
    // Beside the run's folder, so that runs of one test share it.
    TrainOptions {
        seed: 3,
        ..TrainOptions::new(out, Cache::new(out.with_file_name("cache")))
    }
}

pub fn silent(_: &Event<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub fn train(recipe: &Recipe, out: &Path, resume: bool) -> Result<RunResult> {
    let options = TrainOptions {
        resume,
        ..options(out)
    };
    match Trainer::new(recipe.clone(), options)?.run(&mut silent)? {
        Outcome::Finished(result) => Ok(*result),
        Outcome::Interrupted { .. } => panic!("nobody interrupts a silent run"),
    }
}

/// Reproducible normal numbers.
pub fn normals(shape: &[usize], seed: u64) -> Tensor {
    let mut stream = Stream::new(seed, [0; 3]);
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| stream.normal() as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

pub fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor
        .to_dtype(DType::F32)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap()
}

/// Every trainable variable has a finite gradient that is not all zero.
pub fn assert_all_trained(name: &str, store: &VarStore, loss: &Tensor) {
    let gradients = loss.backward().unwrap();
    for (variable, var) in store.trainable() {
        let gradient = gradients.get(&var);
        let gradient = gradient.unwrap_or_else(|| panic!("{name}: {variable} has none"));
        let values = numbers(gradient);
        assert!(values.iter().all(|v| v.is_finite()), "{name}: {variable}");
        assert!(
            values.iter().any(|v| *v != 0.0),
            "{name}: {variable} is zero"
        );
    }
}
