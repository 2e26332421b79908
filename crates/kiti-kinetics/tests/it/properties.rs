//! What a step conserves, and what it does at the edges of its domain.

use kiti_kinetics::Real;
use kiti_kinetics::rng::Stream;
use kiti_kinetics::system::*;

use super::support::*;

const ALL: Layout = Layout {
    samples: 3,
    dims: 24,
    particles: 37,
};

fn steps() -> Vec<KineticStep> {
    let mut steps = Vec::new();
    for positions in [Positions::Free, Positions::Merged] {
        for directions in [Directions::Exact, Directions::Pool { size: 32 }] {
            steps.push(published(positions, directions));
        }
    }
    steps.extend(DEFLECTIONS.map(elastic));
    steps
}

/// Sums over particles, `(B, D)`, and `sum |v|^2` of each sample.
fn momentum_and_energy<T: Real>(layout: Layout, v: &[T]) -> (Vec<f64>, Vec<f64>) {
    let row = |row: &[T]| row.iter().map(|v| v.to_f64()).sum();
    let momentum = v.chunks(layout.particles).map(row).collect();
    let energy = v
        .chunks(layout.dims * layout.particles)
        .map(|sample| sample.iter().map(|v| v.to_f64().powi(2)).sum())
        .collect();
    (momentum, energy)
}

fn conservation<T: Real>(tolerance: f64) {
    for step in steps() {
        let state = State::random(31, ALL, 0.8, true).cast::<T>();
        let found = run(&step, ALL, &state, &Draws::Keyed(key(6)));
        let before: Vec<T> = (0..ALL.len())
            .map(|k| state.a[k] * T::from_f64(step.dt) + state.v.as_ref().unwrap()[k])
            .collect();
        let (momentum, energy) = momentum_and_energy(ALL, &before);
        let (momentum_after, energy_after) = momentum_and_energy(ALL, &found.v);
        let diagnostics = found.collisions.diagnostics();
        assert!(diagnostics.accepted > 10);
        for sample in 0..ALL.samples {
            for d in sample * ALL.dims..(sample + 1) * ALL.dims {
                // Published collisions multiply velocities a hundredfold, and rounding with them.
                let scale = energy_after[sample].sqrt();
                assert!(
                    (momentum[d] - momentum_after[d]).abs() < tolerance * scale,
                    "{step:?}"
                );
            }
            let change = (energy_after[sample] / energy[sample] - 1.0).abs();
            match step.scattering {
                Scattering::Elastic { .. } => assert!(change < tolerance, "{step:?} {change}"),
                Scattering::Published { .. } => assert!(change > 0.5, "{step:?} {change}"),
            }
        }
        let sum = |values: &[f64]| values.iter().sum::<f64>();
        assert!((diagnostics.energy_before / sum(&energy) - 1.0).abs() < 1e-5);
        assert!((diagnostics.energy_after / sum(&energy_after) - 1.0).abs() < 1e-5);
        assert!(diagnostics.momentum_error < tolerance * 100.0);
    }
}

#[test]
fn momentum_is_kept_and_elastic_energy_too() {
    conservation::<f64>(1e-13);
    conservation::<f32>(1e-5);
}

/// The memoryless step without collisions is the residual addition, bit for bit.
#[test]
fn without_collisions_it_is_the_residual() {
    for mut step in steps() {
        step.collision_coefficient = 0.0;
        let state = State::random(32, ALL, 1.0, false).cast::<f32>();
        let found = run(&step, ALL, &state, &Draws::Keyed(key(7)));
        for k in 0..ALL.len() {
            assert_eq!(found.x[k], state.x[k] + state.a[k]);
            assert_eq!(found.v[k], state.a[k]);
            assert_eq!(found.by_x[k], state.upstream_x[k]);
            assert_eq!(found.by_a[k], state.upstream_x[k]);
        }
        assert_eq!(found.collisions.diagnostics().accepted, 0);
        assert_eq!(found.collisions.accepted(1), []);
    }
}

/// One particle, no particle, equal velocities, coincident particles: no NaN anywhere.
#[test]
fn degenerate_systems_stay_finite() {
    for step in steps() {
        for (particles, dims) in [(0, 3), (1, 3), (1, 1), (2, 1), (5, 2), (33, 4), (4, 0)] {
            let layout = Layout {
                samples: 2,
                dims,
                particles,
            };
            let random = State::random(33, layout, 1.0, true);
            let mut equal_velocities = random.clone();
            for row in equal_velocities.a.chunks_mut(particles.max(1)) {
                row.fill(row[0]);
            }
            equal_velocities.v = Some(equal_velocities.a.clone());
            let mut coincident = random.clone();
            for row in coincident.x.chunks_mut(particles.max(1)) {
                row.fill(row[0]);
            }
            // Two of the particles agree in everything.
            let mut twins = random.clone();
            for field in [&mut twins.x, &mut twins.a, twins.v.as_mut().unwrap()] {
                for row in field.chunks_mut(particles.max(1)) {
                    row[particles - 1] = row[0];
                }
            }
            for (what, state) in [
                ("equal", equal_velocities),
                ("coincident", coincident),
                ("twins", twins),
            ] {
                let found = run(&step, layout, &state, &Draws::Keyed(key(8)));
                let by_v = found.by_v.unwrap();
                for field in [&found.x, &found.v, &found.by_x, &found.by_a, &by_v] {
                    assert!(
                        field.iter().all(|v| v.abs() < 1e6),
                        "{what} {step:?} {layout}"
                    );
                }
                if what == "equal" {
                    assert_eq!(found.collisions.diagnostics().accepted, 0);
                }
                if let Scattering::Elastic { .. } = step.scattering {
                    let zeros = || vec![0.0; layout.len()];
                    let (mut x, mut v) = (zeros(), zeros());
                    step.mean_field(layout, state.input(), &mut x, Some(&mut v))
                        .unwrap();
                    let (mut by_x, mut by_a, mut by_v) = (zeros(), zeros(), zeros());
                    let gradient = InputGradient {
                        x: Some(&mut by_x),
                        a: &mut by_a,
                        v: Some(&mut by_v),
                    };
                    step.mean_field_adjoint(layout, state.input(), state.upstream(), gradient)
                        .unwrap();
                    for field in [x, v, by_x, by_a, by_v] {
                        assert!(
                            field.iter().all(|v| v.abs() < 1e6),
                            "{what} {step:?} {layout}"
                        );
                    }
                }
            }
        }
    }
}

/// A NaN or an infinity comes out as one, in its own sample, and leaves nothing behind.
#[test]
fn what_is_not_a_number_comes_out() {
    let healthy = State::random(34, ALL, 0.8, false).cast::<f32>();
    for step in steps() {
        let draws = Draws::Keyed(key(9));
        let expected = run(&step, ALL, &healthy, &draws);
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for in_x in [true, false] {
                let mut state = healthy.clone();
                let place = 2 * ALL.particles + 5;
                let field = if in_x { &mut state.x } else { &mut state.a };
                field[place] = value;
                let found = run(&step, ALL, &state, &draws);
                assert!(!found.x[place].is_finite(), "{step:?} {value}");
                // The other samples do not see it.
                let size = ALL.dims * ALL.particles;
                assert_eq!(found.x[size..], expected.x[size..]);
                assert_eq!(found.by_a[size..], expected.by_a[size..]);
            }
        }
        let again = run(&step, ALL, &healthy, &draws);
        assert_eq!(again.x, expected.x);
        assert_eq!(again.by_a, expected.by_a);
    }
}

/// Reorders the particles of a `(D, n)` field: particle `j` becomes particle `order[j]`.
fn permuted(layout: Layout, order: &[usize], values: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; values.len()];
    for (row, to) in values
        .chunks(layout.particles)
        .zip(out.chunks_mut(layout.particles))
    {
        for (j, &value) in row.iter().enumerate() {
            to[order[j]] = value;
        }
    }
    out
}

fn permuted_state(layout: Layout, order: &[usize], state: &State<f64>) -> State<f64> {
    let permute = |values: &Vec<f64>| permuted(layout, order, values);
    State {
        x: permute(&state.x),
        a: permute(&state.a),
        v: state.v.as_ref().map(permute),
        upstream_x: permute(&state.upstream_x),
        upstream_v: state.upstream_v.as_ref().map(permute),
    }
}

/// Permuting the particles with their directions permutes results and gradients.
#[test]
fn permutations_commute_with_the_step() {
    let layout = Layout {
        samples: 1,
        dims: 7,
        particles: 13,
    };
    let n = layout.particles;
    let state = State::random(35, layout, 0.8, true);
    let mut stream = Stream::new(36, [0; 3]);
    let mut order: Vec<usize> = (0..n).collect();
    stream.shuffle(&mut order);
    let moved_state = permuted_state(layout, &order, &state);
    let same = |before: &Run<f64>, after: &Run<f64>| {
        for (before, after) in [
            (&before.x, &after.x),
            (&before.v, &after.v),
            (&before.by_x, &after.by_x),
            (&before.by_a, &after.by_a),
        ] {
            assert_close("permuted", after, &permuted(layout, &order, before), 1e-13);
        }
    };

    let pairs: Vec<(usize, usize)> = (0..n)
        .flat_map(|i| (i + 1..n).map(move |j| (i, j)))
        .collect();
    let mut directions = vec![0.0; layout.dims * pairs.len()];
    let mut moved = directions.clone();
    for (number, &(i, j)) in pairs.iter().enumerate() {
        let mut e = vec![0.0; layout.dims];
        stream.direction(&mut e);
        let (low, high) = (order[i].min(order[j]), order[i].max(order[j]));
        let moved_number = pairs.iter().position(|&pair| pair == (low, high)).unwrap();
        let sign = if order[i] < order[j] { 1.0 } else { -1.0 };
        for (d, e) in e.into_iter().enumerate() {
            directions[d * pairs.len() + number] = e;
            moved[d * pairs.len() + moved_number] = sign * e;
        }
    }
    let step = published(Positions::Merged, Directions::Exact);
    let before = run(&step, layout, &state, &Draws::Directions(&directions));
    let after = run(&step, layout, &moved_state, &Draws::Directions(&moved));
    assert!(before.collisions.diagnostics().accepted > 5);
    same(&before, &after);

    let given: Vec<Pair> = [(0, 3), (7, 1), (12, 4)]
        .map(|(first, second)| Pair {
            sample: 0,
            first,
            second,
        })
        .to_vec();
    let moved: Vec<Pair> = given
        .iter()
        .map(|pair| Pair {
            sample: 0,
            first: order[pair.first],
            second: order[pair.second],
        })
        .collect();
    let directions = &directions[..given.len() * layout.dims];
    for deflection in DEFLECTIONS {
        let step = elastic(deflection);
        let before = run(
            &step,
            layout,
            &state,
            &Draws::Pairs {
                pairs: &given,
                directions,
            },
        );
        let after = run(
            &step,
            layout,
            &moved_state,
            &Draws::Pairs {
                pairs: &moved,
                directions,
            },
        );
        same(&before, &after);
    }
}

/// The same bits for any number of threads, and for a batch processed in two parts.
#[test]
fn threads_and_batches_do_not_matter() {
    let layout = Layout {
        samples: 9,
        dims: 40,
        particles: 29,
    };
    let size = layout.dims * layout.particles;
    let state = State::random(37, layout, 0.9, true).cast::<f32>();
    for step in steps() {
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| run(&step, layout, &state, &Draws::Keyed(key(10))))
        };
        let one = with_threads(1);
        for threads in [2, 5] {
            let more = with_threads(threads);
            assert_eq!(one.x, more.x);
            assert_eq!(one.by_a, more.by_a);
            assert_eq!(one.by_v, more.by_v);
            assert_eq!(one.collisions.diagnostics(), more.collisions.diagnostics());
        }
        let last = Layout {
            samples: 2,
            ..layout
        };
        let part = |values: &Vec<f32>| values[7 * size..].to_vec();
        let state = State {
            x: part(&state.x),
            a: part(&state.a),
            v: state.v.as_ref().map(part),
            upstream_x: part(&state.upstream_x),
            upstream_v: state.upstream_v.as_ref().map(part),
        };
        let key = StreamKey {
            first_sample: 7,
            ..key(10)
        };
        let found = run(&step, last, &state, &Draws::Keyed(key));
        assert_eq!(found.x, one.x[7 * size..]);
        assert_eq!(found.by_a, one.by_a[7 * size..]);
    }
}

/// Every part of the key changes the draws, and equal keys repeat them.
#[test]
fn keys_separate_the_draws() {
    let layout = Layout {
        samples: 2,
        dims: 8,
        particles: 12,
    };
    let state = State::random(38, layout, 0.5, false);
    let base = key(11);
    let others = [
        StreamKey { seed: 12, ..base },
        StreamKey {
            step: base.step + (1 << 32),
            ..base
        },
        StreamKey { layer: 2, ..base },
        StreamKey { pass: 3, ..base },
        StreamKey {
            first_sample: 1 << 32,
            ..base
        },
    ];
    for step in steps() {
        let result = |key| {
            forward(&step, layout, &state, &Draws::Keyed(key))
                .unwrap()
                .1
        };
        assert_eq!(result(base), result(base));
        for other in others {
            // The pool is shared by all samples, but which of its vectors a pair takes is not.
            assert_ne!(result(base), result(other), "{step:?} {other:?}");
        }
    }
}

#[test]
fn schedules_fall_from_one_to_zero() {
    let linear = CoefficientSchedule::Linear { end: 0.8 };
    let cosine = CoefficientSchedule::Cosine { end: 0.5 };
    for schedule in [linear, cosine] {
        assert_eq!(schedule.factor(0.0), 1.0);
        assert_eq!(schedule.factor(-1.0), 1.0);
        assert_eq!(schedule.factor(0.8), 0.0);
        assert_eq!(schedule.factor(2.0), 0.0);
        assert!(
            (1..100).all(|k| schedule.factor(f64::from(k) / 100.0)
                <= schedule.factor(f64::from(k - 1) / 100.0))
        );
    }
    assert!((linear.factor(0.2) - 0.75).abs() < 1e-15);
    assert!((cosine.factor(0.25) - 0.5).abs() < 1e-15);
    assert_eq!(CoefficientSchedule::Constant.factor(0.9), 1.0);
    assert_eq!(CoefficientSchedule::Linear { end: 0.0 }.factor(0.0), 0.0);
}

#[test]
fn diagnostics_add_up() {
    let mut total = Diagnostics::default();
    assert_eq!((total.acceptance_rate(), total.energy_ratio()), (0.0, 1.0));
    let one = Diagnostics {
        candidates: 4,
        accepted: 1,
        energy_before: 2.0,
        energy_after: 6.0,
        momentum_error: 0.1,
    };
    total.merge(&one);
    total.merge(&Diagnostics {
        momentum_error: 0.05,
        ..one
    });
    assert_eq!((total.candidates, total.accepted), (8, 2));
    assert_eq!((total.acceptance_rate(), total.energy_ratio()), (0.25, 3.0));
    assert_eq!(total.momentum_error, 0.1);
    total.merge(&Diagnostics {
        momentum_error: f64::NAN,
        ..one
    });
    assert!(total.momentum_error.is_nan());
}

/// Samples taken one by one, the last first, are those of the whole batch.
#[test]
fn samples_one_by_one_have_the_bits_of_the_batch() {
    let size = ALL.dims * ALL.particles;
    for step in steps() {
        let state = State::random(33, ALL, 0.8, false).cast::<f32>();
        let whole = run(&step, ALL, &state, &Draws::Keyed(key(7)));
        let by_sample = step.by_sample::<f32>(ALL, key(7)).unwrap();
        let mut total = Diagnostics::default();
        for sample in (0..ALL.samples).rev() {
            let range = sample * size..(sample + 1) * size;
            let part = |values: &[f32]| values[range.clone()].to_vec();
            let (x, a) = (part(&state.x), part(&state.a));
            let mut x_out = vec![7e30; size];
            let met = by_sample.forward(sample, &x, &a, &mut x_out).unwrap();
            assert_eq!(x_out, part(&whole.x), "{step:?}");
            total.merge(met.diagnostics());
            let (mut by_x, mut by_a) = (vec![7e30; size], vec![7e30; size]);
            let upstream = part(&state.upstream_x);
            let needed = step.adjoint_reads_accelerations().then_some(&a[..]);
            by_sample
                .adjoint(sample, needed, &met, &upstream, Some(&mut by_x), &mut by_a)
                .unwrap();
            assert_eq!(by_x, part(&whole.by_x), "{step:?}");
            assert_eq!(by_a, part(&whole.by_a), "{step:?}");
            if needed.is_some() {
                let left_out = by_sample.adjoint(sample, None, &met, &upstream, None, &mut by_a);
                assert!(left_out.unwrap_err().to_string().contains("accelerations"));
            }
        }
        assert_eq!(total.accepted, whole.collisions.diagnostics().accepted);
        let foreign = Layout {
            particles: 36,
            ..ALL
        };
        let other = step.by_sample::<f32>(foreign, key(7)).unwrap();
        let (mut out, short) = (vec![0.0; 24 * 36], vec![0.5; 24 * 36]);
        let met = other.forward(0, &short, &short, &mut out).unwrap();
        let (values, mut by_a) = (vec![0.5; size], vec![0.0; size]);
        let refused = by_sample.adjoint(0, Some(&values), &met, &values, None, &mut by_a);
        assert!(refused.is_err(), "{step:?}");
        assert!(by_sample.forward(0, &short, &short, &mut out).is_err());
    }
}
