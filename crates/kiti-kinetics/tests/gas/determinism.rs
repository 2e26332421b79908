//! The same bits for any number of threads, and after a restart.

use kiti_kinetics::gas::*;

/// A box with walls of every kind, a wind through it, and sub-cells.
fn config(collisions: Collisions) -> (SolverConfig, InitialGas) {
    let molecule = Molecule::reduced(0.2, 0.81, 1.4);
    let mut grid = Grid::space([2.0, 1.0, 1.5], [12, 8, 9]);
    grid.subcells = 2;
    let mut config = SolverConfig::new(molecule, grid, 3.0 / 30_000.0, 0.05);
    config.collisions = collisions;
    let state = GasState {
        density: 1.0,
        temperature: 1.0,
        velocity: [0.8, 0.0, 0.0],
    };
    config.boundaries = [
        Boundary::Open(Some(state)),
        Boundary::Open(None),
        Boundary::Diffuse {
            temperature: 2.0,
            velocity: [0.5, 0.0, 0.0],
            accommodation: 0.7,
        },
        Boundary::Cll {
            temperature: 0.5,
            velocity: [0.0; 3],
            normal: 0.5,
            tangential: 0.5,
        },
        Boundary::Periodic,
        Boundary::Periodic,
    ];
    let initial = InitialGas {
        state,
        velocities: Velocities::TwoStream(0.4),
        regions: Vec::new(),
    };
    (config, initial)
}

fn operators() -> [Collisions; 3] {
    [
        Collisions::Binary(PairSelection::NoTimeCounter),
        Collisions::Binary(PairSelection::DisjointPairs),
        Collisions::Relaxation(Relaxation::EsBgk { prandtl: 2.0 / 3.0 }),
    ]
}

fn run(solver: &mut DsmcSolver, sampler: &mut Sampler, steps: u64) {
    for step in 0..steps {
        solver.step().unwrap();
        if step % 3 == 1 {
            solver.sample(sampler).unwrap();
        }
    }
}

#[test]
fn threads_do_not_matter() {
    for collisions in operators() {
        let states = [1, 2, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                let (config, initial) = config(collisions);
                let mut solver = DsmcSolver::new(config, &initial).unwrap();
                let mut sampler = Sampler::new(&solver, 2);
                run(&mut solver, &mut sampler, 15);
                assert!(solver.statistics().wall_hits > 0 && solver.statistics().entered > 0);
                (solver.snapshot(), sampler.snapshot())
            })
        });
        assert!(states[0] == states[1] && states[1] == states[2]);
    }
}

#[test]
fn a_restart_goes_on() {
    for collisions in operators() {
        let (config, initial) = config(collisions);
        let mut straight = DsmcSolver::new(config.clone(), &initial).unwrap();
        let mut sampler = Sampler::new(&straight, 2);
        run(&mut straight, &mut sampler, 12);
        let (state, samples) = (straight.snapshot(), sampler.snapshot());
        run(&mut straight, &mut sampler, 12);

        let mut restarted = DsmcSolver::restore(config, &state).unwrap();
        let mut restarted_sampler = Sampler::restore(&restarted, &samples).unwrap();
        assert_eq!(restarted.snapshot(), state);
        assert_eq!(restarted_sampler.snapshot(), samples);
        run(&mut restarted, &mut restarted_sampler, 12);
        assert!(restarted.snapshot() == straight.snapshot());
        assert!(restarted_sampler.snapshot() == sampler.snapshot());
    }
}

/// Looking at the state does not change what follows.
#[test]
fn looking_changes_nothing() {
    let (config, initial) = config(operators()[0]);
    let mut seen = DsmcSolver::new(config.clone(), &initial).unwrap();
    let mut unseen = DsmcSolver::new(config, &initial).unwrap();
    for _ in 0..10 {
        seen.step().unwrap();
        unseen.step().unwrap();
        let _ = (seen.totals(), seen.particles(), seen.snapshot());
    }
    assert!(seen.snapshot() == unseen.snapshot());
}

/// Cells without space in groups of their own, one large cell among small ones.
#[test]
fn threads_do_not_matter_without_space() {
    let counts = [[10_000usize; 4].as_slice(), &[40_000], &[10; 500]].concat();
    let total: usize = counts.iter().sum();
    let mut stream = kiti_kinetics::rng::Stream::new(4, [0; 3]);
    let velocities: Vec<f64> = (0..3 * total).map(|_| stream.normal()).collect();
    for collisions in operators() {
        let states = [1, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                let config = HomogeneousConfig {
                    molecule: Molecule::reduced(0.2, 0.81, 1.4),
                    collisions,
                    dims: 3,
                    density: 1.0,
                    mean_particles: 10_000.0,
                    dt: 0.5,
                    seed: 9,
                };
                let mut gas = HomogeneousGas::new(config, &counts, velocities.clone()).unwrap();
                (0..3).for_each(|_| gas.step());
                let done = gas.statistics();
                assert!(done.collisions + done.relaxations > 1000);
                (gas.velocities().to_vec(), done)
            })
        });
        assert!(states[0] == states[1]);
    }
}
