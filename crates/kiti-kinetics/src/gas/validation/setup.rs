//! What the cases share: a gas in units of its own, draws, and sums over cells.

use rayon::prelude::*;

use super::check::Estimate;
use crate::gas::{
    Boundary, Collisions, DsmcSolver, Face, GasResult, Grid, InitialGas, Molecule, PairSelection,
    Sampler, SolverConfig, SurfaceFlux,
};
use crate::rng::Stream;

/// All selections of pairs, with their names.
pub(super) const SELECTIONS: [(&str, PairSelection); 4] = [
    ("no time counter", PairSelection::NoTimeCounter),
    ("majorant frequency", PairSelection::MajorantFrequency),
    (
        "simplified Bernoulli trials",
        PairSelection::SimplifiedBernoulliTrials,
    ),
    ("disjoint pairs", PairSelection::DisjointPairs),
];

/// A molecule with mass and Boltzmann constant 1 that collides once per unit of time at density 1 and
/// temperature 1 in three dimensions: `4 d^2 sqrt(pi) = 1`. Maxwell molecules do so in any dimension.
pub(super) fn unit_molecule(omega: f64, alpha: f64) -> Molecule {
    let diameter = 0.5 / std::f64::consts::PI.powf(0.25);
    Molecule::reduced(diameter, omega, alpha)
}

/// Mean speed at temperature 1; also the mean free path of [`unit_molecule`] at density 1.
pub(super) fn mean_speed() -> f64 {
    (8.0 / std::f64::consts::PI).sqrt()
}

/// Velocities `(count, D)`, each filled by `fill` from a stream of its chunk: the same for any number of
/// threads.
pub(super) fn draw(
    count: usize,
    dims: usize,
    seed: u64,
    fill: impl Fn(&mut Stream, &mut [f64]) + Sync,
) -> Vec<f64> {
    const CHUNK: usize = 4096;
    let mut velocities = vec![0.0; count * dims];
    velocities
        .par_chunks_mut(CHUNK * dims)
        .enumerate()
        .for_each(|(chunk, velocities)| {
            let mut stream = Stream::new(seed, [chunk as u32, (chunk >> 32) as u32, 0]);
            for velocity in velocities.chunks_exact_mut(dims) {
                fill(&mut stream, velocity);
            }
        });
    velocities
}

/// Normal components of variance 1.
pub(super) fn normals(stream: &mut Stream, velocity: &mut [f64]) {
    velocity.iter_mut().for_each(|v| *v = stream.normal());
}

/// Mean moments of a cell's velocities about their mean.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Moments {
    /// `<c_x^2> - <c^2> / D`.
    pub stress: f64,
    /// `<c^2 c_x>`.
    pub heat_flux: f64,
    /// `<c^2>`.
    pub second: f64,
    /// `<c^4>`.
    pub fourth: f64,
    /// `<c^6>`.
    pub sixth: f64,
    /// Sum of the squares of all components of the stress deviator.
    pub deviator_square: f64,
}

impl Moments {
    /// Moments of the velocities `(particles, D)`.
    pub(super) fn of(dims: usize, velocities: &[f64]) -> Self {
        let d = dims as f64;
        let count = (velocities.len() / dims) as f64;
        let mut mean = vec![0.0; dims];
        for velocity in velocities.chunks_exact(dims) {
            mean.iter_mut().zip(velocity).for_each(|(m, v)| *m += v);
        }
        mean.iter_mut().for_each(|m| *m /= count);
        let mut moments = Self::default();
        let mut stress = vec![0.0; dims * dims];
        let mut c = vec![0.0; dims];
        for velocity in velocities.chunks_exact(dims) {
            let mut square = 0.0;
            for k in 0..dims {
                c[k] = velocity[k] - mean[k];
                square += c[k] * c[k];
            }
            for i in 0..dims {
                for j in 0..dims {
                    stress[i * dims + j] += c[i] * c[j] / count;
                }
            }
            moments.heat_flux += square * c[0] / count;
            moments.second += square / count;
            moments.fourth += square * square / count;
            moments.sixth += square * square * square / count;
        }
        for i in 0..dims {
            stress[i * dims + i] -= moments.second / d;
        }
        moments.stress = stress[0];
        moments.deviator_square = stress.iter().map(|s| s * s).sum();
        moments
    }

    /// Moments of every cell of `particles` particles.
    pub(super) fn of_cells(dims: usize, particles: usize, velocities: &[f64]) -> Vec<Self> {
        velocities
            .par_chunks(particles * dims)
            .map(|cell| Self::of(dims, cell))
            .collect()
    }
}

/// The rate at which a quantity has decayed: `-ln(sum after / sum before) / time`, from many cells.
pub(super) fn decay_rate(before: &[f64], after: &[f64], time: f64) -> Estimate {
    let total: f64 = before.iter().sum();
    let ratio = after.iter().sum::<f64>() / total;
    let count = before.len() as f64;
    // The ratio's error is that of the cells' deviations from it.
    let deviations: Vec<f64> = before
        .iter()
        .zip(after)
        .map(|(b, a)| (a - ratio * b) * count / total)
        .collect();
    Estimate {
        value: -ratio.ln() / time,
        standard_error: Estimate::of(&deviations).standard_error / (ratio * time),
    }
}

/// The lower face along x.
pub(super) const LOW: Face = Face::ALL[0];
/// The upper face along x.
pub(super) const HIGH: Face = Face::ALL[1];

/// A gas of mean density 1 and temperature 1 along a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    pub molecule: Molecule,
    pub collisions: Collisions,
    pub length: f64,
    pub cells: usize,
    pub particles: usize,
    pub dt: f64,
    pub ends: [Boundary; 2],
}

impl Line {
    pub(super) fn config(&self, seed: u64) -> SolverConfig {
        let grid = Grid::line(self.length, self.cells);
        let weight = self.length / self.particles as f64;
        let mut boundaries = [Boundary::Periodic; 6];
        boundaries[..2].copy_from_slice(&self.ends);
        SolverConfig {
            collisions: self.collisions,
            boundaries,
            seed,
            ..SolverConfig::new(self.molecule, grid, weight, self.dt)
        }
    }

    /// The gas after `steps` steps from equilibrium at `temperature`.
    pub(super) fn settled(&self, seed: u64, temperature: f64, steps: u64) -> GasResult<DsmcSolver> {
        let initial = InitialGas::uniform(1.0, temperature);
        let mut solver = DsmcSolver::new(self.config(seed), &initial)?;
        solver.run(steps)?;
        Ok(solver)
    }
}

/// A diffuse wall.
pub(super) fn wall(temperature: f64, sliding: f64, accommodation: f64) -> Boundary {
    Boundary::Diffuse {
        temperature,
        velocity: [0.0, sliding, 0.0],
        accommodation,
    }
}

/// Steps a steady flow and samples it: `batches` batches of `samples` samples, `stride` steps apart.
pub(super) fn sample_steady(
    solver: &mut DsmcSolver,
    [batches, samples, stride]: [u64; 3],
) -> GasResult<Sampler> {
    let mut sampler = Sampler::new(solver, samples);
    for _ in 0..batches * samples {
        solver.run(stride)?;
        solver.sample(&mut sampler)?;
    }
    Ok(sampler)
}

/// Half the difference between what the upper and the lower wall receive. In a steady flow both measure the
/// same flux; their errors are taken as fully correlated.
pub(super) fn through(sampler: &Sampler, quantity: fn(&SurfaceFlux) -> f64) -> Estimate {
    let [(low, low_error), (high, high_error)] = [LOW, HIGH].map(|face| sampler.surface(face));
    Estimate {
        value: 0.5 * (quantity(&high) - quantity(&low)),
        standard_error: 0.5 * (quantity(&high_error).abs() + quantity(&low_error).abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_molecules_collide_once() {
        for (omega, alpha) in [(0.5, 1.0), (0.74, 1.0), (0.81, 1.4), (1.0, 1.0)] {
            let molecule = unit_molecule(omega, alpha);
            assert!((molecule.collision_rate(1.0, 1.0) - 1.0).abs() < 1e-14);
            assert!((molecule.mean_free_path(1.0, 1.0) - mean_speed()).abs() < 1e-14);
        }
    }

    /// Moments of a normal gas with one hotter axis, in five standard errors.
    #[test]
    fn moments_of_a_gaussian() {
        let velocities = draw(200_000, 3, 31, |stream, velocity| {
            normals(stream, velocity);
            velocity[0] = 2.0 * velocity[0] + 7.0;
        });
        let m = Moments::of(3, &velocities);
        // <c^2> = 6, stress 4 - 2, deviator diag(2, -1, -1), <c^4> = 3 * 16 + 8 + 16.
        let error = 5.0 / 200_000f64.sqrt();
        assert!((m.second - 6.0).abs() < 6.0 * error);
        assert!((m.stress - 2.0).abs() < 6.0 * error);
        assert!((m.deviator_square - 6.0).abs() < 24.0 * error);
        assert!((m.fourth - 72.0).abs() < 180.0 * error);
        assert!(m.heat_flux.abs() < 50.0 * error);
    }

    #[test]
    fn decay_rates() {
        let before = [2.0, 1.0, 3.0, 2.0];
        let after = before.map(|b| b * (-0.7f64).exp());
        let rate = decay_rate(&before, &after, 2.0);
        assert!((rate.value - 0.35).abs() < 1e-14 && rate.standard_error < 1e-14);
    }
}
