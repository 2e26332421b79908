//! A hot and a cold direction of one gas exchange energy by elastic collisions.
//!
//! `cargo run --release -p kiti-kinetics --example relaxation`
//!
//! 4096 particles in three dimensions start with twice the temperature along the first axis. A pair
//! that collides isotropically keeps, on average, half of the difference: over a few steps the
//! temperatures meet, the faster the more pairs collide. Energy and momentum stay.

use kiti_kinetics::Result;
use kiti_kinetics::rng::Stream;
use kiti_kinetics::system::{Deflection, Draws, Input, KineticStep, Layout, Scattering, StreamKey};

/// Mean square of the velocities along one axis.
fn temperature(v: &[f64], axis: usize, particles: usize) -> f64 {
    v[axis * particles..(axis + 1) * particles]
        .iter()
        .map(|v| v * v)
        .sum::<f64>()
        / particles as f64
}

fn main() -> Result<()> {
    let layout = Layout {
        samples: 1,
        dims: 3,
        particles: 4096,
    };
    let mut stream = Stream::new(2026, [0; 3]);
    let mut v: Vec<f64> = (0..layout.len()).map(|_| stream.normal()).collect();
    v[..layout.particles]
        .iter_mut()
        .for_each(|v| *v *= 2f64.sqrt());
    // All particles in one place: acceptance then depends on the relative speed only.
    let (mut x, rest) = (vec![0.0; layout.len()], vec![0.0; layout.len()]);

    let step = KineticStep {
        scattering: Scattering::Elastic {
            deflection: Deflection::Isotropic,
        },
        collision_coefficient: 1.0,
        length_scale: Some(1e9),
        dt: 1.0,
    };
    println!("step  accepted  T along  T across  energy ratio  momentum error");
    for number in 0..12 {
        let draws = Draws::Keyed(StreamKey {
            seed: 1,
            step: number,
            ..StreamKey::default()
        });
        let (mut x_next, mut v_next) = (x.clone(), v.clone());
        let input = Input {
            x: &x,
            a: &rest,
            v: Some(&v),
        };
        let collisions = step.forward(layout, input, &draws, &mut x_next, Some(&mut v_next))?;
        let diagnostics = collisions.diagnostics();
        println!(
            "{number:4}  {:8.3}  {:7.4}  {:8.4}  {:12.9}  {:14.1e}",
            diagnostics.acceptance_rate(),
            temperature(&v_next, 0, layout.particles),
            temperature(&v_next, 1, layout.particles),
            diagnostics.energy_ratio(),
            diagnostics.momentum_error,
        );
        (x, v) = (x_next, v_next);
    }
    Ok(())
}
