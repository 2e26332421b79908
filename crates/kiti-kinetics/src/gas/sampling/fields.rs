//! Quantities of the flow, from sums over particles.

/// Sums over the particles of a cell: 1, `v_i`, `v_i v_j` (xx, yy, zz, xy, xz, yz), `v^2 v_i`.
pub(super) const MOMENTS: usize = 13;
/// Values of a cell: density, velocity, temperature, stress, heat flux.
pub(super) const VALUES: usize = 14;
/// Values of a face: arrivals, number, momentum, heat.
pub(super) const FLUXES: usize = 6;
const PAIRS: [[usize; 2]; 6] = [[0, 0], [1, 1], [2, 2], [0, 1], [0, 2], [1, 2]];

/// What turns sums into quantities.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// Weight over volume.
    pub density: f64,
    pub mass: f64,
    pub boltzmann: f64,
    pub dt: f64,
    pub areas: [f64; 3],
}

/// Quantities of every cell, x fastest; 0 where a cell was empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields {
    /// Number density.
    pub density: Vec<f64>,
    /// Mean velocity.
    pub velocity: [Vec<f64>; 3],
    /// Temperature.
    pub temperature: Vec<f64>,
    /// Pressure tensor `m n <c_i c_j>`: xx, yy, zz, xy, xz, yz, with `c` the velocity about its mean.
    pub stress: [Vec<f64>; 6],
    /// Heat flux `m n <c^2 c_i> / 2`.
    pub heat_flux: [Vec<f64>; 3],
}

/// Fields and their standard errors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Flow {
    /// Means.
    pub mean: Fields,
    /// Standard errors of the means; NaN with fewer than two batches.
    pub standard_error: Fields,
    /// Mean number of simulated particles in a cell.
    pub particles_per_cell: Vec<f64>,
}

/// Fluxes from the gas to a face, per area and time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SurfaceFlux {
    /// Molecules that arrive.
    pub arrivals: f64,
    /// Molecules that arrive less those that come back.
    pub number: f64,
    /// Momentum: its component across the face is the pressure on it (negative at a lower face, which
    /// is pushed towards smaller coordinates), the others are the shear stress.
    pub momentum: [f64; 3],
    /// Heat.
    pub heat: f64,
}

impl SurfaceFlux {
    pub(super) fn from_values(values: [f64; FLUXES]) -> Self {
        let [arrivals, number, x, y, z, heat] = values;
        Self {
            arrivals,
            number,
            momentum: [x, y, z],
            heat,
        }
    }
}

impl Scale {
    /// Density, velocity, temperature, stress and heat flux of the sums of so many samples. Second
    /// moments are corrected for the mean being that of the same particles.
    pub fn values(&self, sums: &[f64; MOMENTS], samples: u64) -> [f64; VALUES] {
        let count = sums[0];
        if count == 0.0 || samples == 0 {
            return [0.0; VALUES];
        }
        let density = self.density * count / samples as f64;
        let mean: [f64; MOMENTS] = sums.map(|sum| sum / count);
        let u = [mean[1], mean[2], mean[3]];
        let unbiased = if count > 1.0 {
            count / (count - 1.0)
        } else {
            0.0
        };
        let second = |i: usize, j: usize| {
            let pair = PAIRS.iter().position(|&p| p == [i.min(j), i.max(j)]);
            mean[4 + pair.unwrap_or(0)]
        };
        let mut values = [0.0; VALUES];
        values[0] = density;
        values[1..4].copy_from_slice(&u);
        for (k, [i, j]) in PAIRS.into_iter().enumerate() {
            values[5 + k] = self.mass * density * unbiased * (second(i, j) - u[i] * u[j]);
        }
        values[4] = (values[5] + values[6] + values[7]) / (3.0 * density * self.boltzmann);
        let square: f64 = (0..3).map(|i| second(i, i)).sum();
        let drift: f64 = u.iter().map(|u| u * u).sum();
        for i in 0..3 {
            let along: f64 = (0..3).map(|j| u[j] * second(i, j)).sum();
            let third = mean[10 + i] - u[i] * square - 2.0 * along + 2.0 * drift * u[i];
            values[11 + i] = 0.5 * self.mass * density * third;
        }
        values
    }
}

impl Fields {
    pub(super) fn from_values(values: &[[f64; VALUES]]) -> Self {
        let column = |k: usize| values.iter().map(|v| v[k]).collect::<Vec<_>>();
        Self {
            density: column(0),
            velocity: std::array::from_fn(|axis| column(1 + axis)),
            temperature: column(4),
            stress: std::array::from_fn(|pair| column(5 + pair)),
            heat_flux: std::array::from_fn(|axis| column(11 + axis)),
        }
    }
}
