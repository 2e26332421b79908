//! Any number of parameters as one argument of an operation.
//!
//! Candle's operations take at most three arguments. Here an operation holds its parameters itself and takes one
//! number as a stand-in for all of them: the end of a chain of taps, one a parameter. In the backward pass the operation
//! leaves each parameter's gradient with its tap, whose turn comes later, as candle visits an operation's arguments
//! after the operation. Nothing is copied either way.

use std::sync::{Arc, Mutex, PoisonError};

use candle::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use crate::backward::hand_over;
use crate::cpu::storage::tensor;

/// The parameters that an operation reads, with a place for the gradient of each.
pub(super) struct Parameters {
    values: Vec<Tensor>,
    gradients: Vec<Slot>,
}

type Slot = Arc<Mutex<Option<Tensor>>>;

impl Parameters {
    /// Holds the parameters, made contiguous, and gives the argument that stands for them.
    pub(super) fn new(parameters: &[&Tensor]) -> Result<(Self, Tensor)> {
        let mut values = Vec::with_capacity(parameters.len());
        let mut gradients = Vec::with_capacity(parameters.len());
        let mut token: Option<Tensor> = None;
        for parameter in parameters {
            let parameter = parameter.contiguous()?;
            let slot = Slot::default();
            let tap = Tap(slot.clone());
            token = Some(match token {
                None => parameter.apply_op1(tap)?,
                Some(token) => token.apply_op2(&parameter, tap)?,
            });
            values.push(parameter);
            gradients.push(slot);
        }
        let token = match token {
            Some(token) => token,
            None => Tensor::zeros(1, candle::DType::F32, &candle::Device::Cpu)?,
        };
        Ok((Self { values, gradients }, token))
    }

    /// Whether a gradient may be asked for.
    pub(super) fn tracked(&self) -> bool {
        self.values.iter().any(|value| value.track_op())
    }

    pub(super) fn get(&self, index: usize) -> &Tensor {
        &self.values[index]
    }

    /// Leaves the gradients, in the order of the parameters, with their taps.
    pub(super) fn give(&self, gradients: impl IntoIterator<Item = impl Into<Option<Tensor>>>) {
        for (slot, gradient) in self.gradients.iter().zip(gradients) {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = gradient.into();
        }
    }
}

/// Stands between a parameter and the operation that reads it.
struct Tap(Slot);

impl Tap {
    fn token() -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(1)))
    }

    fn gradient(&self, parameter: &Tensor) -> Result<Option<Tensor>> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(gradient) => hand_over(parameter, gradient),
            None => Ok(None),
        }
    }
}

impl CustomOp1 for Tap {
    fn name(&self) -> &'static str {
        "kiti-parameter"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Self::token()
    }

    fn bwd(&self, parameter: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        self.gradient(parameter)
    }
}

impl CustomOp2 for Tap {
    fn name(&self) -> &'static str {
        "kiti-parameter"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Self::token()
    }

    fn bwd(
        &self,
        token: &Tensor,
        parameter: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(token_gradient(token)?), self.gradient(parameter)?))
    }
}

/// What an operation returns for the stand-in: candle visits a tap only if its result has a gradient.
pub(super) fn token_gradient(token: &Tensor) -> Result<Tensor> {
    tensor(vec![0f32], token.shape())
}
