//! Activations: GELU (exact, and its tanh approximation), ReLU and tanh, applied element by element.

use candle::{Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::cpu::storage;
use crate::ops;

/// The non-linearity between two linear layers.
///
/// | value | f(x) | f'(x) |
/// | --- | --- | --- |
/// | `Gelu` | x Phi(x), Phi the normal distribution function | Phi(x) + x phi(x) |
/// | `GeluTanh` | x (1 + tanh u) / 2, u = sqrt(2/pi) (x + 0.044715 x^3) | (1 + tanh u) / 2 + x (1 - tanh^2 u) u' / 2 |
/// | `Relu` | max(x, 0) | 1 where x > 0, else 0 (also at 0) |
/// | `Tanh` | tanh x | 1 - tanh^2 x |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Gaussian error linear unit in its exact form (no tanh approximation): Hendrycks & Gimpel,
    /// arXiv:1606.08415, section 2.
    #[default]
    Gelu,
    /// Its tanh approximation, the same section: `gelu_new` of GPT-2, `approximate="tanh"` of PyTorch.
    GeluTanh,
    /// Rectified linear unit.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// Applies the activation to every element; the shape is unchanged.
    ///
    /// # Errors
    ///
    /// A tensor whose element type is not floating.
    pub fn forward(self, xs: &Tensor) -> Result<Tensor> {
        if storage::supported(xs) {
            ops::activation(self, xs)
        } else {
            self.compose(xs)
        }
    }

    pub(crate) fn compose(self, xs: &Tensor) -> Result<Tensor> {
        match self {
            // Not `gelu_erf()`: the constants of its derivative have six digits.
            Activation::Gelu => {
                let erf = xs.affine(std::f64::consts::FRAC_1_SQRT_2, 0.0)?.erf()?;
                xs * erf.affine(0.5, 0.5)?
            }
            Activation::GeluTanh => {
                let cubic = xs.sqr()?.affine(0.044_715, 1.0)?.mul(xs)?;
                let scale = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
                xs * cubic.affine(scale, 0.0)?.tanh()?.affine(0.5, 0.5)?
            }
            // Not `relu()`: candle's derivative at 0 is 1.
            Activation::Relu => xs.gt(0.0)?.where_cond(xs, &xs.zeros_like()?),
            Activation::Tanh => xs.tanh(),
        }
    }
}

/// x Phi(x), element by element; see [`Activation::Gelu`].
///
/// # Errors
///
/// A tensor whose element type is not floating.
pub fn gelu(xs: &Tensor) -> Result<Tensor> {
    Activation::Gelu.forward(xs)
}

/// GELU with the tanh approximation, element by element; see [`Activation::GeluTanh`].
///
/// # Errors
///
/// A tensor whose element type is not floating.
pub fn gelu_tanh(xs: &Tensor) -> Result<Tensor> {
    Activation::GeluTanh.forward(xs)
}

/// max(x, 0), element by element; see [`Activation::Relu`].
///
/// # Errors
///
/// A tensor whose element type is not floating.
pub fn relu(xs: &Tensor) -> Result<Tensor> {
    Activation::Relu.forward(xs)
}

/// tanh x, element by element; see [`Activation::Tanh`].
///
/// # Errors
///
/// A tensor whose element type is not floating.
pub fn tanh(xs: &Tensor) -> Result<Tensor> {
    Activation::Tanh.forward(xs)
}
