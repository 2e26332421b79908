//! `kiti gas`: cases run, restart to the same bits, and bad input is refused with key and remedy.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::program::{Finished, Scratch};

const REFUSED: i32 = 2;
const INTERRUPTED: i32 = 130;

/// A shipped case made so small that it takes a fraction of a second.
fn small(case: &str) -> Vec<String> {
    let settings: &[&str] = match case {
        "relaxation" | "bkw" => &["particles.count=2000", "time.steps=20"],
        "rayleigh" | "sod" => &[
            "particles.per_cell=40",
            "time.steps=20",
            "sampling.at=[10, 20]",
            "sampling.window=2",
        ],
        _ => &["particles.per_cell=10", "time.steps=40", "sampling.start=8"],
    };
    let mut arguments = vec!["gas".to_owned(), "run".into(), case.into()];
    for setting in settings {
        arguments.extend(["--set".into(), (*setting).to_owned()]);
    }
    arguments
}

fn with(mut arguments: Vec<String>, more: &[&str]) -> Vec<String> {
    arguments.extend(more.iter().map(ToString::to_string));
    arguments
}

#[track_caller]
fn refused(finished: Finished, words: &[&str]) {
    assert_eq!(finished.code, Some(REFUSED), "{finished:#?}");
    assert_eq!(
        finished.stderr.matches("error:").count(),
        1,
        "{finished:#?}"
    );
    finished.failed_saying(words);
}

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

#[test]
fn bad_cases_are_refused_before_anything_is_written() {
    let scratch = Scratch::new();
    for (case, sets, words) in [
        ("couete", &[][..], &["couete", "did you mean `couette`"][..]),
        (
            "couette",
            &["domain.cels=[3]"],
            &["domain.cels", "did you mean `domain.cells`"],
        ),
        (
            "couette",
            &["boundaries.x_low.temprature=2"],
            &["boundaries.x_low.temprature", "temperature"],
        ),
        (
            "fourier",
            &["initial.temperature=300"],
            &["initial.temperature", "unit", "273.15 K"],
        ),
        (
            "fourier",
            &["initial.density=0 1/m^3"],
            &["initial.density", "above 0"],
        ),
        (
            "couette",
            &["initial.density=-1"],
            &["initial.density", "-1"],
        ),
        (
            "couette",
            &["domain.upper=[-1.0]"],
            &["domain.upper[0]", "inside out", "exchange"],
        ),
        ("couette", &["time.step=1000 tau"], &["time.step", "below"]),
        // A ratio mistyped by many powers of ten.
        (
            "box",
            &["particles.per_cell=1e12"],
            &["particles.per_cell", "8.0000e15", "bytes", "at most"],
        ),
        (
            "box",
            &["particles.per_cell=1e-9"],
            &["particles.per_cell", "take more"],
        ),
        (
            "couette",
            &["boundaries.x_low.accommodation=2"],
            &["boundaries.x_low.accommodation", "0 to 1"],
        ),
        (
            "couette",
            &["boundaries.x_low.velocity=[0.1]"],
            &["boundaries.x_low.velocity"],
        ),
        (
            "couette",
            &["boundaries.x_high={kind=\"periodic\"}"],
            &["x_high", "periodic"],
        ),
        (
            "couette",
            &["particles.per_cell=many"],
            &["particles.per_cell", "a number", "many"],
        ),
    ] {
        let mut arguments = vec!["gas".to_owned(), "run".into(), case.into()];
        for set in sets {
            arguments.extend(["--set".to_owned(), (*set).to_owned()]);
        }
        refused(scratch.run(&arguments), words);
    }
    let file = scratch.path("mine.toml");
    let own = file.display().to_string();
    for (text, words) in [
        ("name = \"mine\"\n[gas\n", &["mine.toml", "TOML"][..]),
        ("name = \"mine\"\n", &["mine.toml", "gas"]),
        (
            "name = \"mine\"\ngas = {species = \"argon\"}\ninitial = {temperature = \"300 K\"}\n",
            &["mine.toml", "initial.density", "add it"],
        ),
        (
            "name = \"mine\"\ngas = {species = \"argom\"}\ninitial = {density = \"1e20 1/m^3\", temperature = \"300 K\"}\n\
             time = {step = \"1 ns\", steps = 3}\nparticles = {count = 10}\n",
            &["mine.toml", "argom", "argon"],
        ),
    ] {
        fs::write(&file, text).unwrap();
        refused(scratch.run(&["gas", "run", &own]), words);
    }
    assert!(
        !scratch.path("runs").exists(),
        "a refused run leaves no folder"
    );
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
    refused(limited, &["particles.weight", "8.0000e4"]);
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
