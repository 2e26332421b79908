//! Flow through a medium: finite volumes, solved by conjugate gradients.

use super::half_waves::HalfWaveScratch;
use super::poisson::PoissonSolver;
use crate::{Error, Result};

/// Relative residual at which the iteration ends: beyond what single precision can show.
const TOLERANCE: f64 = 1e-10;
/// Far above the iterations for any coefficient that is worth solving for.
const MOST_ITERATIONS: usize = 10_000;

/// Solves `-div(a grad p) = f` in the unit square, `p = 0` on its boundary.
///
/// The unknowns are `p` at the points `(i, j)/(N - 1)`, `0 <= i, j < N`. The flux through the
/// face halfway between two points is their difference times the harmonic mean of `a` at both
/// (which is exact for layers of constant `a` with the interface on the face), and what flows out
/// of the cell around a point is what `f` supplies in it:
///
/// ```text
/// sum over 4 neighbours n of  2 a_c a_n/(a_c + a_n) (p_c - p_n)  =  f_c/(N - 1)^2
/// ```
///
/// The error is of second order in `1/N` where `a` is smooth. The system is solved by conjugate
/// gradients, preconditioned by the same system with `a = 1`, which sine transforms solve
/// directly: the number of iterations depends on `max a/min a` and not on the grid.
///
/// ```
/// use kiti_data::pde::darcy::DarcySolver;
/// // Nine unknowns; for a = 1 and f = 1 the centre is 0.0703125 by hand.
/// let solver = DarcySolver::new(5)?;
/// let pressure = solver.solve(&[1.; 25], &[1.; 25])?;
/// assert!((pressure[12] - 0.0703125).abs() < 1e-12);
/// # Ok::<(), kiti_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DarcySolver {
    points: usize,
    poisson: PoissonSolver,
}

/// The vectors of an iteration, each a grid with its boundary.
pub(super) struct Workspace {
    /// Conductance of the face between a point and the next one in its row.
    along: Vec<f64>,
    /// Conductance of the face between a point and the one below it.
    across: Vec<f64>,
    pub(super) solution: Vec<f64>,
    residual: Vec<f64>,
    preconditioned: Vec<f64>,
    direction: Vec<f64>,
    outflow: Vec<f64>,
    scratch: HalfWaveScratch,
}

/// How an iteration ended before its tolerance.
pub(super) struct Unconverged {
    residual: f64,
    iterations: usize,
}

impl Unconverged {
    pub(super) fn of_sample(self, sample: usize) -> Error {
        Error::NotConverged {
            equation: "Darcy flow",
            sample,
            expected: TOLERANCE,
            found: self.residual,
            iterations: self.iterations,
        }
    }
}

impl DarcySolver {
    /// Prepares a grid of `points` along each axis, boundary included.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 3 points.
    pub fn new(points: usize) -> Result<Self> {
        super::super::settings::require(points >= 3, "points", points, "at least 3 points")?;
        Ok(Self {
            points,
            poisson: PoissonSolver::new(points),
        })
    }

    /// The pressure for a coefficient and a source at the points of the grid, all row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] where an array has not as many elements as the grid has points,
    /// [`Error::Setting`] for a coefficient that is not positive or a source that is not finite,
    /// [`Error::NotConverged`].
    pub fn solve(&self, coefficient: &[f64], source: &[f64]) -> Result<Vec<f64>> {
        for (name, values) in [("coefficient", coefficient), ("source", source)] {
            if values.len() != self.points * self.points {
                return Err(Error::Shape {
                    array: name.to_owned(),
                    expected: format!("{0} x {0} values", self.points),
                    found: vec![values.len()],
                });
            }
        }
        let wrong = |key, found: &f64, expected| Error::Setting {
            key,
            found: found.to_string(),
            expected,
        };
        if let Some(found) = coefficient.iter().find(|a| !(a.is_finite() && **a > 0.)) {
            return Err(wrong("coefficient", found, "positive finite numbers"));
        }
        if let Some(found) = source.iter().find(|f| !f.is_finite()) {
            return Err(wrong("source", found, "finite numbers"));
        }
        let mut workspace = self.workspace();
        self.iterate(coefficient, |place| source[place], &mut workspace)
            .map_err(|unconverged| unconverged.of_sample(0))?;
        Ok(workspace.solution)
    }

    pub(super) fn workspace(&self) -> Workspace {
        let zeros = || vec![0.; self.points * self.points];
        Workspace {
            along: zeros(),
            across: zeros(),
            solution: zeros(),
            residual: zeros(),
            preconditioned: zeros(),
            direction: zeros(),
            outflow: zeros(),
            scratch: self.poisson.scratch(),
        }
    }

    /// Leaves the solution in the workspace and returns the number of iterations.
    pub(super) fn iterate(
        &self,
        coefficient: &[f64],
        source: impl Fn(usize) -> f64,
        work: &mut Workspace,
    ) -> std::result::Result<usize, Unconverged> {
        self.set_conductances(coefficient, work);
        let cell = 1. / ((self.points - 1) * (self.points - 1)) as f64;
        work.solution.fill(0.);
        work.direction.fill(0.);
        for place in self.inside() {
            work.residual[place] = cell * source(place);
        }
        let goal = TOLERANCE * norm(&work.residual);
        let mut previous = 1.;
        for iteration in 0..MOST_ITERATIONS {
            let residual = norm(&work.residual);
            if residual <= goal {
                return Ok(iteration);
            }
            work.preconditioned.copy_from_slice(&work.residual);
            self.poisson
                .solve(&mut work.preconditioned, &mut work.scratch);
            let product = dot(&work.residual, &work.preconditioned);
            let kept = if iteration == 0 {
                0.
            } else {
                product / previous
            };
            for (direction, fresh) in work.direction.iter_mut().zip(&work.preconditioned) {
                *direction = fresh + kept * *direction;
            }
            self.set_outflow(work);
            let length = product / dot(&work.direction, &work.outflow);
            for ((solution, residual), (direction, outflow)) in work
                .solution
                .iter_mut()
                .zip(&mut work.residual)
                .zip(work.direction.iter().zip(&work.outflow))
            {
                *solution += length * direction;
                *residual -= length * outflow;
            }
            previous = product;
        }
        Err(Unconverged {
            residual: norm(&work.residual) * TOLERANCE / goal,
            iterations: MOST_ITERATIONS,
        })
    }

    /// Places of the points that are not on the boundary.
    fn inside(&self) -> impl Iterator<Item = usize> {
        let points = self.points;
        (1..points - 1).flat_map(move |row| row * points + 1..(row + 1) * points - 1)
    }

    fn set_conductances(&self, coefficient: &[f64], work: &mut Workspace) {
        let points = self.points;
        let mean = |a: f64, b: f64| 2. * a / (1. + a / b);
        for row in 0..points - 1 {
            for place in row * points..(row + 1) * points - 1 {
                work.along[place] = mean(coefficient[place], coefficient[place + 1]);
                work.across[place] = mean(coefficient[place], coefficient[place + points]);
            }
        }
    }

    /// What flows out of every cell for the pressure `direction`.
    fn set_outflow(&self, work: &mut Workspace) {
        let points = self.points;
        let p = &work.direction;
        for row in 1..points - 1 {
            for at in row * points + 1..(row + 1) * points - 1 {
                work.outflow[at] = work.along[at] * (p[at] - p[at + 1])
                    + work.along[at - 1] * (p[at] - p[at - 1])
                    + work.across[at] * (p[at] - p[at + points])
                    + work.across[at - points] * (p[at] - p[at - points]);
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Eight sums side by side: the processor adds them at once, in an order that never changes.
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}
