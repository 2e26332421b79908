//! One update of one variable: in place in one pass on a CPU, composed of tensor operations elsewhere.

use candle::{Result, Tensor, Var};

use super::OptimizerConfig;
use crate::cpu::Element;
use crate::cpu::optimizer::{AdamStep, SgdStep};
use crate::cpu::storage::{self, for_element, modify, read};

/// Updates `variable` and its `memory` from `gradient`; `updates` counts from 1.
pub(super) fn apply(
    config: &OptimizerConfig,
    variable: &Var,
    memory: &mut [Tensor],
    gradient: &Tensor,
    updates: u64,
    learning_rate: f64,
) -> Result<()> {
    if variable.dims() != gradient.dims() || variable.dtype() != gradient.dtype() {
        return Err(candle::Error::ShapeMismatchBinaryOp {
            lhs: variable.shape().clone(),
            rhs: gradient.shape().clone(),
            op: "optimizer step",
        });
    }
    if storage::supported(variable) && variable.is_contiguous() {
        return for_element!(variable.dtype(), T => {
            in_place::<T>(config, variable, memory, gradient, updates, learning_rate)
        });
    }
    compose(config, variable, memory, gradient, updates, learning_rate)
}

fn in_place<T: Element>(
    config: &OptimizerConfig,
    variable: &Var,
    memory: &mut [Tensor],
    gradient: &Tensor,
    updates: u64,
    learning_rate: f64,
) -> Result<()> {
    read::<T, _>(gradient, |gradient| match (config, memory) {
        (OptimizerConfig::Adam(adam) | OptimizerConfig::AdamW(adam), [first, second]) => {
            let decoupled = matches!(config, OptimizerConfig::AdamW(_));
            let step = AdamStep::<T>::new(adam, decoupled, updates, learning_rate);
            modify::<T>(variable, |values| {
                modify::<T>(first, |first| {
                    modify::<T>(second, |second| {
                        step.apply(values, first, second, gradient);
                        Ok(())
                    })
                })
            })
        }
        (OptimizerConfig::Sgd(sgd), memory) => {
            let step = SgdStep::<T>::new(sgd, learning_rate);
            modify::<T>(variable, |values| match memory {
                [momentum, ..] => modify::<T>(momentum, |momentum| {
                    step.apply(values, momentum, gradient);
                    Ok(())
                }),
                [] => {
                    step.apply(values, &mut [], gradient);
                    Ok(())
                }
            })
        }
        _ => Ok(()),
    })
}

fn compose(
    config: &OptimizerConfig,
    variable: &Var,
    memory: &mut [Tensor],
    gradient: &Tensor,
    updates: u64,
    learning_rate: f64,
) -> Result<()> {
    let value = variable.as_detached_tensor();
    let gradient = gradient.detach();
    let next = match config {
        OptimizerConfig::Adam(adam) | OptimizerConfig::AdamW(adam) => {
            let decoupled = matches!(config, OptimizerConfig::AdamW(_));
            let (value, gradient) = if decoupled {
                (
                    value.affine(1.0 - learning_rate * adam.weight_decay, 0.0)?,
                    gradient,
                )
            } else {
                let gradient = (gradient + (&value * adam.weight_decay)?)?;
                (value, gradient)
            };
            let first = ((&memory[0] * adam.beta1)? + (&gradient * (1.0 - adam.beta1))?)?;
            let second = ((&memory[1] * adam.beta2)? + (gradient.sqr()? * (1.0 - adam.beta2))?)?;
            let correction1 = 1.0 - adam.beta1.powf(updates as f64);
            let correction2 = (1.0 - adam.beta2.powf(updates as f64)).sqrt();
            let denominator = second.sqrt()?.affine(1.0 / correction2, adam.eps)?;
            let change = ((&first / denominator)? * (learning_rate / correction1))?;
            memory[0] = first;
            memory[1] = second;
            (value - change)?
        }
        OptimizerConfig::Sgd(sgd) => {
            let gradient = (gradient + (&value * sgd.weight_decay)?)?;
            let change = match memory.first_mut() {
                None => gradient,
                Some(momentum) => {
                    let next = ((&*momentum * sgd.momentum)? + &gradient)?;
                    *momentum = next.clone();
                    if sgd.nesterov {
                        (gradient + (next * sgd.momentum)?)?
                    } else {
                        next
                    }
                }
            };
            (value - (change * learning_rate)?)?
        }
    };
    variable.set(&next)
}
