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

#[test]
fn an_ablation_compares_values_of_one_key_beside_the_collisions() {
    let scratch = Scratch::new();
    let mut arguments = reproduction("additive,elastic", &scratch.path("runs"));
    let ablate = "residual.collision_coefficient=0,0.9";
    arguments.extend(["--ablate".to_owned(), ablate.to_owned()]);
    scratch.run(&arguments).succeeded();
    let out = scratch.path("runs/heat-smoke-collision_coefficient");
    let results = results(&out);
    assert_eq!(results["ablated"], "residual.collision_coefficient");

    // Without a coefficient nothing collides, and the kinetic step is the addition but for its rounding.
    let error = |variant: &str| -> f64 {
        let errors = results["final_errors"]["32"].as_array().unwrap();
        let found = errors.iter().find(|error| error["variant"] == variant);
        found.unwrap()["values"][0][1].as_f64().unwrap()
    };
    assert!((error("elastic@0") / error("additive") - 1.0).abs() < 1e-4);
    let collisions = results["collisions"].as_array().unwrap();
    let rate = |variant: &str| -> f64 {
        let found = collisions.iter().find(|mean| mean["variant"] == variant);
        found.unwrap()["acceptance_rate"].as_f64().unwrap()
    };
    assert_eq!(rate("elastic@0"), 0.0);
    assert!(rate("elastic@0.9") > 0.01);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Error beside collisions by residual.collision_coefficient"));

    let docs = scratch.path("ablation.md");
    let report = [
        "report",
        &out.display().to_string(),
        "--docs",
        &docs.display().to_string(),
    ];
    scratch.run(&report).succeeded();
    let text = fs::read_to_string(&docs).unwrap();
    for expected in [
        "--variants additive,elastic --seeds 1 --ablate residual.collision_coefficient=0,0.9",
        "elastic@0.9",
        "comparison.svg",
    ] {
        assert!(text.contains(expected), "no {expected} in {text}");
    }
}
