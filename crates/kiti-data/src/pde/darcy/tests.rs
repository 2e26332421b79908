use std::f64::consts::PI;

use super::*;

fn on_grid(points: usize, value: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let at = |index: usize| index as f64 / (points - 1) as f64;
    (0..points * points)
        .map(|point| value(at(point / points), at(point % points)))
        .collect()
}

/// `p = sin(pi x) sin(2 pi y)` in `a = 2 + cos(pi x) sin(3 y)`: the source was worked out by hand.
#[test]
fn a_manufactured_solution_is_approached_with_second_order() {
    let pressure = |x: f64, y: f64| (PI * x).sin() * (2. * PI * y).sin();
    let coefficient = |x: f64, y: f64| 2. + (PI * x).cos() * (3. * y).sin();
    let source = |x: f64, y: f64| {
        let p_x = PI * (PI * x).cos() * (2. * PI * y).sin();
        let p_y = 2. * PI * (PI * x).sin() * (2. * PI * y).cos();
        let a_x = -PI * (PI * x).sin() * (3. * y).sin();
        let a_y = 3. * (PI * x).cos() * (3. * y).cos();
        5. * PI * PI * coefficient(x, y) * pressure(x, y) - a_x * p_x - a_y * p_y
    };
    let error = |points: usize| {
        let solver = DarcySolver::new(points).unwrap();
        let solution = solver
            .solve(&on_grid(points, coefficient), &on_grid(points, source))
            .unwrap();
        let expected = on_grid(points, pressure);
        solution
            .iter()
            .zip(&expected)
            .map(|(p, e)| (p - e).abs())
            .fold(0., f64::max)
    };
    let errors = [17, 33, 65, 129].map(error);
    for pair in errors.windows(2) {
        let order = (pair[0] / pair[1]).log2();
        assert!((order - 2.).abs() < 0.1, "{errors:?}");
    }
}

/// Two layers with the interface on a face: the discrete flux is the exact one, so that the
/// solution solves the equation with the exact conductances of a one-dimensional column.
#[test]
fn layers_conduct_as_resistors_in_series() {
    let points = 11;
    let layer = |x: f64| if x < 0.45 { 3. } else { 12. };
    let solver = DarcySolver::new(points).unwrap();
    let coefficient = on_grid(points, |x, _| layer(x));
    let p = solver.solve(&coefficient, &[1.; 121]).unwrap();
    // Between rows 4 (x = 0.4) and 5 (x = 0.5): half a cell of 3 and half a cell of 12.
    let at = |i: usize, j: usize| p[i * points + j];
    let across = 1. / (0.5 / 3. + 0.5 / 12.);
    let (i, j) = (4, 5);
    let outflow = across * (at(i, j) - at(i + 1, j))
        + 3. * (3. * at(i, j) - at(i - 1, j) - at(i, j - 1) - at(i, j + 1));
    assert!((outflow - 0.01).abs() < 1e-11, "{outflow}");
}

#[test]
fn pressures_scale_with_source_and_coefficient_and_are_positive() {
    let points = 33;
    let mut coefficient = vec![0.; points * points];
    let cosines = Cosines::new(points);
    BinaryMedium::default().sample(&cosines, &mut Stream::new(1, [0; 3]), &mut coefficient);
    let solver = DarcySolver::new(points).unwrap();
    let p = solver.solve(&coefficient, &[1.; 33 * 33]).unwrap();
    let doubled: Vec<_> = coefficient.iter().map(|a| 2. * a).collect();
    let q = solver.solve(&doubled, &[6.; 33 * 33]).unwrap();
    for (place, (p, q)) in p.iter().zip(&q).enumerate() {
        let (i, j) = (place / points, place % points);
        let inside = (1..points - 1).contains(&i) && (1..points - 1).contains(&j);
        assert_eq!(*p > 0., inside);
        assert!((3. * p - q).abs() < 1e-9);
    }
}

#[test]
fn the_number_of_iterations_does_not_grow_with_the_grid() {
    let iterations = [33, 65, 129, 211].map(|points| {
        let solver = DarcySolver::new(points).unwrap();
        let (mut workspace, mut coefficient) = (solver.workspace(), vec![0.; points * points]);
        let cosines = Cosines::new(points);
        BinaryMedium::default().sample(&cosines, &mut Stream::new(1, [0; 3]), &mut coefficient);
        solver
            .iterate(&coefficient, |_| 1., &mut workspace)
            .ok()
            .unwrap()
    });
    // sqrt(12/3)/2 ln(2/1e-10) = 24 is the bound in the energy norm.
    assert!(
        iterations.iter().all(|&count| count <= 26),
        "{iterations:?}"
    );
    let solver = DarcySolver::new(33).unwrap();
    let mut workspace = solver.workspace();
    assert_eq!(
        solver.iterate(&[2.; 33 * 33], |_| 1., &mut workspace).ok(),
        Some(1)
    );
    assert_eq!(
        solver.iterate(&[2.; 33 * 33], |_| 0., &mut workspace).ok(),
        Some(0)
    );
}

fn small() -> DarcyConfig {
    DarcyConfig {
        resolution: 9,
        solver_resolution: 33,
        samples: 6,
        ..DarcyConfig::default()
    }
}

#[test]
fn every_resolution_shows_the_same_flow() {
    let config = small();
    let coarse = generate(&config, &|_| {}).unwrap();
    let fine = generate(
        &DarcyConfig {
            resolution: 33,
            samples: 1,
            ..config
        },
        &|_| {},
    )
    .unwrap();
    for (fine, coarse) in [(fine.inputs, coarse.inputs), (fine.outputs, coarse.outputs)] {
        let (fine, coarse) = (fine.into_f32(), coarse.into_f32());
        for point in 0..81 {
            assert_eq!(coarse[point], fine[(point / 9 * 33 + point % 9) * 4]);
        }
    }
}

#[test]
fn bad_settings_are_named() {
    let good = small();
    for (key, bad) in [
        (
            "resolution",
            DarcyConfig {
                resolution: 10,
                ..good.clone()
            },
        ),
        (
            "resolution",
            DarcyConfig {
                resolution: 1,
                ..good.clone()
            },
        ),
        (
            "solver_resolution",
            DarcyConfig {
                solver_resolution: 2,
                ..good.clone()
            },
        ),
        (
            "samples",
            DarcyConfig {
                samples: 0,
                ..good.clone()
            },
        ),
        (
            "source",
            DarcyConfig {
                source: f64::NAN,
                ..good.clone()
            },
        ),
        (
            "low",
            DarcyConfig {
                medium: BinaryMedium {
                    low: -3.,
                    ..BinaryMedium::default()
                },
                ..good
            },
        ),
    ] {
        let message = generate(&bad, &|_| {}).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{key} = ")), "{message}");
    }
    let solver = DarcySolver::new(5).unwrap();
    for (a, f, word) in [
        (vec![1.; 24], vec![1.; 25], "5 x 5"),
        (vec![0.; 25], vec![1.; 25], "coefficient = 0"),
        (vec![1.; 25], vec![f64::NAN; 25], "source = NaN"),
    ] {
        let message = solver.solve(&a, &f).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    assert!(DarcySolver::new(2).is_err());
}
