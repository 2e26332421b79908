//! What a run announces and leaves, and what verification prints.

use std::fs;

use super::{refused, small, with};
use crate::program::Scratch;

#[test]
fn shipped_cases_leave_tables_arrays_images_and_a_report() {
    let scratch = Scratch::new();
    let list = scratch.run(&["gas", "cases"]).succeeded().stdout;
    for (case, profile, shape) in [
        ("relaxation", "profile", "[14, 1]"),
        ("bkw", "profile", "[14, 1]"),
        ("couette", "profile", "[14, 60]"),
        ("fourier", "profile", "[14, 60]"),
        ("rayleigh", "profile-20", "[14, 50]"),
        ("sod", "profile-10", "[14, 400]"),
        ("shock", "profile", "[14, 200]"),
        ("cavity", "profile", "[14, 30, 30]"),
        ("box", "profile", "[14, 20, 20, 20]"),
    ] {
        assert!(list.contains(case), "{case} is not listed");
        let folder = scratch.path(case);
        let out = folder.display().to_string();
        let finished = scratch
            .run(&with(small(case), &["--out", &out]))
            .succeeded();
        for word in [
            "collision rate",
            "mean free path",
            "molecules",
            "of memory",
            "particle-steps/s",
        ] {
            assert!(
                finished.stdout.contains(word),
                "{case}: no {word}: {finished:#?}"
            );
        }
        let csv = fs::read_to_string(folder.join(format!("{profile}.csv"))).unwrap();
        let widths: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{case}");
        let heading = csv.lines().next().unwrap();
        let si = !["bkw", "couette", "rayleigh", "sod"].contains(&case);
        assert_eq!(heading.contains("temperature (K)"), si, "{case}: {heading}");

        let array = folder.join(format!("{profile}.npy"));
        let shown = scratch
            .run(&["data", "show", &array.display().to_string()])
            .succeeded();
        assert!(shown.stdout.contains(shape), "{case}: {shown:#?}");
        let image = fs::read_to_string(folder.join(format!("{profile}.vti"))).unwrap();
        let document = roxmltree::Document::parse(&image).unwrap();
        let arrays = document
            .descendants()
            .filter(|node| node.has_tag_name("DataArray"));
        assert_eq!(arrays.count(), 5, "{case}");

        let results: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.join("results.json")).unwrap()).unwrap();
        assert_eq!(results["run"]["case"], case);
        let theory = !["cavity", "box"].contains(&case);
        assert_eq!(
            results["checks"]
                .as_array()
                .is_some_and(|checks| !checks.is_empty()),
            theory,
            "{case}"
        );
        let report = fs::read_to_string(folder.join("report.html")).unwrap();
        assert!(report.contains("<svg"), "{case}: a report without pictures");
        assert!(!folder.join("restart.kiti").exists(), "{case}");
    }
}

#[test]
fn a_dry_run_announces_and_warns_and_writes_nothing() {
    let scratch = Scratch::new();
    let run = scratch
        .run(&[
            "gas",
            "run",
            "couette",
            "--dry-run",
            "--set",
            "domain.cells=[10]",
            "--set",
            "particles.per_cell=3",
            "--set",
            "time.step=0.5 tau",
        ])
        .succeeded();
    for word in [
        "mean free path 0.05",
        "2.00",
        "0.5",
        "warning",
        "30 molecules",
    ] {
        assert!(run.stdout.contains(word), "no {word}: {run:#?}");
    }
    assert!(run.stdout.matches("warning").count() >= 3, "{run:#?}");
    assert!(!scratch.path("runs").exists());
    let limited = scratch.run(&["gas", "run", "box", "--memory", "0.001", "--dry-run"]);
    refused(limited, &["particles.per_cell", "8.0000e4"]);
    let homogeneous = scratch.run(&["gas", "run", "bkw", "--dry-run"]).succeeded();
    assert!(
        homogeneous.stdout.contains("in 1 cell,"),
        "{homogeneous:#?}"
    );
}

#[test]
fn verification_prints_a_line_a_comparison() {
    let scratch = Scratch::new();
    let run = scratch
        .run(&["gas", "verify", "--only", "restart"])
        .succeeded();
    assert!(
        run.stdout.contains("pass") && run.stdout.contains("comparisons passed"),
        "{run:#?}"
    );
    let json = scratch
        .run(&["gas", "verify", "--only", "restart", "--json"])
        .succeeded();
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["failed"], 0);
    assert!(value["comparisons"].as_u64().unwrap() > 0);
    refused(
        scratch.run(&["gas", "verify", "--only", "nothing-like-it"]),
        &["nothing-like-it", "conservation"],
    );
}
