//! The flight of a particle that meets a boundary, and the particles that come in through one.

use std::f64::consts::PI;

use libm::erf;

use super::boundary::{Boundary, Face, GasState};
use super::config::SolverConfig;
use super::particles::Particle;
use super::statistics::{Statistics, SurfaceTally};
use crate::rng::Stream;

/// Boundaries that a particle may meet in one step; then it stays where it is.
const MOST_HITS: usize = 10_000;

/// The domain with its boundaries, ready for flights.
#[derive(Debug, Clone)]
pub(super) struct Domain {
    dims: usize,
    lower: [f64; 3],
    upper: [f64; 3],
    /// The largest numbers below `upper`.
    last: [f64; 3],
    faces: [FaceAction; 6],
}

#[derive(Debug, Clone, Copy)]
enum FaceAction {
    Periodic,
    Specular,
    Diffuse {
        deviation: f64,
        velocity: [f64; 3],
        accommodation: f64,
    },
    Cll {
        deviation: f64,
        velocity: [f64; 3],
        normal: f64,
        tangential: f64,
    },
    Open,
}

/// What the particles of a block do to the faces; numbers of simulated particles of unit mass.
pub(super) struct Exchange<'a> {
    pub stream: Stream,
    pub tallies: &'a mut [SurfaceTally; 6],
    pub statistics: &'a mut Statistics,
}

impl Domain {
    pub fn new(config: &SolverConfig) -> Self {
        let molecule = config.molecule;
        let faces = config.boundaries.map(|boundary| match boundary {
            Boundary::Periodic => FaceAction::Periodic,
            Boundary::Specular => FaceAction::Specular,
            Boundary::Open(_) => FaceAction::Open,
            Boundary::Diffuse {
                temperature,
                velocity,
                accommodation,
            } => FaceAction::Diffuse {
                deviation: molecule.theta(temperature).sqrt(),
                velocity,
                accommodation,
            },
            Boundary::Cll {
                temperature,
                velocity,
                normal,
                tangential,
            } => FaceAction::Cll {
                deviation: molecule.theta(temperature).sqrt(),
                velocity,
                normal,
                tangential,
            },
        });
        Self {
            dims: config.grid.dims,
            lower: config.grid.lower,
            upper: config.grid.upper,
            last: config.grid.upper.map(f64::next_down),
            faces,
        }
    }

    /// Whether a position lies inside, along the first `dims` axes.
    #[inline(always)]
    pub fn contains(&self, x: [f64; 3]) -> bool {
        (0..self.dims).all(|axis| self.contains_along(axis, x[axis]))
    }

    /// Whether a coordinate lies inside.
    #[inline(always)]
    pub fn contains_along(&self, axis: usize, x: f64) -> bool {
        self.lower[axis] <= x && x < self.upper[axis]
    }

    /// Moves a particle for a time through everything that it meets; false where it leaves the domain.
    pub fn fly(&self, particle: &mut Particle, time: f64, exchange: &mut Exchange<'_>) -> bool {
        let Particle { x, v } = particle;
        let mut rest = time;
        for _ in 0..MOST_HITS {
            let mut hit = None;
            let mut first = rest;
            for axis in 0..self.dims {
                let upper = v[axis] > 0.0;
                let face = if upper {
                    self.upper[axis]
                } else {
                    self.lower[axis]
                };
                let time = (face - x[axis]) / v[axis];
                if v[axis] != 0.0 && time < first {
                    first = time.max(0.0);
                    hit = Some(Face { axis, upper });
                }
            }
            for axis in 0..self.dims {
                x[axis] += v[axis] * first;
            }
            let Some(face) = hit else {
                break;
            };
            rest -= first;
            if !self.meet(face, x, v, exchange) {
                return false;
            }
        }
        for axis in 0..self.dims {
            x[axis] = x[axis].clamp(self.lower[axis], self.last[axis]);
        }
        true
    }

    /// What happens at a face; false where the particle leaves.
    #[inline]
    fn meet(
        &self,
        face: Face,
        x: &mut [f64; 3],
        v: &mut [f64; 3],
        exchange: &mut Exchange<'_>,
    ) -> bool {
        let axis = face.axis;
        let ends = [self.lower[axis], self.upper[axis]];
        let action = self.faces[face.index()];
        if let FaceAction::Periodic = action {
            x[axis] = ends[usize::from(!face.upper)];
            return true;
        }
        x[axis] = ends[usize::from(face.upper)];
        let before = *v;
        let stream = &mut exchange.stream;
        match action {
            FaceAction::Diffuse {
                deviation,
                velocity,
                accommodation,
            } if accommodation >= 1.0 || stream.uniform() < accommodation => {
                for other in 0..3 {
                    v[other] = velocity[other] + deviation * stream.normal();
                }
                v[axis] = face.inward() * deviation * rayleigh(stream);
            }
            FaceAction::Cll {
                deviation,
                velocity,
                normal,
                tangential,
            } => {
                let speed = face.inward() * before[axis] / deviation;
                for other in 0..3 {
                    let drift = velocity[other];
                    let energy = tangential * (2.0 - tangential);
                    v[other] = drift
                        + (1.0 - tangential) * (v[other] - drift)
                        + deviation * energy.sqrt() * stream.normal();
                }
                v[axis] = face.inward() * deviation * cll_normal(stream, speed, normal);
            }
            FaceAction::Open => {
                let tally = &mut exchange.tallies[face.index()];
                arrive(tally, &before);
                exchange.statistics.left += 1;
                return false;
            }
            _ => v[axis] = -v[axis],
        }
        let tally = &mut exchange.tallies[face.index()];
        arrive(tally, &before);
        depart(tally, v);
        exchange.statistics.wall_hits += 1;
        true
    }
}

fn square(v: &[f64; 3]) -> f64 {
    v[0] * v[0] + v[1] * v[1] + v[2] * v[2]
}

fn arrive(tally: &mut SurfaceTally, v: &[f64; 3]) {
    let energy = 0.5 * square(v);
    tally.arrived += 1.0;
    tally.energy += energy;
    tally.energy_arrived += energy;
    for axis in 0..3 {
        tally.momentum[axis] += v[axis];
    }
}

fn depart(tally: &mut SurfaceTally, v: &[f64; 3]) {
    tally.departed += 1.0;
    tally.energy -= 0.5 * square(v);
    for axis in 0..3 {
        tally.momentum[axis] -= v[axis];
    }
}

/// `sqrt(-2 ln U)`: the speed away from a wall of unit `theta`.
fn rayleigh(stream: &mut Stream) -> f64 {
    // 1 - u lies in (0, 1], so the logarithm is finite; a speed of 0 would stay at the wall.
    (-2.0 * (1.0 - stream.uniform()).ln())
        .sqrt()
        .max(f64::MIN_POSITIVE)
}

/// Normal speed after a reflection of Cercignani and Lampis, in units of `theta^(1/2)`
/// (Lord 1991: the sum of a drift and an isotropic Gaussian of two components has that length).
fn cll_normal(stream: &mut Stream, speed: f64, accommodation: f64) -> f64 {
    let deviation = accommodation.sqrt();
    let drift = (1.0 - accommodation).sqrt() * speed.abs();
    let a = drift + deviation * stream.normal();
    let b = deviation * stream.normal();
    (a * a + b * b).sqrt().max(f64::MIN_POSITIVE)
}

/// Real molecules of a gas that cross a unit area per time, where the gas drifts with `drift` through
/// it: `n v0 / (2 sqrt(pi)) [exp(-s^2) + sqrt(pi) s (1 + erf s)]`, `v0 = sqrt(2 theta)`, `s = drift / v0`
/// (Bird 1994, 4.22).
fn inflow(density: f64, theta: f64, drift: f64) -> f64 {
    let v0 = (2.0 * theta).sqrt();
    let s = drift / v0;
    density * v0 / (2.0 * PI.sqrt()) * ((-s * s).exp() + PI.sqrt() * s * (1.0 + erf(s)))
}

/// Particles that come in through an open face in a step, on average.
pub(super) fn entering_in_a_step(config: &SolverConfig, face: Face, state: &GasState) -> f64 {
    let theta = config.molecule.theta(state.temperature);
    let drift = face.inward() * state.velocity[face.axis];
    let area = config.grid.face_area(face.axis);
    inflow(state.density, theta, drift) * area * config.dt / config.weight
}

/// Speed through a plane of the molecules that cross it: density `x exp(-(x - s)^2)`, `x > 0`, in units
/// of `v0`.
fn crossing_speed(stream: &mut Stream, s: f64) -> f64 {
    loop {
        let rayleigh = (-(1.0 - stream.uniform()).ln()).sqrt();
        if s <= 0.0 {
            // exp(-(x - s)^2) = exp(-x^2) exp(2 s x) exp(-s^2).
            if stream.uniform() < (2.0 * s * rayleigh).exp() {
                return rayleigh;
            }
            continue;
        }
        // y = x - s has a density proportional to (y + s) exp(-y^2) <= (|y| + s) exp(-y^2).
        let peak = s * PI.sqrt();
        let y = if stream.uniform() * (1.0 + peak) < 1.0 {
            if stream.uniform() < 0.5 {
                rayleigh
            } else {
                -rayleigh
            }
        } else {
            stream.normal() * std::f64::consts::FRAC_1_SQRT_2
        };
        if y > -s && stream.uniform() * (y.abs() + s) < y + s {
            return y + s;
        }
    }
}

/// The velocity of a molecule that comes in through a face from a gas of `theta`.
pub(super) fn entering(stream: &mut Stream, face: Face, state: &GasState, theta: f64) -> [f64; 3] {
    let v0 = (2.0 * theta).sqrt();
    let drift = face.inward() * state.velocity[face.axis];
    let mut v = state.velocity.map(|u| u + theta.sqrt() * stream.normal());
    v[face.axis] = face.inward() * v0 * crossing_speed(stream, drift / v0);
    v
}

/// Counts a particle that came in.
pub(super) fn enter(exchange: &mut Exchange<'_>, face: Face, v: &[f64; 3]) {
    depart(&mut exchange.tallies[face.index()], v);
    exchange.statistics.entered += 1;
}
