//! Sod's shock tube: direct simulation beside the exact solution of the Euler equations.
//!
//! `cargo run --release -p kiti-kinetics --example gas_sod`
//!
//! The mean free path is 0.2 % of the tube on the left and 1.6 % on the right: rarefaction, contact and shock
//! are some mean free paths thick, the plateaus between them are Euler's.

use kiti_kinetics::exact::riemann::{Riemann, State};
use kiti_kinetics::gas::{
    Boundary, DsmcSolver, GasState, Grid, InitialGas, Molecule, Region, Sampler, SolverConfig,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let state = |density, pressure| State {
        density,
        velocity: 0.0,
        pressure,
    };
    let (left, right) = (state(1.0, 1.0), state(0.125, 0.1));
    let exact = Riemann::new(left, right, 5.0 / 3.0)?;

    // Hard spheres that collide once per unit of time in the left gas; lengths in its mean free path.
    let molecule = Molecule::reduced(0.5 / std::f64::consts::PI.powf(0.25), 0.5, 1.0);
    let length = molecule.mean_free_path(1.0, 1.0) / 2e-3;
    let (cells, particles, steps) = (200, 400_000.0, 500);
    let weight = 0.5 * (left.density + right.density) * length / particles;
    let dt = 0.2 * length / f64::from(steps);
    let mut config = SolverConfig::new(molecule, Grid::line(length, cells), weight, dt);
    config.boundaries[0] = Boundary::Specular;
    config.boundaries[1] = Boundary::Specular;
    let mut initial = InitialGas::uniform(left.density, left.theta());
    initial.regions.push(Region {
        lower: [0.5 * length, 0.0, 0.0],
        upper: [length, 1.0, 1.0],
        state: GasState {
            density: right.density,
            temperature: right.theta(),
            velocity: [0.0; 3],
        },
    });
    let mut solver = DsmcSolver::new(config, &initial)?;
    solver.run(steps as u64)?;
    let mut sampler = Sampler::new(&solver, 1);
    solver.sample(&mut sampler)?;
    let flow = sampler.flow().mean;

    println!("  x / L   density   exact   velocity   exact   pressure   exact");
    for group in 0..20 {
        // Ten cells together.
        let range = 10 * group..10 * (group + 1);
        let mean = |f: &dyn Fn(usize) -> f64| range.clone().map(f).sum::<f64>() / 10.0;
        let density = mean(&|cell| flow.density[cell]);
        let velocity = mean(&|cell| flow.density[cell] * flow.velocity[0][cell]) / density;
        let pressure = mean(&|cell| flow.density[cell] * flow.temperature[cell]);
        let x = (group as f64 + 0.5) / 20.0;
        let euler = exact.at((x - 0.5) / 0.2);
        println!(
            "{x:7.3}   {density:7.4}  {:6.4}   {velocity:8.4}  {:6.4}   {pressure:8.4}  {:6.4}",
            euler.density, euler.velocity, euler.pressure
        );
    }
    Ok(())
}
