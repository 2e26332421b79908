//! Which pairs of a cell may collide in a step, and with what probability.

mod batch;
mod binary;
mod majorant;

use pulp::Simd;

use super::draws::{BATCH, Purpose, StepDraws, poisson, unit};
use super::scattering::Velocities;
use super::statistics::Statistics;
use batch::Batch;
use majorant::Majorant;

pub(super) use binary::Binary;

/// A rule that selects collision pairs. Every one gives the same expected number of collisions of
/// every pair, `F sigma g dt / V`, where `F` is the weight and `V` the cell's volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PairSelection {
    /// `floor(M + U)` attempts with `M = N (N - 1) F S dt / (2 V)`, each between a random pair and
    /// accepted with probability `sigma g / S`; `S` bounds `sigma g` in the cell (Bird 1994, 11.1).
    #[default]
    NoTimeCounter,
    /// As `NoTimeCounter` with a Poisson number of attempts of mean `M` (Ivanov and Rogasinsky 1988).
    MajorantFrequency,
    /// Particle `p = 0 ... N - 2` meets one of those behind it, accepted with probability
    /// `(N - 1 - p) F sigma g dt / V`, which must stay below 1 (Stefanov 2011).
    SimplifiedBernoulliTrials,
    /// A random matching; every pair is accepted with probability
    /// `(2 ceil(N / 2) - 1) F sigma g dt / V`, which must stay below 1.
    DisjointPairs,
}

/// The particles of every cell: those of cell `c` are `order[offsets[c] .. offsets[c + 1]]`.
pub(super) struct Cells<'a> {
    pub offsets: &'a [u32],
    pub order: &'a mut [u32],
    /// Names the group of cells in the random numbers.
    pub group: u32,
}

/// Trials that wait to be run, in the order of their cells.
#[derive(Debug, Default)]
pub(super) struct Trials {
    /// Trial number in its cell, and cell, of every trial.
    numbers: Vec<u32>,
    cells: Vec<u32>,
    /// What a pair's expected number of collisions is multiplied by to be its probability.
    factors: Vec<f64>,
}

/// Trials that are collected before they are run: a bound of the memory they take.
const WAITING: usize = 64 * BATCH;

impl Trials {
    pub fn bytes(&self) -> usize {
        8 * (self.numbers.capacity() + self.factors.capacity())
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.cells.clear();
        self.factors.clear();
    }
}

/// Collides the particles of many cells.
#[inline(always)]
pub(super) fn collide<V: Velocities, S: Simd>(
    simd: S,
    binary: &Binary,
    draws: &StepDraws,
    cells: Cells<'_>,
    velocities: &mut V,
    trials: &mut Trials,
) -> Statistics {
    let Cells {
        offsets,
        order,
        group,
    } = cells;
    let mut collider = Collider {
        binary,
        draws,
        group,
        offsets,
        statistics: Statistics::default(),
    };
    trials.clear();
    let majorant = Majorant::new(binary, offsets, velocities);
    let mut rounding = [0u32; 4 * BATCH];
    for cell in 0..offsets.len() - 1 {
        if cell % (4 * BATCH) == 0 && binary.selection == PairSelection::NoTimeCounter {
            let mut first = [0; BATCH];
            for k in 0..BATCH {
                first[k] = (cell / 4 + k) as u32;
            }
            let words = draws.blocks(simd, &first, &[0; BATCH], group, Purpose::Rounding);
            for k in 0..4 * BATCH {
                rounding[k] = words[k % 4][k / 4];
            }
        }
        let range = offsets[cell] as usize..offsets[cell + 1] as usize;
        let n = range.len();
        if n < 2 {
            continue;
        }
        let (number, factor) = match binary.selection {
            PairSelection::NoTimeCounter | PairSelection::MajorantFrequency => {
                let largest = match majorant {
                    Majorant::Common(largest) => largest,
                    Majorant::OfEveryCell => {
                        binary.expected(velocities.bound_square_of(&order[range]))
                    }
                };
                let mean = 0.5 * n as f64 * (n - 1) as f64 * largest;
                let number = if binary.selection == PairSelection::NoTimeCounter {
                    (mean + unit(rounding[cell % (4 * BATCH)])) as u32
                } else {
                    let mut stream = draws.stream(Purpose::Count, cell as u32, group);
                    poisson(&mut stream, mean) as u32
                };
                (number, if largest > 0.0 { 1.0 / largest } else { 0.0 })
            }
            PairSelection::SimplifiedBernoulliTrials => (n as u32 - 1, 1.0),
            PairSelection::DisjointPairs => {
                let mut stream = draws.stream(Purpose::Order, cell as u32, group);
                let pairs = stream.matching(&mut order[range]).len();
                (pairs as u32, (2 * n.div_ceil(2) - 1) as f64)
            }
        };
        for number in 0..number {
            trials.numbers.push(number);
            trials.cells.push(cell as u32);
            trials.factors.push(factor);
            if trials.numbers.len() == WAITING {
                collider.run(simd, order, velocities, trials);
                trials.clear();
            }
        }
    }
    collider.run(simd, order, velocities, trials);
    collider.statistics
}

/// Runs trials.
struct Collider<'a> {
    binary: &'a Binary,
    draws: &'a StepDraws,
    group: u32,
    offsets: &'a [u32],
    statistics: Statistics,
}

impl Collider<'_> {
    #[inline(always)]
    fn run<V: Velocities, S: Simd>(
        &mut self,
        simd: S,
        order: &[u32],
        velocities: &mut V,
        trials: &Trials,
    ) {
        self.statistics.attempts += trials.numbers.len() as u64;
        let numbers = trials.numbers.chunks(BATCH);
        let cells = trials.cells.chunks(BATCH);
        let factors = trials.factors.chunks(BATCH);
        for ((numbers, cells), factors) in numbers.zip(cells).zip(factors) {
            let mut batch = Batch::new(numbers, cells, factors);
            let (first, second) = (&batch.trials, &batch.cells);
            let words = self
                .draws
                .blocks(simd, first, second, self.group, Purpose::Trial);
            batch.choose(self.binary.selection, &words, self.offsets, order);
            batch.run(self.binary, &words, velocities, &mut self.statistics);
        }
    }
}
