//! Relaxation towards a local equilibrium in place of binary collisions.

use super::error::{GasResult, within};
use super::molecule::Molecule;
use crate::rng::Stream;

/// A relaxation model. With probability `1 - exp(-nu dt)` a particle's velocity is drawn anew from the
/// model's distribution; then the cell's velocities are shifted and scaled to the momentum and energy it had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Relaxation {
    /// Maxwellian, `nu = p / mu` (Bhatnagar, Gross and Krook 1954); Prandtl number 1.
    Bgk,
    /// Gaussian with covariance `theta delta_ij / Pr + (1 - 1 / Pr) P_ij / rho`, `nu = Pr p / mu`
    /// (Holway 1966).
    EsBgk {
        /// Prandtl number, from 2/3.
        prandtl: f64,
    },
    /// Maxwellian with Shakhov's heat-flux correction, `nu = p / mu` (Shakhov 1968).
    Shakhov {
        /// Prandtl number.
        prandtl: f64,
    },
}

impl Relaxation {
    /// Refuses Prandtl numbers for which the model's distribution does not exist.
    ///
    /// # Errors
    ///
    /// Names the Prandtl number.
    pub fn validate(&self) -> GasResult<()> {
        match *self {
            Self::Bgk => Ok(()),
            Self::EsBgk { prandtl } => within(
                "collisions.prandtl",
                prandtl,
                [2.0 / 3.0 - 1e-12, 10.0],
                "a number from 2/3 to 10",
                "a monatomic gas has 2/3",
            ),
            Self::Shakhov { prandtl } => within(
                "collisions.prandtl",
                prandtl,
                [0.5, 1.5],
                "a number from 0.5 to 1.5",
                "a monatomic gas has 2/3",
            ),
        }
    }
}

/// A relaxation model in cells of one size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relaxing {
    pub model: Relaxation,
    pub molecule: Molecule,
    pub weight_over_volume: f64,
    pub dt: f64,
}

/// Particles whose sums are taken apart, so that large cells lose fewer digits.
const PART: usize = 128;

/// Moments of a cell's velocities about their mean.
struct Moments {
    mean: [f64; 3],
    /// `sum c^2`.
    energy: f64,
}

impl Moments {
    fn of(velocities: &[[f64; 3]]) -> Self {
        let n = velocities.len() as f64;
        let mut mean = [0.0; 3];
        for part in velocities.chunks(PART) {
            let mut sum = [0.0; 3];
            for v in part {
                for axis in 0..3 {
                    sum[axis] += v[axis];
                }
            }
            for axis in 0..3 {
                mean[axis] += sum[axis] / n;
            }
        }
        let mut squares = [0.0; 3];
        // What rounding has left out of the mean: in a large cell that drifts it would add up over steps.
        let mut rest = [0.0; 3];
        for part in velocities.chunks(PART) {
            let mut sums = [[0.0; 3]; 2];
            for v in part {
                for axis in 0..3 {
                    let c = v[axis] - mean[axis];
                    sums[0][axis] += c * c;
                    sums[1][axis] += c;
                }
            }
            for axis in 0..3 {
                squares[axis] += sums[0][axis];
                rest[axis] += sums[1][axis];
            }
        }
        Self {
            mean: std::array::from_fn(|axis| mean[axis] + rest[axis] / n),
            energy: squares.iter().sum(),
        }
    }

    /// `sum c_i c_j`.
    fn squares(&self, velocities: &[[f64; 3]]) -> [[f64; 3]; 3] {
        let mut squares = [[0.0; 3]; 3];
        for v in velocities {
            let c: [f64; 3] = std::array::from_fn(|axis| v[axis] - self.mean[axis]);
            for i in 0..3 {
                for j in 0..3 {
                    squares[i][j] += c[i] * c[j];
                }
            }
        }
        squares
    }

    /// `sum c^2 c_i`.
    fn thirds(&self, velocities: &[[f64; 3]]) -> [f64; 3] {
        let mut thirds = [0.0; 3];
        for v in velocities {
            let c: [f64; 3] = std::array::from_fn(|axis| v[axis] - self.mean[axis]);
            let square = c[0] * c[0] + c[1] * c[1] + c[2] * c[2];
            for axis in 0..3 {
                thirds[axis] += square * c[axis];
            }
        }
        thirds
    }
}

impl Relaxing {
    /// Relaxes the velocities of one cell and returns how many were drawn anew.
    pub fn relax(&self, velocities: &mut [[f64; 3]], stream: &mut Stream) -> u64 {
        let count = velocities.len();
        if count < 2 {
            return 0;
        }
        let n = count as f64;
        let before = Moments::of(velocities);
        // The particles share their mean, so that N - 1 of them are free.
        let theta = before.energy / (3.0 * (n - 1.0));
        if theta <= 0.0 {
            return 0;
        }
        let temperature = theta * self.molecule.mass / self.molecule.boltzmann;
        let density = n * self.weight_over_volume;
        let rate = self.molecule.viscous_rate(density, temperature);
        let rate = match self.model {
            Relaxation::EsBgk { prandtl } => prandtl * rate,
            Relaxation::Bgk | Relaxation::Shakhov { .. } => rate,
        };
        let target = Target::new(self.model, &before, velocities, theta);
        // Instead of asking every particle, the number that is passed over is drawn: it is geometric.
        let pass =
            |stream: &mut Stream| ((1.0 - stream.uniform()).ln() / (-rate * self.dt)) as usize;
        let mut relaxed = 0;
        let mut next = pass(stream);
        while let Some(v) = velocities.get_mut(next) {
            let c = target.draw(stream);
            *v = std::array::from_fn(|axis| before.mean[axis] + c[axis]);
            relaxed += 1;
            next = next.saturating_add(1).saturating_add(pass(stream));
        }
        if relaxed > 0 {
            conserve(velocities, &before);
        }
        relaxed
    }
}

/// Shifts and scales velocities to the mean and the energy they had.
fn conserve(velocities: &mut [[f64; 3]], before: &Moments) {
    let after = Moments::of(velocities);
    if after.energy <= 0.0 {
        return;
    }
    let scale = (before.energy / after.energy).sqrt();
    for v in velocities {
        for axis in 0..3 {
            v[axis] = before.mean[axis] + scale * (v[axis] - after.mean[axis]);
        }
    }
}

/// The distribution that velocities relax to, about the cell's mean.
enum Target {
    /// Lower triangular root of the covariance.
    Gaussian([[f64; 3]; 3]),
    /// Shakhov's: `theta^(1/2)`, and the vector `(1 - Pr) q / (5 p theta^(1/2))`.
    Shakhov(f64, [f64; 3]),
}

impl Target {
    fn new(model: Relaxation, moments: &Moments, velocities: &[[f64; 3]], theta: f64) -> Self {
        let n = velocities.len() as f64;
        let isotropic: [[f64; 3]; 3] =
            std::array::from_fn(|i| std::array::from_fn(|j| if i == j { theta } else { 0.0 }));
        match model {
            Relaxation::Bgk => Self::Gaussian(cholesky(&isotropic).unwrap_or_default()),
            Relaxation::EsBgk { prandtl } => {
                // With few particles the covariance may not be positive: then it keeps less of the
                // deviator.
                let squares = moments.squares(velocities);
                let mut part = 1.0 - 1.0 / prandtl;
                loop {
                    let covariance = std::array::from_fn(|i| {
                        std::array::from_fn(|j| {
                            let stress = squares[i][j] / (n - 1.0);
                            isotropic[i][j] + part * (stress - isotropic[i][j])
                        })
                    });
                    if let Some(root) = cholesky(&covariance) {
                        return Self::Gaussian(root);
                    }
                    part = if part.abs() < 1e-3 { 0.0 } else { 0.5 * part };
                }
            }
            Relaxation::Shakhov { prandtl } => {
                // <c^2 c> of n particles about their own mean is too small by (n - 1)(n - 2)/n^2.
                let unbiased = if n > 2.0 {
                    n / ((n - 1.0) * (n - 2.0))
                } else {
                    0.0
                };
                let scale = (1.0 - prandtl) * 0.5 * unbiased / (5.0 * theta.powf(1.5));
                let thirds = moments.thirds(velocities);
                Self::Shakhov(theta.sqrt(), thirds.map(|sum| scale * sum))
            }
        }
    }

    fn draw(&self, stream: &mut Stream) -> [f64; 3] {
        match self {
            Self::Gaussian(root) => {
                let z = [stream.normal(), stream.normal(), stream.normal()];
                std::array::from_fn(|i| (0..=i).map(|j| root[i][j] * z[j]).sum())
            }
            Self::Shakhov(speed, flux) => {
                // |c| |c^2 - 5| stays below 100 up to |c| = 5; beyond, the weight is cut off.
                let size = flux.iter().map(|q| q * q).sum::<f64>().sqrt();
                let largest = 1.0 + 100.0 * size;
                loop {
                    let z = [stream.normal(), stream.normal(), stream.normal()];
                    let square: f64 = z.iter().map(|z| z * z).sum();
                    let along: f64 = z.iter().zip(flux).map(|(z, q)| z * q).sum();
                    let weight = 1.0 + along * (square - 5.0);
                    if stream.uniform() * largest < weight {
                        return z.map(|z| speed * z);
                    }
                }
            }
        }
    }
}

/// Lower triangular `L` with `L L^T = a`; `None` where `a` is not positive definite.
fn cholesky(a: &[[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let mut root = [[0.0; 3]; 3];
    for i in 0..3 {
        for j in 0..=i {
            let rest: f64 = a[i][j] - (0..j).map(|k| root[i][k] * root[j][k]).sum::<f64>();
            if i == j {
                if rest <= 0.0 {
                    return None;
                }
                root[i][i] = rest.sqrt();
            } else {
                root[i][j] = rest / root[j][j];
            }
        }
    }
    Some(root)
}
