//! Runs: the same bits however often they are interrupted, and nothing lost when they fail.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use candle::Device;
use kiti_models::Error;
use kiti_models::checkpoint::{self, load_model, load_weights};
use kiti_models::evaluate::{evaluate, evaluate_checkpoint, predict};
use kiti_models::operator::Operator;
use kiti_models::recipe::{ModelSection, Recipe};
use kiti_models::task::FieldSets;
use kiti_models::train::{
    Basis, EpochMetrics, EpochTiming, Event, Outcome, Plan, TrainOptions, Trainer,
    initial_variables, read_lines, read_result,
};

use crate::support::{numbers, options, silent, tiny_recipe, train};

/// What must not depend on interruptions.
fn lasting(out: &Path) -> [Vec<u8>; 4] {
    let read = |name: &str| fs::read(out.join(name)).unwrap();
    [
        read("metrics.jsonl"),
        read("model.safetensors"),
        read("predictions.safetensors"),
        read("checkpoints/epoch-000003/state.safetensors"),
    ]
}

/// Trains until `step` optimiser steps are done, then breaks off.
fn train_until(recipe: &Recipe, out: &Path, step: u64) -> Outcome {
    let mut observer = |event: &Event<'_>| match event {
        Event::Step { step: done, .. } if *done == step => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let options = TrainOptions {
        resume: true,
        ..options(out)
    };
    Trainer::new(recipe.clone(), options)
        .unwrap()
        .run(&mut observer)
        .unwrap()
}

#[test]
fn an_interrupted_run_ends_with_the_same_bits() {
    let scratch = tempfile::tempdir().unwrap();
    for variant in [
        "additive",
        "published-free-annealed",
        "reflection",
        "dropout",
    ] {
        let recipe = tiny_recipe(variant, &[]);
        let whole = scratch.path().join(format!("{variant}-whole"));
        let result = train(&recipe, &whole, false).unwrap();
        assert_eq!(result.last.step, 9);

        // In the middle of the first epoch, before any checkpoint; at the end of a batch of the second;
        // in the middle of the third.
        let parts = scratch.path().join(format!("{variant}-parts"));
        for step in [2, 4, 8] {
            let outcome = train_until(&recipe, &parts, step);
            let expected = (step as usize - 1) / 3;
            assert!(
                matches!(outcome, Outcome::Interrupted { epoch, .. } if epoch == expected),
                "{outcome:?}"
            );
        }
        train(&recipe, &parts, true).unwrap();
        assert_eq!(lasting(&parts), lasting(&whole), "{variant}");
    }
}

#[test]
fn a_run_can_be_restarted_from_each_kept_checkpoint_and_whatever_lies_after_it() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    let recipe = tiny_recipe("grazing", &[]);
    train(&recipe, &out, false).unwrap();
    let expected = lasting(&out);
    let kept: Vec<usize> = checkpoint::list(&out.join("checkpoints"))
        .unwrap()
        .into_iter()
        .map(|(epoch, _)| epoch)
        .collect();
    assert_eq!(kept, [2, 3]);

    // Killed between the last checkpoint and the result.
    fs::remove_file(out.join("result.json")).unwrap();
    fs::remove_file(out.join("model.safetensors")).unwrap();
    train(&recipe, &out, true).unwrap();
    assert_eq!(lasting(&out), expected);

    // Killed after the lines of epoch 3, while its checkpoint was being written.
    fs::remove_file(out.join("result.json")).unwrap();
    let newest = out.join("checkpoints/epoch-000003");
    fs::rename(&newest, out.join("checkpoints/.partial-epoch-000003")).unwrap();
    let mut lines = fs::read(out.join("metrics.jsonl")).unwrap();
    lines.extend_from_slice(b"{\"epoch\":4,\"st");
    fs::write(out.join("metrics.jsonl"), lines).unwrap();
    train(&recipe, &out, true).unwrap();
    assert_eq!(lasting(&out), expected);

    // The newest checkpoint was damaged on the disk: the one before it serves.
    fs::remove_file(out.join("result.json")).unwrap();
    let weights = newest.join("model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    train(&recipe, &out, true).unwrap();
    assert_eq!(lasting(&out), expected);
}

#[test]
fn metrics_hold_what_they_should() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    let recipe = tiny_recipe("reflection", &[]);
    let result = train(&recipe, &out, false).unwrap();
    let metrics: Vec<EpochMetrics> = read_lines(&out.join("metrics.jsonl")).unwrap();
    let timing: Vec<EpochTiming> = read_lines(&out.join("timing.jsonl")).unwrap();
    assert_eq!((metrics.len(), timing.len()), (3, 3));
    let steps: Vec<u64> = metrics.iter().map(|line| line.step).collect();
    assert_eq!(steps, [3, 6, 9]);
    let rates: Vec<f64> = metrics.iter().map(|line| line.learning_rate).collect();
    assert_eq!(rates, [1e-3, 1e-3, 5e-4]);
    assert_eq!(metrics[0].evaluation, None);
    assert_eq!(metrics[0].train_loss_without_collisions, None);
    for line in &metrics[1..] {
        let evaluation = line.evaluation.as_ref().unwrap();
        let names: Vec<&str> = evaluation.keys().map(String::as_str).collect();
        assert_eq!(names, ["32", "64", "64-published", "train"]);
        assert!(
            line.train_loss_without_collisions
                .is_some_and(f64::is_finite)
        );
        assert_eq!(line.layers.len(), 2);
        for layer in &line.layers {
            assert!(
                layer.acceptance_rate > 0.0 && layer.acceptance_rate <= 1.0,
                "{layer:?}"
            );
            // Reflection conserves both up to single precision.
            assert!((layer.energy_ratio - 1.0).abs() < 1e-4, "{layer:?}");
            assert!(layer.momentum_error < 1e-4, "{layer:?}");
        }
    }
    assert_eq!(&result.last, &metrics[2]);
    assert_eq!(read_result(&out.join("result.json")).unwrap(), result);
    assert_eq!(result.circumstances.variant, "reflection");
    let weights: Vec<&str> = result
        .condensation
        .iter()
        .map(|c| c.weight.as_str())
        .collect();
    assert!(weights.contains(&"spectral.1.weight") && weights.contains(&"lift.weight"));
    for record in &result.condensation {
        assert!(
            record
                .trained
                .relative_change
                .is_some_and(|change| change > 0.0),
            "{record:?}"
        );
        assert_eq!(record.trained.neurons, record.random.neurons);
    }
    let predictions = kiti_data::field_io::read(out.join("predictions.safetensors")).unwrap();
    assert_eq!(predictions.len(), 12);
    assert_eq!(predictions["64.prediction"].shape(), [16, 16, 2]);
    assert_eq!(predictions["64.input"].shape(), [16, 16, 3]);

    // The saved model, evaluated on its own, gives the same numbers.
    let cache = options(&out).cache;
    let found = evaluate_checkpoint(&out, &recipe, &cache, &Device::Cpu).unwrap();
    assert_eq!(Some(&found), result.last.evaluation.as_ref());
}

#[test]
fn a_kinetic_checkpoint_is_an_additive_one() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    train(&tiny_recipe("published-merged", &[]), &out, false).unwrap();
    let additive = tiny_recipe("additive", &[]);
    let store = initial_variables(&additive, 0, &Device::Cpu).unwrap();
    load_weights(&out, &additive.model, &store).unwrap();
    let ModelSection::Fno(config) = &additive.model else {
        panic!("the heat recipe has a Fourier neural operator")
    };
    let residual = additive.residual.config();
    let plain = kiti_models::fno::Fno::new(config, &residual, store.builder()).unwrap();
    let kinetic = load_model(&out, &Device::Cpu).unwrap();
    let fields = FieldSets::load(&additive, &options(&out).cache, &|_, _| {}).unwrap();
    for (name, data) in fields.iter() {
        let rows: Vec<usize> = (0..data.len()).collect();
        let inputs = data.inputs().rows(&rows).unwrap();
        let predict = |model: &dyn Operator| predict(model, &inputs, 4, &Device::Cpu).unwrap();
        assert_eq!(
            predict(&plain),
            predict(kinetic.operator().unwrap()),
            "{name}"
        );
        // Whatever the size of the parts that are evaluated at a time.
        let error = |size| evaluate(&plain, data, size, &Device::Cpu).unwrap();
        assert_eq!(error(1), error(5), "{name}");
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_and_names_step_and_layer() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    // One step of this size makes weights whose products overflow.
    let sets = [
        ("training.learning_rate", "1e30"),
        ("training.batch_size", "5"),
    ];
    let recipe = tiny_recipe("additive", &sets);
    let error = train(&recipe, &out, false).unwrap_err();
    match &error {
        Error::NotFinite {
            step: 2,
            epoch: 2,
            place,
            checkpoint: Some(kept),
            ..
        } => {
            assert!(place.contains("(roll-out step 1)"), "{place}");
            checkpoint::read(kept, &Device::Cpu).unwrap();
            assert!(kept.ends_with("epoch-000001"), "{kept:?}");
        }
        other => panic!("{other}"),
    }
    assert!(
        error.to_string().contains("smaller learning rate"),
        "{error}"
    );
    // And again when it is resumed, from the checkpoint that it names.
    let again = train(&recipe, &out, true).unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
}

#[test]
fn a_folder_belongs_to_one_run() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    let recipe = tiny_recipe("additive", &[]);
    let first = train(&recipe, &out, false).unwrap();

    let error = train(&recipe, &out, false).unwrap_err();
    assert!(matches!(error, Error::RunExists { .. }), "{error}");
    assert!(error.to_string().contains("--resume"), "{error}");
    assert_eq!(train(&recipe, &out, true).unwrap(), first);

    let other = tiny_recipe("elastic", &[("training.epochs", "4")]);
    let error = train(&other, &out, true).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Error::OtherRun { .. }), "{message}");
    assert!(
        message.contains("training.epochs: expected 4, found 3"),
        "{message}"
    );
    assert!(message.contains("residual.variant"), "{message}");

    let mut seeded = options(&out);
    (seeded.seed, seeded.resume) = (4, true);
    let error = Trainer::new(recipe.clone(), seeded)
        .unwrap()
        .run(&mut silent)
        .unwrap_err();
    assert!(
        error.to_string().contains("seed: expected 4, found 3"),
        "{error}"
    );

    fs::remove_file(out.join("run.json")).unwrap();
    let error = train(&recipe, &out, true).unwrap_err();
    assert!(matches!(error, Error::OtherRun { .. }), "{error}");

    // One that never began, for want of its data, is replaced.
    let never = scratch.path().join("never");
    fs::create_dir(&never).unwrap();
    for name in ["run.json", "recipe.toml"] {
        fs::write(never.join(name), "of another recipe").unwrap();
    }
    assert_eq!(train(&recipe, &never, false).unwrap().last, first.last);
}

#[test]
fn two_processes_cannot_train_in_one_folder() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    let recipe = tiny_recipe("additive", &[]);
    let mut seen = false;
    let mut observer = |event: &Event<'_>| {
        if matches!(event, Event::Started { .. }) {
            let error = train(&recipe, &out, true).unwrap_err();
            assert!(matches!(error, Error::Locked { .. }), "{error}");
            seen = true;
        }
        ControlFlow::Continue(())
    };
    Trainer::new(recipe.clone(), options(&out))
        .unwrap()
        .run(&mut observer)
        .unwrap();
    assert!(seen);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported_with_the_path_and_the_run_goes_on_later() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    fs::create_dir(&out).unwrap();
    let timing = out.join("timing.jsonl");
    std::os::unix::fs::symlink("/dev/full", &timing).unwrap();
    let recipe = tiny_recipe("additive", &[]);
    let error = train(&recipe, &out, false).unwrap_err();
    assert!(
        matches!(&error, Error::Io { path, .. } if *path == timing),
        "{error}"
    );
    assert!(error.to_string().contains("No space left"), "{error}");
    fs::remove_file(&timing).unwrap();
    train(&recipe, &out, true).unwrap();
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_one_before() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    let recipe = tiny_recipe("additive", &[]);
    let blocked = out.join("checkpoints/.partial-epoch-000002");
    let mut observer = |event: &Event<'_>| {
        if let Event::Epoch { metrics, .. } = event
            && metrics.epoch == 1
        {
            fs::write(&blocked, b"in the way").unwrap();
        }
        ControlFlow::Continue(())
    };
    let error = Trainer::new(recipe.clone(), options(&out))
        .unwrap()
        .run(&mut observer);
    let error = error.unwrap_err();
    assert!(
        matches!(&error, Error::Io { path, .. } if *path == blocked),
        "{error}"
    );
    let kept = checkpoint::latest(&out.join("checkpoints"), &Device::Cpu)
        .unwrap()
        .unwrap();
    assert_eq!(kept.progress.epoch, 1);
    fs::remove_file(&blocked).unwrap();
    train(&recipe, &out, true).unwrap();
}

#[test]
fn a_plan_says_what_will_be_done() {
    let recipe = tiny_recipe("reflection", &[]);
    let plan = Plan::new(&recipe, Basis::Counted, &Device::Cpu).unwrap();
    let store = initial_variables(&recipe, 0, &Device::Cpu).unwrap();
    assert_eq!(plan.parameters, store.parameter_count());
    assert_eq!((plan.steps, plan.seconds), (9, None));
    assert!(plan.total_flops > plan.steps * plan.training_step_flops);
    let timed = Plan::new(&recipe, Basis::TimedStep, &Device::Cpu).unwrap();
    assert!(timed.seconds.is_some_and(|seconds| seconds > 0.0));
    let rated = Plan::new(&recipe, Basis::Rate(1e9), &Device::Cpu).unwrap();
    assert_eq!(rated.seconds, Some(plan.total_flops as f64 / 1e9));
    // The paper's model, counted once by hand: 926,357 numbers.
    let heat = Recipe::load("heat", Some("paper"), &[]).unwrap();
    let plan = Plan::new(&heat, Basis::Counted, &Device::Cpu).unwrap();
    assert_eq!((plan.parameters, plan.steps), (926_357, 1000));
    let first = |seed| {
        numbers(
            &initial_variables(&recipe, seed, &Device::Cpu)
                .unwrap()
                .tensors()["lift.weight"],
        )
    };
    assert_ne!(first(0), first(1));
}
