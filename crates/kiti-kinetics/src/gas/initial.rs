//! The particles of the initial gas.

use super::block::Block;
use super::boundary::GasState;
use super::config::{InitialGas, SolverConfig, Velocities};
use super::draws::{Purpose, StepDraws};
use super::particles::Particle;
use super::partition::Partition;
use crate::rng::Stream;

/// Fills a block: each cell holds its expected number of particles, rounded up or down at random, at
/// uniform positions.
pub(super) fn fill(
    block: &mut Block,
    config: &SolverConfig,
    partition: &Partition,
    initial: &InitialGas,
    draws: &StepDraws,
) {
    let grid = &config.grid;
    let spacing = grid.spacing();
    let mut stream = draws.stream(Purpose::Initial, block.number as u32, 0);
    let first: [usize; 3] =
        std::array::from_fn(|axis| block.start[axis] / partition.subcells[axis]);
    let count: [usize; 3] = std::array::from_fn(|axis| block.size[axis] / partition.subcells[axis]);
    for z in 0..count[2] {
        for y in 0..count[1] {
            for x in 0..count[0] {
                let index = [first[0] + x, first[1] + y, first[2] + z];
                let corner: [f64; 3] = std::array::from_fn(|axis| {
                    grid.lower[axis] + index[axis] as f64 * spacing[axis]
                });
                let centre = std::array::from_fn(|axis| corner[axis] + 0.5 * spacing[axis]);
                let state = initial.at(centre);
                let mean = state.density * grid.cell_volume() / config.weight;
                let number = (mean + stream.uniform()) as u64;
                for _ in 0..number {
                    let mut place = [0.0; 3];
                    for axis in 0..grid.dims {
                        let x = corner[axis] + spacing[axis] * stream.uniform();
                        place[axis] = x.min(grid.upper[axis].next_down());
                    }
                    let theta = config.molecule.theta(state.temperature);
                    let v = velocity(&mut stream, &state, theta, initial.velocities);
                    block.particles.push(&Particle { x: place, v });
                }
            }
        }
    }
}

fn velocity(
    stream: &mut Stream,
    state: &GasState,
    theta: f64,
    distribution: Velocities,
) -> [f64; 3] {
    let mut c = match distribution {
        Velocities::Bkw => bkw(stream, theta),
        Velocities::Anisotropic(multiples) => {
            multiples.map(|multiple| (multiple * theta).sqrt() * stream.normal())
        }
        Velocities::Maxwellian | Velocities::TwoStream(_) => {
            [(); 3].map(|()| theta.sqrt() * stream.normal())
        }
    };
    if let Velocities::TwoStream(speed) = distribution {
        c[0] += if stream.next_u32() & 1 == 1 {
            speed
        } else {
            -speed
        };
    }
    std::array::from_fn(|axis| state.velocity[axis] + c[axis])
}

/// `K = 3/5`: the square of the speed is `K theta` times a chi-square number of 5 degrees of freedom.
fn bkw(stream: &mut Stream, theta: f64) -> [f64; 3] {
    let square: f64 = (0..5).map(|_| stream.normal().powi(2)).sum();
    let mut direction = [0.0; 3];
    stream.direction(&mut direction);
    direction.map(|e| e * (0.6 * theta * square).sqrt())
}
