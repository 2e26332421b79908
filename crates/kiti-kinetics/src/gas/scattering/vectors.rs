//! Velocities of any dimension, one particle after the other: those of a homogeneous gas.

use super::bound::{cell_bound, spread};
use super::deflection::turned;
use super::{Pairs, Scatter, Scatters, Velocities};
use crate::gas::draws::{BATCH, StepDraws};
use crate::gas::elementary::sine_cosine_of_turn;

#[inline(always)]
fn square_of_difference<const D: usize>(values: &[f64], i: usize, j: usize) -> f64 {
    let (vectors, _) = values.as_chunks::<D>();
    let (a, b) = (&vectors[i], &vectors[j]);
    (0..D).map(|k| (a[k] - b[k]) * (a[k] - b[k])).sum()
}

/// Velocities of any dimension, one particle after the other; scattering is isotropic unless `D = 3`.
pub struct Vectors<'a> {
    pub dims: usize,
    pub inverse_alpha: f64,
    pub values: &'a mut [f64],
    /// Room for one relative velocity.
    pub turned: &'a mut [f64],
    pub draws: StepDraws,
    /// Names the group of cells in the random numbers.
    pub group: u32,
}

impl Velocities for Vectors<'_> {
    type Changes = ();

    fn relative_square(&self, i: usize, j: usize) -> f64 {
        // Loops of a length that is known.
        match self.dims {
            2 => square_of_difference::<2>(self.values, i, j),
            3 => square_of_difference::<3>(self.values, i, j),
            dims => {
                let a = &self.values[i * dims..(i + 1) * dims];
                let b = &self.values[j * dims..(j + 1) * dims];
                a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
            }
        }
    }

    fn bound_square(&self) -> f64 {
        // Cells are seen one by one.
        f64::INFINITY
    }

    fn turn(&self, _: &Pairs, _: &[f64; BATCH], _: &Scatters) {}

    fn apply(&mut self, [i, j]: &Pairs, k: usize, square: f64, scatter: Scatter, (): &()) {
        Velocities::scatter(self, i[k] as usize, j[k] as usize, square, scatter);
    }

    fn bound_square_of(&self, particles: &[u32]) -> f64 {
        let (mut diagonal, mut energy) = (0.0, 0.0);
        for axis in 0..self.dims {
            let place = |&k: &u32| self.values[k as usize * self.dims + axis];
            let (width, square) = spread(particles.iter().map(place));
            diagonal += width * width;
            energy += square;
        }
        cell_bound(diagonal, energy)
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
                let mut stream = self.draws.direction(trial, cell, self.group);
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
