use std::f64::consts::{PI, TAU};

use super::*;

fn on_grid(resolution: usize, value: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let at = |index: usize| index as f64 / resolution as f64;
    (0..resolution * resolution)
        .map(|point| value(at(point / resolution), at(point % resolution)))
        .collect()
}

fn random_field(resolution: usize, seed: u64) -> Vec<f64> {
    let fourier = SquareFourier::new(resolution);
    GaussianRandomField::default().sample(&fourier, &mut Stream::new(seed, [0; 3]))
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0., f64::max)
}

fn energy(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

/// Rounding of a transform of a thousand points or so of size 1.
const ROUNDING: f64 = 1e-13;

#[test]
fn single_modes_decay_and_are_supplied_in_closed_form() {
    let (resolution, kappa, time) = (16, 0.01, 0.7);
    for (k, l) in [(1, 0), (0, 3), (2, -3), (7, 7), (-8, 0)] {
        let mode = |x: f64, y: f64| (TAU * (f64::from(k) * x + f64::from(l) * y)).cos();
        let rate = kappa * 4. * PI * PI * f64::from(k * k + l * l);
        let solver = HeatSolver::new(
            resolution,
            kappa,
            &on_grid(resolution, |x, y| 0.5 * mode(x, y)),
        )
        .unwrap();
        let solution = solver
            .evolve(&on_grid(resolution, |x, y| 3. * mode(x, y)), time)
            .unwrap();
        let decay = (-rate * time).exp();
        let amplitude = 3. * decay + 0.5 * (1. - decay) / rate;
        let expected = on_grid(resolution, |x, y| amplitude * mode(x, y));
        assert!(
            largest_difference(&solution, &expected) < ROUNDING,
            "mode {k}, {l}"
        );
    }
}

#[test]
fn the_mean_grows_by_the_mean_supply() {
    let source: Vec<_> = Source::Frame
        .pattern(32)
        .iter()
        .map(|value| 0.1 * value)
        .collect();
    let solver = HeatSolver::new(32, 1e-4, &source).unwrap();
    let initial: Vec<_> = random_field(32, 1)
        .iter()
        .map(|value| value + 0.25)
        .collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    // A frame one cell wide on 32 x 32 covers 1024 - 900 cells.
    let supply = 0.1 * 124. / 1024.;
    for time in [0., 0.25, 4.75, 1000.] {
        let found = mean(&solver.evolve(&initial, time).unwrap());
        let expected = 0.25 + supply * time;
        assert!(
            (found - expected).abs() < ROUNDING * expected,
            "{found} {expected}"
        );
    }
}

#[test]
fn two_steps_are_one() {
    let solver = HeatSolver::new(24, 0.003, &random_field(24, 5)).unwrap();
    let initial = random_field(24, 6);
    let halfway = solver.evolve(&initial, 0.4).unwrap();
    let in_two = solver.evolve(&halfway, 1.3).unwrap();
    let in_one = solver.evolve(&initial, 1.7).unwrap();
    assert!(largest_difference(&in_two, &in_one) < ROUNDING);
    assert!(largest_difference(&solver.evolve(&initial, 0.).unwrap(), &initial) < ROUNDING);
}

/// Five-point Laplacian and classical Runge-Kutta steps far below its stability limit.
fn finite_differences(
    resolution: usize,
    kappa: f64,
    source: &[f64],
    initial: &[f64],
    time: f64,
) -> Vec<f64> {
    let n = resolution;
    let rate = |u: &[f64]| -> Vec<f64> {
        (0..n * n)
            .map(|point| {
                let (x, y) = (point / n, point % n);
                let neighbours = u[(x + 1) % n * n + y]
                    + u[(x + n - 1) % n * n + y]
                    + u[x * n + (y + 1) % n]
                    + u[x * n + (y + n - 1) % n];
                kappa * (neighbours - 4. * u[point]) * (n * n) as f64 + source[point]
            })
            .collect()
    };
    let moved = |u: &[f64], by: f64, rate: &[f64]| -> Vec<f64> {
        u.iter().zip(rate).map(|(u, rate)| u + by * rate).collect()
    };
    let steps = 400;
    let dt = time / f64::from(steps);
    let mut u = initial.to_vec();
    for _ in 0..steps {
        let k1 = rate(&u);
        let k2 = rate(&moved(&u, dt / 2., &k1));
        let k3 = rate(&moved(&u, dt / 2., &k2));
        let k4 = rate(&moved(&u, dt, &k3));
        for (point, value) in u.iter_mut().enumerate() {
            *value += dt / 6. * (k1[point] + 2. * k2[point] + 2. * k3[point] + k4[point]);
        }
    }
    u
}

#[test]
fn finite_differences_converge_to_it_with_their_order() {
    let kappa = 0.02;
    let initial = |x: f64, y: f64| (TAU * (x + 2. * y)).sin() + (TAU * (2. * x - y)).cos();
    let source = |x: f64, y: f64| 1. + (TAU * x).cos() * (TAU * y).sin();
    let errors: Vec<_> = [16, 32, 64]
        .map(|resolution| {
            let (initial, source) = (on_grid(resolution, initial), on_grid(resolution, source));
            let solver = HeatSolver::new(resolution, kappa, &source).unwrap();
            let exact = solver.evolve(&initial, 0.5).unwrap();
            let approximate = finite_differences(resolution, kappa, &source, &initial, 0.5);
            largest_difference(&exact, &approximate)
        })
        .into();
    // Second order in the spacing: a factor 4 for every halving, up to fourth-order terms.
    for pair in errors.windows(2) {
        let ratio = pair[0] / pair[1];
        assert!((3.6..4.4).contains(&ratio), "{errors:?}");
    }
    assert!(errors[2] < 2e-3, "{errors:?}");
}

#[test]
fn the_balance_of_source_and_diffusion_stays() {
    let (resolution, kappa) = (16, 0.01);
    let source = |x: f64, y: f64| (TAU * (2. * x + y)).sin();
    let solver = HeatSolver::new(resolution, kappa, &on_grid(resolution, source)).unwrap();
    let balance = on_grid(resolution, |x, y| {
        source(x, y) / (kappa * 4. * PI * PI * 5.)
    });
    let later = solver.evolve(&balance, 3.).unwrap();
    assert!(largest_difference(&later, &balance) < ROUNDING);
    let forgotten = solver.evolve(&random_field(resolution, 2), 100.).unwrap();
    assert!(largest_difference(&forgotten, &balance) < ROUNDING);
}

#[test]
fn energy_falls_without_a_source() {
    let solver = HeatSolver::new(32, 1e-3, &[0.; 1024]).unwrap();
    let initial = random_field(32, 9);
    let energies: Vec<_> = (0..10)
        .map(|step| energy(&solver.evolve(&initial, f64::from(step) * 0.5).unwrap()))
        .collect();
    assert!(
        energies.windows(2).all(|pair| pair[1] < pair[0]),
        "{energies:?}"
    );
}

#[test]
fn the_frame_is_one_region_on_every_grid() {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let inside = |pattern: &[f64], n: usize, cells: usize| {
        pattern.iter().enumerate().all(|(point, &value)| {
            let from_edge = |index: usize| index.min(n - 1 - index);
            let covered = from_edge(point / n).min(from_edge(point % n)) < cells;
            value == f64::from(covered)
        })
    };
    assert!(inside(&Source::Frame.pattern(32), 32, 1));
    assert!(inside(&Source::Frame.pattern(64), 64, 2));
    assert!(inside(&Source::OneCell.pattern(32), 32, 1));
    assert!(inside(&Source::OneCell.pattern(64), 64, 1));
    for resolution in [12, 16, 24, 32, 33, 64, 96] {
        let found = mean(&Source::Frame.pattern(resolution));
        assert!(
            (found - 124. / 1024.).abs() < ROUNDING,
            "{resolution}: {found}"
        );
    }
    let published = mean(&Source::OneCell.pattern(64)) / mean(&Source::OneCell.pattern(32));
    assert!((published - 0.508).abs() < 1e-3, "{published}");
}

#[test]
fn snapshots_follow_the_solver_from_time_zero() {
    let config = HeatConfig {
        resolution: 16,
        samples: 2,
        snapshots: 3,
        snapshot_interval: 0.5,
        seed: 4,
        ..HeatConfig::default()
    };
    let data = generate(&config).unwrap();
    assert_eq!(data.fields().shape(), [2, 16, 16, 3]);
    let source: Vec<_> = Source::Frame
        .pattern(16)
        .iter()
        .map(|value| 0.1 * value)
        .collect();
    let solver = HeatSolver::new(16, config.diffusivity, &source).unwrap();
    let values: Vec<f64> = data.fields().data().iter_f64().collect();
    for sample in 0..2 {
        let snapshot = |index: usize| -> Vec<f64> {
            (0..256)
                .map(|point| values[(sample * 256 + point) * 3 + index])
                .collect()
        };
        for index in 0..3 {
            let expected = solver.evolve(&snapshot(0), 0.5 * index as f64).unwrap();
            // Single precision of values of size 1.
            assert!(largest_difference(&snapshot(index), &expected) < 1e-6);
        }
    }
    let (inputs, targets) = data.split_time(1, 2).unwrap();
    assert_eq!(inputs.shape(), [2, 16, 16, 1]);
    assert_eq!(targets.shape(), [2, 16, 16, 2]);
    assert_eq!(inputs.data().iter_f64().nth(7), Some(values[21]));
    assert_eq!(targets.data().iter_f64().nth(15), Some(values[7 * 3 + 2]));
    let error = data.split_time(2, 2).unwrap_err();
    assert!(error.to_string().contains("[2, 16, 16, 3]"), "{error}");
}

#[test]
fn threads_and_the_number_of_samples_change_nothing() {
    let config = HeatConfig {
        samples: 7,
        snapshots: 4,
        ..HeatConfig::default()
    };
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build()
            .unwrap()
            .install(|| generate(&config).unwrap())
            .into_fields()
            .into_f32()
    };
    let one = with_threads(1);
    assert_eq!(one, with_threads(2));
    assert_eq!(one, with_threads(5));
    let fewer = HeatConfig {
        samples: 3,
        ..config.clone()
    };
    let fewer = generate(&fewer).unwrap().into_fields().into_f32();
    assert_eq!(one[..fewer.len()], fewer);
    let other_seed = HeatConfig { seed: 1, ..config };
    assert_ne!(one, generate(&other_seed).unwrap().into_fields().into_f32());
}

#[test]
fn a_sample_is_one_solution_on_every_grid() {
    let at_resolution = |resolution| {
        let config = HeatConfig {
            resolution,
            samples: 1,
            snapshots: 5,
            forcing: 0.,
            seed: 8,
            ..HeatConfig::default()
        };
        let last = generate(&config).unwrap().fields().narrow_last(4, 1);
        SquareFourier::new(resolution).coefficients(&last.unwrap().into_f64())
    };
    let (coarse, fine) = (at_resolution(32), at_resolution(64));
    for k in -15..16_i64 {
        for l in -15..16_i64 {
            let index = |n: i64| (k.rem_euclid(n) * n + l.rem_euclid(n)) as usize;
            let difference = (coarse[index(32)] - fine[index(64)]).norm();
            // Values are rounded to single precision, errors average out over the grid.
            assert!(difference < 1e-8, "{k}, {l}: {difference}");
        }
    }
}

#[test]
fn bad_settings_are_named() {
    let default = HeatConfig::default;
    let cases = [
        (
            "resolution",
            HeatConfig {
                resolution: 3,
                ..default()
            },
        ),
        (
            "samples",
            HeatConfig {
                samples: 0,
                ..default()
            },
        ),
        (
            "snapshots",
            HeatConfig {
                snapshots: 0,
                ..default()
            },
        ),
        (
            "diffusivity",
            HeatConfig {
                diffusivity: -1.,
                ..default()
            },
        ),
        (
            "snapshot_interval",
            HeatConfig {
                snapshot_interval: f64::NAN,
                ..default()
            },
        ),
        (
            "forcing",
            HeatConfig {
                forcing: f64::INFINITY,
                ..default()
            },
        ),
    ];
    for (key, config) in cases {
        let error = generate(&config).unwrap_err();
        assert!(error.to_string().starts_with(key), "{error}");
    }
    let huge = HeatConfig {
        resolution: 8192,
        samples: u32::MAX as usize,
        ..default()
    };
    assert!(matches!(generate(&huge), Err(Error::TooLarge { .. })));
    assert!(HeatSolver::new(8, 1., &[0.; 63]).is_err());
}

#[test]
fn settings_are_read_strictly() {
    let config: HeatConfig = toml::from_str("resolution = 64\nsource = \"one-cell\"").unwrap();
    assert_eq!((config.resolution, config.source), (64, Source::OneCell));
    assert!(toml::from_str::<HeatConfig>("resolutoin = 64").is_err());
}

#[test]
fn a_cached_data_set_is_the_generated_one() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::new(directory.path());
    let config = HeatConfig {
        samples: 2,
        ..HeatConfig::default()
    };
    let (first, outcome) = load_or_generate(&config, &cache).unwrap();
    assert_eq!(outcome, Outcome::Generated);
    let (second, outcome) = load_or_generate(&config, &cache).unwrap();
    assert_eq!(outcome, Outcome::Found);
    assert_eq!(first, second);
    assert_eq!(first, generate(&config).unwrap());
}

#[test]
fn the_committed_sample_is_what_the_generator_makes() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/heat");
    let manifest =
        crate::manifest::DatasetManifest::read(format!("{directory}/manifest.toml")).unwrap();
    manifest.verify(directory).unwrap();
    let stored =
        crate::field_io::read_array(format!("{directory}/sample/heat_32.npz"), Some("fields"))
            .unwrap();
    let config = HeatConfig {
        samples: 1,
        ..HeatConfig::default()
    };
    let made = generate(&config).unwrap().into_fields();
    assert_eq!(stored.shape(), made.shape());
    // Transforms and elementary functions differ by rounding from processor to processor.
    let difference = largest_difference(&stored.into_f64(), &made.into_f64());
    assert!(difference < 1e-6, "{difference}");
}
