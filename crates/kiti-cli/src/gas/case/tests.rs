use super::*;

fn load(name: &str, sets: &[(&str, &str)]) -> Outcome<Case> {
    let sets: Vec<(String, String)> = sets
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Case::load(name, &sets)
}

#[test]
fn every_shipped_case_is_read_and_written_alike() {
    for (name, _) in CASES {
        let case = load(name, &[]).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(case.file.name, *name);
        assert!(!case.file.title.is_empty(), "{name}");
        let text = case.to_toml().expect("TOML");
        let again =
            Case::parse(&text, name, &[]).unwrap_or_else(|failure| panic!("{failure}\n{text}"));
        assert_eq!(again, case, "{name}");
    }
}

fn particles(setup: &Setup) -> f64 {
    predict(setup, "case", u64::MAX).expect("sound").particles
}

/// Numbers of DSMC theory: Bird's argon at 273.15 K, and the collisions of the benchmark `in.collide`.
#[test]
fn the_box_has_the_collisions_of_the_benchmark() {
    let setup = load("box", &[]).expect("a case").setup;
    let frequency = setup.collision_rate();
    assert!((frequency / 2.0194e7 - 1.0).abs() < 1e-4, "{frequency}");
    let a_step = frequency * setup.config.dt / 2.0;
    // 0.070679 is the published figure, 0.0706 what the benchmark prints.
    assert!((a_step / 0.070_679 - 1.0).abs() < 1e-4, "{a_step}");
    let weight = setup.config.weight;
    assert!((weight / 7.07043e6 - 1.0).abs() < 1e-12, "{weight}");
    assert!((particles(&setup) - 80_000.0).abs() < 1e-6);
}

#[test]
fn relative_lengths_and_times_are_of_the_initial_gas() {
    let setup = load("fourier", &[]).expect("a case").setup;
    let path = setup.molecule().mean_free_path(1e22, 300.0);
    assert!((setup.grid().extent()[0] / path - 20.0).abs() < 1e-12);
    // 1/(sqrt(2) pi d^2 n) for hard spheres.
    let expected = 1.0 / (2f64.sqrt() * std::f64::consts::PI * 3.66e-10f64.powi(2) * 1e22);
    assert!((path / expected - 1.0).abs() < 1e-12);
    let couette = load("couette", &[]).expect("a case").setup;
    let found = couette.molecule().mean_free_path(1.0, 1.0);
    assert!((found - 0.05).abs() < 1e-15, "{found}");
    assert!((couette.config.dt * couette.collision_rate() - 0.2).abs() < 1e-15);
}

#[test]
fn tubes_have_the_molecules_of_both_sides() {
    let sod = load("sod", &[]).expect("a case").setup;
    assert!((particles(&sod) - 400.0 * 200.0 * 1.125).abs() < 1e-6);
    let shock = load("shock", &[]).expect("a case").setup;
    assert!((particles(&shock) - 100.0 * 100.0 * 4.0).abs() < 1e-6);
    let state = shock.state();
    let theta = shock.molecule().theta(state.temperature);
    let mach = state.velocity[0] / (5.0 / 3.0 * theta).sqrt();
    assert!((mach - 3.0).abs() < 1e-5, "{mach}");
}

#[test]
fn a_weight_needs_the_volume_that_it_fills() {
    let text = builtin::text("couette").expect("shipped");
    let text = text.replace("per_cell = 100", "weight = 1e-4");
    let failure = Case::parse(&text, "mine.toml", &[]).expect_err("refused");
    for word in ["mine.toml", "domain.cross_section", "area"] {
        assert!(
            failure.to_string().contains(word),
            "{word} not in: {failure}"
        );
    }
    let text = text.replace("cells = [60]", "cells = [60]\ncross_section = 2.0");
    let setup = Case::parse(&text, "mine.toml", &[]).expect("a case").setup;
    assert!((particles(&setup) - 2e4).abs() < 1e-6);
}

#[test]
fn bad_cases_are_refused_with_key_and_remedy() {
    for (name, sets, words) in [
        ("couete", &[][..], &["couete", "did you mean `couette`"][..]),
        (
            "couette",
            &[("gas.diametre", "1")],
            &["gas.diametre", "did you mean `gas.diameter`"],
        ),
        (
            "fourier",
            &[("initial.temperature", "300")],
            &["initial.temperature", "unit", "273.15 K"],
        ),
        (
            "fourier",
            &[("initial.density", "1e20 1/m^2")],
            &["initial.density", "1/m^3", "1/m^2"],
        ),
        (
            "fourier",
            &[("initial.density", "0 1/m^3")],
            &["initial.density", "above 0"],
        ),
        (
            "couette",
            &[("initial.density", "-1")],
            &["initial.density", "above 0", "-1"],
        ),
        (
            "couette",
            &[("initial.density", "nan")],
            &["initial.density"],
        ),
        (
            "couette",
            &[("domain.upper", "[-1]")],
            &["domain.upper[0]", "inside out", "exchange"],
        ),
        (
            "couette",
            &[("domain.upper", "[1, 2]")],
            &["domain.upper", "expected 1"],
        ),
        (
            "couette",
            &[("domain.cells", "[0]")],
            &["domain.cells", "at least 1"],
        ),
        (
            "couette",
            &[("time.step", "10000 tau")],
            &["time.step", "extent", "below"],
        ),
        ("couette", &[("time.step", "-1")], &["time.step", "above 0"]),
        (
            "couette",
            &[("time.steps", "0")],
            &["time.steps", "at least 1"],
        ),
        (
            "couette",
            &[("sampling.start", "20000")],
            &["sampling.start", "20000"],
        ),
        (
            "sod",
            &[("sampling.at", "[9, 8]")],
            &["sampling.at", "rising"],
        ),
        (
            "sod",
            &[("sampling.window", "1700")],
            &["sampling.window", "overlap"],
        ),
        (
            "couette",
            &[("particles.weight", "1")],
            &["particles", "per_cell and particles.weight"],
        ),
        (
            "bkw",
            &[("particles.count", "-5")],
            &["particles.count", "above 0"],
        ),
        (
            "couette",
            &[("boundaries.x_high", "{kind = \"periodic\"}")],
            &["boundaries.x_high", "opposite"],
        ),
        (
            "couette",
            &[("boundaries.y_low", "{kind = \"specular\"}")],
            &["boundaries.y_low", "no axis y"],
        ),
        (
            "couette",
            &[("boundaries.x_low.accommodation", "1.5")],
            &["accommodation", "0 to 1", "1.5"],
        ),
        (
            "couette",
            &[("boundaries.x_low.kind", "difuse")],
            &["boundaries.x_low.kind", "diffuse"],
        ),
        (
            "couette",
            &[("gas.diameter", "1")],
            &["gas.mean_free_path", "remove"],
        ),
        (
            "couette",
            &[("gas.molecule", "vhs")],
            &["gas.viscosity_index"],
        ),
        (
            "couette",
            &[("gas.species", "argon")],
            &["gas.species", "custom"],
        ),
        (
            "sod",
            &[(
                "regions",
                "[{lower=[0.5], upper=[2], density=1, temperature=1}]",
            )],
            &["regions[0].upper[0]"],
        ),
        (
            "rayleigh",
            &[("collisions.operator", "bkg")],
            &["collisions", "bgk"],
        ),
    ] {
        let failure = load(name, sets)
            .err()
            .unwrap_or_else(|| panic!("{name} {sets:?} was accepted"));
        assert_eq!(failure.exit_code(), 2, "{failure}");
        for word in words {
            assert!(
                failure.to_string().contains(word),
                "{word} not in: {failure}"
            );
        }
    }
}

#[test]
fn missing_keys_are_named() {
    let whole = builtin::text("couette").expect("shipped");
    for (remove, key) in [
        ("density = 1.0\n", "initial.density"),
        ("steps = 20000\n", "time.steps"),
        ("per_cell = 100\n", "particles"),
        ("mean_free_path = 0.05\n", "gas.diameter"),
    ] {
        let text = whole.replacen(remove, "", 1);
        let failure = Case::parse(&text, "mine.toml", &[]).expect_err(key);
        for word in ["mine.toml", key] {
            assert!(
                failure.to_string().contains(word),
                "{word} not in: {failure}"
            );
        }
    }
}
