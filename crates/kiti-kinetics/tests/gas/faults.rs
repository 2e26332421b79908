//! Bad input: every error names its key, none panics.

use kiti_kinetics::gas::*;

fn config() -> SolverConfig {
    let molecule = Molecule::reduced(0.3, 0.5, 1.0);
    SolverConfig::new(molecule, Grid::line(10.0, 20), 1e-2, 0.05)
}

fn initial() -> InitialGas {
    InitialGas::uniform(1.0, 1.0)
}

#[track_caller]
fn refused(change: impl Fn(&mut SolverConfig, &mut InitialGas), key: &str) {
    let (mut config, mut initial) = (config(), initial());
    change(&mut config, &mut initial);
    let message = match DsmcSolver::new(config, &initial) {
        Ok(_) => panic!("accepted, should name {key}"),
        Err(error) => error.to_string(),
    };
    assert!(message.contains(key), "{message} does not name {key}");
}

#[test]
fn every_value_is_checked() {
    assert!(DsmcSolver::new(config(), &initial()).is_ok());
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused(|c, _| c.molecule.mass = bad, "gas.mass");
        refused(|c, _| c.molecule.diameter = bad, "gas.diameter");
        refused(|c, _| c.molecule.alpha = bad, "gas.scattering_exponent");
        refused(|c, _| c.molecule.omega = bad, "gas.viscosity_index");
        refused(|c, _| c.weight = bad, "particles.weight");
        refused(|c, _| c.dt = bad, "time.step");
        refused(|_, i| i.state.density = bad, "initial.density");
        refused(|_, i| i.state.temperature = bad, "initial.temperature");
        refused(|c, _| c.grid.upper[1] = bad, "domain.upper");
        let wall = |temperature| Boundary::Diffuse {
            temperature,
            velocity: [0.0; 3],
            accommodation: 1.0,
        };
        refused(
            |c, _| c.boundaries[..2].fill(wall(bad)),
            "boundaries.x_low.temperature",
        );
    }
    refused(|c, _| c.grid.cells[0] = 0, "domain.cells");
    refused(|c, _| c.grid.cells[2] = 4, "domain.cells");
    refused(|c, _| c.grid.cells[0] = usize::MAX, "domain.cells");
    refused(|c, _| c.grid.subcells = 0, "domain.subcells");
    refused(|c, _| c.grid.dims = 4, "domain.dims");
    refused(|c, _| c.grid.lower[0] = 11.0, "domain.upper");
    refused(|c, _| c.boundaries[0] = Boundary::Specular, "x_high");
    refused(|_, i| i.state.velocity[1] = f64::NAN, "initial.velocity");
    let prandtl = 0.5;
    refused(
        |c, _| c.collisions = Collisions::Relaxation(Relaxation::EsBgk { prandtl }),
        "prandtl",
    );
    let moving = Boundary::Diffuse {
        temperature: 1.0,
        velocity: [0.1, 0.0, 0.0],
        accommodation: 1.0,
    };
    refused(
        |c, _| c.boundaries[..2].fill(moving),
        "boundaries.x_low.velocity",
    );
    let cll = Boundary::Cll {
        temperature: 1.0,
        velocity: [0.0; 3],
        normal: 0.5,
        tangential: 1.1,
    };
    refused(
        |c, _| c.boundaries[..2].fill(cll),
        "tangential_accommodation",
    );
    let outside = Boundary::Open(Some(GasState {
        density: -1.0,
        temperature: 1.0,
        velocity: [0.0; 3],
    }));
    refused(
        |c, _| c.boundaries[..2].fill(outside),
        "boundaries.x_low.density",
    );
    let region = Region {
        lower: [5.0, 0.0, 0.0],
        upper: [4.0, 1.0, 1.0],
        state: initial().state,
    };
    refused(|_, i| i.regions.push(region), "regions[0]");
    refused(
        |_, i| i.velocities = Velocities::Anisotropic([2.0, 1.0, 1.0]),
        "initial.distribution.temperatures",
    );
}

/// A weight entered wrong by 1e8 is refused with the number of particles before anything is allocated.
#[test]
fn predicted_and_refused() {
    refused(|c, _| c.weight = 1e-10, "1.0000e11 simulated molecules");
    refused(|c, _| c.memory_limit = 1000, "domain.cells");
    refused(|c, _| c.weight = 1e3, "no simulated molecules");
    refused(|c, _| c.dt = 8.0, "dt = 8");
    let mut config = config();
    config.weight = 1e-10;
    let Err(GasError::Memory { needed, .. }) = config.predict(&initial()) else {
        panic!("accepted");
    };
    config.weight = 1.01 * needed;
    assert!(config.predict(&initial()).is_ok());
}

/// A gas outside that would fill the memory is refused before it comes in.
#[test]
fn too_much_inflow() {
    let mut config = config();
    let mut state = initial().state;
    state.density = 1e12;
    config.boundaries[..2].fill(Boundary::Open(Some(state)));
    let mut solver = DsmcSolver::new(config, &initial()).unwrap();
    let message = solver.step().unwrap_err().to_string();
    assert!(message.contains("weight = "), "{message}");
    assert_eq!(solver.steps(), 0);
}

/// The prediction is kept: particles and bytes of the simulation, after it has run.
#[test]
fn predictions_hold() {
    let grid = Grid::space([20.0; 3], [20; 3]);
    let config = SolverConfig::new(Molecule::reduced(0.3, 0.5, 1.0), grid, 0.1, 0.05);
    let prediction = config.predict(&initial()).unwrap();
    let mut solver = DsmcSolver::new(config, &initial()).unwrap();
    solver.run(30).unwrap();
    assert_eq!(prediction.particles, solver.particle_count() as f64);
    // One thread's scratch memory is counted by none of the blocks.
    assert!(
        (solver.bytes() as f64) < 1.1 * prediction.bytes,
        "{} {}",
        solver.bytes(),
        prediction.bytes
    );
    assert!(solver.bytes() as f64 / 80_000.0 < 104.0);
}

#[test]
fn warnings_name_what_is_wrong() {
    let mut config = config();
    assert!(config.predict(&initial()).unwrap().warnings().is_empty());
    config.grid.cells[0] = 2;
    config.molecule.diameter = 2.0;
    let warnings = config.predict(&initial()).unwrap().warnings();
    assert!(matches!(warnings[0], Warning::LargeCells { .. }));
    assert!(matches!(warnings[1], Warning::LongStep { .. }));
    config.weight = 2.0;
    let warnings = config.predict(&initial()).unwrap().warnings();
    assert!(matches!(warnings[2], Warning::FewParticles { per_cell } if per_cell == 2.5));
    assert!(warnings[2].to_string().contains("2.5 particles"));
    config.collisions = Collisions::None;
    assert!(config.predict(&initial()).unwrap().warnings().is_empty());
}

/// Snapshots that are incomplete, of another type, length or case are refused.
#[test]
fn damaged_snapshots() {
    let mut solver = DsmcSolver::new(config(), &initial()).unwrap();
    solver.run(3).unwrap();
    let mut sampler = Sampler::new(&solver, 2);
    solver.sample(&mut sampler).unwrap();
    let good = solver.snapshot();
    assert!(DsmcSolver::restore(config(), &good).is_ok());
    for index in 0..good.arrays.len() {
        let mut bad = good.clone();
        let (name, values) = bad.arrays.remove(index);
        let message = DsmcSolver::restore(config(), &bad).unwrap_err().to_string();
        assert!(message.contains(&name), "{message}");
        let short = match values {
            Values::F64(mut values) => {
                values.pop();
                Values::F64(values)
            }
            Values::U64(mut values) => {
                values.pop();
                Values::U64(values)
            }
        };
        bad.arrays.push((name, short));
        assert!(DsmcSolver::restore(config(), &bad).is_err());
    }
    for index in 0..sampler.snapshot().arrays.len() {
        let mut bad = sampler.snapshot();
        bad.arrays.remove(index);
        assert!(Sampler::restore(&solver, &bad).is_err());
    }
    let mut other = config();
    other.seed = 2;
    let message = DsmcSolver::restore(other, &good).unwrap_err().to_string();
    assert!(message.contains("seed"), "{message}");
    let mut other = config();
    other.grid.cells[0] = 21;
    let message = DsmcSolver::restore(other, &good).unwrap_err().to_string();
    assert!(message.contains("grid"), "{message}");
    // Numbers that would ask for more than there is.
    for name in ["counts", "blocks"] {
        let mut bad = good.clone();
        for (key, values) in &mut bad.arrays {
            if key == name
                && let Values::U64(values) = values
            {
                values.fill(u64::MAX);
            }
        }
        assert!(DsmcSolver::restore(config(), &bad).is_err(), "{name}");
    }
}

#[test]
fn particles_and_homogeneous_gases() {
    let outside = DsmcSolver::with_particles(config(), &[[10.0, 0.0, 0.0]], &[[0.0; 3]]);
    assert!(outside.unwrap_err().to_string().contains("positions[0][0]"));
    let unequal = DsmcSolver::with_particles(config(), &[[1.0; 3]], &[]);
    assert!(unequal.unwrap_err().to_string().contains("velocities"));
    let wild = DsmcSolver::with_particles(config(), &[[1.0; 3]], &[[0.0, f64::NAN, 0.0]]);
    assert!(wild.unwrap_err().to_string().contains("velocities[0]"));
    assert!(DsmcSolver::with_particles(config(), &[], &[]).is_err());

    let good = HomogeneousConfig {
        molecule: config().molecule,
        collisions: Collisions::Binary(PairSelection::NoTimeCounter),
        dims: 2,
        density: 1.0,
        mean_particles: 2.0,
        dt: 0.1,
        seed: 1,
    };
    let gas = |config, velocities: &[f64]| HomogeneousGas::new(config, &[2], velocities.to_vec());
    assert!(gas(good, &[0.0; 4]).is_ok());
    assert!(gas(good, &[0.0; 5]).is_err());
    let bad = HomogeneousConfig { dims: 1, ..good };
    assert!(gas(bad, &[0.0; 2]).is_err());
    let bad = HomogeneousConfig {
        collisions: Collisions::Relaxation(Relaxation::Bgk),
        ..good
    };
    assert!(gas(bad, &[0.0; 4]).is_err());
    let bad = HomogeneousConfig { dt: 0.0, ..good };
    assert!(gas(bad, &[0.0; 4]).is_err());
    assert!(HomogeneousGas::new(good, &[usize::MAX, 5], Vec::new()).is_err());
    assert!(
        gas(good, &[0.0; 4])
            .unwrap()
            .set_velocities(&[0.0])
            .is_err()
    );
}
