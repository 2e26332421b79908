//! Bits that must not depend on restarts or threads.

use super::check::Check;
use super::setup::{Line, unit_molecule, wall};
use crate::gas::{
    Boundary, Collisions, DsmcSolver, GasResult, GasState, Grid, InitialGas, PairSelection,
    Relaxation, SolverConfig,
};

/// 200 steps against 100, a snapshot, and 100 more; one thread against two.
pub(super) fn run(seed: u64) -> GasResult<Vec<Check>> {
    let plates = Line {
        molecule: unit_molecule(0.81, 1.4),
        collisions: Collisions::None,
        length: 10.0,
        cells: 40,
        particles: 4_000,
        dt: 0.1,
        ends: [wall(1.2, 0.3, 0.8), wall(0.8, -0.3, 1.0)],
    };
    let mut cases = Vec::new();
    for (name, collisions) in [
        (
            "no time counter",
            Collisions::Binary(PairSelection::NoTimeCounter),
        ),
        (
            "majorant frequency",
            Collisions::Binary(PairSelection::MajorantFrequency),
        ),
        (
            "simplified Bernoulli trials",
            Collisions::Binary(PairSelection::SimplifiedBernoulliTrials),
        ),
        (
            "disjoint pairs",
            Collisions::Binary(PairSelection::DisjointPairs),
        ),
        ("BGK", Collisions::Relaxation(Relaxation::Bgk)),
        (
            "ES-BGK",
            Collisions::Relaxation(Relaxation::EsBgk { prandtl: 2.0 / 3.0 }),
        ),
        (
            "Shakhov",
            Collisions::Relaxation(Relaxation::Shakhov { prandtl: 2.0 / 3.0 }),
        ),
    ] {
        let config = Line {
            collisions,
            ..plates
        }
        .config(seed);
        cases.push((name, config));
    }
    cases.push(("a box with every kind of face", open_box(seed)));
    let mut checks = Vec::new();
    for (name, config) in cases {
        let initial = InitialGas::uniform(1.0, 1.0);
        let whole = |threads| {
            in_threads(threads, || {
                let mut solver = DsmcSolver::new(config.clone(), &initial)?;
                solver.run(200)?;
                Ok(solver.snapshot())
            })
        };
        let uninterrupted = whole(1)?;
        let restarted = in_threads(2, || {
            let mut solver = DsmcSolver::new(config.clone(), &initial)?;
            solver.run(100)?;
            let mut solver = DsmcSolver::restore(config.clone(), &solver.snapshot())?;
            solver.run(100)?;
            Ok(solver.snapshot())
        })?;
        let parallel = whole(2)?;
        for (what, snapshot) in [
            ("a restart after half the steps", restarted),
            ("two threads", parallel),
        ] {
            checks.push(Check {
                quantity: format!("{what}: same bits, {name}"),
                value: f64::from(u8::from(snapshot == uninterrupted)),
                expected: 1.0,
                standard_error: 0.0,
                systematic: 0.0,
                limit: 0.0,
                reason: "every draw is keyed by seed, step and cell",
            });
        }
    }
    Ok(checks)
}

/// Inflow, outflow, mirror, CLL and diffuse walls.
fn open_box(seed: u64) -> SolverConfig {
    let stream = GasState {
        density: 1.0,
        temperature: 1.0,
        velocity: [1.0, 0.0, 0.0],
    };
    let grid = Grid {
        subcells: 2,
        ..Grid::space([4.0; 3], [4; 3])
    };
    let mut config = SolverConfig::new(unit_molecule(0.74, 1.0), grid, 64.0 / 6_000.0, 0.1);
    config.boundaries = [
        Boundary::Open(Some(stream)),
        Boundary::Open(None),
        Boundary::Specular,
        Boundary::Cll {
            temperature: 1.3,
            velocity: [0.2, 0.0, 0.0],
            normal: 0.7,
            tangential: 0.4,
        },
        wall(1.0, 0.5, 0.9),
        Boundary::Specular,
    ];
    config.seed = seed;
    config
}

fn in_threads<T: Send>(threads: usize, run: impl FnOnce() -> GasResult<T> + Send) -> GasResult<T> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool of one or two threads can be made");
    pool.install(run)
}
