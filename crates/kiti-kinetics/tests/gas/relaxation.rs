//! Relaxation models: conservation, and the rates of stress and heat flux.

use kiti_kinetics::gas::*;
use kiti_kinetics::rng::Stream;

const MODELS: [(Relaxation, f64); 3] = [
    (Relaxation::Bgk, 1.0),
    (Relaxation::EsBgk { prandtl: 2.0 / 3.0 }, 2.0 / 3.0),
    (Relaxation::Shakhov { prandtl: 2.0 / 3.0 }, 2.0 / 3.0),
];

fn gas(model: Relaxation, particles: usize, cells: usize, dt: f64) -> HomogeneousGas {
    let molecule = Molecule::reduced(0.7, 0.5, 1.0);
    let config = HomogeneousConfig {
        molecule,
        collisions: Collisions::Relaxation(model),
        dims: 3,
        density: 1.0,
        mean_particles: particles as f64,
        dt,
        seed: 3,
    };
    // Along x slow and fast particles that balance: stress and heat flux.
    let mut stream = Stream::new(8, [0; 3]);
    let mut velocities = Vec::new();
    for _ in 0..particles * cells {
        let beam = if stream.uniform() < 0.2 { 1.6 } else { -0.4 };
        velocities.extend([
            beam + 0.8 * stream.normal(),
            0.8 * stream.normal(),
            0.8 * stream.normal(),
        ]);
    }
    HomogeneousGas::new(config, &vec![particles; cells], velocities).unwrap()
}

/// `theta`, `p_xx / rho - theta` and `<c^2 c_x>`.
fn moments(velocities: &[f64]) -> [f64; 3] {
    let n = velocities.len() as f64 / 3.0;
    let mean: [f64; 3] =
        std::array::from_fn(|axis| velocities.iter().skip(axis).step_by(3).sum::<f64>() / n);
    let (mut theta, mut xx, mut heat) = (0.0, 0.0, 0.0);
    for v in velocities.chunks_exact(3) {
        let c: [f64; 3] = std::array::from_fn(|axis| v[axis] - mean[axis]);
        let square: f64 = c.iter().map(|c| c * c).sum();
        theta += square / 3.0 / n;
        xx += c[0] * c[0] / n;
        heat += square * c[0] / n;
    }
    [theta, xx - theta, heat]
}

/// Momentum and energy of every cell stay, to the rounding of a few hundred particles and steps.
#[test]
fn conservation() {
    for (model, _) in MODELS {
        let mut gas = gas(model, 20, 50, 0.3);
        let sums = |gas: &HomogeneousGas| -> Vec<[f64; 4]> {
            let cells = gas.velocities().chunks_exact(60);
            cells
                .map(|cell| {
                    let mut sums = [0.0; 4];
                    for v in cell.chunks_exact(3) {
                        for axis in 0..3 {
                            sums[axis] += v[axis];
                            sums[3] += v[axis] * v[axis];
                        }
                    }
                    sums
                })
                .collect()
        };
        let before = sums(&gas);
        (0..100).for_each(|_| gas.step());
        for (a, b) in before.iter().zip(sums(&gas)) {
            assert!((a[3] / b[3] - 1.0).abs() < 1e-13);
            for axis in 0..3 {
                // Momenta sum to nearly nothing: compare with the size of their terms.
                assert!((a[axis] - b[axis]).abs() < 1e-13 * 20.0 * a[3].sqrt());
            }
        }
        assert!(gas.statistics().relaxations > 10_000);
    }
}

/// Stress decays with `p / mu`, heat flux with `Pr p / mu`, to 2 % and five standard errors.
#[test]
fn rates() {
    for (model, prandtl) in MODELS {
        let particles = 200_000;
        let probe = gas(model, particles, 1, 1.0);
        let [theta, stress, heat] = moments(probe.velocities());
        let rate = Molecule::reduced(0.7, 0.5, 1.0).viscous_rate(1.0, theta);
        let steps = 20;
        let mut gas = gas(model, particles, 1, 1.0 / rate / steps as f64);
        (0..steps).for_each(|_| gas.step());
        let [theta_after, stress_after, heat_after] = moments(gas.velocities());
        assert!((theta_after / theta - 1.0).abs() < 1e-12);
        let root = (particles as f64).sqrt();
        let expected = stress * (-1.0f64).exp();
        let bound = 5.0 * 1.155 * theta / root + 0.02 * expected;
        assert!(
            (stress_after - expected).abs() < bound,
            "{model:?}: {stress_after}, {expected}"
        );
        let expected = heat * (-prandtl).exp();
        let bound = 5.0 * 3.16 * theta.powf(1.5) / root + 0.02 * expected;
        assert!(
            (heat_after - expected).abs() < bound,
            "{model:?}: {heat_after}, {expected}"
        );
    }
}
