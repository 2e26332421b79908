//! The recipes that are part of this crate.

/// Name and text of each.
pub(super) const RECIPES: &[(&str, &str)] = &[
    ("heat", include_str!("../../recipes/heat.toml")),
    ("burgers", include_str!("../../recipes/burgers.toml")),
    (
        "navier-stokes",
        include_str!("../../recipes/navier-stokes.toml"),
    ),
    ("darcy", include_str!("../../recipes/darcy.toml")),
    (
        "burgers-oformer",
        include_str!("../../recipes/burgers-oformer.toml"),
    ),
    (
        "navier-stokes-oformer",
        include_str!("../../recipes/navier-stokes-oformer.toml"),
    ),
    (
        "darcy-oformer",
        include_str!("../../recipes/darcy-oformer.toml"),
    ),
    ("cifar10", include_str!("../../recipes/cifar10.toml")),
    ("cifar100", include_str!("../../recipes/cifar100.toml")),
    ("imdb", include_str!("../../recipes/imdb.toml")),
    ("snli", include_str!("../../recipes/snli.toml")),
    ("language", include_str!("../../recipes/language.toml")),
];
