//! How long the generators take: a few samples of each equation, timed on one thread, and what
//! the usual number of samples would take on two.
//!
//! ```text
//! cargo run --release -p kiti-data --example generation_rate
//! ```

use std::time::Instant;

use kiti_data::pde::FunctionPairs;
use kiti_data::pde::burgers::{self, BurgersConfig};
use kiti_data::pde::darcy::{self, DarcyConfig};
use kiti_data::pde::navier_stokes::{self, NavierStokesConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let time = |name: &str,
                samples: usize,
                usual: usize,
                generate: &(dyn Fn() -> kiti_data::Result<FunctionPairs> + Sync)|
     -> kiti_data::Result<()> {
        let start = Instant::now();
        pool.install(generate)?;
        let each = start.elapsed().as_secs_f64() / samples as f64;
        println!(
            "{name}: {each:.3} s a sample; {usual} samples on two cores: {:.1} min",
            each * usual as f64 / 2. / 60.
        );
        Ok(())
    };
    let burgers = BurgersConfig {
        samples: 4,
        ..BurgersConfig::default()
    };
    time("Burgers, 8192 points", 4, 1000, &|| {
        burgers::generate(&burgers, &|_| {})
    })?;
    let darcy = DarcyConfig {
        samples: 2,
        ..DarcyConfig::default()
    };
    time("Darcy, 421 x 421 points", 2, 1000, &|| {
        darcy::generate(&darcy, &|_| {})
    })?;
    for (viscosity, points) in [(1e-3, 64), (1e-4, 64), (1e-5, 64), (1e-5, 256)] {
        let flow = NavierStokesConfig {
            samples: 1,
            viscosity,
            solver_resolution: points,
            // A tenth of the time on the fine grid, which takes a minute otherwise.
            snapshots: if points > 64 { 2 } else { 20 },
            ..NavierStokesConfig::default()
        };
        let name = format!(
            "Navier-Stokes, viscosity {viscosity:e}, {points} x {points} points to t = {}",
            flow.snapshots
        );
        time(&name, 1, 100, &|| navier_stokes::generate(&flow, &|_| {}))?;
    }
    Ok(())
}
