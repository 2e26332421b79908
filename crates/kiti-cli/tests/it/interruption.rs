//! A killed training goes on where it was and ends with the same bits.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::program::{SMALL, Scratch};

/// Long enough to be killed in the middle, short enough for a test.
const EPOCHS: usize = 12;

fn training(variant: &str, out: &Path) -> Vec<String> {
    let epochs = format!("training.epochs={EPOCHS}");
    let out = out.display().to_string();
    let run = [
        "train",
        "heat",
        "--variant",
        variant,
        "--seed",
        "1",
        "--set",
        &epochs,
        "--out",
        &out,
    ];
    run.iter().chain(&SMALL).map(ToString::to_string).collect()
}

fn epochs_written(run: &Path) -> usize {
    fs::read_to_string(run.join("metrics.jsonl")).map_or(0, |text| text.lines().count())
}

/// Kills the training (no handler runs) as soon as it has written `epochs` lines of metrics; false where it ended before.
fn kill_after(scratch: &Scratch, arguments: &[String], run: &Path, epochs: usize) -> bool {
    let mut child = scratch.start(arguments);
    let patience = Instant::now() + Duration::from_secs(60);
    while epochs_written(run) < epochs && child.try_wait().unwrap().is_none() {
        assert!(
            Instant::now() < patience,
            "no {epochs} epochs within a minute"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[test]
fn a_killed_training_resumes_to_the_same_bits() {
    for variant in ["published-free", "reflection-annealed"] {
        let scratch = Scratch::new();
        let (whole, cut) = (scratch.path("whole"), scratch.path("cut"));
        scratch.run(&training(variant, &whole)).succeeded();

        let mut resumed = training(variant, &cut);
        let mut killed = usize::from(kill_after(&scratch, &resumed, &cut, 2));
        resumed.push("--resume".into());
        for epochs in [5, 8] {
            killed += usize::from(kill_after(&scratch, &resumed, &cut, epochs));
        }
        assert!(killed > 0, "every training ended before it could be killed");
        scratch.run(&resumed).succeeded();

        assert_eq!(epochs_written(&cut), EPOCHS);
        for file in ["metrics.jsonl", "model.safetensors"] {
            let same = fs::read(whole.join(file)).unwrap() == fs::read(cut.join(file)).unwrap();
            assert!(
                same,
                "{variant}: {file} differs after {killed} interruptions"
            );
        }
    }
}

#[test]
fn nothing_unfinished_is_left_behind() {
    let scratch = Scratch::new();
    let run = scratch.path("run");
    let mut arguments = training("additive", &run);
    kill_after(&scratch, &arguments, &run, 3);
    arguments.push("--resume".into());
    scratch.run(&arguments).succeeded();
    let checkpoints: Vec<String> = fs::read_dir(run.join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(checkpoints.len(), 2, "{checkpoints:?}");
    assert!(
        checkpoints.contains(&format!("epoch-{EPOCHS:06}")),
        "{checkpoints:?}"
    );
}
