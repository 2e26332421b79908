//! A gas far from equilibrium relaxes as Bobylev, Krook and Wu's exact solution says.
//!
//! `cargo run --release -p kiti-kinetics --example gas_bkw`
//!
//! Maxwell molecules start with the distribution `c^2 exp(-c^2 / (2 K theta))`. Their fourth and sixth
//! moments, over those of the Maxwellian, and their entropy are printed beside the closed form.

use kiti_kinetics::exact::bkw::Bkw;
use kiti_kinetics::exact::maxwellian::Maxwellian;
use kiti_kinetics::gas::{
    Collisions, HomogeneousConfig, HomogeneousGas, Molecule, PairSelection, h_function,
};
use kiti_kinetics::rng::Stream;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (dims, particles, dt) = (3, 200_000, 0.1);
    let exact = Bkw::new(dims, 1.0, 0.6)?;
    let mut stream = Stream::new(1, [0; 3]);
    let mut velocities = vec![0.0; particles * dims];
    for velocity in velocities.chunks_exact_mut(dims) {
        exact.sample(0.6, &mut stream, velocity);
    }
    // Of this diameter a molecule collides once per unit of time at density 1 and temperature 1.
    let diameter = 0.5 / std::f64::consts::PI.powf(0.25);
    let config = HomogeneousConfig {
        molecule: Molecule::reduced(diameter, 1.0, 1.0),
        collisions: Collisions::Binary(PairSelection::NoTimeCounter),
        dims,
        density: 1.0,
        mean_particles: particles as f64,
        dt,
        seed: 1,
    };
    let mut gas = HomogeneousGas::new(config, &[particles], velocities)?;

    println!("collisions   <c^4>   exact    <c^6>   exact    H-H_eq   exact");
    for step in 0..=80 {
        if step % 10 == 0 {
            let time = f64::from(step) * dt;
            let k = exact.k(time);
            let squares: Vec<f64> = gas
                .velocities()
                .chunks_exact(dims)
                .map(|c| c.iter().map(|c| c * c).sum())
                .collect();
            let theta = squares.iter().sum::<f64>() / (particles * dims) as f64;
            let equilibrium = Maxwellian { dims, theta };
            let moment = |order: usize| {
                let sum: f64 = squares.iter().map(|c2| c2.powi(order as i32)).sum();
                sum / particles as f64 / equilibrium.even_moment(order)
            };
            let h = h_function(dims, gas.velocities(), 200, 7.0) - equilibrium.h_function();
            println!(
                "{time:10.1}  {:.4}  {:.4}   {:.4}  {:.4}   {h:.5}  {:.5}",
                moment(2),
                Bkw::moment_ratio(2, k),
                moment(3),
                Bkw::moment_ratio(3, k),
                exact.h_excess(k),
            );
        }
        gas.step();
    }
    Ok(())
}
