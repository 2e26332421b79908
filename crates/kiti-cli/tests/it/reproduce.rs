//! `kiti reproduce` end to end: every variant, a few steps, the report.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{SMALL, Scratch};

fn results(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("results.json")).unwrap()).unwrap()
}

fn reproduction(variants: &str, out: &Path) -> Vec<String> {
    let out = out.display().to_string();
    let command = [
        "reproduce",
        "heat",
        "--variants",
        variants,
        "--seeds",
        "1",
        "--out",
        &out,
    ];
    command
        .iter()
        .chain(&SMALL)
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_smoke_profile_runs_every_variant_and_reports() {
    let scratch = Scratch::new();
    let arguments = reproduction("all", &scratch.path("runs"));
    let out = scratch.path("runs").join("heat-smoke");
    let finished = scratch.run(&arguments).succeeded();
    assert!(finished.stdout.contains("report.html"), "{finished:#?}");

    let results = results(&out).to_string();
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for variant in [
        "additive",
        "published-free",
        "published-merged",
        "elastic",
        "reflection",
        "grazing",
        "published-free-annealed",
        "published-merged-annealed",
        "elastic-annealed",
        "reflection-annealed",
        "grazing-annealed",
        "dropout",
        "stochastic-depth",
        "langevin",
    ] {
        assert!(
            results.contains(&format!("\"{variant}\"")),
            "results.json has no {variant}"
        );
        assert!(page.contains(variant), "report.html has no {variant}");
        assert!(
            finished.stdout.contains(variant),
            "the table has no {variant}"
        );
    }
    for elsewhere in ["src=\"http", "href=\"http", "@import", "<link"] {
        assert!(
            !page.contains(elsewhere),
            "report.html needs more than itself: {elsewhere}"
        );
    }

    // Once more: nothing is left to train, and the results stay.
    let before = self::results(&out);
    scratch.run(&arguments).succeeded();
    assert_eq!(before, self::results(&out));
}

#[test]
fn a_killed_reproduction_goes_on_to_the_same_bits() {
    let scratch = Scratch::new();
    let (whole, cut) = (scratch.path("whole"), scratch.path("cut"));
    let arguments = |out: &Path| reproduction("additive,reflection", out);
    scratch.run(&arguments(&whole)).succeeded();

    let mut child = scratch.start(&arguments(&cut));
    let patience = Instant::now() + Duration::from_secs(60);
    while metrics_below(&cut).is_empty() && child.try_wait().unwrap().is_none() {
        assert!(
            Instant::now() < patience,
            "no training started within a minute"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    scratch.run(&arguments(&cut)).succeeded();

    let (whole, cut) = (metrics_below(&whole), metrics_below(&cut));
    assert_eq!(whole.len(), 2);
    assert_eq!(whole, cut);
}

/// The metrics of every run below a folder, by the run's path there.
fn metrics_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("metrics.jsonl") {
                let run = path.strip_prefix(folder).unwrap().display().to_string();
                found.push((run, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
