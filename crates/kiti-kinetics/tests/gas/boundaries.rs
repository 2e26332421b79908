//! What walls send back and what open faces let in, against the moments of the theory.

use kiti_kinetics::exact::maxwellian::Maxwellian;
use kiti_kinetics::gas::*;

fn plates(wall: Boundary, steps: u64) -> DsmcSolver {
    let molecule = Molecule::reduced(1.0, 0.5, 1.0);
    let mut config = SolverConfig::new(molecule, Grid::line(1.0, 10), 1.0 / 20_000.0, 0.02);
    config.collisions = Collisions::None;
    config.boundaries[..2].fill(wall);
    let mut solver = DsmcSolver::new(config, &InitialGas::uniform(1.0, 1.0)).unwrap();
    solver.run(steps).unwrap();
    solver
}

/// Mean energy and normal momentum of the molecules that leave the lower wall, and what arrived.
fn departing(solver: &DsmcSolver) -> (SurfaceTally, f64) {
    let tally = solver.surface(Face::ALL[0]);
    assert_eq!(tally.arrived, tally.departed);
    (
        tally,
        (tally.energy_arrived - tally.energy) / tally.departed,
    )
}

/// Gas and wall at one temperature stay in equilibrium, whatever the wall: arriving and departing
/// molecules have the mean energy 2 k T and the mean normal momentum `sqrt(pi theta / 2)`.
#[test]
fn equilibrium_with_walls() {
    let cll = |normal, tangential| Boundary::Cll {
        temperature: 1.0,
        velocity: [0.0; 3],
        normal,
        tangential,
    };
    let diffuse = |accommodation| Boundary::Diffuse {
        temperature: 1.0,
        velocity: [0.0; 3],
        accommodation,
    };
    let walls = [
        diffuse(1.0),
        diffuse(0.4),
        cll(1.0, 1.0),
        cll(0.3, 0.6),
        Boundary::Specular,
    ];
    for wall in walls {
        let (tally, energy) = departing(&plates(wall, 500));
        let arrivals = tally.arrived * 20_000.0;
        assert!(arrivals > 70_000.0);
        // The variance of the energy of a flux is 2 (k T)^2; mirrors return the same molecules, of
        // which there are 20000.
        let root = arrivals.min(20_000.0).sqrt();
        assert!(
            (energy - 2.0).abs() < 5.0 * 2f64.sqrt() / root,
            "{wall:?}: {energy}"
        );
        let momentum = -tally.momentum[0] / tally.arrived;
        let expected = 2.0 * (std::f64::consts::PI / 2.0).sqrt();
        assert!(
            (momentum - expected).abs() < 5.0 * 1.0 / root,
            "{wall:?}: {momentum}"
        );
    }
}

/// A diffuse wall's molecules have its temperature and velocity, whatever the gas.
#[test]
fn diffuse_wall_of_another_temperature() {
    let wall = Boundary::Diffuse {
        temperature: 4.0,
        velocity: [0.0, 1.5, 0.0],
        accommodation: 1.0,
    };
    let solver = plates(wall, 100);
    let (tally, energy) = departing(&solver);
    let hits = tally.arrived * 20_000.0;
    assert!(hits > 15_000.0);
    let expected = 8.0 + 0.5 * 1.5 * 1.5;
    // Energy: 2 (k T)^2 and the drift's 1.5^2 k T.
    let bound = 5.0 * ((2.0 * 16.0 + 2.25 * 4.0) / hits).sqrt();
    assert!((energy - expected).abs() < bound, "{energy}");
    let counted = solver.statistics().wall_hits as f64;
    assert!((counted / hits / 2.0 - 1.0).abs() < 0.05);
}

/// Half-accommodating walls send back half of each: mean energy `a 2 k T_w + (1 - a) e`.
#[test]
fn partial_accommodation() {
    let wall = Boundary::Diffuse {
        temperature: 4.0,
        velocity: [0.0; 3],
        accommodation: 0.5,
    };
    let (tally, energy) = departing(&plates(wall, 100));
    let arrived = tally.energy_arrived / tally.arrived;
    let expected = 0.5 * 8.0 + 0.5 * arrived;
    let bound = 5.0 * (2.0 * 16.0 / (tally.arrived * 20_000.0)).sqrt();
    assert!((energy - expected).abs() < bound, "{energy}, {expected}");
}

/// Number and energy of the molecules that an open face lets in, at speed ratios -1, 0, 1, 3.
#[test]
fn inflow() {
    for ratio in [-1.0, 0.0, 1.0, 3.0] {
        for upper in [false, true] {
            let theta: f64 = 2.0;
            let gas = Maxwellian { dims: 3, theta };
            let drift = ratio * (2.0 * theta).sqrt();
            let molecule = Molecule::reduced(1.0, 0.5, 1.0);
            // About 2e5 molecules in 40 steps.
            let flux = gas.number_flux(drift);
            let weight = flux * 40.0 * 0.05 / 2e5;
            let mut config = SolverConfig::new(molecule, Grid::line(1.0, 5), weight, 0.05);
            config.collisions = Collisions::None;
            let face = Face { axis: 0, upper };
            config.boundaries[..2].fill(Boundary::Open(None));
            config.boundaries[face.index()] = Boundary::Open(Some(GasState {
                density: 1.0,
                temperature: theta,
                velocity: [drift * face.inward(), 0.0, 0.0],
            }));
            let mut solver = DsmcSolver::with_particles(config, &[[0.5; 3]], &[[0.0; 3]]).unwrap();
            solver.run(40).unwrap();
            let tally = solver.surface(face);
            let time = solver.time();
            let count = tally.departed / weight;
            let ratio_found = tally.departed / time / flux;
            assert!(
                (ratio_found - 1.0).abs() < 5.0 / count.sqrt(),
                "s = {ratio}: {ratio_found}"
            );
            let energy = (tally.energy_arrived - tally.energy) / time / gas.energy_flux(drift);
            // The energies' relative spread is at most 0.71, that of s <= 0; the number's adds to it.
            assert!(
                (energy - 1.0).abs() < 5.0 * 1.25 / count.sqrt(),
                "s = {ratio}: {energy}"
            );
            assert_eq!(solver.statistics().entered as f64, count.round());
        }
    }
}

/// An open box in a gas like its own keeps density and temperature.
#[test]
fn open_equilibrium() {
    let molecule = Molecule::reduced(0.3, 0.81, 1.4);
    let state = GasState {
        density: 1.0,
        temperature: 1.0,
        velocity: [0.5, -0.2, 0.1],
    };
    let grid = Grid::plane([2.0, 1.0], [20, 10]);
    let mut config = SolverConfig::new(molecule, grid, 2.0 / 40_000.0, 0.02);
    config.boundaries = [Boundary::Open(Some(state)); 6];
    let initial = InitialGas {
        state,
        velocities: Velocities::Maxwellian,
        regions: Vec::new(),
    };
    let mut solver = DsmcSolver::new(config, &initial).unwrap();
    let mut sampler = Sampler::new(&solver, 10);
    for _ in 0..200 {
        solver.step().unwrap();
        solver.sample(&mut sampler).unwrap();
    }
    let flow = sampler.flow();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    // 40000 molecules, renewed a few times: a standard error of 1/400 at most.
    assert!((mean(&flow.mean.density) - 1.0).abs() < 0.0125);
    assert!((mean(&flow.mean.temperature) - 1.0).abs() < 0.0125);
    for (axis, expected) in state.velocity.into_iter().enumerate() {
        assert!((mean(&flow.mean.velocity[axis]) - expected).abs() < 0.0125);
    }
    // Each cell agrees with the mean of all within its own standard errors.
    let deviations = flow.mean.density.iter().zip(&flow.standard_error.density);
    let worst = deviations
        .map(|(n, error)| ((n - 1.0) / error).abs())
        .fold(0.0, f64::max);
    assert!(worst < 7.0, "{worst}");
}
