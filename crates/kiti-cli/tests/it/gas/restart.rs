//! Runs that are stopped go on, and nothing else does.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{refused, small, with};
use crate::program::Scratch;

const INTERRUPTED: i32 = 130;

/// Waits until `path` exists or the program has ended.
fn wait_for(path: &Path, child: &mut std::process::Child) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !path.exists() && child.try_wait().unwrap().is_none() {
        assert!(
            Instant::now() < patience,
            "no {} within a minute",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn same_files(one: &Path, other: &Path, files: &[&str]) {
    for file in files {
        let same = fs::read(one.join(file)).unwrap() == fs::read(other.join(file)).unwrap();
        assert!(same, "{file} differs");
    }
}

#[test]
fn a_killed_run_resumes_to_the_same_bits_on_any_number_of_threads() {
    for (case, settings, files) in [
        (
            "couette",
            &[
                "time.steps=300",
                "particles.per_cell=40",
                "sampling.start=100",
            ][..],
            &["profile.csv", "profile.npy", "profile.vti", "history.csv"][..],
        ),
        // Molecules come and go.
        (
            "shock",
            &[
                "time.steps=300",
                "particles.per_cell=10",
                "sampling.start=100",
            ],
            &["profile.csv", "history.csv"],
        ),
        (
            "rayleigh",
            &[
                "time.steps=300",
                "particles.per_cell=40",
                "sampling.at=[20, 300]",
                "sampling.window=15",
            ],
            &["profile-20.csv", "profile-300.csv", "history.csv"],
        ),
    ] {
        let scratch = Scratch::new();
        let (whole, cut) = (scratch.path("whole"), scratch.path("cut"));
        let run = |out: &Path, more: &[&str]| {
            let mut arguments = vec!["gas", "run", case, "--set", "output.restart_every=7"];
            for setting in settings {
                arguments.extend(["--set", setting]);
            }
            let out = out.display().to_string();
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            with(with(arguments, &["--seed", "5", "--out", &out]), more)
        };
        scratch.run(&run(&whole, &["--threads", "1"])).succeeded();

        let mut killed = 0;
        for threads in ["1", "2", "3"] {
            let restart = cut.join("restart.kiti");
            let before = fs::read(&restart).ok();
            let mut child = scratch.start(&run(&cut, &["--resume", "--threads", threads]));
            wait_for(&restart, &mut child);
            // Once more, so that each session adds something.
            let patience = Instant::now() + Duration::from_secs(20);
            while fs::read(&restart).ok() == before
                && child.try_wait().unwrap().is_none()
                && Instant::now() < patience
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            child.kill().unwrap();
            killed += usize::from(!child.wait().unwrap().success());
        }
        assert!(
            killed > 0,
            "{case}: every run ended before it could be killed"
        );
        scratch
            .run(&run(&cut, &["--resume", "--threads", "2"]))
            .succeeded();
        same_files(&whole, &cut, files);
        let again = scratch.run(&run(&cut, &["--resume"])).succeeded();
        assert!(again.stdout.contains("finished before"), "{again:#?}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_keeps_its_state_and_says_how_to_go_on() {
    let scratch = Scratch::new();
    let out = scratch.path("run");
    let arguments = with(
        small("couette"),
        &[
            "--set",
            "time.steps=1000000",
            "--set",
            "output.restart_every=0",
            "--out",
            &out.display().to_string(),
        ],
    );
    let child = scratch
        .command(&arguments)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(60);
    while !out.join("case.toml").exists() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(1));
    }
    let interrupt = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupt.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(INTERRUPTED), "{said}");
    assert!(
        said.contains("--resume") && said.contains("restart.kiti"),
        "{said}"
    );
    assert!(out.join("restart.kiti").exists());
    assert!(!out.join("results.json").exists());
}

/// A folder with a restart file of an unfinished run, and the arguments that began it.
fn unfinished(scratch: &Scratch) -> (std::path::PathBuf, Vec<String>) {
    let out = scratch.path("run");
    let mut arguments = small("couette");
    for setting in ["time.steps=200000", "output.restart_every=5"] {
        arguments = with(arguments, &["--set", setting]);
    }
    let arguments = with(
        arguments,
        &["--out", &out.display().to_string(), "--resume"],
    );
    let mut child = scratch.start(&arguments);
    wait_for(&out.join("restart.kiti"), &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    (out, arguments)
}

#[test]
fn damaged_and_foreign_restart_files_are_refused_and_left_alone() {
    let scratch = Scratch::new();
    let (out, arguments) = unfinished(&scratch);
    let restart = out.join("restart.kiti");
    let whole = fs::read(&restart).unwrap();
    let refuse = |bytes: &[u8], words: &[&str]| {
        fs::write(&restart, bytes).unwrap();
        let case = fs::read(out.join("case.toml")).unwrap();
        refused(
            scratch.run(&arguments),
            &[&["restart.kiti", "remove"], words].concat(),
        );
        assert_eq!(fs::read(&restart).unwrap(), bytes, "the file was touched");
        assert_eq!(fs::read(out.join("case.toml")).unwrap(), case);
    };
    refuse(&whole[..whole.len() / 2], &["cut off"]);
    refuse(&whole[..10], &["10 bytes"]);
    let mut version = whole.clone();
    version[8] = 99;
    refuse(&version, &["version", "expected 1, found 99"]);
    let mut flipped = whole.clone();
    let middle = whole.len() / 2;
    flipped[middle] ^= 4;
    refuse(&flipped, &["SHA-256"]);

    // The file of another case, and the run of another seed or case.
    fs::write(&restart, &whole).unwrap();
    for (more, words) in [
        (
            ["--set", "gas.mean_free_path=0.06"],
            &["case.toml", "gas.mean_free_path", "0.06", "0.05", "--out"][..],
        ),
        (["--seed", "9"], &["seed", "expected 9, found 0", "--out"]),
    ] {
        refused(scratch.run(&with(arguments.clone(), &more)), words);
    }
    let other = scratch.path("other");
    fs::create_dir(&other).unwrap();
    for file in ["seed", "restart.kiti"] {
        fs::copy(out.join(file), other.join(file)).unwrap();
    }
    let case = fs::read_to_string(out.join("case.toml")).unwrap();
    fs::write(
        other.join("case.toml"),
        case.replace("mean_free_path = 0.05", "mean_free_path = 0.07"),
    )
    .unwrap();
    let foreign = with(
        arguments.clone(),
        &[
            "--out",
            &other.display().to_string(),
            "--set",
            "gas.mean_free_path=0.07",
        ],
    );
    // `--out` may be given once only.
    let first = foreign
        .iter()
        .position(|argument| argument == "--out")
        .unwrap();
    let foreign: Vec<String> = [&foreign[..first], &foreign[first + 2..]].concat();
    refused(
        scratch.run(&foreign),
        &["restart.kiti", "gas.mean_free_path", "0.07", "0.05"],
    );
    assert_eq!(fs::read(&restart).unwrap(), whole);
}

#[test]
fn a_folder_that_holds_a_run_is_left_alone() {
    let scratch = Scratch::new();
    let out = scratch.path("run").display().to_string();
    let arguments = with(small("couette"), &["--out", &out]);
    scratch.run(&arguments).succeeded();
    let before = fs::read(scratch.path("run").join("profile.csv")).unwrap();
    refused(scratch.run(&arguments), &[&out, "--resume", "--out"]);
    let other = with(arguments, &["--resume", "--set", "particles.per_cell=11"]);
    refused(scratch.run(&other), &["particles.per_cell", "11", "10"]);
    assert_eq!(
        fs::read(scratch.path("run").join("profile.csv")).unwrap(),
        before
    );
}
