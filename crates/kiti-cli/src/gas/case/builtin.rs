//! The cases that are part of the program.

/// Name and text of each.
pub const CASES: &[(&str, &str)] = &[
    ("relaxation", include_str!("../../../cases/relaxation.toml")),
    ("bkw", include_str!("../../../cases/bkw.toml")),
    ("couette", include_str!("../../../cases/couette.toml")),
    ("fourier", include_str!("../../../cases/fourier.toml")),
    ("rayleigh", include_str!("../../../cases/rayleigh.toml")),
    ("sod", include_str!("../../../cases/sod.toml")),
    ("shock", include_str!("../../../cases/shock.toml")),
    ("cavity", include_str!("../../../cases/cavity.toml")),
    ("box", include_str!("../../../cases/box.toml")),
];

/// The text of a shipped case; none for another name.
pub fn text(name: &str) -> Option<&'static str> {
    CASES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}
