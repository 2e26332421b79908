//! Mistakes of a caller: each is named, none panics, nothing is written.

use kiti_kinetics::Error;
use kiti_kinetics::system::*;

use super::support::*;

const LAYOUT: Layout = Layout {
    samples: 2,
    dims: 3,
    particles: 4,
};

fn message(step: &KineticStep, draws: &Draws<'_, f64>) -> String {
    let state = State::random(61, LAYOUT, 1.0, false);
    forward(step, LAYOUT, &state, draws)
        .unwrap_err()
        .to_string()
}

#[test]
fn coefficients_out_of_range() {
    let good = published(Positions::Free, Directions::Exact);
    good.validate().unwrap();
    for (name, step) in [
        (
            "collision_coefficient",
            KineticStep {
                collision_coefficient: 1.5,
                ..good.clone()
            },
        ),
        (
            "collision_coefficient",
            KineticStep {
                collision_coefficient: f64::NAN,
                ..good.clone()
            },
        ),
        (
            "dt",
            KineticStep {
                dt: 0.0,
                ..good.clone()
            },
        ),
        (
            "dt",
            KineticStep {
                dt: f64::INFINITY,
                ..good.clone()
            },
        ),
        (
            "length_scale",
            KineticStep {
                length_scale: Some(-1.0),
                ..good.clone()
            },
        ),
        (
            "pool size",
            published(Positions::Free, Directions::Pool { size: 0 }),
        ),
        ("grazing angle", elastic(Deflection::Grazing { angle: 4.0 })),
    ] {
        let Err(Error::Parameter { name: found, .. }) = step.validate() else {
            panic!("{name}")
        };
        assert_eq!(found, name);
        assert!(message(&step, &Draws::Keyed(key(0))).contains(name));
    }
}

#[test]
fn lengths_name_the_argument_and_both_numbers() {
    let step = published(Positions::Free, Directions::Exact);
    let state = State::random(62, LAYOUT, 1.0, true);
    let draws = Draws::Keyed(key(0));
    let mut out = vec![0.0; LAYOUT.len()];
    let mut short = vec![0.0; LAYOUT.len() - 1];
    let fields = state.input();
    let cut = |values: &'_ [f64]| values[..5].to_vec();
    let (x, a, v) = (cut(fields.x), cut(fields.a), cut(fields.v.unwrap()));
    for (name, input) in [
        ("x", Input { x: &x, ..fields }),
        ("a", Input { a: &a, ..fields }),
        (
            "v",
            Input {
                v: Some(&v),
                ..fields
            },
        ),
    ] {
        let error = step
            .forward(LAYOUT, input, &draws, &mut out, None)
            .unwrap_err();
        let Error::Length {
            name: found,
            expected: 24,
            found: 5,
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!(found, name);
    }
    let error = step
        .forward(LAYOUT, fields, &draws, &mut short, None)
        .unwrap_err();
    assert!(
        error.to_string().starts_with("x_out: expected 24"),
        "{error}"
    );
    let error = step
        .forward(LAYOUT, fields, &draws, &mut out, Some(&mut short))
        .unwrap_err();
    assert!(error.to_string().starts_with("v_out"), "{error}");
    assert!(out.iter().all(|&v| v == 0.0));

    let collisions = step
        .forward(LAYOUT, fields, &draws, &mut out, None)
        .unwrap();
    let (mut gx, mut ga) = (vec![0.0; LAYOUT.len()], vec![0.0; LAYOUT.len()]);
    let gradient = InputGradient {
        x: Some(&mut gx),
        a: &mut ga,
        v: None,
    };
    let error = step
        .adjoint(
            LAYOUT,
            fields,
            &draws,
            &collisions,
            state.upstream(),
            gradient,
        )
        .unwrap_err();
    assert!(error.to_string().contains("gradient v"), "{error}");
}

#[test]
fn draws_fit_the_scattering_rule() {
    let (free, hard) = (
        published(Positions::Free, Directions::Exact),
        elastic(Deflection::Isotropic),
    );
    assert!(
        message(
            &free,
            &Draws::Pairs {
                pairs: &[],
                directions: &[]
            }
        )
        .contains("published")
    );
    assert!(message(&hard, &Draws::Directions(&[])).contains("elastic"));
    assert!(message(&free, &Draws::Directions(&[0.0; 7])).contains("expected 36"));
    let pair = |sample, first, second| Pair {
        sample,
        first,
        second,
    };
    for (pairs, reason) in [
        (vec![pair(2, 0, 1)], "no such sample"),
        (vec![pair(0, 0, 4)], "no such particle"),
        (vec![pair(0, 1, 1)], "at most once"),
        (vec![pair(1, 0, 1), pair(1, 2, 0)], "at most once"),
    ] {
        let directions = vec![1.0; pairs.len() * 3];
        let found = message(
            &hard,
            &Draws::Pairs {
                pairs: &pairs,
                directions: &directions,
            },
        );
        assert!(found.contains(reason), "{found}");
    }
    assert!(
        message(
            &hard,
            &Draws::Pairs {
                pairs: &[pair(0, 0, 1)],
                directions: &[1.0]
            }
        )
        .contains("expected 3")
    );
}

#[test]
fn collisions_of_another_step_are_refused() {
    let state = State::random(63, LAYOUT, 0.1, false);
    let draws = Draws::Keyed(key(0));
    let (free, hard) = (
        published(Positions::Free, Directions::Exact),
        elastic(Deflection::Isotropic),
    );
    let (_, _, of_free) = forward(&free, LAYOUT, &state, &draws).unwrap();
    let (_, _, of_hard) = forward(&hard, LAYOUT, &state, &draws).unwrap();
    let other = Layout {
        samples: 3,
        dims: 2,
        particles: 4,
    };
    for (step, layout, collisions) in [
        (&free, LAYOUT, &of_hard),
        (&hard, LAYOUT, &of_free),
        (&free, other, &of_free),
        (&hard, other, &of_hard),
    ] {
        let (mut gx, mut ga) = (vec![0.0; layout.len()], vec![0.0; layout.len()]);
        let gradient = InputGradient {
            x: Some(&mut gx),
            a: &mut ga,
            v: None,
        };
        let error = step
            .adjoint(
                layout,
                state.input(),
                &draws,
                collisions,
                state.upstream(),
                gradient,
            )
            .unwrap_err();
        assert!(matches!(error, Error::Inconsistent(_)), "{error}");
    }
    let mut out = vec![0.0; LAYOUT.len()];
    let error = free
        .mean_field(LAYOUT, state.input(), &mut out, None)
        .unwrap_err();
    assert!(error.to_string().contains("elastic"));
}

#[test]
fn layouts_must_divide() {
    let error = Layout::from_grid(2, 3, 64, 7).unwrap_err().to_string();
    assert!(error.contains("64") && error.contains('7'));
    let error = Layout::from_tokens(2, 384, 100).unwrap_err().to_string();
    assert!(error.contains("384") && error.contains("100"));
    assert!(Layout::from_grid(1, 1, 4, 0).is_err() && Layout::from_tokens(1, 4, 0).is_err());
    let grid = Layout::from_grid(20, 20, 1024, 8).unwrap();
    assert_eq!((grid.samples, grid.dims, grid.particles), (20, 160, 128));
    let tokens = Layout::from_tokens(6, 384, 48).unwrap();
    assert_eq!((tokens.samples, tokens.dims, tokens.particles), (6, 48, 8));
}
