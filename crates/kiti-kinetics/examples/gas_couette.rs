//! Shear stress between two sliding plates, from free molecules to nearly a continuum.
//!
//! `cargo run --release -p kiti-kinetics --example gas_couette`
//!
//! The BGK equation is solved by particles and compared with its linear solution; `delta` is the gap over
//! `sqrt(2 theta)` times the relaxation time.

use kiti_kinetics::exact::bgk_plates::COUETTE;
use kiti_kinetics::exact::free_molecular::Plates;
use kiti_kinetics::gas::{
    Boundary, Collisions, DsmcSolver, Face, GasError, Grid, InitialGas, Molecule, Relaxation,
    Sampler, SolverConfig,
};

fn main() -> Result<(), GasError> {
    // Maxwell molecules that collide once per unit of time at density 1: p / mu = 1/2.
    let diameter = 0.5 / std::f64::consts::PI.powf(0.25);
    let molecule = Molecule::reduced(diameter, 1.0, 1.0);
    let (v0, tau, speed) = (2f64.sqrt(), 2.0, 0.5);
    let free = Plates {
        density: 1.0,
        theta: [1.0; 2],
        accommodation: 1.0,
    };
    println!("delta   stress / free-molecular   standard error   exact");
    for gap in &COUETTE[1..6] {
        let length = gap.delta * v0 * tau;
        let cells = 20.max((20.0 * gap.delta) as usize);
        let particles = 10_000.0;
        let dt = 0.1f64.min(0.05 * length / v0);
        let grid = Grid::line(length, cells);
        let mut config = SolverConfig::new(molecule, grid, length / particles, dt);
        config.collisions = Collisions::Relaxation(Relaxation::Bgk);
        for (face, sliding) in [(0, -0.5 * speed), (1, 0.5 * speed)] {
            config.boundaries[face] = Boundary::Diffuse {
                temperature: 1.0,
                velocity: [0.0, sliding, 0.0],
                accommodation: 1.0,
            };
        }
        let mut solver = DsmcSolver::new(config, &InitialGas::uniform(1.0, 1.0))?;
        solver.run(2_000)?;
        let mut sampler = Sampler::new(&solver, 40);
        for _ in 0..1_000 {
            solver.run(5)?;
            solver.sample(&mut sampler)?;
        }
        // What the upper plate receives is momentum of the lower one's direction.
        let (flux, error) = sampler.surface(Face::ALL[1]);
        let scale = free.shear_stress(speed);
        println!(
            "{:5}   {:23.4}   {:14.4}   {:.4}",
            gap.delta,
            -flux.momentum[1] / scale,
            error.momentum[1] / scale,
            gap.flux
        );
    }
    Ok(())
}
