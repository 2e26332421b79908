//! Recipes of every kind of data, from the built-in ones to files of one's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle::Device;
use kiti_data::Field;
use kiti_data::field_io;
use kiti_models::Error;
use kiti_models::checkpoint::load_model;
use kiti_models::evaluate::{evaluate_checkpoint, predict};
use kiti_models::recipe::Recipe;
use kiti_models::train::{Basis, Plan};

use crate::support::{normals, options, train};

fn load(name: &str, profile: &str, sets: &[(&str, &str)]) -> kiti_models::Result<Recipe> {
    let sets: Vec<_> = sets
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Recipe::load(name, Some(profile), &sets)
}

/// Where the samples of recipes are that are not generated: a few that the repository holds.
fn samples_of(recipe: &str) -> Vec<(&'static str, &'static str)> {
    macro_rules! golden {
        ($file:literal) => {
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../kiti-data/tests/golden/",
                $file
            )
        };
    }
    let tokenizer = ("data.tokenizer", golden!("text/tokenizer.json"));
    match recipe {
        "cifar10" => vec![("data.path", golden!("images/cifar-10-binary.tar.gz"))],
        "cifar100" => vec![("data.path", golden!("images/cifar-100-binary.tar.gz"))],
        "imdb" => vec![("data.path", golden!("text/aclImdb.tar.gz")), tokenizer],
        "snli" => vec![
            ("data.path", golden!("text/snli")),
            ("evaluation.sets.test.split", "validation"),
            tokenizer,
        ],
        _ => Vec::new(),
    }
}

#[test]
fn every_built_in_recipe_resolves_and_its_smoke_profile_trains() {
    let scratch = tempfile::tempdir().unwrap();
    for name in Recipe::builtin_names() {
        for profile in Recipe::profiles(name).unwrap() {
            let recipe = Recipe::load(name, Some(&profile), &[]).unwrap();
            let text = recipe.to_toml().unwrap();
            let read = Recipe::parse(&text, "recipe.toml", None, &[]).unwrap();
            assert_eq!(read, recipe, "{name} {profile}");
            Plan::new(&recipe, Basis::Counted, &Device::Cpu).unwrap();
        }
        let sets = [&[("residual.variant", "reflection")], &samples_of(name)[..]].concat();
        let recipe = load(name, "smoke", &sets).unwrap();
        let out = scratch.path().join(name);
        let result = train(&recipe, &out, false).unwrap();
        let evaluation = result.last.evaluation.clone().unwrap();
        assert_eq!(evaluation.len(), recipe.evaluation.sets.len() + 1, "{name}");
        assert!(
            evaluation
                .values()
                .all(|error| error.is_finite() && *error >= 0.0)
        );
        assert!(
            result
                .last
                .layers
                .iter()
                .all(|layer| layer.acceptance_rate > 0.0),
            "{name}"
        );

        // The saved model carries all that it needs, its scales too.
        let cache = options(&out).cache;
        let found = evaluate_checkpoint(&out, &recipe, &cache, &Device::Cpu).unwrap();
        assert_eq!(found, evaluation, "{name}");
        let plan = Plan::new(&recipe, Basis::TimedStep, &Device::Cpu).unwrap();
        assert_eq!(plan.parameters, result.cost.parameters, "{name}");
    }
}

#[test]
fn a_test_set_has_the_keys_of_its_kind_of_data() {
    let error = load(
        "burgers",
        "smoke",
        &[("evaluation.sets.256.source", "frame")],
    )
    .unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("evaluation.sets.256.source") && message.contains("resolution, samples"),
        "{message}"
    );
    let error = load("darcy", "smoke", &[("evaluation.sets.85.resolution", "12")]).unwrap_err();
    assert!(error.to_string().contains("evaluation.sets.85"), "{error}");
    let error = load("burgers", "smoke", &[("model.modes", "[4, 4]")]).unwrap_err();
    assert!(error.to_string().contains("dimensions"), "{error}");
    // A known set inherits what it does not say.
    let recipe = load(
        "navier-stokes",
        "smoke",
        &[("evaluation.sets.mine", "{ samples = 3 }")],
    )
    .unwrap();
    let extent = recipe
        .data
        .fields()
        .extent(recipe.evaluation.sets.get("mine"))
        .unwrap();
    assert_eq!((extent.samples, extent.grid), (3, vec![16, 16]));
    assert_eq!((extent.inputs, extent.outputs), (3, 2));
}

/// Two arrays of 6 samples of 16 points, targets with two channels, and their manifest.
fn write_fields(folder: &Path, spoil: impl Fn(&mut Vec<f64>)) -> PathBuf {
    let inputs = Field::from_tensor(&normals(&[6, 16], 1)).unwrap();
    let mut values = Field::from_tensor(&normals(&[6, 16, 2], 2))
        .unwrap()
        .into_f64();
    spoil(&mut values);
    let targets = Field::from_f64(vec![6, 16, 2], values).unwrap();
    let arrays = BTreeMap::from([("a".to_owned(), inputs), ("u".to_owned(), targets)]);
    field_io::write(folder.join("mine.npz"), &arrays).unwrap();
    let manifest = r#"
        name = "mine"
        [inputs]
        file = "mine.npz"
        array = "a"
        axes = ["sample", "x"]
        [outputs]
        file = "mine.npz"
        array = "u"
        axes = ["sample", "x", "channel"]
        [splits]
        train = [0, 4]
        test = [4, 6]
    "#;
    let path = folder.join("mine.toml");
    std::fs::write(&path, manifest).unwrap();
    path
}

fn fields_recipe(manifest: &Path) -> Recipe {
    let text = format!(
        "name = \"mine\"\n\
         [data]\nkind = \"fields\"\nmanifest = {:?}\nnormalize = true\n\
         [model]\nkind = \"fno\"\nmodes = [3]\nwidth = 4\nlayers = 2\nin_channels = 1\nout_channels = 2\nprojection = 6\n\
         [training]\nepochs = 2\nbatch_size = 2\n\
         [evaluation.sets.test]\nsplit = \"test\"\n",
        manifest.display().to_string()
    );
    Recipe::parse(&text, "mine.toml", None, &[]).unwrap()
}

#[test]
fn fields_from_files_train_evaluate_and_predict() {
    let scratch = tempfile::tempdir().unwrap();
    let recipe = fields_recipe(&write_fields(scratch.path(), |_| {}));
    let out = scratch.path().join("run");
    let result = train(&recipe, &out, false).unwrap();
    let evaluation = result.last.evaluation.unwrap();
    assert_eq!(evaluation.keys().collect::<Vec<_>>(), ["test", "train"]);
    assert!(evaluation.values().all(|error| error.is_finite()));
    // A saved model predicts in the units of the files, whatever its scales.
    let model = load_model(&out, &Device::Cpu).unwrap();
    let given = Field::from_tensor(&normals(&[2, 24], 3)).unwrap();
    let predicted = predict(model.operator().unwrap(), &given, 1, &Device::Cpu).unwrap();
    assert_eq!(predicted.shape(), [2, 24, 2]);
}

#[test]
fn files_that_do_not_fit_are_refused_before_training() {
    let scratch = tempfile::tempdir().unwrap();
    let refused = |recipe: &Recipe, name: &str| {
        let out = scratch.path().join(name);
        let error = train(recipe, &out, false).unwrap_err();
        assert!(!out.join("metrics.jsonl").exists(), "{name}");
        error.to_string()
    };
    let nan = write_fields(scratch.path(), |values| values[37] = f64::NAN);
    let message = refused(&fields_recipe(&nan), "nan");
    assert!(
        message.contains("NaN") && message.contains("[1, 2, 1]") && message.contains("mine.npz"),
        "{message}"
    );
    let fields = write_fields(scratch.path(), |_| {});
    let text = std::fs::read_to_string(&fields).unwrap();
    std::fs::write(&fields, text.replace("array = \"u\"", "array = \"w\"")).unwrap();
    let recipe = fields_recipe(&fields);
    let error = Plan::new(&recipe, Basis::Counted, &Device::Cpu).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("\"w\"") && message.contains("\"a\", \"u\""),
        "{message}"
    );
    std::fs::write(
        &fields,
        text.replace("\"test\"", "test")
            .replace("test =", "other ="),
    )
    .unwrap();
    let error = Plan::new(&recipe, Basis::Counted, &Device::Cpu).unwrap_err();
    assert!(matches!(error, Error::Data(_)), "{error}");
    assert!(error.to_string().contains("test"), "{error}");
}
