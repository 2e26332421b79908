//! Means of the flow with their standard errors.

use rayon::prelude::*;

use super::block::with_scratch;
use super::boundary::Face;
use super::error::{GasError, GasResult};
use super::snapshot::Snapshot;
use super::solver::{DsmcSolver, check_same};
use super::statistics::SurfaceTally;

/// Sums over the particles of a cell: 1, `v_i`, `v_i v_j` (xx, yy, zz, xy, xz, yz), `v^2 v_i`.
const MOMENTS: usize = 13;
/// Values of a cell: density, velocity, temperature, stress, heat flux.
const VALUES: usize = 14;
/// Values of a face: arrivals, number, momentum, heat.
const FLUXES: usize = 6;
const PAIRS: [[usize; 2]; 6] = [[0, 0], [1, 1], [2, 2], [0, 1], [0, 2], [1, 2]];

/// Collects samples of a simulation: for steady flows over many steps, for unsteady ones over few.
///
/// Standard errors come from the means of consecutive batches of samples; batches that are longer
/// than the memory of the flow make them honest.
#[derive(Debug, Clone)]
pub struct Sampler {
    scale: Scale,
    /// Cells along each axis, and the number in the grid of each of the sampler's cells, block by block.
    cells: [usize; 3],
    numbers: Vec<u32>,
    /// Samples of a batch, all samples, finished batches.
    batch: u64,
    samples: u64,
    batches: u64,
    /// Sums over the present batch, and over all finished ones.
    present: Vec<[f64; MOMENTS]>,
    total: Vec<[f64; MOMENTS]>,
    /// Sums and square sums of the batches' values.
    sums: Vec<[f64; VALUES]>,
    squares: Vec<[f64; VALUES]>,
    surface: [SurfaceSums; 6],
    first_step: u64,
    batch_step: u64,
    latest_step: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct SurfaceSums {
    first: SurfaceTally,
    batch: SurfaceTally,
    latest: SurfaceTally,
    sums: [f64; FLUXES],
    squares: [f64; FLUXES],
}

/// What turns sums into quantities.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// Weight over volume.
    density: f64,
    mass: f64,
    boltzmann: f64,
    dt: f64,
    areas: [f64; 3],
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

impl Sampler {
    /// A sampler for a simulation; `batch` samples (at least 1) make one batch.
    pub fn new(solver: &DsmcSolver, batch: u64) -> Self {
        let config = solver.config();
        let grid = &config.grid;
        let partition = solver.partition();
        let mut numbers = Vec::with_capacity(grid.cell_count());
        for block in solver.blocks() {
            let [x, y, z] = std::array::from_fn(|axis| {
                let width = partition.subcells[axis];
                let start = block.start[axis] / width;
                start..start + block.size[axis] / width
            });
            for z in z {
                for y in y.clone() {
                    for x in x.clone() {
                        let number = x + grid.cells[0] * (y + grid.cells[1] * z);
                        numbers.push(number as u32);
                    }
                }
            }
        }
        let cells = numbers.len();
        let mut sampler = Self {
            scale: Scale {
                density: config.weight / grid.cell_volume(),
                mass: config.molecule.mass,
                boltzmann: config.molecule.boltzmann,
                dt: config.dt,
                areas: std::array::from_fn(|axis| grid.face_area(axis)),
            },
            cells: grid.cells,
            numbers,
            batch: batch.max(1),
            samples: 0,
            batches: 0,
            present: vec![[0.0; MOMENTS]; cells],
            total: vec![[0.0; MOMENTS]; cells],
            sums: vec![[0.0; VALUES]; cells],
            squares: vec![[0.0; VALUES]; cells],
            surface: Default::default(),
            first_step: 0,
            batch_step: 0,
            latest_step: 0,
        };
        sampler.begin(solver);
        sampler
    }

    /// Samples taken.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Forgets everything; surface fluxes count from now.
    pub fn reset(&mut self, solver: &DsmcSolver) {
        self.samples = 0;
        self.batches = 0;
        self.present.fill([0.0; MOMENTS]);
        self.total.fill([0.0; MOMENTS]);
        self.sums.fill([0.0; VALUES]);
        self.squares.fill([0.0; VALUES]);
        self.begin(solver);
    }

    fn begin(&mut self, solver: &DsmcSolver) {
        self.first_step = solver.steps();
        self.batch_step = self.first_step;
        self.latest_step = self.first_step;
        for (face, surface) in Face::ALL.into_iter().zip(&mut self.surface) {
            let tally = solver.surface(face);
            *surface = SurfaceSums {
                first: tally,
                batch: tally,
                latest: tally,
                ..SurfaceSums::default()
            };
        }
    }

    pub(super) fn add(&mut self, solver: &DsmcSolver) -> GasResult<()> {
        let partition = solver.partition();
        if self.cells != solver.config().grid.cells {
            return Err(GasError::SnapshotCase {
                what: "the sampler's grid",
                expected: format!("{:?}", solver.config().grid.cells),
                found: format!("{:?}", self.cells),
            });
        }
        let mut rest = self.present.as_mut_slice();
        let mut parts = Vec::with_capacity(solver.blocks().len());
        for block in solver.blocks() {
            let cells =
                block.size.iter().product::<usize>() / partition.subcells.iter().product::<usize>();
            let (part, behind) = rest.split_at_mut(cells);
            parts.push((block, part));
            rest = behind;
        }
        parts.into_par_iter().for_each(|(block, sums)| {
            with_scratch(|scratch| {
                block.cell_ids(partition, partition.subcells, &mut scratch.ids);
                let [x, y, z] = &block.particles.v;
                for (&id, ((&x, &y), &z)) in scratch.ids.iter().zip(x.iter().zip(y).zip(z)) {
                    let square = x * x + y * y + z * z;
                    let values = [
                        1.0,
                        x,
                        y,
                        z,
                        x * x,
                        y * y,
                        z * z,
                        x * y,
                        x * z,
                        y * z,
                        square * x,
                        square * y,
                        square * z,
                    ];
                    for (sum, value) in sums[id as usize].iter_mut().zip(values) {
                        *sum += value;
                    }
                }
            });
        });
        self.samples += 1;
        self.latest_step = solver.steps();
        for (face, surface) in Face::ALL.into_iter().zip(&mut self.surface) {
            surface.latest = solver.surface(face);
        }
        if self.samples.is_multiple_of(self.batch) {
            self.finish_batch();
        }
        Ok(())
    }

    fn finish_batch(&mut self) {
        let (scale, batch) = (self.scale, self.batch);
        self.present
            .par_iter_mut()
            .zip(&mut self.total)
            .zip(&mut self.sums)
            .zip(&mut self.squares)
            .for_each(|(((present, total), sums), squares)| {
                let values = scale.values(present, batch);
                for k in 0..VALUES {
                    sums[k] += values[k];
                    squares[k] += values[k] * values[k];
                }
                for k in 0..MOMENTS {
                    total[k] += std::mem::take(&mut present[k]);
                }
            });
        let time = (self.latest_step - self.batch_step) as f64 * self.scale.dt;
        for (index, surface) in self.surface.iter_mut().enumerate() {
            let area = self.scale.areas[index / 2];
            let values = fluxes(&surface.batch, &surface.latest, area * time);
            for k in 0..FLUXES {
                surface.sums[k] += values[k];
                surface.squares[k] += values[k] * values[k];
            }
            surface.batch = surface.latest;
        }
        self.batch_step = self.latest_step;
        self.batches += 1;
    }

    /// The flow so far; zeros where nothing was sampled.
    pub fn flow(&self) -> Flow {
        let cells = self.numbers.len();
        let mut mean = vec![[0.0; VALUES]; cells];
        let mut error = vec![[f64::NAN; VALUES]; cells];
        let mut particles_per_cell = vec![0.0; cells];
        for (cell, &number) in self.numbers.iter().enumerate() {
            let number = number as usize;
            let moments: [f64; MOMENTS] =
                std::array::from_fn(|k| self.present[cell][k] + self.total[cell][k]);
            mean[number] = self.scale.values(&moments, self.samples);
            particles_per_cell[number] = moments[0] / self.samples.max(1) as f64;
            for k in 0..VALUES {
                error[number][k] =
                    standard_error(self.sums[cell][k], self.squares[cell][k], self.batches);
            }
        }
        Flow {
            mean: Fields::from_values(&mean),
            standard_error: Fields::from_values(&error),
            particles_per_cell,
        }
    }

    /// Mean flux to a face between the sampler's beginning and its latest sample, and its standard error.
    pub fn surface(&self, face: Face) -> (SurfaceFlux, SurfaceFlux) {
        let surface = &self.surface[face.index()];
        let time = (self.latest_step - self.first_step) as f64 * self.scale.dt;
        let area = self.scale.areas[face.axis];
        let mean = fluxes(&surface.first, &surface.latest, area * time);
        let error = std::array::from_fn(|k| {
            standard_error(surface.sums[k], surface.squares[k], self.batches)
        });
        (
            SurfaceFlux::from_values(mean),
            SurfaceFlux::from_values(error),
        )
    }

    /// The sampler's state.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let numbers = vec![
            self.numbers.len() as u64,
            self.batch,
            self.samples,
            self.batches,
            self.first_step,
            self.batch_step,
            self.latest_step,
        ];
        snapshot.put_u64("sampler", numbers);
        snapshot.put_f64("sampler present", self.present.as_flattened().to_vec());
        snapshot.put_f64("sampler total", self.total.as_flattened().to_vec());
        snapshot.put_f64("sampler sums", self.sums.as_flattened().to_vec());
        snapshot.put_f64("sampler squares", self.squares.as_flattened().to_vec());
        let surfaces = self.surface.iter().flat_map(|surface| {
            let tallies = [surface.first, surface.batch, surface.latest];
            let tallies = tallies.into_iter().flat_map(|tally| tally.values());
            tallies.chain(surface.sums).chain(surface.squares)
        });
        snapshot.put_f64("sampler surfaces", surfaces.collect());
        snapshot
    }

    /// The sampler that [`Sampler::snapshot`] describes; `solver` is the restored simulation.
    ///
    /// # Errors
    ///
    /// Where the snapshot is incomplete or belongs to another grid.
    pub fn restore(solver: &DsmcSolver, snapshot: &Snapshot) -> GasResult<Self> {
        let numbers = snapshot.u64("sampler", Some(7))?;
        let mut sampler = Self::new(solver, numbers[1]);
        let cells = sampler.numbers.len();
        check_same("sampler", &[cells as u64], &numbers[..1])?;
        sampler.samples = numbers[2];
        sampler.batches = numbers[3];
        sampler.first_step = numbers[4];
        sampler.batch_step = numbers[5].max(numbers[4]);
        sampler.latest_step = numbers[6].max(sampler.batch_step);
        let moments = |name| snapshot.f64(name, Some(cells * MOMENTS));
        let values = |name| snapshot.f64(name, Some(cells * VALUES));
        let copy = |target: &mut [f64], source: &[f64]| target.copy_from_slice(source);
        copy(
            sampler.present.as_flattened_mut(),
            moments("sampler present")?,
        );
        copy(sampler.total.as_flattened_mut(), moments("sampler total")?);
        copy(sampler.sums.as_flattened_mut(), values("sampler sums")?);
        copy(
            sampler.squares.as_flattened_mut(),
            values("sampler squares")?,
        );
        let size = 3 * SurfaceTally::VALUES + 2 * FLUXES;
        let surfaces = snapshot.f64("sampler surfaces", Some(6 * size))?;
        for (surface, values) in sampler.surface.iter_mut().zip(surfaces.chunks_exact(size)) {
            let (tallies, rest) = values.split_at(3 * SurfaceTally::VALUES);
            let tally = |k| SurfaceTally::from_values(&tallies[k * SurfaceTally::VALUES..]);
            (surface.first, surface.batch, surface.latest) = (tally(0), tally(1), tally(2));
            surface.sums.copy_from_slice(&rest[..FLUXES]);
            surface.squares.copy_from_slice(&rest[FLUXES..]);
        }
        Ok(sampler)
    }
}

/// Standard error of a mean of batches.
fn standard_error(sum: f64, squares: f64, batches: u64) -> f64 {
    if batches < 2 {
        return f64::NAN;
    }
    let n = batches as f64;
    let mean = sum / n;
    ((squares / n - mean * mean).max(0.0) / (n - 1.0)).sqrt()
}

fn fluxes(from: &SurfaceTally, to: &SurfaceTally, area_time: f64) -> [f64; FLUXES] {
    if area_time <= 0.0 {
        return [0.0; FLUXES];
    }
    let arrived = to.arrived - from.arrived;
    let departed = to.departed - from.departed;
    let momentum = |axis: usize| to.momentum[axis] - from.momentum[axis];
    let heat = to.energy - from.energy;
    let net = arrived - departed;
    [arrived, net, momentum(0), momentum(1), momentum(2), heat].map(|value| value / area_time)
}

impl SurfaceFlux {
    fn from_values(values: [f64; FLUXES]) -> Self {
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
    fn values(&self, sums: &[f64; MOMENTS], samples: u64) -> [f64; VALUES] {
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
    fn from_values(values: &[[f64; VALUES]]) -> Self {
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
