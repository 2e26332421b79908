//! Which pairs of a cell may collide in a step, and with what probability.

use pulp::Simd;

use super::draws::{BATCH, Purpose, StepDraws, choose, poisson, unit};
use super::elementary::power;
use super::molecule::Molecule;
use super::scattering::{Scatter, Velocities};
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
    pub selection: PairSelection,
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
}

/// The particles of every cell: those of cell `c` are `order[offsets[c] .. offsets[c + 1]]`.
pub(super) struct Cells<'a> {
    pub offsets: &'a [u32],
    pub order: &'a mut [u32],
    /// Names the group of cells in the random numbers.
    pub group: u32,
}

/// Scratch memory of [`collide`].
#[derive(Debug, Default)]
pub(super) struct PairScratch {
    /// Trial number in its cell, and cell, of every trial.
    trials: Vec<u32>,
    cells: Vec<u32>,
    /// What a pair's expected number of collisions is multiplied by to be its probability.
    factors: Vec<f64>,
}

impl PairScratch {
    pub fn bytes(&self) -> usize {
        8 * (self.trials.capacity() + self.factors.capacity())
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
    scratch: &mut PairScratch,
) -> Statistics {
    let Cells {
        offsets,
        order,
        group,
    } = cells;
    let PairScratch {
        trials,
        cells,
        factors,
    } = scratch;
    let count = offsets.len() - 1;
    trials.clear();
    cells.clear();
    factors.clear();
    let mut rounding = [0u32; 4 * BATCH];
    for cell in 0..count {
        if cell % (4 * BATCH) == 0 && binary.selection == PairSelection::NoTimeCounter {
            let first = std::array::from_fn(|k| (cell / 4 + k) as u32);
            let words = draws.blocks(simd, &first, &[0; BATCH], group, Purpose::Rounding);
            for k in 0..4 * BATCH {
                rounding[k] = words[k % 4][k / 4];
            }
        }
        let range = offsets[cell] as usize..offsets[cell + 1] as usize;
        let n = range.len();
        if n < 2 {
            factors.push(0.0);
            continue;
        }
        let (number, factor) = match binary.selection {
            PairSelection::NoTimeCounter | PairSelection::MajorantFrequency => {
                let largest = binary.expected(velocities.bound_square(&order[range]));
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
                stream.shuffle(&mut order[range]);
                (n as u32 / 2, (2 * n.div_ceil(2) - 1) as f64)
            }
        };
        factors.push(factor);
        for trial in 0..number {
            trials.push(trial);
            cells.push(cell as u32);
        }
    }
    let mut statistics = Statistics {
        attempts: trials.len() as u64,
        ..Statistics::default()
    };
    for (trials, cells) in trials.chunks(BATCH).zip(cells.chunks(BATCH)) {
        let mut first = [0; BATCH];
        let mut second = [0; BATCH];
        first[..trials.len()].copy_from_slice(trials);
        second[..cells.len()].copy_from_slice(cells);
        let words = draws.blocks(simd, &first, &second, group, Purpose::Trial);
        for (k, (&trial, &cell)) in trials.iter().zip(cells).enumerate() {
            let start = offsets[cell as usize];
            let n = offsets[cell as usize + 1] - start;
            let mut factor = factors[cell as usize];
            let (i, j) = match binary.selection {
                PairSelection::NoTimeCounter | PairSelection::MajorantFrequency => {
                    let i = choose(words[0][k], n);
                    let j = choose(words[1][k], n - 1);
                    (i, j + u32::from(j >= i))
                }
                PairSelection::SimplifiedBernoulliTrials => {
                    let behind = n - 1 - trial;
                    factor = f64::from(behind);
                    (trial, trial + 1 + choose(words[0][k], behind))
                }
                PairSelection::DisjointPairs => (2 * trial, 2 * trial + 1),
            };
            let i = order[(start + i) as usize] as usize;
            let j = order[(start + j) as usize] as usize;
            let square = velocities.relative_square(i, j);
            let probability = factor * binary.expected(square);
            let u = unit(words[2][k]);
            if u < probability {
                if probability > 1.0 + 1e-9 {
                    statistics.majorant_violations += 1;
                }
                statistics.collisions += 1;
                // Below its threshold a uniform number is uniform again.
                let scatter = Scatter {
                    deflection: u / probability.min(1.0),
                    azimuth: words[3][k],
                    name: [trial, cell],
                };
                velocities.scatter(i, j, square, scatter);
            }
        }
    }
    statistics
}
