//! Every operator against the oracle, on random shapes, in both precisions.

use kiti_kinetics::system::*;
use proptest::prelude::*;

use super::oracle;
use super::support::*;

/// Shapes with 1, 2, 3, primes, one more and one less than a vector and a tile.
fn shapes() -> impl Strategy<Value = Layout> {
    let dims = prop::sample::select(vec![1usize, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 40, 67]);
    let particles = prop::sample::select(vec![
        1usize, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 24, 31, 33, 37, 65,
    ]);
    (1usize..4, dims, particles).prop_map(|(samples, dims, particles)| Layout {
        samples,
        dims,
        particles,
    })
}

/// Directions `e(sample, i, j)` that a keyed published step takes.
fn keyed_direction(
    directions: Directions,
    layout: Layout,
    key: StreamKey,
) -> Box<oracle::Direction<'static>> {
    let Layout {
        dims, particles: n, ..
    } = layout;
    match directions {
        Directions::Exact => Box::new(move |sample, i, j| {
            let pair: usize = (0..i).map(|row| n - 1 - row).sum::<usize>() + j - i - 1;
            let mut e = vec![0.0; dims];
            draws::direction(key, sample, pair, dims, &mut e);
            e
        }),
        Directions::Pool { size } => {
            let pool = draws::pool_directions::<f64>(key, size, dims);
            Box::new(move |sample, i, j| {
                let (index, sign) = draws::pool_choice(key, sample, i, j, size);
                pool[index * dims..(index + 1) * dims]
                    .iter()
                    .map(|e| e * f64::from(sign))
                    .collect()
            })
        }
    }
}

fn check_published(step: &KineticStep, layout: Layout, seed: u64, spread: f64, inertial: bool) {
    let Scattering::Published { directions, .. } = step.scattering else {
        panic!("published")
    };
    let key = key(seed);
    let e = keyed_direction(directions, layout, key);
    let state = State::random(seed, layout, spread, inertial);
    let expected = oracle::published(step, layout, &state.input(), &*e);
    let gradients = oracle::published_adjoint(
        step,
        layout,
        &state.input(),
        &*e,
        &expected.mask,
        &state.upstream(),
    );
    let found = run(step, layout, &state, &Draws::Keyed(key));
    let n = layout.particles;
    for b in 0..layout.samples {
        for (i, j) in found.collisions.accepted(b) {
            assert!(expected.mask[(b * n + i) * n + j]);
        }
    }
    let accepted: usize = (0..layout.samples)
        .map(|b| found.collisions.accepted(b).len())
        .sum();
    assert_eq!(2 * accepted, expected.mask.iter().filter(|&&m| m).count());
    assert_eq!(found.collisions.diagnostics().accepted, accepted as u64);
    // Sums in another order, nothing else.
    assert_close("x", &found.x, &expected.x, 1e-12);
    assert_close("v", &found.v, &expected.v, 1e-12);
    assert_close("by x", &found.by_x, &gradients.x, 1e-12);
    assert_close("by a", &found.by_a, &gradients.a, 1e-12);
    if let Some(by_v) = &found.by_v {
        assert_close("by v", by_v, &gradients.v, 1e-12);
    }

    // f32 keeps 1e-5, where no pair is so near to the threshold that it may fall on either side.
    if expected.margin.iter().all(|&margin| margin > 1e-5) {
        let found = run(step, layout, &state.cast::<f32>(), &Draws::Keyed(key));
        assert_close("f32 x", &found.x, &expected.x, 1e-5);
        assert_close("f32 v", &found.v, &expected.v, 1e-5);
        assert_close("f32 by x", &found.by_x, &gradients.x, 1e-5);
        assert_close("f32 by a", &found.by_a, &gradients.a, 1e-5);
    }
}

fn check_elastic(step: &KineticStep, layout: Layout, seed: u64, spread: f64, inertial: bool) {
    let key = key(seed);
    let state = State::random(seed, layout, spread, inertial);
    let (collisions, margin) = oracle::elastic_collisions(step, layout, &state.input(), key);
    let (x, v) = oracle::elastic(step, layout, &state.input(), &collisions);
    let found = run(step, layout, &state, &Draws::Keyed(key));
    let pairs: Vec<(usize, usize)> = collisions.iter().map(|c| (c.first, c.second)).collect();
    let accepted: Vec<(usize, usize)> = (0..layout.samples)
        .flat_map(|b| found.collisions.accepted(b))
        .collect();
    assert_eq!(accepted, pairs);
    // A direction nearly along g leaves few digits of what is across: hence not 1e-12.
    assert_close("x", &found.x, &x, 1e-10);
    assert_close("v", &found.v, &v, 1e-10);

    // The same collisions as given pairs.
    let given: Vec<Pair> = collisions
        .iter()
        .map(|c| Pair {
            sample: c.sample,
            first: c.first,
            second: c.second,
        })
        .collect();
    let directions: Vec<f64> = collisions.iter().flat_map(|c| c.e.clone()).collect();
    let draws = Draws::Pairs {
        pairs: &given,
        directions: &directions,
    };
    let replayed = run(step, layout, &state, &draws);
    assert_close("replayed v", &replayed.v, &v, 1e-10);
    assert_close("replayed by a", &replayed.by_a, &found.by_a, 1e-10);
    assert_close("replayed by x", &replayed.by_x, &found.by_x, 1e-10);

    let grazing = matches!(
        step.scattering,
        Scattering::Elastic {
            deflection: Deflection::Grazing { .. }
        }
    );
    if margin > 1e-5 && !(grazing && layout.dims < 8) {
        let single = run(step, layout, &state.cast::<f32>(), &Draws::Keyed(key));
        assert_close("f32 x", &single.x, &x, 1e-5);
        assert_close("f32 v", &single.v, &v, 1e-5);
        assert_close("f32 by a", &single.by_a, &found.by_a, 1e-5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn published_matches_the_oracle(
        layout in shapes(),
        seed in 0u64..1000,
        spread in prop::sample::select(vec![0.01, 0.5, 1.0, 2.0]),
        alpha in prop::sample::select(vec![0.5, 0.8, 0.9, 1.0]),
        merged: bool,
        inertial: bool,
        pool in prop::sample::select(vec![0usize, 1, 5, 64, 300]),
    ) {
        let positions = if merged { Positions::Merged } else { Positions::Free };
        let directions = if pool == 0 { Directions::Exact } else { Directions::Pool { size: pool } };
        let mut step = published(positions, directions);
        step.collision_coefficient = alpha;
        step.dt = if inertial { 0.5 } else { 1.0 };
        check_published(&step, layout, seed, spread, inertial);
    }

    #[test]
    fn elastic_matches_the_oracle(
        layout in shapes(),
        seed in 0u64..1000,
        spread in prop::sample::select(vec![0.1, 1.0, 4.0]),
        deflection in prop::sample::select(DEFLECTIONS.to_vec()),
        inertial: bool,
    ) {
        let mut step = elastic(deflection);
        step.dt = if inertial { 0.25 } else { 1.0 };
        check_elastic(&step, layout, seed, spread, inertial);
    }

    #[test]
    fn mean_field_matches_the_oracle(
        layout in shapes(),
        seed in 0u64..1000,
        deflection in prop::sample::select(DEFLECTIONS.to_vec()),
        inertial: bool,
    ) {
        let step = KineticStep { dt: 0.7, ..elastic(deflection) };
        let state = State::random(seed, layout, 1.0, inertial);
        let (x, v) = oracle::mean_field(&step, layout, &state.input());
        let (mut x_out, mut v_out) = (vec![0.0; layout.len()], vec![0.0; layout.len()]);
        step.mean_field(layout, state.input(), &mut x_out, Some(&mut v_out)).unwrap();
        assert_close("x", &x_out, &x, 1e-12);
        assert_close("v", &v_out, &v, 1e-12);
        let single = state.cast::<f32>();
        let (mut x_out, mut v_out) = (vec![0.0; layout.len()], vec![0.0; layout.len()]);
        step.mean_field(layout, single.input(), &mut x_out, Some(&mut v_out)).unwrap();
        assert_close("f32 x", &x_out, &x, 1e-5);
        assert_close("f32 v", &v_out, &v, 1e-5);
    }
}

/// A larger system than the random ones, with an incomplete last tile and a mixed mask.
#[test]
fn published_matches_the_oracle_on_many_particles() {
    let layout = Layout {
        samples: 1,
        dims: 19,
        particles: 131,
    };
    for directions in [Directions::Exact, Directions::Pool { size: 64 }] {
        check_published(
            &published(Positions::Merged, directions),
            layout,
            3,
            1.3,
            false,
        );
    }
}

/// Given directions and keyed ones with the same values give the same step.
#[test]
fn given_directions_are_keyed_ones() {
    let layout = Layout {
        samples: 2,
        dims: 21,
        particles: 19,
    };
    let (key, n) = (key(4), layout.particles);
    let pairs = n * (n - 1) / 2;
    let mut directions = vec![0.0; layout.samples * layout.dims * pairs];
    for sample in 0..layout.samples {
        for pair in 0..pairs {
            let mut e = vec![0.0; layout.dims];
            draws::direction(key, sample, pair, layout.dims, &mut e);
            for (d, e) in e.into_iter().enumerate() {
                directions[(sample * layout.dims + d) * pairs + pair] = e;
            }
        }
    }
    let step = published(Positions::Free, Directions::Exact);
    let state = State::random(8, layout, 1.0, false);
    let keyed = run(&step, layout, &state, &Draws::Keyed(key));
    let given = run(&step, layout, &state, &Draws::Directions(&directions));
    assert!(keyed.collisions.diagnostics().accepted > 20);
    assert_close("v", &given.v, &keyed.v, 1e-13);
    assert_close("by a", &given.by_a, &keyed.by_a, 1e-13);
}
