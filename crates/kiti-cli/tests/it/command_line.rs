//! Bad input: each is refused with a message that names it and what to do, with its exit code, and loses nothing.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::program::{Finished, SMALL, Scratch, finish};

const REFUSED: i32 = 2;
const FAILED: i32 = 1;

/// The program ended with `code` and one message that holds all `words`.
#[track_caller]
fn ended(finished: Finished, code: i32, words: &[&str]) -> Finished {
    assert_eq!(finished.code, Some(code), "{finished:#?}");
    assert_eq!(
        finished.stderr.matches("error:").count(),
        1,
        "{finished:#?}"
    );
    finished.failed_saying(words)
}

fn with_small(arguments: &[&str]) -> Vec<String> {
    arguments
        .iter()
        .chain(&SMALL)
        .map(ToString::to_string)
        .collect()
}

/// A finished small run, and its folder.
fn trained(scratch: &Scratch, folder: &str, more: &[&str]) -> String {
    let out = scratch.path(folder).display().to_string();
    let mut arguments = with_small(&["train", "heat", "--out", &out]);
    arguments.extend(more.iter().map(ToString::to_string));
    scratch.run(&arguments).succeeded();
    out
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn recipes_that_cannot_be_read_are_refused() {
    let scratch = Scratch::new();
    let refused = |arguments: &[&str], words: &[&str]| {
        ended(scratch.run(&with_small(arguments)), REFUSED, words);
    };
    refused(&["train", "haet"], &["haet", "did you mean `heat`"]);
    refused(
        &["train", "heat", "--set", "training.learing_rate=1"],
        &[
            "training.learing_rate",
            "did you mean `training.learning_rate`",
        ],
    );
    refused(
        &["train", "heat", "--set", "training.epochs=many"],
        &["training.epochs", "a whole number", "many"],
    );
    refused(
        &["train", "heat", "--variant", "reflecton"],
        &["reflecton", "reflection"],
    );
    refused(
        &[
            "train",
            "heat",
            "--set",
            "residual.divisions=7",
            "--variant",
            "elastic",
        ],
        &["256", "7"],
    );
    let coarse = scratch.run(&["flops", "heat", "--set", "model.modes=[40, 40]"]);
    ended(coarse, REFUSED, &["32", "40", "finer grid or fewer modes"]);
    let file = scratch.path("own.toml");
    fs::write(
        &file,
        "name = \"own\"\n[data]\nkind = \"heat\"\nresolutoin = 3\n[model]\nkind = \"fno\"\n",
    )
    .unwrap();
    let own = scratch.run(&["flops", &text(&file)]);
    ended(
        own,
        REFUSED,
        &["own.toml", "data.resolutoin", "data.resolution"],
    );
    assert!(
        !scratch.path("runs").exists(),
        "a refused run leaves no folder"
    );
}

#[test]
fn profiles_experiments_and_devices_that_are_not_there_are_refused() {
    let scratch = Scratch::new();
    ended(
        scratch.run(&["flops", "heat", "--profile", "slow"]),
        REFUSED,
        &["slow", "quick", "smoke"],
    );
    ended(
        scratch.run(&["reproduce", "heta"]),
        REFUSED,
        &["heta", "heat"],
    );
    ended(
        scratch.run(&["reproduce", "--profile", "slow"]),
        REFUSED,
        &["slow", "quick"],
    );
    if cfg!(not(any(feature = "cuda", feature = "metal"))) {
        for device in ["cuda", "metal"] {
            let finished = scratch.run(&with_small(&["train", "heat", "--device", device]));
            ended(finished, REFUSED, &[device, "--features", "--device cpu"]);
        }
    }
    let finished = scratch.run(&["train", "heat", "--device", "gpu"]);
    ended(finished, REFUSED, &["gpu", "cuda:<index>"]);
}

#[test]
fn a_folder_that_holds_another_run_is_left_alone() {
    let scratch = Scratch::new();
    let out = trained(&scratch, "run", &[]);
    let before = fs::read(scratch.path("run").join("model.safetensors")).unwrap();

    let again = with_small(&["train", "heat", "--out", &out]);
    ended(scratch.run(&again), REFUSED, &[&out, "--resume"]);
    let other = with_small(&["train", "heat", "--out", &out, "--seed", "5", "--resume"]);
    ended(scratch.run(&other), REFUSED, &["another run", "seed", "5"]);
    let other = with_small(&[
        "train",
        "heat",
        "--out",
        &out,
        "--variant",
        "elastic",
        "--resume",
    ]);
    ended(
        scratch.run(&other),
        REFUSED,
        &["another run", "residual.variant"],
    );

    let same = with_small(&["train", "heat", "--out", &out, "--resume"]);
    assert!(
        scratch
            .run(&same)
            .succeeded()
            .stdout
            .contains("finished before")
    );
    assert_eq!(
        before,
        fs::read(scratch.path("run").join("model.safetensors")).unwrap()
    );
}

#[test]
fn predictions_and_errors_come_from_a_run_and_refuse_bad_fields() {
    let scratch = Scratch::new();
    let run = trained(&scratch, "run", &[]);
    let path = |name: &str| text(&scratch.path(name));
    let fields = path("fields.npy");
    let generate = [
        "data",
        "generate",
        "heat",
        "--resolution",
        "16",
        "--samples",
        "2",
        "--snapshots",
        "12",
    ];
    let mut arguments: Vec<String> = generate.iter().map(ToString::to_string).collect();
    arguments.extend([
        "--output".into(),
        fields.clone(),
        "--picture".into(),
        path("fields.png"),
    ]);
    scratch.run(&arguments).succeeded();
    let shown = scratch
        .run(&["data", "show", &fields, "--json"])
        .succeeded();
    let list: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(list[0]["shape"], serde_json::json!([2, 16, 16, 12]));

    let errors = scratch.run(&["eval", &run, "--json"]).succeeded();
    let errors: serde_json::Value = serde_json::from_str(&errors.stdout).unwrap();
    let result: serde_json::Value =
        serde_json::from_slice(&fs::read(scratch.path("run").join("result.json")).unwrap())
            .unwrap();
    assert_eq!(errors["measure"], "relative-l2");
    assert_eq!(errors["errors"], result["last"]["evaluation"]);

    let predict = |input: &str, output: &str, picture: &str| {
        scratch.run(&[
            "predict",
            &run,
            "--input",
            input,
            "--output",
            output,
            "--picture",
            picture,
        ])
    };
    let (output, picture) = (path("next.safetensors"), path("next.svg"));
    predict(&fields, &output, &picture).succeeded();
    assert!(fs::read_to_string(&picture).unwrap().starts_with("<svg"));
    let shown = scratch.run(&["data", "show", &output]).succeeded();
    assert!(shown.stdout.contains("[2, 16, 16, 10]"), "{shown:#?}");

    let bytes = fs::read(&fields).unwrap();
    fs::write(path("short.npy"), &bytes[..bytes.len() / 2]).unwrap();
    let mut broken = bytes.clone();
    let end = broken.len();
    broken[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(path("nan.npy"), &broken).unwrap();
    let none = path("none.npy");
    ended(
        predict(&path("short.npy"), &none, &picture),
        REFUSED,
        &["short.npy"],
    );
    ended(
        predict(&path("nan.npy"), &none, &picture),
        REFUSED,
        &["NaN"],
    );
    ended(
        predict(&path("nowhere.npy"), &none, &picture),
        REFUSED,
        &["nowhere.npy"],
    );
    ended(
        predict(&fields, &path("none.csv"), &picture),
        REFUSED,
        &["none.csv", "npz"],
    );
    ended(
        predict(&fields, &none, &path("none.jpg")),
        REFUSED,
        &["none.jpg", ".svg"],
    );
    predict(&output, &none, &picture).succeeded();
}

#[test]
fn checkpoints_of_other_models_and_damaged_ones_are_refused() {
    let scratch = Scratch::new();
    let run = trained(&scratch, "run", &[]);
    let model = scratch.path("run").join("model.safetensors");
    let bytes = fs::read(&model).unwrap();
    let damaged = text(&scratch.path("damaged.safetensors"));
    fs::write(&damaged, &bytes[..bytes.len() - 100]).unwrap();
    for command in [
        vec!["eval", &damaged, "--recipe", "heat"],
        vec!["condense", &damaged],
    ] {
        ended(
            scratch.run(&command),
            REFUSED,
            &["damaged.safetensors", "truncated"],
        );
    }
    let mut garbage = bytes.clone();
    garbage[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(&damaged, &garbage).unwrap();
    ended(
        scratch.run(&["condense", &damaged]),
        REFUSED,
        &["damaged.safetensors", "corrupt"],
    );

    let stranger = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden/kinetic_step/elastic_memoryless.safetensors");
    let finished = scratch.run(&["eval", &text(&stranger), "--recipe", "heat"]);
    ended(finished, REFUSED, &["elastic_memoryless", "kiti.model"]);
    ended(
        scratch.run(&["eval", &text(&scratch.path("nowhere"))]),
        REFUSED,
        &["nowhere"],
    );

    // A damaged newest checkpoint of an unfinished run costs one epoch, not the run.
    fs::remove_file(scratch.path("run").join("result.json")).unwrap();
    let newest = scratch
        .path("run")
        .join("checkpoints/epoch-000002/model.safetensors");
    fs::write(&newest, b"garbage").unwrap();
    let resume = with_small(&["train", "heat", "--out", &run, "--resume"]);
    scratch.run(&resume).succeeded();
    assert_eq!(
        fs::read(&model).unwrap(),
        bytes,
        "the same bits as without the damage"
    );
}

#[test]
fn training_that_leaves_the_finite_numbers_stops_and_keeps_its_checkpoint() {
    let scratch = Scratch::new();
    let out = text(&scratch.path("run"));
    let arguments = with_small(&[
        "train",
        "heat",
        "--out",
        &out,
        "--set",
        "training.epochs=20",
        "--set",
        "training.learning_rate=1e30",
    ]);
    ended(scratch.run(&arguments), FAILED, &["step", "checkpoint"]);
    assert!(!scratch.path("run").join("result.json").exists());
}

#[test]
fn condensation_of_a_run_is_written_with_pictures() {
    let scratch = Scratch::new();
    let run = trained(&scratch, "run", &[]);
    let out = scratch.path("condensation");
    let finished = scratch
        .run(&["condense", &run, "--out", &text(&out)])
        .succeeded();
    assert!(finished.stdout.contains("before training"), "{finished:#?}");
    let document: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("condensation.json")).unwrap()).unwrap();
    let names: Vec<&str> = document["weights"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|w| w["weight"].as_str())
        .collect();
    assert!(names.contains(&"project1.weight"), "{names:?}");
    assert!(
        fs::read_to_string(out.join("project1.weight.svg"))
            .unwrap()
            .contains("<image")
    );
    assert!(
        fs::read_to_string(out.join("condensation.html"))
            .unwrap()
            .contains("project1.weight")
    );
}

#[test]
fn a_report_needs_runs_and_can_become_a_page_of_documentation() {
    let scratch = Scratch::new();
    let empty = scratch.path("empty");
    fs::create_dir(&empty).unwrap();
    ended(
        scratch.run(&["report", &text(&empty)]),
        REFUSED,
        &["empty", "kiti reproduce"],
    );
    ended(
        scratch.run(&["report", &text(&scratch.path("nowhere"))]),
        REFUSED,
        &["nowhere"],
    );
    trained(&scratch, "runs/additive/seed-0", &[]);
    trained(&scratch, "runs/elastic/seed-0", &["--variant", "elastic"]);
    let page = scratch.path("docs/results.md");
    fs::create_dir(scratch.path("docs")).unwrap();
    let arguments = [
        "report",
        &text(&scratch.path("runs")),
        "--docs",
        &text(&page),
    ];
    scratch.run(&arguments).succeeded();
    let page = fs::read_to_string(page).unwrap();
    assert!(
        page.contains("| additive |") && page.contains("too few seeds to say"),
        "{page}"
    );
    for link in page
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
    {
        assert!(
            scratch.path("docs").join(link).is_file(),
            "{link} is linked and not there"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_a_failure_and_no_panic() {
    let scratch = Scratch::new();
    let run = trained(&scratch, "run", &[]);
    for arguments in [
        vec!["flops", "heat"],
        vec!["eval", &run],
        vec!["condense", &run],
    ] {
        let mut command = scratch.command(&arguments);
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        command.stdout(Stdio::from(full)).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(FAILED), "{stderr}");
        assert!(
            stderr.contains("standard output") && !stderr.contains("panicked"),
            "{stderr}"
        );
    }
}

/// A real disk of one megabyte, where this process may mount one.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_up_during_training_keeps_the_last_checkpoint() {
    let scratch = Scratch::new();
    let disk = scratch.path("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=400k", "tmpfs"])
        .arg(&disk)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: no permission to mount a small disk");
        return;
    }
    let out = text(&disk.join("run"));
    let arguments = with_small(&["train", "heat", "--out", &out, "--set", "training.epochs=6"]);
    let finished = finish(scratch.command(&arguments));
    let left: Vec<String> = fs::read_dir(disk.join("run"))
        .map(|entries| {
            entries
                .flatten()
                .map(|e| e.file_name().to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default();
    let unmounted = std::process::Command::new("umount").arg(&disk).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    ended(finished, FAILED, &["disk"]);
    assert!(!left.iter().any(|name| name == "result.json"), "{left:?}");
}
