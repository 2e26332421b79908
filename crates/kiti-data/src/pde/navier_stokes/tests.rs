use std::f64::consts::PI;

use super::*;

fn on_grid(resolution: usize, value: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let at = |index: usize| index as f64 / resolution as f64;
    (0..resolution * resolution)
        .map(|point| value(at(point / resolution), at(point % resolution)))
        .collect()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0., f64::max)
}

fn unforced(resolution: usize, viscosity: f64) -> NavierStokesSolver {
    NavierStokesSolver::new(resolution, viscosity, &vec![0.; resolution * resolution]).unwrap()
}

/// Shear layers and vortices whose interaction fills the spectrum; analytic in a strip.
fn lively(x: f64, y: f64) -> f64 {
    4. * (TAU * x).sin() * (TAU * y).cos() + 3. * (TAU * (x + 2. * y)).cos()
        - 2. * (2. * TAU * x).sin()
}

#[test]
fn vortices_of_taylor_and_green_keep_their_shape_and_decay() {
    for (resolution, n, viscosity) in [(16, 1., 0.01), (32, 3., 1e-3), (33, 2., 1e-3)] {
        let vortices = |x: f64, y: f64| (TAU * n * (x - 0.1)).cos() * (TAU * n * y).sin();
        let initial = on_grid(resolution, |x, y| 5. * vortices(x, y));
        let solution = unforced(resolution, viscosity)
            .evolve(&initial, 2., 0.02)
            .unwrap();
        let decay = (-viscosity * 8. * PI * PI * n * n * 2.).exp();
        let expected = on_grid(resolution, |x, y| 5. * decay * vortices(x, y));
        let difference = largest_difference(&solution, &expected);
        assert!(difference < 1e-11, "{resolution}: {difference}");
    }
}

/// From rest, a forcing that depends on `x + y` only drives a shear flow that carries nothing.
#[test]
fn the_forcing_drives_a_shear_flow_in_closed_form() {
    let config = NavierStokesConfig {
        solver_resolution: 16,
        ..NavierStokesConfig::default()
    };
    let forcing = config.forcing_pattern();
    let sum = |x: f64, y: f64| 0.1 * ((TAU * (x + y)).sin() + (TAU * (x + y)).cos());
    assert!(largest_difference(&forcing, &on_grid(16, sum)) < 1e-15);
    let solver = NavierStokesSolver::new(16, config.viscosity, &forcing).unwrap();
    let rate = config.viscosity * 8. * PI * PI;
    for time in [0.5, 20.] {
        let grown = -(-rate * time).exp_m1() / rate;
        let expected: Vec<_> = forcing.iter().map(|f| f * grown).collect();
        let solution = solver.evolve(&[0.; 256], time, 0.1).unwrap();
        assert!(largest_difference(&solution, &expected) < 1e-12);
    }
}

/// `w = a cos 2 pi x + b cos 4 pi y` is kept up by the forcing `u . grad w - viscosity Laplace(w)`
/// with `u . grad w = -3/2 a b sin 2 pi x sin 4 pi y`, worked out by hand.
#[test]
fn a_manufactured_flow_is_steady() {
    let (a, b, viscosity, resolution) = (1.3, -0.7, 0.02, 24);
    let vorticity = |x: f64, y: f64| a * (TAU * x).cos() + b * (2. * TAU * y).cos();
    let forcing = on_grid(resolution, |x, y| {
        -1.5 * a * b * (TAU * x).sin() * (2. * TAU * y).sin()
            + viscosity * TAU.powi(2) * (a * (TAU * x).cos() + 4. * b * (2. * TAU * y).cos())
    });
    let solver = NavierStokesSolver::new(resolution, viscosity, &forcing).unwrap();
    let initial = on_grid(resolution, vorticity);
    let later = solver.evolve(&initial, 1., 0.01).unwrap();
    let difference = largest_difference(&initial, &later);
    assert!(difference < 1e-11, "{difference}");
    // Without the forcing the same flow moves.
    let moved = unforced(resolution, viscosity)
        .evolve(&initial, 1., 0.01)
        .unwrap();
    assert!(largest_difference(&initial, &moved) > 0.1);
}

#[test]
fn the_error_is_of_fourth_order_in_time() {
    let solver = unforced(24, 1e-2);
    let initial = on_grid(24, lively);
    let at = |step| solver.evolve(&initial, 0.4, step).unwrap();
    let best = at(0.4 / 1024.);
    let errors: Vec<_> = [16., 32., 64., 128.]
        .map(|steps| largest_difference(&at(0.4 / steps), &best))
        .into();
    for pair in errors.windows(2) {
        let order = (pair[0] / pair[1]).log2();
        assert!((order - 4.).abs() < 0.4, "{errors:?}");
    }
}

#[test]
fn the_error_falls_exponentially_with_the_resolution() {
    let solve = |resolution: usize| {
        let initial = on_grid(resolution, lively);
        unforced(resolution, 0.02)
            .evolve(&initial, 0.2, 2e-3)
            .unwrap()
    };
    let best = solve(96);
    let error = |resolution: usize| {
        let (solution, every) = (solve(resolution), 96 / resolution);
        let best: Vec<_> = (0..resolution * resolution)
            .map(|point| best[(point / resolution * 96 + point % resolution) * every])
            .collect();
        largest_difference(&solution, &best)
    };
    let errors = [12, 24, 48].map(error);
    // A method of fixed order p gains 2^p at every doubling; this one squares the error.
    assert!(
        errors[1] < errors[0] / 30. && errors[2] < errors[1] / 1000.,
        "{errors:?}"
    );
}

/// Without viscosity the modes that are kept exchange energy and enstrophy and lose none.
#[test]
fn energy_and_enstrophy_are_conserved_without_viscosity() {
    let solver = unforced(24, 0.);
    let (mut workspace, fourier) = (solver.workspace(), &solver.fourier);
    let mut state: Vec<_> = fourier
        .scaled_coefficients(&on_grid(24, lively), &mut workspace.flow.scratch)
        .iter()
        .zip(fourier.wavenumbers())
        .map(|(mode, kept)| {
            if kept.is_some() {
                mode / 576.
            } else {
                Mode::default()
            }
        })
        .collect();
    let invariants = |state: &[Mode]| {
        let (mut energy, mut enstrophy) = (0., 0.);
        for (mode, wavenumbers) in state.iter().zip(fourier.wavenumbers()) {
            let Some((k, l)) = wavenumbers else {
                assert_eq!(*mode, Mode::default());
                continue;
            };
            let weight = if l == 0 { 1. } else { 2. };
            enstrophy += weight * mode.norm_sqr();
            if (k, l) != (0, 0) {
                energy += weight * mode.norm_sqr() / (k * k + l * l) as f64;
            }
        }
        (energy, enstrophy)
    };
    let before = invariants(&state);
    let start = state.clone();
    solver
        .advance(&mut workspace, &mut state, 1., 1e-3)
        .unwrap();
    let after = invariants(&state);
    assert!(
        (after.0 / before.0 - 1.).abs() < 1e-9,
        "{before:?} {after:?}"
    );
    assert!(
        (after.1 / before.1 - 1.).abs() < 1e-9,
        "{before:?} {after:?}"
    );
    let moved: f64 = state
        .iter()
        .zip(&start)
        .map(|(a, b)| (a - b).norm_sqr())
        .sum();
    assert!(moved > 0.1 * before.1, "{moved}");
}

fn small() -> NavierStokesConfig {
    NavierStokesConfig {
        resolution: 12,
        solver_resolution: 24,
        samples: 5,
        snapshots: 3,
        snapshot_interval: 0.5,
        time_step: 0.05,
        ..NavierStokesConfig::default()
    }
}

#[test]
fn snapshots_are_those_of_the_solver_one_after_the_other() {
    let config = small();
    let pairs = generate(&config, &|_| {}).unwrap();
    let (inputs, outputs) = (pairs.inputs.into_f32(), pairs.outputs.into_f32());
    let seed = derive_seed(0, "navier-stokes/initial-field");
    let sample = 3;
    let fourier = super::super::fourier::SquareFourier::new(24);
    let initial = config
        .field
        .sample(&fourier, &mut Stream::new(seed, [sample as u32, 0, 0]));
    let solver = NavierStokesSolver::new(24, config.viscosity, &config.forcing_pattern()).unwrap();
    for snapshot in 0..=config.snapshots {
        let expected = solver
            .evolve(&initial, snapshot as f64 * 0.5, 0.05)
            .unwrap();
        for point in 0..144 {
            let value = expected[(point / 12 * 24 + point % 12) * 2];
            let found = match snapshot {
                0 => inputs[sample * 144 + point],
                later => outputs[(sample * 144 + point) * 3 + later - 1],
            };
            // Single precision of values of size 1.
            assert!(
                (f64::from(found) - value).abs() < 1e-6,
                "{snapshot} {found} {value}"
            );
        }
    }
}

#[test]
fn every_resolution_shows_the_same_flow() {
    let config = small();
    let coarse = generate(&config, &|_| {}).unwrap();
    let fine = generate(
        &NavierStokesConfig {
            resolution: 24,
            ..config
        },
        &|_| {},
    )
    .unwrap();
    let (fine, coarse) = (fine.inputs.into_f32(), coarse.inputs.into_f32());
    for point in 0..144 {
        assert_eq!(coarse[point], fine[(point / 12 * 24 + point % 12) * 2]);
    }
}

#[test]
fn bad_settings_are_named() {
    let good = small();
    for (key, bad) in [
        (
            "resolution",
            NavierStokesConfig {
                resolution: 7,
                ..good.clone()
            },
        ),
        (
            "solver_resolution",
            NavierStokesConfig {
                solver_resolution: 1 << 20,
                ..good.clone()
            },
        ),
        (
            "samples",
            NavierStokesConfig {
                samples: 0,
                ..good.clone()
            },
        ),
        (
            "snapshots",
            NavierStokesConfig {
                snapshots: 0,
                ..good.clone()
            },
        ),
        (
            "snapshot_interval",
            NavierStokesConfig {
                snapshot_interval: -1.,
                ..good.clone()
            },
        ),
        (
            "time_step",
            NavierStokesConfig {
                time_step: f64::INFINITY,
                ..good.clone()
            },
        ),
        (
            "viscosity",
            NavierStokesConfig {
                viscosity: -1e-3,
                ..good.clone()
            },
        ),
        (
            "forcing",
            NavierStokesConfig {
                forcing: f64::NAN,
                ..good.clone()
            },
        ),
    ] {
        let message = generate(&bad, &|_| {}).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{key} = ")), "{message}");
    }
    let large = NavierStokesConfig {
        samples: u32::MAX as usize,
        snapshots: u32::MAX as usize,
        ..good.clone()
    };
    let message = generate(&large, &|_| {}).unwrap_err().to_string();
    assert!(message.contains("bytes of memory"), "{message}");
    let furious = NavierStokesConfig {
        forcing: 1e300,
        ..good
    };
    let message = generate(&furious, &|_| {}).unwrap_err().to_string();
    assert!(
        message.contains("Navier-Stokes") && message.contains("time"),
        "{message}"
    );
}
