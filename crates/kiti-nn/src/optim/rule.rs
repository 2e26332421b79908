//! How single variables depart from an optimiser's settings.

/// What an optimiser does differently for one variable: PyTorch's parameter groups, one variable each.
///
/// ```
/// use kiti_nn::optim::{AdamConfig, Optimizer, OptimizerConfig, VariableRule};
///
/// # fn main() -> candle::Result<()> {
/// let bias = candle::Var::new(&[1f32], &candle::Device::Cpu)?;
/// let config = OptimizerConfig::AdamW(AdamConfig { weight_decay: 0.5, ..AdamConfig::default() });
/// let mut optimizer = Optimizer::new(&config, vec![("bias".into(), bias.clone())])?
///     .with_rules(|_, value| VariableRule { decays: value.rank() > 1, ..VariableRule::default() });
/// // A gradient of 0: only the weight decay would move it.
/// optimizer.step(&(bias.as_tensor() * 0.0)?.sum_all()?.backward()?, 0.1)?;
/// assert_eq!(bias.to_vec1::<f32>()?, [1.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VariableRule {
    /// What the learning rate is multiplied with.
    pub rate_factor: f64,
    /// Whether the optimiser's weight decay applies.
    pub decays: bool,
}

impl Default for VariableRule {
    /// The optimiser's settings as they are.
    fn default() -> Self {
        Self {
            rate_factor: 1.0,
            decays: true,
        }
    }
}
