//! What every operation of the CPU needs to be one of candle's.

use candle::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};
use candle::{WithDType, backend::BackendStorage};

use super::parameters::{Parameters, token_gradient};
use crate::backward::hand_over;
use crate::cpu::Element;
use crate::cpu::storage::{for_element, read, read_all, slice, tensor};

/// An operation on N tensors of one element type, with its gradients.
pub(super) trait Operation<const N: usize>: Send + Sync + 'static {
    /// Its name in candle's messages.
    const NAME: &'static str;

    /// Shape of the result.
    fn shape(&self, inputs: [&Shape; N]) -> Shape;

    /// The result; the inputs are contiguous.
    fn forward<T: Element>(&self, inputs: [&[T]; N]) -> Result<Vec<T>>;

    /// The gradients of the inputs, of which those are needed that are `wanted`.
    fn backward<T: Element>(&self, pass: Backward<'_, T, N>) -> Result<[Option<Vec<T>>; N]>;
}

/// What a backward pass reads.
pub(super) struct Backward<'a, T, const N: usize> {
    pub inputs: [&'a [T]; N],
    /// Of the output.
    pub gradient: &'a [T],
    pub wanted: [bool; N],
}

struct Custom<O>(O);

impl<O> Custom<O> {
    fn forward<const N: usize>(
        &self,
        storages: [&CpuStorage; N],
        layouts: [&Layout; N],
    ) -> Result<(CpuStorage, Shape)>
    where
        O: Operation<N>,
    {
        let shape = self.0.shape(layouts.map(Layout::shape));
        for_element!(storages[0].dtype(), T => {
            let mut inputs: [&[T]; N] = [&[]; N];
            for (input, (storage, layout)) in inputs.iter_mut().zip(storages.iter().zip(layouts)) {
                *input = slice(storage, layout)?;
            }
            Ok((T::to_cpu_storage_owned(self.0.forward(inputs)?), shape))
        })
    }

    fn backward<const N: usize>(
        &self,
        inputs: [&Tensor; N],
        gradient: &Tensor,
    ) -> Result<[Option<Tensor>; N]>
    where
        O: Operation<N>,
    {
        let wanted = inputs.map(Tensor::track_op);
        for_element!(inputs[0].dtype(), T => {
            let gradients = read_all::<T, _, N>(inputs, |inputs| {
                read::<T, _>(gradient, |gradient| {
                    self.0.backward(Backward { inputs, gradient, wanted })
                })
            })?;
            let mut results = [const { None }; N];
            for (result, (values, of)) in results.iter_mut().zip(gradients.into_iter().zip(inputs)) {
                if let Some(values) = values {
                    *result = hand_over(of, tensor(values, of.shape())?)?;
                }
            }
            Ok(results)
        })
    }
}

/// Applies an operation of three tensors.
pub(super) fn apply3<O: Operation<3>>(op: O, [a, b, c]: [&Tensor; 3]) -> Result<Tensor> {
    let (b, c) = (b.contiguous()?, c.contiguous()?);
    a.contiguous()?.apply_op3(&b, &c, Custom(op))
}

/// Applies an operation of a tensor and three parameters, which it holds itself.
pub(super) fn apply4<O: Operation<4>>(
    op: O,
    xs: &Tensor,
    parameters: [&Tensor; 3],
) -> Result<Tensor> {
    let (parameters, token) = Parameters::new(&parameters)?;
    xs.contiguous()?.apply_op2(&token, Held { op, parameters })
}

/// An operation with its parameters, and the token that stands for them.
struct Held<O> {
    op: O,
    parameters: Parameters,
}

impl<O: Operation<4>> CustomOp2 for Held<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let [a, b, c] = [0, 1, 2].map(|index| self.parameters.get(index));
        let shape = self
            .op
            .shape([layout.shape(), a.shape(), b.shape(), c.shape()]);
        for_element!(storage.dtype(), T => {
            let x: &[T] = slice(storage, layout)?;
            let y = read_all::<T, _, 3>([a, b, c], |[a, b, c]| self.op.forward([x, a, b, c]))?;
            Ok((T::to_cpu_storage_owned(y), shape))
        })
    }

    fn bwd(
        &self,
        xs: &Tensor,
        token: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = [0, 1, 2].map(|index| self.parameters.get(index));
        let inputs = [xs, a, b, c];
        let wanted = inputs.map(Tensor::track_op);
        for_element!(xs.dtype(), T => {
            let all = [xs, a, b, c, gradient];
            let [x, rest @ ..] = read_all::<T, _, 5>(all, |[x, a, b, c, gradient]| {
                let inputs = [x, a, b, c];
                self.op.backward(Backward { inputs, gradient, wanted })
            })?;
            let mut gradients = Vec::with_capacity(rest.len());
            for (values, of) in rest.into_iter().zip([a, b, c]) {
                gradients.push(values.map(|values| tensor(values, of.shape())).transpose()?);
            }
            self.parameters.give(gradients);
            let x = match x {
                Some(x) => hand_over(xs, tensor(x, xs.shape())?)?,
                None => None,
            };
            let token = wanted[1..].contains(&true).then(|| token_gradient(token));
            Ok((x, token.transpose()?))
        })
    }
}

impl<O: Operation<3>> CustomOp3 for Custom<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward([s1, s2, s3], [l1, l2, l3])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        self.backward([a, b, c], gradient).map(Into::into)
    }
}
