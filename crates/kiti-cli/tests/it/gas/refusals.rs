//! Bad cases.

use std::fs;

use super::refused;
use crate::program::Scratch;

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
