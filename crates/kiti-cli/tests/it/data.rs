//! `kiti data`: generating pairs of functions, listing what files hold.

use std::fs;

use serde_json::Value;

use crate::program::Scratch;

#[test]
fn pairs_of_every_equation_are_generated_and_listed() {
    let scratch = Scratch::new();
    for (equation, options, shapes) in [
        (
            "burgers",
            vec!["--resolution", "16", "--solver-resolution", "64"],
            ["[2,16]", "[2,16]"],
        ),
        (
            "navier-stokes",
            vec![
                "--resolution",
                "8",
                "--solver-resolution",
                "16",
                "--snapshots",
                "3",
            ],
            ["[2,8,8]", "[2,8,8,3]"],
        ),
        (
            "darcy",
            vec!["--resolution", "9", "--solver-resolution", "17"],
            ["[2,9,9]", "[2,9,9]"],
        ),
    ] {
        let file = scratch
            .path(&format!("{equation}.npz"))
            .display()
            .to_string();
        let mut arguments = vec![
            "data",
            "generate",
            equation,
            "--samples",
            "2",
            "--output",
            &file,
        ];
        arguments.extend(options);
        scratch.run(&arguments).succeeded();
        let shown = scratch.run(&["data", "show", &file, "--json"]).succeeded();
        let list: Value = serde_json::from_str(&shown.stdout).unwrap();
        for (index, (name, shape)) in ["inputs", "outputs"].iter().zip(shapes).enumerate() {
            assert_eq!(list[index]["name"], *name);
            assert_eq!(list[index]["shape"].to_string(), shape, "{equation}");
            assert_eq!(list[index]["not_finite"], 0);
        }
    }
}

#[test]
fn what_cannot_be_generated_or_shown_is_refused_at_once() {
    let scratch = Scratch::new();
    let refused = |arguments: &[&str], words: &[&str]| {
        let finished = scratch.run(arguments);
        assert_eq!(finished.code, Some(2), "{finished:#?}");
        finished.failed_saying(words);
    };
    let generate = [
        "data",
        "generate",
        "burgers",
        "--samples",
        "1000000",
        "--output",
    ];
    refused(&[&generate[..], &["u.npy"]].concat(), &["u.npy", ".npz"]);
    refused(&[&generate[..], &["u.csv"]].concat(), &["u.csv", ".npz"]);
    refused(
        &[&generate[..], &["u.npz", "--resolution", "1000"]].concat(),
        &["resolution = 1000", "divides"],
    );
    assert!(fs::read_dir(scratch.path(".")).unwrap().next().is_none());
    let path = scratch.path("flow.mat");
    fs::write(&path, b"MATLAB 5.0 MAT-file").unwrap();
    let file = path.display().to_string();
    refused(&["data", "show", &file], &["flow.mat", "19 bytes"]);
}

/// A file among the samples of real data that the readers are tested with.
fn golden(name: &str) -> String {
    format!(
        "{}/../kiti-data/tests/golden/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

#[test]
fn images_and_texts_are_described() {
    let scratch = Scratch::new();
    let show = |name: &str, source: &str| -> Value {
        let shown = scratch.run(&["data", "show", name, "--source", source, "--json"]);
        serde_json::from_str(&shown.succeeded().stdout).unwrap()
    };
    let images = show("cifar10", &golden("images/cifar-10-binary.tar.gz"));
    assert_eq!(images["train"]["images"], 10);
    assert_eq!(images["test"]["size"].to_string(), "[3,32,32]");
    let labels = images["train"]["labels"].as_object().unwrap();
    assert_eq!(labels.len(), 10);
    assert_eq!(labels.values().filter_map(Value::as_u64).sum::<u64>(), 10);
    for mean in images["train"]["mean"].as_array().unwrap() {
        assert!((0.2..0.8).contains(&mean.as_f64().unwrap()), "{images}");
    }
    let hub = show("cifar10", &golden("images/cifar10-train.parquet"));
    assert_eq!(hub["train"], images["train"]);

    let reviews = show("imdb", &golden("text/aclImdb.tar.gz"));
    assert_eq!(reviews["train"]["examples"], 6);
    assert_eq!(reviews["train"]["labels"]["neg"], 3);
    let pairs = show("snli", &golden("text/snli/snli_1.0_dev.jsonl"));
    assert_eq!(pairs["validation"]["undecided"], 1);
    let table = show("texts", &golden("text/imdb-train.csv"));
    assert_eq!(table["train"], reviews["train"]);

    let shown = scratch.run(&[
        "data",
        "show",
        "imdb",
        "--source",
        &golden("text/aclImdb.tar.gz"),
    ]);
    assert!(shown.succeeded().stdout.contains("neg 3, pos 3"));
}

#[test]
fn sources_that_are_no_data_sets_are_refused() {
    let scratch = Scratch::new();
    let refused = |name: &str, source: &str, words: &[&str]| {
        let finished = scratch.run(&["data", "show", name, "--source", source]);
        assert_eq!(finished.code, Some(2), "{finished:#?}");
        finished.failed_saying(words);
    };
    refused("cifar11", ".", &["cifar11", "cifar100"]);
    refused("cifar10", "absent.tar.gz", &["absent.tar.gz"]);
    refused(
        "imdb",
        &golden("images/smooth.jpg"),
        &["smooth.jpg", "aclImdb_v1.tar.gz"],
    );
    refused(
        "cifar100",
        &golden("images/cifar10-test.parquet"),
        &["fine_label"],
    );
    let finished = scratch.run(&["data", "fetch", "cifar11"]);
    finished.failed_saying(&["cifar11", "imdb"]);
}
