//! Laws of the drawn numbers, in standard errors.

use kiti_kinetics::rng::Stream;
use kiti_kinetics::system::*;

use super::support::*;

/// Mean and standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

#[track_caller]
fn assert_mean(what: &str, values: &[f64], expected: f64) {
    let (found, error) = mean(values);
    // Five standard errors: a hundred such tests fail by chance once in ten thousand runs, and the
    // seeds are fixed.
    assert!(
        (found - expected).abs() < 5.0 * error,
        "{what}: {found} +- {error}, not {expected}"
    );
}

/// `<e> = 0`, `<e_i e_j> = delta_ij / D`, `<e_1^4> = 3 / (D (D + 2))`.
fn check_moments(what: &str, dims: usize, vectors: &[Vec<f64>]) {
    let d = dims as f64;
    let column = |f: &dyn Fn(&[f64]) -> f64| vectors.iter().map(|e| f(e)).collect::<Vec<f64>>();
    for i in [0, dims / 2, dims - 1] {
        assert_mean(what, &column(&|e| e[i]), 0.0);
        if dims > 1 {
            assert_mean(what, &column(&|e| e[i] * e[i]), 1.0 / d);
            assert_mean(what, &column(&|e| e[i].powi(4)), 3.0 / (d * (d + 2.0)));
            let j = (i + 1) % dims;
            assert_mean(what, &column(&|e| e[i] * e[j]), 0.0);
            assert_mean(
                what,
                &column(&|e| e[i].powi(2) * e[j].powi(2)),
                1.0 / (d * (d + 2.0)),
            );
        }
    }
    for e in vectors {
        let square: f64 = e.iter().map(|e| e * e).sum();
        assert!((square - 1.0).abs() < 1e-12);
    }
}

#[test]
fn directions_are_isotropic() {
    for dims in [1, 2, 3, 10, 17, 40] {
        let exact: Vec<Vec<f64>> = (0..20_000)
            .map(|pair| {
                let mut e = vec![0.0; dims];
                draws::direction(key(41), pair % 7, pair / 7, dims, &mut e);
                e
            })
            .collect();
        check_moments("exact", dims, &exact);
        // One vector from each of many pools: those of one pool are taken many times.
        let pooled: Vec<Vec<f64>> = (0..20_000)
            .map(|step| {
                let key = StreamKey { step, ..key(42) };
                let pool = draws::pool_directions::<f64>(key, 8, dims);
                let (index, sign) = draws::pool_choice(key, 3, 5, 2, 8);
                let vector = &pool[index * dims..(index + 1) * dims];
                vector.iter().map(|e| e * f64::from(sign)).collect()
            })
            .collect();
        check_moments("pool", dims, &pooled);
    }
}

/// Vectors of neighbouring pairs, samples and steps have nothing to do with each other.
#[test]
fn directions_are_independent() {
    let dims = 6;
    let draw = |key: StreamKey, sample, pair| {
        let mut e = vec![0.0; dims];
        draws::direction(key, sample, pair, dims, &mut e);
        e
    };
    let base = key(43);
    for (name, other) in [
        (
            "pair",
            &(|k: usize| draw(base, 0, k + 1)) as &dyn Fn(usize) -> Vec<f64>,
        ),
        ("four pairs", &|k| draw(base, 0, k + 4)),
        ("sample", &|k| draw(base, 1, k)),
        ("step", &|k| {
            draw(
                StreamKey {
                    step: base.step + 1,
                    ..base
                },
                0,
                k,
            )
        }),
    ] {
        let products: Vec<f64> = (0..20_000)
            .map(|k| {
                draw(base, 0, k)
                    .iter()
                    .zip(other(k))
                    .map(|(a, b)| a * b)
                    .sum()
            })
            .collect();
        assert_mean(name, &products, 0.0);
        let squares: Vec<f64> = products.iter().map(|p| p * p).collect();
        assert_mean(name, &squares, 1.0 / dims as f64);
    }
}

/// Indices are uniform, signs even and antisymmetric, indices symmetric.
#[test]
fn pool_choices_are_uniform() {
    let (key, n, size) = (key(44), 130, 13);
    let (mut counts, mut signs) = (vec![0.0; size], Vec::new());
    for i in 0..n {
        for j in i + 1..n {
            let (index, sign) = draws::pool_choice(key, 2, i, j, size);
            assert_eq!(draws::pool_choice(key, 2, j, i, size), (index, -sign));
            counts[index] += 1.0;
            signs.push(f64::from(sign));
        }
    }
    let expected = signs.len() as f64 / size as f64;
    assert!(
        counts
            .iter()
            .all(|c| (c - expected).abs() < 5.0 * expected.sqrt()),
        "{counts:?}"
    );
    assert_mean("sign", &signs, 0.0);
}

/// The pooled step has the moments of the exact one: mean and variance of every component.
#[test]
fn pooled_steps_have_the_moments_of_exact_ones() {
    let layout = Layout {
        samples: 1,
        dims: 5,
        particles: 24,
    };
    let state = State::random(45, layout, 0.3, false);
    let collect = |directions| -> Vec<Vec<f64>> {
        let step = published(Positions::Free, directions);
        (0..4000)
            .map(|number| {
                let key = StreamKey {
                    step: number,
                    ..key(46)
                };
                forward(&step, layout, &state, &Draws::Keyed(key))
                    .unwrap()
                    .1
            })
            .collect()
    };
    let exact = collect(Directions::Exact);
    for size in [4, 64, 256] {
        let pooled = collect(Directions::Pool { size });
        let component = |runs: &[Vec<f64>], k: usize, power| -> Vec<f64> {
            let (centre, _) = mean(&exact.iter().map(|v| v[k]).collect::<Vec<_>>());
            runs.iter().map(|v| (v[k] - centre).powi(power)).collect()
        };
        for k in (0..layout.len()).step_by(7) {
            for power in [1, 2] {
                let (a, error_a) = mean(&component(&exact, k, power));
                let (b, error_b) = mean(&component(&pooled, k, power));
                let error = error_a.hypot(error_b);
                assert!(
                    (a - b).abs() < 5.0 * error,
                    "P = {size}, {k}, {power}: {a} {b} +- {error}"
                );
            }
        }
        // Components of different particles stay uncorrelated but for the pair's own recoil.
        let covariance = |runs: &[Vec<f64>]| {
            let (first, second) = (component(runs, 0, 1), component(runs, 1, 1));
            mean(
                &first
                    .iter()
                    .zip(second)
                    .map(|(a, b)| a * b)
                    .collect::<Vec<_>>(),
            )
        };
        let ((a, error_a), (b, error_b)) = (covariance(&exact), covariance(&pooled));
        assert!(
            (a - b).abs() < 5.0 * error_a.hypot(error_b),
            "P = {size}: {a} {b}"
        );
    }
}

/// Matchings are disjoint, complete, and pair any two particles equally often.
#[test]
fn matchings_are_uniform() {
    for n in [0, 1, 2, 5, 8] {
        let rounds = 20_000;
        let mut counts = vec![0.0; n * n];
        for step in 0..rounds {
            let pairs = draws::matching(StreamKey { step, ..key(47) }, 1, n);
            let mut seen = vec![false; n];
            for (i, j) in &pairs {
                assert!(!seen[*i] && !seen[*j] && i != j);
                (seen[*i], seen[*j]) = (true, true);
                counts[i * n + j] += 1.0;
            }
            assert_eq!(pairs.len(), n / 2);
        }
        if n > 1 {
            // Each ordered pair appears in a share floor(n/2) / (n (n-1)) of the rounds.
            let expected = rounds as f64 * (n / 2) as f64 / (n * (n - 1)) as f64;
            for i in 0..n {
                for j in (0..n).filter(|&j| j != i) {
                    let error = expected.sqrt();
                    assert!(
                        (counts[i * n + j] - expected).abs() < 5.0 * error,
                        "{n} {i} {j}"
                    );
                }
            }
        }
    }
}

/// Elastic pairs are accepted as often as their probability says.
#[test]
fn acceptance_follows_its_probability() {
    // Two particles: the only pair has the largest speed, so p = alpha exp(-r / sqrt(D)).
    let layout = Layout {
        samples: 1,
        dims: 4,
        particles: 2,
    };
    let state = State::random(48, layout, 1.5, false);
    let r = state
        .x
        .chunks(2)
        .map(|row| (row[0] - row[1]).powi(2))
        .sum::<f64>()
        .sqrt();
    let step = KineticStep {
        collision_coefficient: 0.7,
        ..elastic(Deflection::Isotropic)
    };
    let accepted: Vec<f64> = (0..20_000)
        .map(|number| {
            let key = StreamKey {
                step: number,
                ..key(49)
            };
            let (_, _, collisions) = forward(&step, layout, &state, &Draws::Keyed(key)).unwrap();
            collisions.diagnostics().accepted as f64
        })
        .collect();
    assert_mean("accepted", &accepted, 0.7 * (-r / 2.0).exp());
}

/// After one sweep in which every pair of a matching scatters isotropically, the expected stress
/// deviator is `1 - n / (2 (n - 1))` of what it was, for even `n`.
#[test]
fn a_full_sweep_relaxes_the_stress() {
    let n = 6;
    let layout = Layout {
        samples: 1,
        dims: 3,
        particles: n,
    };
    let mut state = State::random(50, layout, 0.0, false);
    // Colder across than along, and at rest on the whole.
    for (d, row) in state.a.chunks_mut(n).enumerate() {
        let centre = row.iter().sum::<f64>() / n as f64;
        row.iter_mut()
            .for_each(|v| *v = (*v - centre) * if d == 0 { 2.0 } else { 0.5 });
    }
    let deviator = |v: &[f64]| {
        let square = |row: &[f64]| row.iter().map(|v| v * v).sum::<f64>();
        let squares: Vec<f64> = v.chunks(n).map(square).collect();
        squares[0] - squares.iter().sum::<f64>() / 3.0
    };
    let before = deviator(&state.a);
    let step = elastic(Deflection::Isotropic);
    let ratios: Vec<f64> = (0..40_000)
        .map(|number| {
            let key = StreamKey {
                step: number,
                ..key(51)
            };
            let pairs: Vec<Pair> = draws::matching(key, 0, n)
                .into_iter()
                .map(|(first, second)| Pair {
                    sample: 0,
                    first,
                    second,
                })
                .collect();
            let mut directions = vec![0.0; pairs.len() * 3];
            for (index, e) in directions.chunks_mut(3).enumerate() {
                draws::direction(key, 0, index, 3, e);
            }
            let draws = Draws::Pairs {
                pairs: &pairs,
                directions: &directions,
            };
            deviator(&forward(&step, layout, &state, &draws).unwrap().1) / before
        })
        .collect();
    assert_mean(
        "deviator",
        &ratios,
        1.0 - n as f64 / (2.0 * (n as f64 - 1.0)),
    );
}

/// The same of the keyed step, which a network runs: the particles stand on the corners of a regular
/// simplex of velocities, so all relative speeds are the largest and every candidate is accepted.
#[test]
fn a_keyed_full_sweep_relaxes_the_stress() {
    for n in [4usize, 8] {
        let layout = Layout {
            samples: 1,
            dims: n + 1,
            particles: n,
        };
        // Rows of a Hadamard matrix without the constant one: velocities of sum zero and equal distances.
        // The last two coordinates are cold.
        let mut state = State::random(54, layout, 0.0, false);
        for (d, row) in state.a.chunks_mut(n).enumerate() {
            for (i, v) in row.iter_mut().enumerate() {
                let sign = if (i & (d + 1)).count_ones() % 2 == 0 {
                    1.0
                } else {
                    -1.0
                };
                *v = if d < n - 1 { sign } else { 0.0 };
            }
        }
        let deviator = |v: &[f64]| {
            let square = |row: &[f64]| row.iter().map(|v| v * v).sum::<f64>();
            let squares: Vec<f64> = v.chunks(n).map(square).collect();
            squares[0] - squares.iter().sum::<f64>() / layout.dims as f64
        };
        let before = deviator(&state.a);
        let step = KineticStep {
            collision_coefficient: 1.0,
            ..elastic(Deflection::Isotropic)
        };
        let ratios: Vec<f64> = (0..20_000)
            .map(|number| {
                let key = StreamKey {
                    step: number,
                    ..key(55)
                };
                let (_, v, collisions) =
                    forward(&step, layout, &state, &Draws::Keyed(key)).unwrap();
                assert_eq!(collisions.diagnostics().accepted, n as u64 / 2);
                deviator(&v) / before
            })
            .collect();
        let expected = 1.0 - n as f64 / (2.0 * (n as f64 - 1.0));
        assert_mean(&format!("n = {n}"), &ratios, expected);
    }
}

/// The mean over many directions of a collision is what the mean-field step takes it to be.
#[test]
fn mean_deflections() {
    let layout = Layout {
        samples: 1,
        dims: 5,
        particles: 2,
    };
    let state = State::random(52, layout, 0.0, false);
    let before = state.a[0] - state.a[1];
    for (deflection, kept) in [
        (Deflection::Isotropic, 0.0),
        (Deflection::Reflection, 1.0 - 2.0 / 5.0),
        (Deflection::Grazing { angle: 0.8 }, 0.8f64.cos()),
    ] {
        let step = elastic(deflection);
        let mut stream = Stream::new(53, [0; 3]);
        let after: Vec<f64> = (0..20_000)
            .map(|_| {
                let mut e = vec![0.0; 5];
                stream.direction(&mut e);
                let pairs = [Pair {
                    sample: 0,
                    first: 0,
                    second: 1,
                }];
                let draws = Draws::Pairs {
                    pairs: &pairs,
                    directions: &e,
                };
                let v = forward(&step, layout, &state, &draws).unwrap().1;
                v[0] - v[1]
            })
            .collect();
        assert_mean(&format!("{deflection:?}"), &after, kept * before);
    }
}
