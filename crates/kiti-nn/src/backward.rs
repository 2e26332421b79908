//! The backward pass, which takes the gradients of variables as they are.
//!
//! Candle adds every gradient to a tensor of zeros, on one thread: for a model of ten million numbers that costs as much
//! as its optimiser. Here the operations of the CPU hand the gradients of variables over instead.

use std::cell::RefCell;
use std::collections::HashMap;

use candle::backprop::GradStore;
use candle::{Result, Tensor, TensorId};

use crate::cpu::Element;
use crate::cpu::storage::modify;

thread_local! {
    /// Variables and their gradients, while a [`backward`] of this thread is under way.
    static HANDED_OVER: RefCell<Option<HashMap<TensorId, (Tensor, Tensor)>>> =
        const { RefCell::new(None) };
}

/// The gradients of `loss`, a tensor of one element, by every variable that it depends on: [`Tensor::backward`] with less
/// work.
///
/// ```
/// use candle::{DType, Device, Tensor};
/// use kiti_nn::{Linear, LinearConfig, VarStore};
///
/// let store = VarStore::new(0, DType::F32, &Device::Cpu);
/// let layer = Linear::new(&LinearConfig::new(2, 1), store.builder())?;
/// let xs = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu)?;
/// let loss = candle::Module::forward(&layer, &xs)?.sum_all()?;
/// let gradients = kiti_nn::backward(&loss)?;
/// let weights = gradients.get(layer.weight()).expect("a gradient");
/// assert_eq!(weights.to_vec2::<f32>()?, [[4.0, 6.0]]);
/// # Ok::<(), candle::Error>(())
/// ```
///
/// # Errors
///
/// Those of the operations' backward passes.
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    let outer = HANDED_OVER.replace(Some(HashMap::new()));
    let result = loss.backward();
    let handed_over = HANDED_OVER.replace(outer).unwrap_or_default();
    let mut gradients = result?;
    for (variable, gradient) in handed_over.into_values() {
        let total = match gradients.remove(&variable) {
            Some(other) => (gradient + other)?,
            None => gradient,
        };
        gradients.insert(&variable, total);
    }
    Ok(gradients)
}

/// What an operation returns as the gradient of its argument `of`: nothing for a variable of a [`backward`] under way,
/// which takes `gradient`. Nobody else may hold it.
pub(crate) fn hand_over(of: &Tensor, gradient: Tensor) -> Result<Option<Tensor>> {
    if !of.is_variable() {
        return Ok(Some(gradient));
    }
    HANDED_OVER.with_borrow_mut(|all| {
        let Some(all) = all else {
            return Ok(Some(gradient));
        };
        let total = match all.remove(&of.id()) {
            Some((_, other)) => (other + gradient)?,
            None => gradient,
        };
        all.insert(of.id(), (of.clone(), total));
        Ok(None)
    })
}

/// Lets `add` add to the gradient of `of` that has been handed over already, and says whether there is one.
pub(crate) fn add_to_handed_over<T: Element>(
    of: &Tensor,
    add: impl FnOnce(&mut [T]),
) -> Result<bool> {
    HANDED_OVER.with_borrow_mut(|all| {
        let known = all.as_mut().and_then(|all| all.get_mut(&of.id()));
        let Some((_, gradient)) = known else {
            return Ok(false);
        };
        modify::<T>(gradient, |values| {
            add(values);
            Ok(())
        })?;
        Ok(true)
    })
}
