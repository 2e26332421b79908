//! The cells cut into blocks: the unit of work, small enough that its particles stay in the cache.

use super::boundary::Boundary;
use super::config::SolverConfig;

/// Particles of a block that its size aims at, and the least.
const BLOCK_PARTICLES: f64 = 4096.0;
const FEWEST_PARTICLES: f64 = 1024.0;
/// Blocks there should be, so that threads find work.
const BLOCKS: f64 = 16.0;

/// Directions from a block to its neighbours, itself included.
pub(super) const DIRECTIONS: usize = 27;

/// How the grid is cut into blocks of cells.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Partition {
    pub dims: usize,
    /// Lower and upper corner of the domain.
    pub lower: [f64; 3],
    pub upper: [f64; 3],
    /// Collision cells in a unit of length along each axis.
    pub inverse: [f64; 3],
    /// Collision cells along each axis.
    pub cells: [usize; 3],
    /// Collision cells of a cell along each axis.
    pub subcells: [usize; 3],
    /// Blocks along each axis.
    pub blocks: [usize; 3],
    /// First collision cell of each block along each axis, and the number of cells.
    pub starts: [Vec<usize>; 3],
    /// Block of each collision cell along each axis.
    owner: [Vec<u32>; 3],
    periodic: [bool; 3],
}

impl Partition {
    /// Blocks for so many particles.
    pub fn new(config: &SolverConfig, particles: f64) -> Self {
        let grid = &config.grid;
        let goal = (particles / BLOCKS).clamp(FEWEST_PARTICLES, BLOCK_PARTICLES);
        let per_cell = particles / grid.cell_count() as f64;
        let mut rest = (goal / per_cell.max(1e-9)).clamp(1.0, 1e9);
        let mut axes = [0, 1, 2];
        axes.sort_by_key(|&axis| grid.cells[axis]);
        let mut blocks = [1; 3];
        for (done, axis) in axes.into_iter().enumerate() {
            let cells = grid.cells[axis] as f64;
            let side = rest.powf(1.0 / (3 - done) as f64).clamp(1.0, cells);
            blocks[axis] = (cells / side).round().max(1.0) as usize;
            rest = (rest / (cells / blocks[axis] as f64)).max(1.0);
        }
        Self::with_blocks(config, blocks)
    }

    /// A given number of blocks along each axis, at most that of the cells.
    pub fn with_blocks(config: &SolverConfig, blocks: [usize; 3]) -> Self {
        let grid = &config.grid;
        let cells = grid.collision_cells();
        let extent = grid.extent();
        let subcells: [usize; 3] = std::array::from_fn(|axis| cells[axis] / grid.cells[axis]);
        let starts: [Vec<usize>; 3] = std::array::from_fn(|axis| {
            let n = blocks[axis];
            let start = |k| k * grid.cells[axis] / n * subcells[axis];
            (0..=n).map(start).collect()
        });
        let owner = std::array::from_fn(|axis| {
            let width = |pair: &[usize]| pair[1] - pair[0];
            let blocks = starts[axis].windows(2).enumerate();
            blocks
                .flat_map(|(k, pair)| std::iter::repeat_n(k as u32, width(pair)))
                .collect()
        });
        Self {
            dims: grid.dims,
            lower: grid.lower,
            upper: grid.upper,
            inverse: std::array::from_fn(|axis| cells[axis] as f64 / extent[axis]),
            cells,
            subcells,
            blocks,
            starts,
            owner,
            periodic: std::array::from_fn(|axis| config.boundaries[2 * axis] == Boundary::Periodic),
        }
    }

    /// Number of blocks.
    pub fn count(&self) -> usize {
        self.blocks.iter().product()
    }

    /// Position of a block among the blocks.
    pub fn place(&self, block: usize) -> [usize; 3] {
        let [nx, ny, _] = self.blocks;
        [block % nx, block / nx % ny, block / (nx * ny)]
    }

    fn number(&self, place: [usize; 3]) -> usize {
        let [nx, ny, _] = self.blocks;
        place[0] + nx * (place[1] + ny * place[2])
    }

    /// The block whose particles reach `block` in a direction: the neighbour on the other side.
    pub fn origin(&self, block: usize, direction: usize) -> Option<usize> {
        let place = self.place(block);
        let steps = [direction % 3, direction / 3 % 3, direction / 9];
        let mut origin = [0; 3];
        for axis in 0..3 {
            let n = self.blocks[axis];
            // steps is 0, 1, 2 for a particle that moved -1, 0, 1 blocks.
            origin[axis] = match place[axis] + 1 + n - steps[axis] {
                from if from >= n && from < 2 * n => from - n,
                from if self.periodic[axis] && n > 1 => from % n,
                _ => return None,
            };
        }
        Some(self.number(origin))
    }

    /// The block that a position inside the domain lies in, and the direction from `from` to it:
    /// `None` where it is not a neighbour.
    #[inline]
    pub fn locate(&self, from: [usize; 3], x: [f64; 3]) -> (usize, Option<usize>) {
        let mut place = [0; 3];
        let mut direction = Some(0);
        let mut factor = 1;
        for axis in 0..3 {
            if axis < self.dims {
                let t = (x[axis] - self.lower[axis]) * self.inverse[axis];
                let cell = (t as usize).min(self.cells[axis] - 1);
                place[axis] = self.owner[axis][cell] as usize;
            }
            let n = self.blocks[axis] as isize;
            let step = place[axis] as isize - from[axis] as isize;
            let step = match step {
                -1..=1 => Some(step),
                _ if self.periodic[axis] && step == n - 1 => Some(-1),
                _ if self.periodic[axis] && step == 1 - n => Some(1),
                _ => None,
            };
            direction = match (direction, step) {
                (Some(sum), Some(step)) => Some(sum + factor * (step + 1) as usize),
                _ => None,
            };
            factor *= 3;
        }
        (self.number(place), direction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas::{Grid, Molecule};
    use crate::rng::Stream;

    /// A particle that is sent in a direction is looked for there by the block that it is sent to, and by no
    /// other; blocks tile the grid.
    #[test]
    fn what_is_sent_is_received() {
        let mut stream = Stream::new(1, [0; 3]);
        for trial in 0..60 {
            let dims = 1 + stream.below(3) as usize;
            let mut side = || 1 + stream.below(9) as usize;
            let cells = [side(), side(), side()].map(|n| n.max(1));
            let cells = std::array::from_fn(|axis| if axis < dims { cells[axis] } else { 1 });
            let grid = Grid {
                dims,
                lower: [-1.0, 2.0, 0.0],
                upper: [3.0, 2.5, 7.0],
                cells,
                subcells: 1 + trial % 3,
            };
            let molecule = Molecule::reduced(1.0, 0.5, 1.0);
            let mut config = SolverConfig::new(molecule, grid, 1.0, 1.0);
            if trial % 2 == 1 {
                config.boundaries = [Boundary::Specular; 6];
            }
            let blocks = cells.map(|n| 1 + stream.below(n as u64) as usize);
            let partition = Partition::with_blocks(&config, blocks);
            for axis in 0..3 {
                assert_eq!(
                    *partition.starts[axis].last().unwrap(),
                    partition.cells[axis]
                );
                assert!(partition.starts[axis].is_sorted_by(|a, b| a < b));
            }
            for _ in 0..100 {
                let from = stream.below(partition.count() as u64) as usize;
                let x = std::array::from_fn(|axis| {
                    grid.lower[axis] + grid.extent()[axis] * stream.uniform()
                });
                let (to, direction) = partition.locate(partition.place(from), x);
                let Some(direction) = direction else {
                    continue;
                };
                assert_eq!(partition.origin(to, direction), Some(from));
                let receivers = (0..partition.count())
                    .filter(|&block| partition.origin(block, direction) == Some(from));
                assert_eq!(receivers.collect::<Vec<_>>(), [to]);
            }
        }
    }
}
