//! The solver's state, and the solver of a state.

use super::DsmcSolver;
use crate::gas::config::SolverConfig;
use crate::gas::error::GasResult;
use crate::gas::partition::Partition;
use crate::gas::snapshot::{Snapshot, check_same, other_case};
use crate::gas::statistics::{Statistics, SurfaceTally};

const POSITIONS: [&str; 3] = ["x", "y", "z"];
const VELOCITIES: [&str; 3] = ["vx", "vy", "vz"];

impl DsmcSolver {
    /// The whole state.
    pub fn snapshot(&mut self) -> Snapshot {
        self.settle();
        let mut snapshot = Snapshot::default();
        let numbers = |values: [usize; 3]| values.map(|n| n as u64);
        let grid = [[self.partition.dims; 3], self.partition.cells].map(numbers);
        snapshot.put_u64("grid", grid.as_flattened().to_vec());
        snapshot.put_u64("seed and step", vec![self.config.seed, self.steps]);
        snapshot.put_u64("blocks", numbers(self.partition.blocks).to_vec());
        let counts = self.blocks.iter().map(|block| block.particles.len() as u64);
        snapshot.put_u64("counts", counts.collect());
        for axis in 0..self.partition.dims {
            let blocks = self.blocks.iter();
            let values = blocks.flat_map(|block| block.particles.x[axis].iter().copied());
            snapshot.put_f64(POSITIONS[axis], values.collect());
        }
        for axis in 0..3 {
            let blocks = self.blocks.iter();
            let values = blocks.flat_map(|block| block.particles.v[axis].iter().copied());
            snapshot.put_f64(VELOCITIES[axis], values.collect());
        }
        let blocks = self.blocks.iter();
        let tallies = blocks.flat_map(|block| block.tallies.iter().flat_map(SurfaceTally::values));
        snapshot.put_f64("tallies", tallies.collect());
        let statistics = self.statistics().values();
        snapshot.put_u64("statistics", statistics.to_vec());
        snapshot
    }

    /// The simulation that [`DsmcSolver::snapshot`] describes, to be continued bit for bit.
    ///
    /// # Errors
    ///
    /// Where the snapshot is incomplete or belongs to another configuration.
    pub fn restore(config: SolverConfig, snapshot: &Snapshot) -> GasResult<Self> {
        config.validate()?;
        let cells = config.grid.collision_cells().map(|n| n as u64);
        let dims = config.grid.dims as u64;
        let grid = snapshot.u64("grid", Some(6))?;
        check_same(
            "grid",
            &[dims, dims, dims, cells[0], cells[1], cells[2]],
            grid,
        )?;
        let numbers = snapshot.u64("seed and step", Some(2))?;
        check_same("seed", &[config.seed], &numbers[..1])?;
        let blocks = snapshot.u64("blocks", Some(3))?;
        let mut count = [0; 3];
        for axis in 0..3 {
            if blocks[axis] == 0 || blocks[axis] > config.grid.cells[axis] as u64 {
                let expected = format!("at most {}", config.grid.cells[axis]);
                return Err(other_case("blocks", expected, blocks[axis]));
            }
            count[axis] = blocks[axis] as usize;
        }
        let partition = Partition::with_blocks(&config, count);
        let counts = snapshot.u64("counts", Some(partition.count()))?;
        let total = counts.iter().fold(0u64, |sum, &n| sum.saturating_add(n));
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        let arrays = |names: [&str; 3], axes| -> GasResult<Vec<&[f64]>> {
            (0..axes)
                .map(|axis| snapshot.f64(names[axis], Some(total)))
                .collect()
        };
        let x = arrays(POSITIONS, partition.dims)?;
        let v = arrays(VELOCITIES, 3)?;
        let tallies = snapshot.f64("tallies", Some(counts.len() * 6 * SurfaceTally::VALUES))?;
        let statistics = snapshot.u64("statistics", Some(Statistics::VALUES))?;
        let steps = numbers[1];
        let mut solver = Self::empty(config, partition, 0.0);
        solver.steps = steps;
        let mut first = 0;
        let tallies = tallies.chunks_exact(6 * SurfaceTally::VALUES);
        for ((block, &count), tallies) in solver.blocks.iter_mut().zip(counts).zip(tallies) {
            let range = first..first + count as usize;
            first = range.end;
            for axis in 0..solver.partition.dims {
                block.particles.x[axis] = x[axis][range.clone()].to_vec();
            }
            for axis in 0..3 {
                block.particles.v[axis] = v[axis][range.clone()].to_vec();
            }
            let faces = tallies.chunks_exact(SurfaceTally::VALUES);
            for (tally, values) in block.tallies.iter_mut().zip(faces) {
                *tally = SurfaceTally::from_values(values);
            }
        }
        if let Some(block) = solver.blocks.first_mut() {
            block.statistics = Statistics::from_values(statistics);
        }
        Ok(solver)
    }
}
