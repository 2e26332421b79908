//! Numbers that say how condensed a layer is.

use serde::{Deserialize, Serialize};

use super::Neurons;
use super::cosines::{Clusters, for_each_pair};
use super::spectrum::{bounded, eigenvalues};

/// How condensed the neurons of one weight are.
///
/// U are the m' kept rows (norm at least 1e-3 of the largest), normalised, and `l_1 >= l_2 >= …` the eigenvalues of
/// `U U^T`, whose sum is m'. A weight of zeros keeps no row: then all measures are 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Measures {
    /// Neurons of the weight, m.
    pub neurons: usize,
    /// Input weights of a neuron, k, its bias included.
    pub inputs: usize,
    /// Neurons left out because their norm is under 1e-3 of the largest.
    pub dropped: usize,
    /// Rows behind the eigenvalues: m', or fewer where m' and k are both very large.
    pub spectrum_rows: usize,
    /// Mean `|cos|` of all pairs of kept rows; 0 where there is no pair.
    pub mean_abs_cosine: f64,
    /// The same for random directions, `sqrt(2 / (pi k))` for large k.
    pub random_abs_cosine: f64,
    /// `l_1 / m'`: 1 where all neurons are parallel, 1/m' where all are orthogonal.
    pub leading_share: f64,
    /// `m'^2 / sum l_i^2`: how many directions carry the neurons.
    pub participation_ratio: f64,
    /// `exp(-sum p_i ln p_i)` with `p_i = l_i / m'` (Roy and Vetterli 2007).
    pub effective_rank: f64,
    /// `|W|_F^2 / |W|_2^2` of the weight itself, no row dropped or normalised.
    pub stable_rank: f64,
    /// Clusters of rows linked by `|cos| > 0.7` (single linkage), over m'.
    pub clusters_70: f64,
    /// Clusters of rows linked by `|cos| > 0.95`, over m'.
    pub clusters_95: f64,
    /// Gini coefficient of all row norms: 0 where all are equal, near 1 where few dominate.
    pub gini: f64,
    /// Share of the largest tenth of the rows (rounded up) in the sum of all row norms.
    pub largest_tenth_share: f64,
    /// `|W - W_0| / |W_0|`, where the weight before training is known and not 0.
    pub relative_change: Option<f64>,
}

impl Measures {
    pub(super) fn of(neurons: &Neurons) -> candle::Result<Self> {
        let norms = neurons.norms()?;
        let (rows, kept) = neurons.normalised(&norms)?;
        let mut measures = Self {
            neurons: neurons.count(),
            inputs: neurons.inputs(),
            dropped: norms.len() - kept.len(),
            ..Self::default()
        };
        if kept.is_empty() {
            return Ok(measures);
        }
        measures.random_abs_cosine =
            (2.0 / (std::f64::consts::PI * neurons.inputs() as f64)).sqrt();
        measures.add_pairs(&rows)?;
        measures.add_spectrum(&rows)?;
        let squares = eigenvalues(&bounded(&neurons.matrix)?)?;
        measures.stable_rank = squares.iter().sum::<f64>() / squares[0];
        measures.add_norms(norms);
        Ok(measures)
    }

    fn add_pairs(&mut self, rows: &candle::Tensor) -> candle::Result<()> {
        let count = rows.dim(0)?;
        let (mut loose, mut tight) = (Clusters::new(count), Clusters::new(count));
        let mut sum = 0.0;
        for_each_pair(rows, |i, j, cosine| {
            sum += cosine;
            if cosine > 0.7 {
                loose.join(i, j);
            }
            if cosine > 0.95 {
                tight.join(i, j);
            }
        })?;
        let pairs = count as f64 * (count as f64 - 1.0) / 2.0;
        self.mean_abs_cosine = if count > 1 { sum / pairs } else { 0.0 };
        self.clusters_70 = loose.count() as f64 / count as f64;
        self.clusters_95 = tight.count() as f64 / count as f64;
        Ok(())
    }

    fn add_spectrum(&mut self, rows: &candle::Tensor) -> candle::Result<()> {
        let rows = bounded(rows)?;
        self.spectrum_rows = rows.dim(0)?;
        let total = self.spectrum_rows as f64;
        let shares: Vec<f64> = eigenvalues(&rows)?.into_iter().map(|l| l / total).collect();
        self.leading_share = shares[0];
        self.participation_ratio = 1.0 / shares.iter().map(|p| p * p).sum::<f64>();
        let entropy: f64 = shares
            .iter()
            .filter(|p| **p > 0.0)
            .map(|p| -p * p.ln())
            .sum();
        self.effective_rank = entropy.exp();
        Ok(())
    }

    fn add_norms(&mut self, mut norms: Vec<f64>) {
        norms.sort_by(f64::total_cmp);
        let count = norms.len() as f64;
        let total: f64 = norms.iter().sum();
        let weighted: f64 = norms
            .iter()
            .enumerate()
            .map(|(rank, norm)| (2.0 * (rank as f64 + 1.0) - count - 1.0) * norm)
            .sum();
        self.gini = weighted / (count * total);
        let tenth = norms.len().div_ceil(10);
        self.largest_tenth_share = norms[norms.len() - tenth..].iter().sum::<f64>() / total;
    }
}
