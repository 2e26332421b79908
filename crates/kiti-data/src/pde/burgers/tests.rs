use std::f64::consts::PI;

use rustfft::FftPlanner;

use super::*;

fn on_grid(points: usize, value: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..points)
        .map(|i| value(i as f64 / points as f64))
        .collect()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0., f64::max)
}

/// Cole and Hopf: `u = -2 nu phi_x/phi` where `phi_t = nu phi_xx`; here
/// `phi = 1 + b exp(-4 pi^2 nu t) cos(2 pi x)`.
fn cole_hopf(nu: f64, b: f64, t: f64, x: f64) -> f64 {
    let b = b * (-4. * PI * PI * nu * t).exp();
    let phi = 1. + b * (TAU * x).cos();
    2. * nu * TAU * b * (TAU * x).sin() / phi
}

#[test]
fn a_steepening_wave_follows_cole_and_hopf() {
    for (nu, b, points) in [(0.1, 0.9, 128), (0.02, 0.99, 512), (0.02, 0.99, 513)] {
        let solver = BurgersSolver::new(points, nu).unwrap();
        let initial = on_grid(points, |x| cole_hopf(nu, b, 0., x));
        let expected = on_grid(points, |x| cole_hopf(nu, b, 0.4, x));
        let solution = solver.evolve(&initial, 0.4, 1e-3).unwrap();
        let difference = largest_difference(&solution, &expected);
        // The spectrum falls below 1e-13 within the kept modes; the rest is the step's h^4.
        assert!(difference < 1e-9, "nu {nu}: {difference}");
    }
}

#[test]
fn the_error_is_of_fourth_order_in_time() {
    let (nu, b, points) = (0.02, 0.9, 128);
    let initial = on_grid(points, |x| cole_hopf(nu, b, 0., x));
    let expected = on_grid(points, |x| cole_hopf(nu, b, 0.5, x));
    let solver = BurgersSolver::new(points, nu).unwrap();
    let error = |step| largest_difference(&solver.evolve(&initial, 0.5, step).unwrap(), &expected);
    let orders: Vec<_> = [0.02, 0.01]
        .map(|step| (error(step) / error(step / 2.)).log2())
        .into();
    assert!(
        orders.iter().all(|order| (order - 4.).abs() < 0.4),
        "{orders:?}"
    );
}

#[test]
fn the_error_falls_exponentially_with_the_resolution() {
    let (nu, b) = (0.05, 0.9);
    let error = |points: usize| {
        let solver = BurgersSolver::new(points, nu).unwrap();
        let initial = on_grid(points, |x| cole_hopf(nu, b, 0., x));
        let expected = on_grid(points, |x| cole_hopf(nu, b, 0.1, x));
        largest_difference(&solver.evolve(&initial, 0.1, 5e-4).unwrap(), &expected)
    };
    let errors = [24, 48, 96].map(error);
    // A method of fixed order p gains 2^p at every doubling; this one squares the error.
    assert!(
        errors[1] < errors[0] / 50. && errors[2] < errors[1] / 2000.,
        "{errors:?}"
    );
}

/// The data themselves against Cole and Hopf: `phi(0) = exp(-U/(2 nu))` with `U' = u(0)`, decayed
/// mode by mode.
#[test]
fn generated_samples_follow_cole_and_hopf() {
    let config = BurgersConfig {
        resolution: 1024,
        solver_resolution: 1024,
        samples: 3,
        time: 0.3,
        ..BurgersConfig::default()
    };
    let points = config.solver_resolution;
    let pairs = generate(&config, &|_| {}).unwrap();
    let outputs = pairs.outputs.into_f32();
    let seed = derive_seed(config.seed, "burgers/initial-function");
    let mut planner = FftPlanner::new();
    let (forward, inverse) = (
        planner.plan_fft_forward(points),
        planner.plan_fft_inverse(points),
    );
    for sample in 0..config.samples {
        let modes = (points - 1) / 3 + 1;
        let c = config
            .field
            .coefficients(modes, &mut Stream::new(seed, [sample as u32, 0, 0]));
        // 2 Re(c_k/(2 pi i k) exp(2 pi i k x)) summed is an antiderivative.
        let mut phi: Vec<_> = on_grid(points, |x| {
            let antiderivative: f64 = (1..modes)
                .map(|k| {
                    2. * (c[k] / Mode::new(0., TAU * k as f64) * Mode::cis(TAU * k as f64 * x)).re
                })
                .sum();
            (-antiderivative / (2. * config.viscosity)).exp()
        })
        .into_iter()
        .map(|value| Mode::new(value, 0.))
        .collect();
        forward.process(&mut phi);
        let mut slope = phi.clone();
        for index in 0..points {
            let k = if 2 * index < points {
                index as f64
            } else {
                index as f64 - points as f64
            };
            let decay = (-config.viscosity * (TAU * k).powi(2) * config.time).exp();
            phi[index] *= decay;
            slope[index] *= Mode::new(0., TAU * k) * decay;
        }
        inverse.process(&mut phi);
        inverse.process(&mut slope);
        let expected: Vec<_> = (0..points)
            .map(|i| -2. * config.viscosity * slope[i].re / phi[i].re)
            .collect();
        let found: Vec<_> = outputs[sample * points..][..points]
            .iter()
            .map(|&u| f64::from(u))
            .collect();
        let scale = expected.iter().fold(0., |s: f64, u| s.max(u.abs()));
        // Rounding to single precision is at most 6e-8 of a value, the step's error a tenth of that.
        let difference = largest_difference(&found, &expected);
        assert!(
            difference < 8e-8 * scale,
            "sample {sample}: {difference} of {scale}"
        );
    }
}

#[test]
fn every_resolution_shows_the_same_solutions() {
    let fine = BurgersConfig {
        resolution: 256,
        solver_resolution: 256,
        samples: 2,
        time: 0.1,
        ..BurgersConfig::default()
    };
    let coarse = BurgersConfig {
        resolution: 64,
        ..fine.clone()
    };
    let (fine, coarse) = (
        generate(&fine, &|_| {}).unwrap(),
        generate(&coarse, &|_| {}).unwrap(),
    );
    for (fine, coarse) in [(fine.inputs, coarse.inputs), (fine.outputs, coarse.outputs)] {
        let (fine, coarse) = (fine.into_f32(), coarse.into_f32());
        assert!(fine.iter().step_by(4).eq(&coarse));
    }
}

#[test]
fn the_mean_is_kept_and_the_energy_decays() {
    let solver = BurgersSolver::new(256, 0.01).unwrap();
    let mut u = on_grid(256, |x| 0.7 + (TAU * x).sin() + 0.3 * (3. * TAU * x).cos());
    let mean = |u: &[f64]| u.iter().sum::<f64>() / 256.;
    let energy = |u: &[f64]| u.iter().map(|u| u * u).sum::<f64>();
    for _ in 0..4 {
        let later = solver.evolve(&u, 0.1, 1e-3).unwrap();
        assert!((mean(&later) - 0.7).abs() < 1e-13);
        assert!(energy(&later) < energy(&u));
        u = later;
    }
}

#[test]
fn bad_settings_are_named() {
    let good = BurgersConfig {
        samples: 1,
        ..BurgersConfig::default()
    };
    for (key, bad) in [
        (
            "resolution",
            BurgersConfig {
                resolution: 1000,
                ..good.clone()
            },
        ),
        (
            "resolution",
            BurgersConfig {
                resolution: 0,
                ..good.clone()
            },
        ),
        (
            "solver_resolution",
            BurgersConfig {
                solver_resolution: 4,
                ..good.clone()
            },
        ),
        (
            "samples",
            BurgersConfig {
                samples: 0,
                ..good.clone()
            },
        ),
        (
            "viscosity",
            BurgersConfig {
                viscosity: 0.,
                ..good.clone()
            },
        ),
        (
            "time",
            BurgersConfig {
                time: f64::NAN,
                ..good.clone()
            },
        ),
        (
            "time_step",
            BurgersConfig {
                time_step: 0.,
                ..good.clone()
            },
        ),
    ] {
        let message = generate(&bad, &|_| {}).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{key} = ")), "{message}");
    }
    let solver = BurgersSolver::new(16, 0.1).unwrap();
    assert!(
        solver
            .evolve(&[0.; 15], 1., 0.1)
            .unwrap_err()
            .to_string()
            .contains("16 values")
    );
    let message = solver
        .evolve(&[f64::NAN; 16], 1., 0.1)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("Burgers") && message.contains("sample 0"),
        "{message}"
    );
}
