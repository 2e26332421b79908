//! Linear BGK between two diffuse plates: reference numbers from the transition regime.
//!
//! The rarefaction parameter is `delta = L / (v0 tau)`, where `L` is the gap, `v0 = sqrt(2 theta)` and `tau`
//! one over the relaxation frequency; viscosity is `p tau` and the Prandtl number 1. Fluxes are given over
//! their [free-molecular](super::free_molecular::Plates) values, and differences of velocity and
//! temperature are infinitesimal.
//!
//! The numbers are solutions of the integral equations for velocity, or density and temperature, across
//! the gap, in which each flux is constant to 1e-5 (Couette flow: Willis 1962, Cercignani 1975, section
//! VII.1; Fourier flow: Bassanini, Cercignani and Pagani 1967). The tests below solve them anew.

/// One gap of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// `delta = L / (v0 tau)`.
    pub delta: f64,
    /// Shear stress or heat flux over its free-molecular value.
    pub flux: f64,
    /// Velocity, or deviation from the mean temperature, of the gas at a plate, over that of the plate.
    pub at_wall: f64,
}

const fn gap(delta: f64, flux: f64, at_wall: f64) -> Gap {
    Gap {
        delta,
        flux,
        at_wall,
    }
}

/// Couette flow.
pub const COUETTE: [Gap; 9] = [
    gap(0.01, 0.99140, 0.0269),
    gap(0.1, 0.92580, 0.1458),
    gap(0.5, 0.73852, 0.3705),
    gap(1.0, 0.60073, 0.5037),
    gap(2.0, 0.44365, 0.6413),
    gap(5.0, 0.25225, 0.7984),
    gap(10.0, 0.14732, 0.8825),
    gap(20.0, 0.08045, 0.9358),
    gap(100.0, 0.01737, 0.9862),
];

/// Fourier flow.
pub const FOURIER: [Gap; 9] = [
    gap(0.01, 0.99248, 0.0260),
    gap(0.1, 0.93516, 0.1391),
    gap(0.5, 0.76826, 0.3518),
    gap(1.0, 0.64085, 0.4796),
    gap(2.0, 0.48920, 0.6143),
    gap(5.0, 0.29191, 0.7742),
    gap(10.0, 0.17578, 0.8645),
    gap(20.0, 0.09799, 0.9245),
    gap(50.0, 0.04209, 0.9676),
];

/// Velocity slip of BGK: the velocity extrapolates to that of the plate `VELOCITY_SLIP v0 tau` behind it
/// (Albertoni, Cercignani and Gotusso 1963).
pub const VELOCITY_SLIP: f64 = 1.016_191;

/// Temperature jump of BGK, as a length over `v0 tau` (Welander 1954; Loyalka 1968).
pub const TEMPERATURE_JUMP: f64 = 1.302_72;

/// Couette flow for `delta >= 5`, to 0.1 %: `sqrt(pi) / (delta + 2 VELOCITY_SLIP)`.
pub fn couette_asymptote(delta: f64) -> f64 {
    std::f64::consts::PI.sqrt() / (delta + 2.0 * VELOCITY_SLIP)
}

/// Fourier flow for `delta >= 5`, to 0.21 %: `(5 sqrt(pi) / 4) / (delta + 2 TEMPERATURE_JUMP)`.
pub fn fourier_asymptote(delta: f64) -> f64 {
    1.25 * std::f64::consts::PI.sqrt() / (delta + 2.0 * TEMPERATURE_JUMP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    #[test]
    fn tables_join_their_limits() {
        for (table, asymptote, tolerance) in [
            (COUETTE, couette_asymptote as fn(f64) -> f64, 1e-3),
            (FOURIER, fourier_asymptote, 2.1e-3),
        ] {
            assert!(table.iter().all(|gap| gap.flux < 1.0));
            for pair in table.windows(2) {
                assert!(pair[0].flux > pair[1].flux && pair[0].at_wall < pair[1].at_wall);
            }
            for gap in table.iter().filter(|gap| gap.delta >= 5.0) {
                let expected = asymptote(gap.delta);
                // Half a unit of the last digit of the table besides.
                let error = (gap.flux - expected).abs();
                assert!(error < tolerance * expected + 5e-6, "{gap:?} {expected}");
            }
            // Free molecules: the gas has the mean of both plates.
            assert!((table[0].flux - 1.0).abs() < 0.01 && table[0].at_wall < 0.03);
        }
    }

    /// Streams between the plates, summed over the normal speed `s > 0` with the weight
    /// `s^m (s^2 - 1/2)^k exp(-s^2) / sqrt(pi)`, as combinations of the source at the nodes and of what the
    /// two plates emit. A stream obeys `s d phi/dx = source - phi`, the source linear between nodes; lengths
    /// are in `v0 tau`.
    struct Gas {
        /// Both streams at every node (`m = 0`), `k = 0, 1, 2`: from the sources, from plates +1 and -1.
        mean: [Vec<Vec<f64>>; 3],
        emitted: [Vec<f64>; 3],
        /// The stream that arrives at the first plate (`m = 1` and `3`), `k = 0, 1`.
        arrives: [[Vec<f64>; 2]; 2],
        arrives_emitted: [[f64; 2]; 2],
        /// What the first plate emits: the same sums without a gap.
        leaves: [[f64; 2]; 2],
    }

    impl Gas {
        fn new(delta: f64, cells: usize) -> Self {
            let n = cells + 1;
            // Cells shrink towards the plates, where the profiles are steep.
            let x: Vec<f64> = (0..n)
                .map(|i| delta * (0.5 * PI * i as f64 / cells as f64).sin().powi(2))
                .collect();
            let mut gas = Self {
                mean: std::array::from_fn(|_| vec![vec![0.0; n]; n]),
                emitted: std::array::from_fn(|_| vec![0.0; n]),
                arrives: std::array::from_fn(|_| std::array::from_fn(|_| vec![0.0; n])),
                arrives_emitted: [[0.0; 2]; 2],
                leaves: [[0.0; 2]; 2],
            };
            // The midpoint rule in ln s resolves the slow molecules; slower ones see the source around them.
            let (low, high, count) = (1e-4f64.ln(), 5.5f64.ln(), 240);
            let ds = (high - low) / f64::from(count);
            let slower = 1e-4 / PI.sqrt();
            for i in 0..n {
                for k in 0..3 {
                    gas.mean[k][i][i] = 2.0 * slower * (-0.5f64).powi(k as i32);
                }
            }
            let mut stream = vec![0.0; n];
            for index in 0..count {
                let s = (low + (f64::from(index) + 0.5) * ds).exp();
                let weight = s * ds * (-s * s).exp() / PI.sqrt();
                let shape = |k: usize| (s * s - 0.5).powi(k as i32);
                stream.fill(0.0);
                let mut plate = 1.0;
                for i in 0..n {
                    if i > 0 {
                        let h = (x[i] - x[i - 1]) / s;
                        let fall = (-h).exp();
                        let mean = -(-h).exp_m1() / h;
                        // The integral of exp(-(h - y)) times a source linear in y.
                        let (earlier, later) = if h < 1e-4 {
                            (0.5 * h, 0.5 * h)
                        } else {
                            (mean - fall, 1.0 - mean)
                        };
                        stream[..i].iter_mut().for_each(|v| *v *= fall);
                        plate *= fall;
                        stream[i - 1] += earlier;
                        stream[i] += later;
                    }
                    for k in 0..3 {
                        let weight = weight * shape(k);
                        for j in 0..=i {
                            gas.mean[k][i][j] += weight * stream[j];
                            // The stream from the other plate is the mirror image.
                            gas.mean[k][cells - i][cells - j] += weight * stream[j];
                        }
                        gas.emitted[k][i] += weight * plate;
                        gas.emitted[k][cells - i] -= weight * plate;
                    }
                }
                for m in 0..2 {
                    for k in 0..2 {
                        let weight = weight * s.powi(2 * m as i32 + 1) * shape(k);
                        for j in 0..n {
                            gas.arrives[m][k][cells - j] += weight * stream[j];
                        }
                        gas.arrives_emitted[m][k] -= weight * plate;
                        gas.leaves[m][k] += weight;
                    }
                }
            }
            gas
        }

        /// What the first plate emits less what arrives there, where the nodes' sources are `source`.
        fn net(&self, m: usize, k: usize, source: &[f64]) -> f64 {
            let from_gas: f64 = self.arrives[m][k]
                .iter()
                .zip(source)
                .map(|(a, s)| a * s)
                .sum();
            self.leaves[m][k] - self.arrives_emitted[m][k] - from_gas
        }
    }

    /// Plates with the velocities +-1: the velocity is the mean of the streams.
    fn couette(delta: f64) -> Gap {
        let gas = Gas::new(delta, 160);
        let n = gas.emitted[0].len();
        let matrix = (0..n)
            .map(|i| (0..n).map(|j| identity(i, j) - gas.mean[0][i][j]).collect())
            .collect();
        let u = solve(matrix, gas.emitted[0].clone());
        Gap {
            delta,
            flux: gas.net(0, 0, &u) * PI.sqrt(),
            at_wall: u[0],
        }
    }

    /// Plates with the temperatures +-1. The distribution is `a + (c_t^2 - 1) b` with the tangential speed
    /// `c_t`; the sources are `rho + T (s^2 - 1/2)` for `a` and `T` for `b`; the plates emit the density
    /// `+-w` that makes the net flux of mass vanish.
    fn fourier(delta: f64) -> Gap {
        let gas = Gas::new(delta, 120);
        let n = gas.emitted[0].len();
        let [m0, m1, m2] = &gas.mean;
        let mut matrix = vec![vec![0.0; 2 * n + 1]; 2 * n + 1];
        let mut right = vec![0.0; 2 * n + 1];
        for i in 0..n {
            for j in 0..n {
                matrix[i][j] = identity(i, j) - m0[i][j];
                matrix[i][n + j] = -m1[i][j];
                matrix[n + i][j] = -2.0 / 3.0 * m1[i][j];
                matrix[n + i][n + j] = identity(i, j) - 2.0 / 3.0 * (m2[i][j] + m0[i][j]);
            }
            matrix[i][2 * n] = -gas.emitted[0][i];
            matrix[n + i][2 * n] = -2.0 / 3.0 * gas.emitted[1][i];
            right[i] = gas.emitted[1][i];
            right[n + i] = 2.0 / 3.0 * (gas.emitted[2][i] + gas.emitted[0][i]);
        }
        let zero = vec![0.0; n];
        for j in 0..n {
            matrix[2 * n][j] = gas.arrives[0][0][j];
            matrix[2 * n][n + j] = gas.arrives[0][1][j];
        }
        matrix[2 * n][2 * n] = -gas.net(0, 0, &zero);
        right[2 * n] = gas.net(0, 1, &zero);
        let solution = solve(matrix, right);
        let (rho, rest) = solution.split_at(n);
        let (temperature, w) = rest.split_at(n);
        // Net flux of (s^2 + 1) a + b, over its free-molecular value 2 / sqrt(pi). The flux of a vanishes.
        let parts = |m: usize, k: usize, source: &[f64], plate: f64| {
            gas.net(m, k, source) + (plate - 1.0) * gas.net(m, k, &zero)
        };
        let heat =
            parts(1, 0, rho, w[0]) + parts(1, 1, temperature, 1.0) + gas.net(0, 0, temperature);
        Gap {
            delta,
            flux: heat * PI.sqrt() / 2.0,
            at_wall: temperature[0],
        }
    }

    fn identity(i: usize, j: usize) -> f64 {
        f64::from(u8::from(i == j))
    }

    /// Gaussian elimination with row pivots.
    fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
        let n = right.len();
        for column in 0..n {
            let pivot = (column..n)
                .max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))
                .unwrap();
            matrix.swap(column, pivot);
            right.swap(column, pivot);
            let (top, below) = matrix.split_at_mut(column + 1);
            let top = &top[column];
            for (k, row) in below.iter_mut().enumerate() {
                let factor = row[column] / top[column];
                for j in column..n {
                    row[j] -= factor * top[j];
                }
                right[column + 1 + k] -= factor * right[column];
            }
        }
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|j| matrix[i][j] * right[j]).sum();
            right[i] = (right[i] - known) / matrix[i][i];
        }
        right
    }

    /// The tables again, from a solution of the kinetic equation by discrete ordinates: the grid leaves
    /// errors of some 1e-4.
    #[test]
    fn tables_by_discrete_ordinates() {
        for (table, solve) in [(COUETTE, couette as fn(f64) -> Gap), (FOURIER, fourier)] {
            for k in [1, 3, 5, 7] {
                let (gap, found) = (table[k], solve(table[k].delta));
                let flux = (found.flux - gap.flux).abs();
                let at_wall = (found.at_wall - gap.at_wall).abs();
                assert!(flux < 3e-4 && at_wall < 5e-4, "{gap:?}, found {found:?}");
            }
        }
    }
}
