//! Adjoints against central differences in f64.

use kiti_kinetics::system::*;

use super::support::*;

/// A step, as a function of its state.
type Evaluate<'a> = dyn Fn(&State<f64>) -> (Vec<f64>, Vec<f64>) + 'a;

/// Directional derivative along `change` of the inner product of results and upstream gradients.
fn central_difference(state: &State<f64>, change: &State<f64>, evaluate: &Evaluate<'_>) -> f64 {
    let h = 1e-6;
    let moved = |sign: f64| {
        let shift = |values: &[f64], by: &[f64]| -> Vec<f64> {
            values
                .iter()
                .zip(by)
                .map(|(v, c)| v + sign * h * c)
                .collect()
        };
        let mut moved = state.clone();
        moved.x = shift(&state.x, &change.x);
        moved.a = shift(&state.a, &change.a);
        moved.v = state
            .v
            .as_ref()
            .map(|v| shift(v, change.v.as_ref().unwrap()));
        let (x, v) = evaluate(&moved);
        let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        inner(&x, &state.upstream_x)
            + state
                .upstream_v
                .as_ref()
                .map_or(0.0, |upstream| inner(&v, upstream))
    };
    (moved(1.0) - moved(-1.0)) / (2.0 * h)
}

#[track_caller]
fn check(what: &str, state: &State<f64>, by: [&[f64]; 3], evaluate: &Evaluate<'_>, layout: Layout) {
    for seed in 100..104 {
        let change = State::random(
            seed,
            layout,
            (2.0 * layout.dims as f64).sqrt(),
            state.v.is_some(),
        );
        let expected = central_difference(state, &change, evaluate);
        let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let found = inner(by[0], &change.x)
            + inner(by[1], &change.a)
            + change.v.as_ref().map_or(0.0, |v| inner(by[2], v));
        let scale = by.iter().map(|by| inner(by, by).sqrt()).sum::<f64>();
        // Truncation and rounding of a difference with h = 1e-6 both stay below 1e-7 of the scale.
        assert!(
            (found - expected).abs() <= 1e-6 * scale,
            "{what}: {found} {expected}"
        );
    }
}

#[test]
fn published_adjoint_is_the_derivative() {
    let layout = Layout {
        samples: 2,
        dims: 6,
        particles: 9,
    };
    for positions in [Positions::Free, Positions::Merged] {
        for directions in [Directions::Exact, Directions::Pool { size: 16 }] {
            for inertial in [false, true] {
                let step = KineticStep {
                    dt: 0.5,
                    ..published(positions, directions)
                };
                let state = State::random(21, layout, 1.6, inertial);
                let draws = Draws::Keyed(key(3));
                let found = run(&step, layout, &state, &draws);
                let rate = found.collisions.diagnostics().acceptance_rate();
                assert!(rate > 0.2 && rate < 1.0);
                let by_v = found.by_v.clone().unwrap_or_default();
                let evaluate = |state: &State<f64>| {
                    let (x, v, collisions) = forward(&step, layout, state, &draws).unwrap();
                    assert_eq!(collisions.accepted(0), found.collisions.accepted(0));
                    (x, v)
                };
                check(
                    "published",
                    &state,
                    [&found.by_x, &found.by_a, &by_v],
                    &evaluate,
                    layout,
                );
            }
        }
    }
}

#[test]
fn elastic_adjoint_is_the_derivative() {
    for deflection in DEFLECTIONS
        .into_iter()
        .chain([Deflection::Grazing { angle: 2.0 }])
    {
        for dims in [1, 2, 3, 20] {
            for inertial in [false, true] {
                let layout = Layout {
                    samples: 2,
                    dims,
                    particles: 11,
                };
                let step = KineticStep {
                    dt: 0.5,
                    collision_coefficient: 1.0,
                    ..elastic(deflection)
                };
                let state = State::random(22, layout, 0.5, inertial);
                let draws = Draws::Keyed(key(4));
                let found = run(&step, layout, &state, &draws);
                assert!(found.collisions.diagnostics().accepted >= 2);
                let by_v = found.by_v.clone().unwrap_or_default();
                let evaluate = |state: &State<f64>| {
                    let (x, v, collisions) = forward(&step, layout, state, &draws).unwrap();
                    assert_eq!(collisions.accepted(0), found.collisions.accepted(0));
                    (x, v)
                };
                let what = format!("{deflection:?} D = {dims}");
                check(
                    &what,
                    &state,
                    [&found.by_x, &found.by_a, &by_v],
                    &evaluate,
                    layout,
                );
            }
        }
    }
}

#[test]
fn mean_field_adjoint_is_the_derivative() {
    for deflection in DEFLECTIONS {
        for (dims, particles) in [(1, 5), (3, 8), (12, 21)] {
            for inertial in [false, true] {
                let layout = Layout {
                    samples: 2,
                    dims,
                    particles,
                };
                let step = KineticStep {
                    dt: 0.5,
                    ..elastic(deflection)
                };
                let state = State::random(23, layout, 1.0, inertial);
                let zeros = || vec![0.0; layout.len()];
                let evaluate = |state: &State<f64>| {
                    let (mut x, mut v) = (zeros(), zeros());
                    step.mean_field(layout, state.input(), &mut x, Some(&mut v))
                        .unwrap();
                    (x, v)
                };
                let (mut by_x, mut by_a, mut by_v) = (zeros(), zeros(), zeros());
                let gradient = InputGradient {
                    x: Some(&mut by_x),
                    a: &mut by_a,
                    v: inertial.then_some(by_v.as_mut_slice()),
                };
                step.mean_field_adjoint(layout, state.input(), state.upstream(), gradient)
                    .unwrap();
                let what = format!("{deflection:?} D = {dims}");
                check(&what, &state, [&by_x, &by_a, &by_v], &evaluate, layout);
            }
        }
    }
}

/// What reflection is for: the gradient of a pair's relative velocity keeps its length, while
/// isotropic scattering passes one of its components only.
#[test]
fn reflection_passes_the_whole_gradient() {
    let layout = Layout {
        samples: 1,
        dims: 30,
        particles: 2,
    };
    let state = State::random(24, layout, 0.0, false);
    let relative = |by: &[f64]| {
        by.chunks(2)
            .map(|row| (row[0] - row[1]).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let length = |deflection| {
        let step = KineticStep {
            collision_coefficient: 1.0,
            ..elastic(deflection)
        };
        let found = run(&step, layout, &state, &Draws::Keyed(key(5)));
        assert_eq!(found.collisions.diagnostics().accepted, 1);
        relative(&found.by_a) / relative(&state.upstream_x)
    };
    assert!((length(Deflection::Reflection) - 1.0).abs() < 1e-12);
    assert!(length(Deflection::Isotropic) < 0.6);
}
