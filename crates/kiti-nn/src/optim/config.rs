//! Settings of the optimisers.

use serde::{Deserialize, Serialize};

use super::OptimizerError;

/// Which optimiser, with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum OptimizerConfig {
    /// Adam (Kingma & Ba, arXiv:1412.6980) as `torch.optim.Adam`: weight decay is an L2 penalty,
    /// added to the gradient before the moments.
    Adam(AdamConfig),
    /// Adam with weight decay apart from the gradient (Loshchilov & Hutter, arXiv:1711.05101) as
    /// `torch.optim.AdamW`: first p <- p (1 - lr weight_decay).
    AdamW(AdamConfig),
    /// Stochastic gradient descent as `torch.optim.SGD`, without dampening.
    Sgd(SgdConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adam(AdamConfig::default())
    }
}

/// Settings of Adam and AdamW.
///
/// ```text
/// m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
/// p <- p - lr m / (1 - beta1^t) / ( sqrt(v / (1 - beta2^t)) + eps )
/// ```
///
/// where g is the gradient and t counts the updates from 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// Decay of the first moment, in [0, 1).
    pub beta1: f64,
    /// Decay of the second moment, in [0, 1).
    pub beta2: f64,
    /// Added to the root of the second moment, >= 0.
    pub eps: f64,
    /// Weight decay, >= 0.
    pub weight_decay: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
        }
    }
}

/// Settings of stochastic gradient descent.
///
/// ```text
/// g <- g + weight_decay p,   u <- momentum u + g  (u = g at first),   p <- p - lr u
/// ```
///
/// with Nesterov momentum p <- p - lr (g + momentum u).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// Share of the last update that is kept, >= 0; 0 keeps no memory.
    pub momentum: f64,
    /// Nesterov's form; needs a momentum.
    pub nesterov: bool,
    /// L2 penalty added to the gradient, >= 0.
    pub weight_decay: f64,
}

impl OptimizerConfig {
    /// Checks the ranges of all settings.
    ///
    /// # Errors
    ///
    /// [`OptimizerError::Setting`] for the first that is out of range.
    pub fn validate(&self) -> Result<(), OptimizerError> {
        let check = |ok: bool, name, value, expected| {
            if ok {
                Ok(())
            } else {
                Err(OptimizerError::Setting {
                    name,
                    value,
                    expected,
                })
            }
        };
        match self {
            Self::Adam(adam) | Self::AdamW(adam) => {
                let unit = 0.0..1.0;
                check(
                    unit.contains(&adam.beta1),
                    "beta1",
                    adam.beta1,
                    "0 <= beta1 < 1",
                )?;
                check(
                    unit.contains(&adam.beta2),
                    "beta2",
                    adam.beta2,
                    "0 <= beta2 < 1",
                )?;
                check(adam.eps >= 0.0, "eps", adam.eps, "a number >= 0")?;
                let decay = adam.weight_decay;
                check(decay >= 0.0, "weight_decay", decay, "a number >= 0")
            }
            Self::Sgd(sgd) => {
                check(
                    sgd.momentum >= 0.0,
                    "momentum",
                    sgd.momentum,
                    "a number >= 0",
                )?;
                let nesterov = !sgd.nesterov || sgd.momentum > 0.0;
                check(
                    nesterov,
                    "momentum",
                    sgd.momentum,
                    "a number > 0 with nesterov",
                )?;
                let decay = sgd.weight_decay;
                check(decay >= 0.0, "weight_decay", decay, "a number >= 0")
            }
        }
    }

    /// The same with a weight decay of 0.
    pub(super) fn without_weight_decay(&self) -> Self {
        let mut other = self.clone();
        match &mut other {
            Self::Adam(adam) | Self::AdamW(adam) => adam.weight_decay = 0.0,
            Self::Sgd(sgd) => sgd.weight_decay = 0.0,
        }
        other
    }

    /// Names of what is remembered for each variable.
    pub(super) fn memory_names(&self) -> &'static [&'static str] {
        match self {
            Self::Adam(_) | Self::AdamW(_) => &["first_moment", "second_moment"],
            Self::Sgd(sgd) if sgd.momentum > 0.0 => &["momentum"],
            Self::Sgd(_) => &[],
        }
    }
}
