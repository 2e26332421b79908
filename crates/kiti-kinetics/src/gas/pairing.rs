//! Which pairs of a cell may collide in a step, and with what probability.

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
