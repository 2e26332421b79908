//! Optimisers with the semantics of `torch.optim`, updating variables in place.

mod clip;
mod config;
mod rule;
mod update;

pub use clip::clip_grad_norm;
pub use config::{AdamConfig, OptimizerConfig, SgdConfig};
pub use rule::VariableRule;

use std::collections::BTreeMap;

use candle::backprop::GradStore;
use candle::{DType, Device, Result, Tensor, Var};

/// What can be wrong with an optimiser's settings or its saved state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptimizerError {
    /// A setting outside its range.
    #[error("optimizer setting {name} = {value}: expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// Its range.
        expected: &'static str,
    },
    /// A saved state that belongs to another model or optimiser; nothing was changed.
    #[error("optimizer state does not fit:{}", problems.iter().map(|p| format!("\n  {p}")).collect::<String>())]
    State {
        /// Each missing, unexpected or mis-shaped entry.
        problems: Vec<String>,
    },
}

/// One variable with what the optimiser remembers about it.
#[derive(Debug)]
struct Slot {
    name: String,
    variable: Var,
    /// The optimiser's settings, or those without weight decay.
    config: OptimizerConfig,
    rate_factor: f64,
    /// Updates so far; a step without a gradient for the variable isn't one.
    updates: u64,
    /// The moments or the momentum, created at the first update.
    memory: Vec<Tensor>,
}

/// Updates a set of variables from their gradients.
///
/// On a CPU each variable is updated in place in one pass over memory, on other devices by tensor operations.
/// Variables without a gradient in a step are left alone, as in PyTorch.
///
/// # Example
///
/// ```
/// use kiti_nn::optim::{Optimizer, OptimizerConfig};
///
/// # fn main() -> candle::Result<()> {
/// let x = candle::Var::new(&[3f32], &candle::Device::Cpu)?;
/// let mut optimizer = Optimizer::new(&OptimizerConfig::default(), vec![("x".into(), x.clone())])?;
/// for _ in 0..200 {
///     let loss = x.sqr()?.sum_all()?;
///     optimizer.step(&loss.backward()?, 0.1)?;
/// }
/// assert!(x.to_vec1::<f32>()?[0].abs() < 0.1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    slots: Vec<Slot>,
    steps: u64,
}

impl Optimizer {
    /// An optimiser for `variables`, each with a name for its saved state.
    ///
    /// # Errors
    ///
    /// [`OptimizerError::Setting`] (wrapped in candle's error) for a setting out of range.
    pub fn new(config: &OptimizerConfig, variables: Vec<(String, Var)>) -> Result<Self> {
        config.validate().map_err(candle::Error::wrap)?;
        let slots = variables
            .into_iter()
            .map(|(name, variable)| Slot {
                name,
                variable,
                config: config.clone(),
                rate_factor: 1.0,
                updates: 0,
                memory: Vec::new(),
            })
            .collect();
        Ok(Self {
            config: config.clone(),
            slots,
            steps: 0,
        })
    }

    /// The same with a rule for each variable, by name and value. Saved states know nothing of rules.
    pub fn with_rules(mut self, rule: impl Fn(&str, &Tensor) -> VariableRule) -> Self {
        for slot in &mut self.slots {
            let rule = rule(&slot.name, slot.variable.as_tensor());
            slot.rate_factor = rule.rate_factor;
            slot.config = match rule.decays {
                true => self.config.clone(),
                false => self.config.without_weight_decay(),
            };
        }
        self
    }

    /// Updates every variable that has a gradient.
    ///
    /// # Errors
    ///
    /// A gradient of another shape or element type than its variable.
    pub fn step(&mut self, gradients: &GradStore, learning_rate: f64) -> Result<()> {
        for slot in &mut self.slots {
            let Some(gradient) = gradients.get(slot.variable.as_tensor()) else {
                continue;
            };
            if slot.memory.is_empty() {
                for _ in 0..self.config.memory_names().len() {
                    slot.memory
                        .push(slot.variable.as_tensor().detach().zeros_like()?);
                }
            }
            slot.updates += 1;
            update::apply(
                &slot.config,
                &slot.variable,
                &mut slot.memory,
                &gradient.contiguous()?,
                slot.updates,
                learning_rate * slot.rate_factor,
            )?;
        }
        self.steps += 1;
        Ok(())
    }

    /// Calls of [`step`](Self::step) so far, those before a [`load_state`](Self::load_state) included.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Everything needed to continue: the moments as `NAME.first_moment`, `NAME.second_moment` or `NAME.momentum`, the
    /// updates as `NAME.updates`, and `steps`. Copies: later steps don't change them.
    ///
    /// # Errors
    ///
    /// A failure of the device.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        state.insert("steps".to_owned(), count(self.steps)?);
        for slot in &self.slots {
            state.insert(format!("{}.updates", slot.name), count(slot.updates)?);
            for (kind, memory) in self.config.memory_names().iter().zip(&slot.memory) {
                state.insert(format!("{}.{kind}", slot.name), memory.copy()?);
            }
        }
        Ok(state)
    }

    /// Continues from a saved [`state`](Self::state): the next step gives the same bits as it would have given there.
    ///
    /// # Errors
    ///
    /// [`OptimizerError::State`] (wrapped in candle's error) with every difference; nothing has changed then.
    pub fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let mut problems = Vec::new();
        let mut known = std::collections::BTreeSet::from(["steps".to_owned()]);
        let mut number = |key: &str| match state.get(key).map(read_count) {
            Some(Ok(value)) => value,
            Some(Err(_)) => {
                problems.push(format!("{key}: expected one unsigned number"));
                0
            }
            None => {
                problems.push(format!("missing {key}"));
                0
            }
        };
        let steps = number("steps");
        let updates: Vec<u64> = self
            .slots
            .iter()
            .map(|slot| number(&format!("{}.updates", slot.name)))
            .collect();
        let mut memories = Vec::with_capacity(self.slots.len());
        for (slot, updates) in self.slots.iter().zip(&updates) {
            known.insert(format!("{}.updates", slot.name));
            let mut memory = Vec::new();
            for kind in self.config.memory_names() {
                let key = format!("{}.{kind}", slot.name);
                match state.get(&key) {
                    Some(tensor) if tensor.dims() != slot.variable.dims() => {
                        problems.push(format!(
                            "{key}: expected shape {:?}, found {:?}",
                            slot.variable.dims(),
                            tensor.dims()
                        ));
                    }
                    Some(tensor) => memory.push(
                        tensor
                            .to_device(slot.variable.device())?
                            .to_dtype(slot.variable.dtype())?
                            .copy()?,
                    ),
                    None if *updates > 0 => problems.push(format!("missing {key}")),
                    None => {}
                }
                known.insert(key);
            }
            memories.push(memory);
        }
        problems.extend(
            state
                .keys()
                .filter(|key| !known.contains(*key))
                .map(|key| format!("unexpected {key}")),
        );
        if !problems.is_empty() {
            return Err(candle::Error::wrap(OptimizerError::State { problems }));
        }
        self.steps = steps;
        for ((slot, updates), memory) in self.slots.iter_mut().zip(updates).zip(memories) {
            slot.updates = updates;
            slot.memory = memory;
        }
        Ok(())
    }

    /// The settings.
    pub fn config(&self) -> &OptimizerConfig {
        &self.config
    }
}

fn count(value: u64) -> Result<Tensor> {
    Tensor::new(value as i64, &Device::Cpu)
}

fn read_count(tensor: &Tensor) -> Result<u64> {
    let value = tensor
        .to_device(&Device::Cpu)?
        .to_dtype(DType::I64)?
        .to_scalar::<i64>()?;
    u64::try_from(value).map_err(candle::Error::wrap)
}
