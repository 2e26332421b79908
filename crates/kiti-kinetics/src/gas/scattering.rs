//! One binary collision: how the relative velocity is turned.

use super::draws::{Purpose, StepDraws};
use super::elementary::{power, sine_cosine_of_turn};

/// The random choices of one collision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scatter {
    /// Uniform in (0, 1): gives the deflection.
    pub deflection: f64,
    /// Word that gives the azimuth.
    pub azimuth: u32,
    /// Number of the trial in its cell, and the cell.
    pub name: [u32; 2],
}

/// Velocities of many particles, of which two can collide.
pub(super) trait Velocities {
    /// `|v_i - v_j|^2`.
    fn relative_square(&self, i: usize, j: usize) -> f64;
    /// An upper bound of the relative squares of the named particles: the diagonal of the smallest box
    /// around their velocities, squared.
    fn bound_square(&self, particles: &[u32]) -> f64;
    /// Turns the relative velocity, whose square is `square`.
    fn scatter(&mut self, i: usize, j: usize, square: f64, scatter: Scatter);
}

/// The relative velocity `g` turned by the deflection of variable soft spheres,
/// `cos chi = 2 U^(1/alpha) - 1` (Koura and Matsumoto 1991; Bird 1994, 2.22).
#[inline(always)]
pub(super) fn turned(g: [f64; 3], square: f64, inverse_alpha: f64, scatter: Scatter) -> [f64; 3] {
    let (sine, cosine) = sine_cosine_of_turn(scatter.azimuth);
    let speed = square.sqrt();
    if inverse_alpha == 1.0 {
        // The direction is uniform, whatever g.
        let u = scatter.deflection;
        let across = speed * 2.0 * (u * (1.0 - u)).sqrt();
        return [speed * (2.0 * u - 1.0), across * cosine, across * sine];
    }
    let u = power(scatter.deflection, inverse_alpha);
    let along = 2.0 * u - 1.0;
    let across = 2.0 * (u * (1.0 - u)).max(0.0).sqrt();
    let [x, y, z] = g;
    let d = (y * y + z * z).sqrt();
    if d <= 1e-100 {
        return [along * x, across * x * cosine, across * x * sine];
    }
    let (a, b) = (across * sine, across / d);
    [
        along * x + a * d,
        along * y + b * (speed * z * cosine - x * y * sine),
        along * z - b * (speed * y * cosine + x * z * sine),
    ]
}

/// Three arrays of components.
pub(super) struct Components<'a> {
    pub v: [&'a mut [f64]; 3],
    pub inverse_alpha: f64,
}

impl Components<'_> {
    #[inline(always)]
    fn difference(&self, i: usize, j: usize) -> [f64; 3] {
        std::array::from_fn(|axis| self.v[axis][i] - self.v[axis][j])
    }
}

impl Velocities for Components<'_> {
    #[inline(always)]
    fn relative_square(&self, i: usize, j: usize) -> f64 {
        let g = self.difference(i, j);
        g[0] * g[0] + g[1] * g[1] + g[2] * g[2]
    }

    #[inline(always)]
    fn bound_square(&self, particles: &[u32]) -> f64 {
        let mut low = [f64::INFINITY; 3];
        let mut high = [f64::NEG_INFINITY; 3];
        for &particle in particles {
            for axis in 0..3 {
                let v = self.v[axis][particle as usize];
                low[axis] = if v < low[axis] { v } else { low[axis] };
                high[axis] = if v > high[axis] { v } else { high[axis] };
            }
        }
        (0..3).map(|axis| (high[axis] - low[axis]).powi(2)).sum()
    }

    #[inline(always)]
    fn scatter(&mut self, i: usize, j: usize, square: f64, scatter: Scatter) {
        let g = self.difference(i, j);
        let h = turned(g, square, self.inverse_alpha, scatter);
        for axis in 0..3 {
            let d = 0.5 * (g[axis] - h[axis]);
            self.v[axis][i] -= d;
            self.v[axis][j] += d;
        }
    }
}

/// Velocities of any dimension, one particle after the other; scattering is isotropic unless `D = 3`.
pub(super) struct Vectors<'a> {
    pub dims: usize,
    pub inverse_alpha: f64,
    pub values: &'a mut [f64],
    /// Room for one relative velocity.
    pub turned: &'a mut [f64],
    pub draws: StepDraws,
}

impl Velocities for Vectors<'_> {
    fn relative_square(&self, i: usize, j: usize) -> f64 {
        let a = &self.values[i * self.dims..(i + 1) * self.dims];
        let b = &self.values[j * self.dims..(j + 1) * self.dims];
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    fn bound_square(&self, particles: &[u32]) -> f64 {
        (0..self.dims)
            .map(|axis| {
                let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
                for &particle in particles {
                    let v = self.values[particle as usize * self.dims + axis];
                    low = low.min(v);
                    high = high.max(v);
                }
                (high - low).powi(2)
            })
            .sum()
    }

    fn scatter(&mut self, i: usize, j: usize, square: f64, scatter: Scatter) {
        let (i, j) = (i * self.dims, j * self.dims);
        let speed = square.sqrt();
        match self.dims {
            2 => {
                let (sine, cosine) = sine_cosine_of_turn(scatter.azimuth);
                self.turned.copy_from_slice(&[speed * cosine, speed * sine]);
            }
            3 => {
                let g = std::array::from_fn(|axis| self.values[i + axis] - self.values[j + axis]);
                let h = turned(g, square, self.inverse_alpha, scatter);
                self.turned.copy_from_slice(&h);
            }
            _ => {
                let [trial, cell] = scatter.name;
                let mut stream = self.draws.stream(Purpose::Direction, trial, cell);
                stream.direction(self.turned);
                self.turned.iter_mut().for_each(|e| *e *= speed);
            }
        }
        for axis in 0..self.dims {
            let (a, b) = (i + axis, j + axis);
            let d = 0.5 * (self.values[a] - self.values[b] - self.turned[axis]);
            self.values[a] -= d;
            self.values[b] += d;
        }
    }
}
