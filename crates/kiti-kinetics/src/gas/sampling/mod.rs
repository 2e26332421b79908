//! Means of the flow with their standard errors.

mod fields;

use rayon::prelude::*;

use super::block::with_scratch;
use super::boundary::Face;
use super::error::{GasError, GasResult};
use super::snapshot::{Snapshot, check_same};
use super::solver::DsmcSolver;
use super::statistics::SurfaceTally;
use fields::{FLUXES, MOMENTS, Scale, VALUES};

pub use fields::{Fields, Flow, SurfaceFlux};

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
