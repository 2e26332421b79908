//! The kinetic step as a candle operation on the CPU: the fused step and its adjoint.

use std::sync::{Arc, OnceLock};

use candle::backend::BackendStorage;
use candle::{CpuStorage, CustomOp2, CustomOp3, DType, Layout, Shape, Storage, Tensor};
use kiti_kinetics::system::{
    self, Draws, Input, InputGradient, KineticStep, OutputGradient, Pair, StreamKey,
};

use super::record::{Record, Scalar};
use super::within::positions_stay;

use crate::context::LayerDiagnostics;
use crate::cpu::Element;
use crate::cpu::storage::zeros;
use crate::error::Error;

/// Random choices that are given instead of drawn.
#[derive(Debug, Clone)]
pub enum GivenDraws {
    /// Published scattering: unit vectors `(B, D, n (n-1) / 2)` of the pairs (0,1), (0,2) … (1,2) ….
    Directions(Tensor),
    /// Elastic scattering: the colliding pairs, disjoint within a sample, and their unit vectors
    /// `(pairs, D)`.
    Pairs {
        /// Who collides.
        pairs: Vec<Pair>,
        /// Unit vectors `(pairs, D)`.
        directions: Tensor,
    },
}

/// Where an operation's collisions come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Drawn.
    Keyed(StreamKey),
    /// Replayed; tensors are contiguous, on the CPU and of the input's type.
    Given(GivenDraws),
    /// Nothing is drawn: the expectation.
    MeanField,
}

/// One application of the step. It keeps the collisions of its forward pass for the backward pass,
/// so every application needs an operation of its own.
pub(super) struct Operation {
    pub step: KineticStep,
    pub layout: system::Layout,
    pub source: Source,
    /// Whether the result is `(2, …)`, positions and velocities, or the positions alone.
    pub packed: bool,
    pub layer: u32,
    pub diagnostics: Option<Arc<LayerDiagnostics>>,
    pub collisions: OnceLock<Record>,
}

const NAME: &str = "kinetic-step";

const WRONG_DRAWS: &str = "draws: published scattering takes directions of all pairs, elastic \
                           scattering takes pairs of particles that exist, each at most once";

impl Operation {
    /// Applies the step; the inputs have one shape, and are `f32` or `f64` on the CPU.
    pub fn apply(self, x: &Tensor, a: &Tensor, v: Option<&Tensor>) -> candle::Result<Tensor> {
        let (x, a) = (x.contiguous()?, a.contiguous()?);
        match v {
            None => x.apply_op2(&a, self),
            Some(v) => x.apply_op3(&a, &v.contiguous()?, self),
        }
    }

    /// The error of draws that do not fit the scattering rule or the particles.
    pub fn wrong_draws(&self) -> candle::Error {
        self.kinetics(kiti_kinetics::Error::Inconsistent(WRONG_DRAWS))
    }

    fn kinetics(&self, source: kiti_kinetics::Error) -> candle::Error {
        Error::Kinetics {
            layer: self.layer,
            source,
        }
        .into()
    }

    fn forward(&self, inputs: &[(&CpuStorage, &Layout)]) -> candle::Result<(CpuStorage, Shape)> {
        let storage = match inputs[0].0.dtype() {
            DType::F64 => self.forward_scalar::<f64>(inputs)?,
            _ => self.forward_scalar::<f32>(inputs)?,
        };
        let mut dims = inputs[0].1.dims().to_vec();
        if self.packed {
            dims.insert(0, 2);
        }
        Ok((storage, dims.into()))
    }

    fn forward_scalar<T: Scalar>(
        &self,
        inputs: &[(&CpuStorage, &Layout)],
    ) -> candle::Result<CpuStorage> {
        let input = Input {
            x: values::<T>(inputs[0].0, inputs[0].1)?,
            a: values(inputs[1].0, inputs[1].1)?,
            v: inputs
                .get(2)
                .map(|(storage, layout)| values(storage, layout))
                .transpose()?,
        };
        let count = self.layout.len();
        let mut out = zeros(if self.packed { 2 * count } else { count });
        let (x_out, v_out) = out.split_at_mut(count);
        let v_out = self.packed.then_some(v_out);
        match &self.source {
            Source::MeanField => self.step.mean_field(self.layout, input, x_out, v_out),
            source => source
                .with_draws(|draws| self.step.forward(self.layout, input, draws, x_out, v_out))?
                .map(|collisions| {
                    if let Some(layers) = &self.diagnostics {
                        layers.record(self.layer, collisions.diagnostics());
                    }
                    // A second forward pass of the same operation would repeat the first.
                    let _ = self.collisions.set(T::record(vec![collisions]));
                }),
        }
        .map_err(|error| self.kinetics(error))?;
        Ok(T::to_cpu_storage_owned(out))
    }

    /// Whether the gradient by `x` is the upstream one.
    fn positions_stay(&self) -> bool {
        positions_stay(&self.step) && !self.source.is_mean_field()
    }

    fn backward(&self, inputs: &[&Tensor], gradient: &Tensor) -> candle::Result<Vec<Tensor>> {
        match inputs[0].dtype() {
            DType::F64 => self.backward_scalar::<f64>(inputs, gradient),
            _ => self.backward_scalar::<f32>(inputs, gradient),
        }
    }

    fn backward_scalar<T: Scalar>(
        &self,
        inputs: &[&Tensor],
        gradient: &Tensor,
    ) -> candle::Result<Vec<Tensor>> {
        let gradient = gradient.contiguous()?;
        let (storage, layout) = gradient.storage_and_layout();
        let upstream = tensor_values::<T>(&storage, layout)?;
        let count = self.layout.len();
        let upstream = OutputGradient {
            x: &upstream[..count],
            v: self.packed.then(|| &upstream[count..]),
        };
        let guards: Vec<_> = inputs
            .iter()
            .map(|tensor| tensor.storage_and_layout())
            .collect();
        let slices = guards
            .iter()
            .map(|(storage, layout)| tensor_values::<T>(storage, layout))
            .collect::<candle::Result<Vec<_>>>()?;
        let input = Input {
            x: slices[0],
            a: slices[1],
            v: slices.get(2).copied(),
        };
        let mut by_x = (!self.positions_stay()).then(|| zeros(count));
        let (mut by_a, mut by_v) = (zeros(count), input.v.map(|_| zeros(count)));
        let result = InputGradient {
            x: by_x.as_deref_mut(),
            a: &mut by_a,
            v: by_v.as_deref_mut(),
        };
        match &self.source {
            Source::MeanField => self
                .step
                .mean_field_adjoint(self.layout, input, upstream, result),
            source => {
                let Some([collisions]) = self.collisions.get().and_then(T::recorded) else {
                    return Err(candle::Error::BackwardNotSupported { op: NAME });
                };
                source.with_draws(|draws| {
                    self.step
                        .adjoint(self.layout, input, draws, collisions, upstream, result)
                })?
            }
        }
        .map_err(|error| self.kinetics(error))?;
        let shaped = |values| Tensor::from_vec(values, inputs[0].shape(), inputs[0].device());
        let by_x = match by_x {
            Some(values) => shaped(values)?,
            None if self.packed => gradient.get(0)?,
            None => gradient.clone(),
        };
        let mut gradients = vec![by_x, shaped(by_a)?];
        gradients.extend(by_v.map(shaped).transpose()?);
        Ok(gradients)
    }
}

impl Source {
    /// Whether nothing is drawn.
    pub fn is_mean_field(&self) -> bool {
        matches!(self, Self::MeanField)
    }

    /// Hands the draws to `run`. The mean field has none; any keyed ones stand for it.
    fn with_draws<T: Scalar, R>(&self, run: impl FnOnce(&Draws<'_, T>) -> R) -> candle::Result<R> {
        match self {
            Self::MeanField => Ok(run(&Draws::Keyed(StreamKey::default()))),
            Self::Keyed(key) => Ok(run(&Draws::Keyed(*key))),
            Self::Given(GivenDraws::Directions(directions)) => {
                let (storage, layout) = directions.storage_and_layout();
                Ok(run(&Draws::Directions(tensor_values(&storage, layout)?)))
            }
            Self::Given(GivenDraws::Pairs { pairs, directions }) => {
                let (storage, layout) = directions.storage_and_layout();
                let directions = tensor_values(&storage, layout)?;
                Ok(run(&Draws::Pairs { pairs, directions }))
            }
        }
    }
}

fn values<'a, T: Element>(storage: &'a CpuStorage, layout: &Layout) -> candle::Result<&'a [T]> {
    let (start, end) = layout
        .contiguous_offsets()
        .ok_or(candle::Error::RequiresContiguous { op: NAME })?;
    Ok(&T::cpu_storage_as_slice(storage)?[start..end])
}

fn tensor_values<'a, T: Element>(storage: &'a Storage, layout: &Layout) -> candle::Result<&'a [T]> {
    match storage {
        Storage::Cpu(storage) => values(storage, layout),
        _ => Err(candle::Error::BackwardNotSupported { op: NAME }),
    }
}

impl CustomOp2 for Operation {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
    ) -> candle::Result<(CpuStorage, Shape)> {
        self.forward(&[(x, x_layout), (a, a_layout)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        a: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle::Result<(Option<Tensor>, Option<Tensor>)> {
        let mut gradients = self.backward(&[x, a], gradient)?.into_iter();
        Ok((gradients.next(), gradients.next()))
    }
}

impl CustomOp3 for Operation {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> candle::Result<(CpuStorage, Shape)> {
        self.forward(&[(x, x_layout), (a, a_layout), (v, v_layout)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        a: &Tensor,
        v: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut gradients = self.backward(&[x, a, v], gradient)?.into_iter();
        Ok((gradients.next(), gradients.next(), gradients.next()))
    }
}
