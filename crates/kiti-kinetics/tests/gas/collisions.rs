//! How often pairs collide, and what collisions conserve.

use kiti_kinetics::gas::*;
use kiti_kinetics::rng::Stream;

const SELECTIONS: [PairSelection; 4] = [
    PairSelection::NoTimeCounter,
    PairSelection::MajorantFrequency,
    PairSelection::SimplifiedBernoulliTrials,
    PairSelection::DisjointPairs,
];

fn config(molecule: Molecule, selection: PairSelection, dims: usize) -> HomogeneousConfig {
    HomogeneousConfig {
        molecule,
        collisions: Collisions::Binary(selection),
        dims,
        density: 1.0,
        mean_particles: 10.0,
        dt: 0.2 / molecule.collision_rate_in(dims, 1.0, 1.0),
        seed: 11,
    }
}

/// Collisions of a particle in a step over what they should be, with fresh velocities in every step.
fn rate(config: HomogeneousConfig, counts: &[usize], steps: u64, expected: f64) -> f64 {
    let total: usize = counts.iter().sum();
    let mut stream = Stream::new(5, [config.dims as u32, counts[0] as u32, 0]);
    let mut normals =
        || -> Vec<f64> { (0..total * config.dims).map(|_| stream.normal()).collect() };
    let mut gas = HomogeneousGas::new(config, counts, normals()).unwrap();
    for _ in 0..steps {
        gas.set_velocities(&normals()).unwrap();
        gas.step();
    }
    let statistics = gas.statistics();
    let ratio = statistics.collisions as f64 / (expected * steps as f64);
    let error = 1.0 / (statistics.collisions as f64).sqrt();
    assert!(
        (ratio - 1.0).abs() < 5.0 * error,
        "{config:?}, {} particles: {ratio} +- {error}",
        counts[0]
    );
    // Fast collision partners of a step may pass the bound that the step began with.
    assert!((statistics.majorant_violations as f64) < 1e-3 * statistics.collisions as f64);
    ratio
}

/// N particles in a cell collide with the rate `nu (N - 1) / N` each: every selection, every law.
#[test]
fn fixed_numbers() {
    let molecules = [(0.5, 1.0), (0.74, 1.0), (0.81, 1.4), (1.0, 1.0)]
        .map(|(omega, alpha)| Molecule::reduced(0.7, omega, alpha));
    for (index, selection) in SELECTIONS.into_iter().enumerate() {
        for (k, n) in [2, 3, 5, 10].into_iter().enumerate() {
            // Each combination of selection and number with two of the laws.
            for molecule in [molecules[(index + k) % 4], molecules[(index + k + 2) % 4]] {
                let mut config = config(molecule, selection, 3);
                config.mean_particles = n as f64;
                let cells = 100_000 / n;
                let expected = 0.1 * (cells * (n - 1)) as f64;
                rate(config, &vec![n; cells], 3, expected);
            }
        }
    }
}

/// Poisson numbers of particles collide with the rate of the gas, because `<N (N - 1)> = <N>^2`.
#[test]
fn poisson_numbers() {
    let mut stream = Stream::new(6, [0; 3]);
    // Products of uniforms: Knuth's Poisson numbers.
    let mut poisson = || {
        let (mut product, mut count) = (stream.uniform(), 0);
        while product > (-3.0f64).exp() {
            product *= stream.uniform();
            count += 1;
        }
        count
    };
    let counts: Vec<usize> = (0..40_000).map(|_| poisson()).collect();
    // The expectation given the numbers, and it is near that of the gas.
    let pairs: usize = counts.iter().map(|&n| n * n.saturating_sub(1)).sum();
    let expected = 0.1 / 3.0 * pairs as f64;
    assert!((expected / (0.1 * 120_000.0) - 1.0).abs() < 0.03);
    for selection in SELECTIONS {
        let mut config = config(Molecule::reduced(0.7, 0.81, 1.4), selection, 3);
        config.mean_particles = 3.0;
        rate(config, &counts, 2, expected);
    }
}

/// The rate in velocity spaces of two and five dimensions.
#[test]
fn other_dimensions() {
    for dims in [2, 5] {
        for selection in SELECTIONS {
            for omega in [0.5, 1.0] {
                let config = config(Molecule::reduced(0.7, omega, 1.0), selection, dims);
                rate(config, &vec![10; 10_000], 1, 0.1 * 90_000.0);
            }
        }
    }
}

/// A million collisions of a thousand particles keep momentum and energy to 1e-13.
#[test]
fn conservation() {
    for (selection, alpha) in SELECTIONS.into_iter().zip([1.0, 1.4, 1.0, 1.4]) {
        let mut config = config(Molecule::reduced(0.7, 0.81, alpha), selection, 3);
        config.mean_particles = 1000.0;
        let mut stream = Stream::new(7, [0; 3]);
        let velocities = (0..3000).map(|_| 1.0 + stream.normal()).collect();
        let mut gas = HomogeneousGas::new(config, &[1000], velocities).unwrap();
        let sums = |gas: &HomogeneousGas| {
            let v = gas.velocities();
            let momentum: [f64; 3] =
                std::array::from_fn(|axis| v.iter().skip(axis).step_by(3).sum());
            (momentum, v.iter().map(|v| v * v).sum::<f64>())
        };
        let (momentum, energy) = sums(&gas);
        while gas.statistics().collisions < 1_000_000 {
            gas.step();
        }
        let (after, energy_after) = sums(&gas);
        assert!((energy_after / energy - 1.0).abs() < 1e-13, "{selection:?}");
        for axis in 0..3 {
            assert!(
                (after[axis] / momentum[axis] - 1.0).abs() < 1e-13,
                "{selection:?}"
            );
        }
    }
}

/// The benchmark gas in space: the rate of theory, none of the usual biases; each selection.
#[test]
fn rate_in_space() {
    let argon = Molecule::vss(6.63e-26, 4.11e-10, 273.15, 0.81, 1.4);
    let density = 7.07043e22;
    for selection in SELECTIONS {
        let grid = Grid::space([1e-4; 3], [10; 3]);
        let mut config = SolverConfig::new(argon, grid, 7.07043e6, 7e-9);
        config.collisions = Collisions::Binary(selection);
        let mut solver = DsmcSolver::new(config, &InitialGas::uniform(density, 273.15)).unwrap();
        solver.run(100).unwrap();
        let statistics = solver.statistics();
        assert_eq!(statistics.particle_steps, 1_000_000);
        let found = statistics.collisions_per_particle_step();
        let error = (statistics.collisions as f64).sqrt().recip();
        // The first steps have exactly ten particles a cell, which collide less often by 1/10; mixing takes
        // a few steps. The number of particles is fixed: 1/10000 less. The initial energy differs from
        // the temperature's by 1 %, one standard error, and the rate by a fifth of that.
        let ratio = found / 0.070679;
        assert!(
            (ratio - 1.0).abs() < 5.0 * error + 0.006,
            "{selection:?}: {ratio} +- {error}"
        );
    }
}

/// One sweep of disjoint pairs that all collide: the expected stress deviator is `1 - n / (2 (n - 1))` of what it
/// was, for even `n`, as in the elastic step of a network.
#[test]
fn a_full_sweep_relaxes_the_stress() {
    const CELLS: usize = 40_000;
    for n in [2usize, 4, 8] {
        // Maxwell molecules: every pair has the probability (n - 1) sigma g dt density / n, here 1.
        let molecule = Molecule::reduced(1.0, 1.0, 1.0);
        let dt = n as f64 / ((n - 1) as f64 * molecule.collision_rate(1.0, 1.0));
        let config = HomogeneousConfig {
            molecule,
            collisions: Collisions::Binary(PairSelection::DisjointPairs),
            dims: 3,
            density: 1.0,
            mean_particles: n as f64,
            dt: dt * (1.0 + 1e-12),
            seed: 12,
        };
        // All cells alike: fast along x, at rest on the whole.
        let cell: Vec<f64> = (0..n)
            .flat_map(|i| [(2.0 * i as f64 - (n - 1) as f64), 0.0, 0.0])
            .collect();
        let deviator = |v: &[f64]| {
            let squares = |axis: usize| v.iter().skip(axis).step_by(3).map(|v| v * v).sum::<f64>();
            squares(0) - (squares(0) + squares(1) + squares(2)) / 3.0
        };
        let before = deviator(&cell);
        let mut gas = HomogeneousGas::new(config, &[n; CELLS], cell.repeat(CELLS)).unwrap();
        gas.step();
        assert_eq!(gas.statistics().collisions as usize, CELLS * n / 2);
        let ratios: Vec<f64> = gas
            .velocities()
            .chunks(3 * n)
            .map(|v| deviator(v) / before)
            .collect();
        let mean = ratios.iter().sum::<f64>() / CELLS as f64;
        let square = ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>();
        let error = square.sqrt() / CELLS as f64;
        let expected = 1.0 - n as f64 / (2.0 * (n as f64 - 1.0));
        assert!(
            (mean - expected).abs() < 5.0 * error && error < 5e-3,
            "n = {n}: {mean}, expected {expected}, error {error}"
        );
    }
}
