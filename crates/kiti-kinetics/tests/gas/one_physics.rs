//! The step of a network and the gas solver are the same physics: hard spheres of any dimension that collide in disjoint
//! pairs.

use kiti_kinetics::gas::{Collisions, HomogeneousConfig, HomogeneousGas, Molecule, PairSelection};
use kiti_kinetics::rng::Stream;
use kiti_kinetics::system::{
    Deflection, Draws, Input, KineticStep, Layout, Pair, Scattering, StreamKey,
};

/// The network's elastic step with isotropic scattering, all positions in one place.
fn step() -> KineticStep {
    KineticStep {
        scattering: Scattering::Elastic {
            deflection: Deflection::Isotropic,
        },
        collision_coefficient: 1.0,
        length_scale: None,
        dt: 1.0,
    }
}

/// A gas of hard spheres in cells of `n` particles, whose pairs collide with probability `g / largest`.
fn gas(dims: usize, n: usize, cells: usize, largest: f64, velocities: Vec<f64>) -> HomogeneousGas {
    let molecule = Molecule::reduced(1.0, 0.5, 1.0);
    let config = HomogeneousConfig {
        molecule,
        collisions: Collisions::Binary(PairSelection::DisjointPairs),
        dims,
        density: 1.0,
        mean_particles: n as f64,
        dt: n as f64 / ((n - 1) as f64 * molecule.cross_section(largest) * largest),
        seed: 21,
    };
    HomogeneousGas::new(config, &vec![n; cells], velocities).unwrap()
}

/// The disjoint pairs of a cell that collided: they exchanged momentum with each other alone.
fn collided(dims: usize, before: &[f64], after: &[f64]) -> Vec<[usize; 2]> {
    let change = |i: usize| -> Vec<f64> {
        let row = i * dims..(i + 1) * dims;
        after[row.clone()]
            .iter()
            .zip(&before[row])
            .map(|(after, before)| after - before)
            .collect()
    };
    let n = before.len() / dims;
    let mut pairs = Vec::new();
    for i in 0..n {
        let of_i = change(i);
        if of_i.iter().all(|&d| d == 0.0) {
            continue;
        }
        pairs.extend((i + 1..n).filter_map(|j| {
            let opposite = |(a, b): (&f64, &f64)| (a + b).abs() < 1e-12;
            of_i.iter().zip(&change(j)).all(opposite).then_some([i, j])
        }));
    }
    pairs
}

/// Who collided in the gas, and in which direction they parted, given to the network's step: it leaves the velocities that
/// the gas has.
#[test]
fn a_collision_of_the_gas_is_one_of_the_network() {
    const N: usize = 64;
    for dims in [2, 3, 5] {
        let mut stream = Stream::new(6, [dims as u32, 0, 0]);
        let before: Vec<f64> = (0..N * dims).map(|_| stream.normal()).collect();
        let mut gas = gas(dims, N, 1, 7.0, before.clone());
        gas.step();
        let after = gas.velocities();
        let colliding = collided(dims, &before, after);
        assert_eq!(colliding.len() as u64, gas.statistics().collisions);
        assert!(colliding.len() > 3);

        let relative = |v: &[f64], [i, j]: [usize; 2]| -> Vec<f64> {
            (0..dims)
                .map(|d| v[i * dims + d] - v[j * dims + d])
                .collect()
        };
        let mut directions = Vec::new();
        for &pair in &colliding {
            let (g, turned) = (relative(&before, pair), relative(after, pair));
            let speed = g.iter().map(|g| g * g).sum::<f64>().sqrt();
            directions.extend(turned.iter().map(|g| -g / speed));
        }
        let pairs: Vec<Pair> = colliding
            .iter()
            .map(|&[first, second]| Pair {
                sample: 0,
                first,
                second,
            })
            .collect();
        let layout = Layout {
            samples: 1,
            dims,
            particles: N,
        };
        let by_coordinate: Vec<f64> = (0..dims * N)
            .map(|k| before[k % N * dims + k / N])
            .collect();
        let nowhere = vec![0.0; dims * N];
        let (mut x, mut v) = (nowhere.clone(), nowhere.clone());
        let input = Input {
            x: &nowhere,
            a: &by_coordinate,
            v: None,
        };
        let draws = Draws::Pairs {
            pairs: &pairs,
            directions: &directions,
        };
        step()
            .forward(layout, input, &draws, &mut x, Some(&mut v))
            .unwrap();
        for (k, found) in v.iter().enumerate() {
            let expected = after[k % N * dims + k / N];
            // A few roundings of numbers up to 4.
            assert!(
                (found - expected).abs() < 1e-14 * 32.0,
                "D = {dims}: {found} {expected}"
            );
        }
    }
}

/// Of the two pairs of a matching each collides in proportion to its relative speed, as hard spheres do, in the gas and in the
/// network; and the three matchings of four particles are equally likely.
#[test]
fn both_accept_pairs_in_proportion_to_their_relative_speed() {
    const SAMPLES: usize = 60_000;
    const PLACES: [f64; 4] = [0.0, 1.0, 3.0, 7.0];
    // The slower pair of each matching, the faster one, and the ratio of their speeds.
    const MATCHINGS: [([usize; 2], [usize; 2], f64); 3] = [
        ([0, 1], [2, 3], 1.0 / 4.0),
        ([0, 2], [1, 3], 3.0 / 6.0),
        ([1, 2], [0, 3], 2.0 / 7.0),
    ];
    let cell: Vec<f64> = PLACES.iter().flat_map(|&v| [v, 0.0, 0.0]).collect();
    let mut gas = gas(3, 4, SAMPLES, 7.0 + 1e-9, cell.repeat(SAMPLES));
    gas.step();
    let of_gas: Vec<[usize; 2]> = gas
        .velocities()
        .chunks(12)
        .flat_map(|after| collided(3, &cell, after))
        .collect();

    let layout = Layout {
        samples: SAMPLES,
        dims: 3,
        particles: 4,
    };
    let sample: Vec<f64> = (0..12)
        .map(|k| if k < 4 { PLACES[k] } else { 0.0 })
        .collect();
    let (nowhere, a) = (vec![0.0; layout.len()], sample.repeat(SAMPLES));
    let input = Input {
        x: &nowhere,
        a: &a,
        v: None,
    };
    let draws = Draws::Keyed(StreamKey {
        seed: 22,
        ..StreamKey::default()
    });
    let mut x = nowhere.clone();
    let collisions = step().forward(layout, input, &draws, &mut x, None).unwrap();
    let of_network: Vec<[usize; 2]> = (0..SAMPLES)
        .flat_map(|sample| collisions.accepted(sample))
        .map(|(i, j)| [i.min(j), i.max(j)])
        .collect();

    for (name, pairs) in [("gas", of_gas), ("network", of_network)] {
        let count = |pair: [usize; 2]| pairs.iter().filter(|&&p| p == pair).count() as f64;
        for (slow, fast, expected) in MATCHINGS {
            let (slow, fast) = (count(slow), count(fast));
            let ratio = slow / fast;
            let error = ratio * (1.0 / slow + 1.0 / fast).sqrt();
            assert!(
                (ratio - expected).abs() < 5.0 * error && error < 0.02,
                "{name}: {ratio} +- {error}, expected {expected}"
            );
        }
    }
}
