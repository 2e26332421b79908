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
