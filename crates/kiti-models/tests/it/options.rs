//! Options of training: what each does, and that none of them costs a bit when a run is resumed.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use candle::Device;
use kiti_data::field_io;
use kiti_models::checkpoint;
use kiti_models::recipe::Recipe;
use kiti_models::train::{Basis, EpochMetrics, Event, Plan, TrainOptions, Trainer, read_lines};

use crate::support::{options, tiny_recipe, train};

const ONE_CYCLE: (&str, &str) = (
    "training.schedule",
    "{ kind = \"one-cycle\", rise = 0.3, initial_divisor = 25.0, final_divisor = 1e4 }",
);

fn metrics(out: &Path) -> Vec<EpochMetrics> {
    read_lines(&out.join("metrics.jsonl")).unwrap()
}

fn model(out: &Path) -> BTreeMap<String, Vec<f32>> {
    let arrays = field_io::read(out.join("model.safetensors")).unwrap();
    let values = |(name, field): (String, kiti_data::Field)| (name, field.into_f32());
    arrays.into_iter().map(values).collect()
}

/// Trains in pieces: until each of `steps` optimiser steps, then to the end.
fn train_in_pieces(recipe: &Recipe, out: &Path, steps: &[u64]) {
    for &last in steps {
        let options = TrainOptions {
            resume: true,
            ..options(out)
        };
        Trainer::new(recipe.clone(), options)
            .unwrap()
            .run(&mut |event: &Event<'_>| match event {
                Event::Step { step, .. } if *step == last => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
            .unwrap();
    }
    train(recipe, out, true).unwrap();
}

#[test]
fn an_interrupted_run_ends_with_the_same_bits_whatever_the_options() {
    let scratch = tempfile::tempdir().unwrap();
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("one-cycle", &[ONE_CYCLE, ("training.schedule_per", "step")]),
        (
            "cosine-and-clipping",
            &[
                ("training.schedule", "{ kind = \"cosine\", minimum = 1e-5 }"),
                ("training.clip_norm", "0.5"),
            ],
        ),
        ("average", &[("training.average_decay", "0.9")]),
        ("noise", &[("training.input_noise", "0.1")]),
        (
            "accumulation",
            &[
                ("training.accumulation", "2"),
                ("training.loss_reduction", "mean"),
            ],
        ),
        (
            "everything",
            &[
                ONE_CYCLE,
                ("training.clip_norm", "0.5"),
                ("training.average_decay", "0.9"),
                ("training.input_noise", "0.1"),
                ("training.accumulation", "2"),
                ("training.validation_samples", "1"),
                ("training.patience", "3"),
                ("training.epochs", "4"),
                ("evaluation.every", "1"),
            ],
        ),
    ];
    for (name, sets) in cases {
        let recipe = tiny_recipe("reflection", sets);
        let steps = Plan::new(&recipe, Basis::Counted, &Device::Cpu)
            .unwrap()
            .steps;
        let (whole, parts) = (
            scratch.path().join(format!("{name}-whole")),
            scratch.path().join(format!("{name}-parts")),
        );
        let result = train(&recipe, &whole, false).unwrap();
        assert_eq!(result.last.step, steps, "{name}");
        train_in_pieces(&recipe, &parts, &[1, 4, steps - 1]);
        for file in [
            "metrics.jsonl",
            "model.safetensors",
            "predictions.safetensors",
        ] {
            let read = |out: &Path| fs::read(out.join(file)).unwrap();
            assert!(read(&whole) == read(&parts), "{name}: {file}");
        }
    }
}

#[test]
fn accumulated_batches_are_one_large_batch() {
    let scratch = tempfile::tempdir().unwrap();
    let run = |name: &str, sets: &[(&str, &str)]| {
        let out = scratch.path().join(name);
        train(&tiny_recipe("additive", sets), &out, false).unwrap();
        out
    };
    for reduction in ["sum", "mean"] {
        let reduction = ("training.loss_reduction", reduction);
        let once = run(
            &format!("{}-once", reduction.1),
            &[("training.batch_size", "4"), reduction],
        );
        let twice = run(
            &format!("{}-twice", reduction.1),
            &[("training.accumulation", "2"), reduction],
        );
        assert_eq!(metrics(&once)[2].step, 6);
        assert_eq!(metrics(&twice)[2].step, 6);
        for ((name, a), b) in model(&once).into_iter().zip(model(&twice).into_values()) {
            for (a, b) in a.iter().zip(&b) {
                // Sums of gradients in another order, through six steps of Adam.
                assert!((a - b).abs() < 2e-4, "{name}: {a} {b}");
            }
        }
    }
}

#[test]
fn the_average_follows_its_rule() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    let sets = [
        ("training.batch_size", "5"),
        ("training.average_decay", "0.15"),
    ];
    let recipe = tiny_recipe("additive", &sets);
    let mut weights = Vec::new();
    let start = kiti_models::train::initial_variables(&recipe, 3, &Device::Cpu).unwrap();
    weights.push(crate::support::numbers(&start.tensors()["skip.1.weight"]));
    Trainer::new(recipe, options(&out))
        .unwrap()
        .run(&mut |event: &Event<'_>| {
            if let Event::Epoch { .. } = event {
                let newest = checkpoint::latest(&out.join("checkpoints"), &Device::Cpu);
                let newest = newest.unwrap().unwrap();
                weights.push(crate::support::numbers(&newest.model["skip.1.weight"]));
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    // One step an epoch: decays min(0.15, 2/11), min(0.15, 3/12), ...
    let mut mean = weights[0].clone();
    for after in &weights[1..] {
        for (mean, weight) in mean.iter_mut().zip(after) {
            *mean = 0.15 * *mean + 0.85 * weight;
        }
    }
    let kept = &model(&out)["skip.1.weight"];
    for (kept, mean) in kept.iter().zip(&mean) {
        assert!((kept - mean).abs() < 1e-6, "{kept} {mean}");
    }
    assert_ne!(*kept, weights[3]);
}

#[test]
fn noise_is_drawn_in_training_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let first = |name: &str, noise: &str| {
        let out = scratch.path().join(name);
        // A rate so small that the weights stay: losses differ by the noise alone.
        let sets = [
            ("training.input_noise", noise),
            ("training.learning_rate", "1e-30"),
            ("evaluation.every", "1"),
        ];
        train(&tiny_recipe("additive", &sets), &out, false).unwrap();
        metrics(&out)
    };
    let (without, with) = (first("without", "0.0"), first("with", "0.5"));
    assert_eq!(without[0].evaluation, with[0].evaluation);
    assert_ne!(without[0].train_loss, with[0].train_loss);
    assert_ne!(with[0].train_loss, with[1].train_loss);
}

#[test]
fn training_stops_when_the_validation_error_no_longer_falls() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    // A rate so large that errors rise from the start.
    let sets = [
        ("training.validation_samples", "2"),
        ("training.patience", "2"),
        ("training.learning_rate", "0.3"),
        ("training.epochs", "50"),
        ("evaluation.every", "1"),
    ];
    let recipe = tiny_recipe("additive", &sets);
    let result = train(&recipe, &out, false).unwrap();
    let lines = metrics(&out);
    let errors: Vec<f64> = lines
        .iter()
        .map(|line| line.evaluation.as_ref().unwrap()["validation"])
        .collect();
    assert!(
        errors.len() < 50 && result.last.epoch == errors.len(),
        "{errors:?}"
    );
    let best = errors.iter().copied().fold(f64::INFINITY, f64::min);
    let place = errors.iter().position(|error| *error == best).unwrap();
    assert_eq!(errors.len(), place + 3, "{errors:?}");
    // Three samples are left to train on.
    assert_eq!(lines[0].step, 2);
    // And it stays stopped.
    fs::remove_file(out.join("result.json")).unwrap();
    assert_eq!(train(&recipe, &out, true).unwrap().last.epoch, errors.len());
}

#[test]
fn options_without_sense_are_refused_by_key() {
    for (key, value, also) in [
        ("training.accumulation", "0", None),
        ("training.input_noise", "-1.0", None),
        ("training.average_decay", "1.0", None),
        ("training.patience", "2", None),
        ("training.validation_samples", "20", None),
        (
            "evaluation.sets.validation.samples",
            "2",
            Some("evaluation.sets.validation"),
        ),
    ] {
        let sets = [(key.to_owned(), value.to_owned())];
        let error = Recipe::load("heat", None, &sets).unwrap_err().to_string();
        assert!(error.contains(also.unwrap_or(key)), "{key}: {error}");
    }
}
