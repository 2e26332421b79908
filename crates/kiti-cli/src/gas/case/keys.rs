//! The keys that a case file may have.

use kiti_models::recipe::shape::Shape;

use super::boundaries::FACES;

/// The keys of a case file with their types.
pub fn shape() -> Shape {
    use Shape::{Any, Array, Choice, Float, Integer, Text};
    let quantities = || Array(Box::new(Any));
    let integers = || Array(Box::new(Integer));
    let table = |keys: Vec<(&str, Shape)>| Shape::Table(keys_of(keys));
    let choice = |kinds: Vec<(&str, Vec<(&str, Shape)>)>| {
        Choice(
            kinds
                .into_iter()
                .map(|(kind, mut keys)| {
                    keys.push(("kind", Text));
                    (kind.to_owned(), keys_of(keys))
                })
                .collect(),
        )
    };
    let state = || {
        vec![
            ("density", Any),
            ("temperature", Any),
            ("velocity", quantities()),
        ]
    };
    let wall = || vec![("temperature", Any), ("velocity", quantities())];
    let with = |mut keys: Vec<(&'static str, Shape)>, more: Vec<(&'static str, Shape)>| {
        keys.extend(more);
        keys
    };
    let boundary = choice(vec![
        ("periodic", vec![]),
        ("specular", vec![]),
        ("diffuse", with(wall(), vec![("accommodation", Float)])),
        (
            "cll",
            with(
                wall(),
                vec![
                    ("normal_accommodation", Float),
                    ("tangential_accommodation", Float),
                ],
            ),
        ),
        ("inflow", state()),
        ("outflow", vec![]),
    ]);
    let distribution = choice(vec![
        ("maxwellian", vec![]),
        ("bkw", vec![]),
        (
            "anisotropic",
            vec![("temperatures", Array(Box::new(Float)))],
        ),
        ("two-stream", vec![("speed", Any)]),
    ]);
    let sampling = choice(vec![
        ("steady", vec![("start", Integer), ("every", Integer)]),
        ("snapshots", vec![("at", integers()), ("window", Integer)]),
    ]);
    let comparison = choice(
        [
            "none",
            "couette",
            "fourier",
            "rayleigh",
            "riemann",
            "shock",
            "bkw",
            "anisotropy",
        ]
        .map(|kind| (kind, vec![]))
        .into(),
    );
    table(vec![
        ("name", Text),
        ("title", Text),
        ("units", Text),
        (
            "gas",
            table(vec![
                ("species", Text),
                ("molecule", Text),
                ("mass", Any),
                ("diameter", Any),
                ("mean_free_path", Any),
                ("reference_temperature", Any),
                ("viscosity_index", Float),
                ("scattering_exponent", Float),
            ]),
        ),
        (
            "collisions",
            table(vec![("operator", Text), ("prandtl", Float)]),
        ),
        (
            "domain",
            table(vec![
                ("lower", quantities()),
                ("upper", quantities()),
                ("cells", integers()),
                ("subcells", Integer),
                ("cross_section", Any),
            ]),
        ),
        (
            "initial",
            table(with(state(), vec![("distribution", distribution)])),
        ),
        (
            "regions",
            Array(Box::new(table(with(
                state(),
                vec![("lower", quantities()), ("upper", quantities())],
            )))),
        ),
        (
            "boundaries",
            table(FACES.map(|face| (face, boundary.clone())).into()),
        ),
        ("time", table(vec![("step", Any), ("steps", Integer)])),
        (
            "particles",
            table(vec![
                ("per_cell", Float),
                ("count", Float),
                ("weight", Float),
            ]),
        ),
        ("sampling", sampling),
        (
            "output",
            table(vec![("history_every", Integer), ("restart_every", Integer)]),
        ),
        ("comparison", comparison),
    ])
}

fn keys_of(keys: Vec<(&str, Shape)>) -> std::collections::BTreeMap<String, Shape> {
    keys.into_iter()
        .map(|(key, shape)| (key.to_owned(), shape))
        .collect()
}
