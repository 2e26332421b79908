//! Which pairs of a cell may collide in a step, and with what probability.

use pulp::Simd;

use super::draws::{BATCH, Purpose, StepDraws, choose, poisson, unit};
use super::elementary::power;
use super::molecule::Molecule;
use super::scattering::{Pairs, Scatters, Velocities};
use super::statistics::Statistics;

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

/// The constants of binary collisions in cells of one size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Binary {
    selection: PairSelection,
    /// `F A dt / V`, so that a pair collides with the expected number `coefficient g^(2 - 2 omega)`.
    coefficient: f64,
    law: Law,
}

/// How `sigma g` depends on `g^2`.
#[derive(Debug, Clone, Copy)]
enum Law {
    HardSphere,
    Maxwell,
    Power(f64),
}

impl Law {
    #[inline(always)]
    fn of(self, square: f64) -> f64 {
        match self {
            Self::HardSphere => square.sqrt(),
            Self::Maxwell => 1.0,
            Self::Power(exponent) => power(square, exponent),
        }
    }
}

impl Binary {
    pub fn new(
        selection: PairSelection,
        molecule: &Molecule,
        weight_over_volume: f64,
        dt: f64,
    ) -> Self {
        let law = match molecule.omega {
            0.5 => Law::HardSphere,
            1.0 => Law::Maxwell,
            omega => Law::Power(1.0 - omega),
        };
        Self {
            selection,
            coefficient: weight_over_volume * molecule.rate_constant() * dt,
            law,
        }
    }

    /// Expected number of collisions of a pair in the step.
    #[inline(always)]
    fn expected(&self, square: f64) -> f64 {
        self.coefficient * self.law.of(square)
    }

    #[inline(always)]
    fn expected_of(&self, squares: &[f64; BATCH]) -> [f64; BATCH] {
        let mut expected = [self.coefficient; BATCH];
        // One loop for each law, so that each runs in vectors.
        match self.law {
            Law::HardSphere => {
                for k in 0..BATCH {
                    expected[k] *= squares[k].sqrt();
                }
            }
            Law::Maxwell => {}
            Law::Power(exponent) => {
                for k in 0..BATCH {
                    expected[k] *= power(squares[k], exponent);
                }
            }
        }
        expected
    }
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

/// What bounds `F sigma g dt / V` in the cells.
#[derive(Debug, Clone, Copy)]
enum Majorant {
    /// One bound for all cells: more attempts, but no search in every cell.
    Common(f64),
    OfEveryCell,
}

impl Majorant {
    /// Attempts of a particle up to which a common bound costs less than a search in every cell.
    const WORTH: f64 = 0.25;

    #[inline(always)]
    fn new<V: Velocities>(binary: &Binary, offsets: &[u32], velocities: &V) -> Self {
        if let Law::Maxwell = binary.law {
            return Self::Common(binary.coefficient);
        }
        match binary.selection {
            PairSelection::NoTimeCounter | PairSelection::MajorantFrequency => {}
            // They need none.
            PairSelection::SimplifiedBernoulliTrials | PairSelection::DisjointPairs => {
                return Self::OfEveryCell;
            }
        }
        let square = velocities.bound_square();
        if square == f64::INFINITY {
            return Self::OfEveryCell;
        }
        let largest = binary.expected(square);
        let pairs: f64 = offsets
            .windows(2)
            .map(|range| {
                let n = f64::from(range[1] - range[0]);
                n * (n - 1.0)
            })
            .sum();
        let particles = f64::from(offsets[offsets.len() - 1]);
        if 0.5 * pairs * largest <= Self::WORTH * particles {
            Self::Common(largest)
        } else {
            Self::OfEveryCell
        }
    }
}

/// Trials that are computed together, so that divisions and roots overlap.
struct Batch {
    length: usize,
    trials: [u32; BATCH],
    cells: [u32; BATCH],
    factors: [f64; BATCH],
    pairs: Pairs,
}

impl Batch {
    #[inline(always)]
    fn new(trials: &[u32], cells: &[u32], factors: &[f64]) -> Self {
        let mut batch = Self {
            length: trials.len(),
            trials: [0; BATCH],
            cells: [0; BATCH],
            factors: [0.0; BATCH],
            pairs: [[0; BATCH]; 2],
        };
        batch.trials[..trials.len()].copy_from_slice(trials);
        batch.cells[..cells.len()].copy_from_slice(cells);
        batch.factors[..factors.len()].copy_from_slice(factors);
        batch
    }

    /// Finds the pairs.
    #[inline(always)]
    fn choose(
        &mut self,
        selection: PairSelection,
        words: &[[u32; BATCH]; 4],
        offsets: &[u32],
        order: &[u32],
    ) {
        for k in 0..self.length {
            let (trial, cell) = (self.trials[k], self.cells[k] as usize);
            let start = offsets[cell];
            let n = offsets[cell + 1] - start;
            let (i, j) = match selection {
                PairSelection::NoTimeCounter | PairSelection::MajorantFrequency => {
                    let i = choose(words[0][k], n);
                    let j = choose(words[1][k], n - 1);
                    (i, j + u32::from(j >= i))
                }
                PairSelection::SimplifiedBernoulliTrials => {
                    let behind = n - 1 - trial;
                    self.factors[k] = f64::from(behind);
                    (trial, trial + 1 + choose(words[0][k], behind))
                }
                PairSelection::DisjointPairs => (2 * trial, 2 * trial + 1),
            };
            self.pairs[0][k] = order[(start + i) as usize];
            self.pairs[1][k] = order[(start + j) as usize];
        }
    }

    /// Whether one of the pair's particles has collided in an earlier pair; `collided` has a bit for each.
    #[inline(always)]
    fn depends(&self, k: usize, mut collided: u32) -> bool {
        let [i, j] = &self.pairs;
        while collided != 0 {
            let e = collided.ilog2() as usize;
            // Trials stand in the order of their cells.
            if self.cells[e] != self.cells[k] {
                return false;
            }
            if i[e] == i[k] || i[e] == j[k] || j[e] == i[k] || j[e] == j[k] {
                return true;
            }
            collided &= !(1 << e);
        }
        false
    }

    /// Tries all pairs as if one after the other.
    #[inline(always)]
    fn run<V: Velocities>(
        &self,
        binary: &Binary,
        words: &[[u32; BATCH]; 4],
        velocities: &mut V,
        statistics: &mut Statistics,
    ) {
        let squares = velocities.relative_squares(&self.pairs);
        let mut probabilities = binary.expected_of(&squares);
        let mut scatters = Scatters {
            deflections: [0.5; BATCH],
            azimuths: words[3],
            trials: self.trials,
            cells: self.cells,
        };
        for k in 0..BATCH {
            probabilities[k] *= self.factors[k];
            // Below its threshold a uniform number is uniform again.
            scatters.deflections[k] = deflection(unit(words[2][k]), probabilities[k]);
        }
        let changes = velocities.turn(&self.pairs, &squares, &scatters);
        let mut collided = 0u32;
        for k in 0..self.length {
            let u = unit(words[2][k]);
            let mut probability = probabilities[k];
            if self.depends(k, collided) {
                let (i, j) = (self.pairs[0][k] as usize, self.pairs[1][k] as usize);
                let square = velocities.relative_square(i, j);
                probability = self.factors[k] * binary.expected(square);
                if u < probability {
                    let mut scatter = scatters.get(k);
                    scatter.deflection = deflection(u, probability);
                    velocities.scatter(i, j, square, scatter);
                }
            } else if u < probability {
                velocities.apply(&self.pairs, k, squares[k], scatters.get(k), &changes);
            }
            collided |= u32::from(u < probability) << k;
            statistics.majorant_violations += u64::from(probability > 1.0 + 1e-9);
        }
        statistics.collisions += u64::from(collided.count_ones());
    }
}

/// `u / p`, a uniform number where `u < p`; below 1 in any case.
#[inline(always)]
fn deflection(u: f64, probability: f64) -> f64 {
    let p = if probability < 1.0 { probability } else { 1.0 };
    let ratio = u / p;
    if ratio < 1.0 { ratio } else { 0.5 }
}
