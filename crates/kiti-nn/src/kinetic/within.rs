//! The kinetic step inside a larger operation, which computes both branches of a sample and combines them while they are in
//! the cache.

use std::sync::{Arc, OnceLock};

use kiti_kinetics::system::{
    BySample, Collisions, Diagnostics, KineticStep, Layout, Positions, Scattering, StreamKey,
};

use super::record::{Record, Scalar};
use crate::context::LayerDiagnostics;
use crate::error::Error;

/// One application of a memoryless step to the samples of a batch.
pub(crate) struct Within {
    pub(super) step: KineticStep,
    pub(super) layout: Layout,
    pub(super) key: StreamKey,
    pub(super) layer: u32,
    pub(super) diagnostics: Option<Arc<LayerDiagnostics>>,
    pub(super) collisions: OnceLock<Record>,
}

/// Whether `x' = x + v' dt` with `v'` constant in `x`, so that the gradient by `x` is the upstream one.
pub(super) fn positions_stay(step: &KineticStep) -> bool {
    !matches!(
        step.scattering,
        Scattering::Published {
            positions: Positions::Merged,
            ..
        }
    )
}

impl Within {
    /// The step with its random numbers.
    pub fn by_sample<T: Scalar>(&self) -> candle::Result<BySample<'_, T>> {
        self.step
            .by_sample(self.layout, self.key)
            .map_err(|error| self.error(error))
    }

    /// Whether the backward pass reads the branch of the forward pass.
    pub fn reads_branch(&self) -> bool {
        self.step.adjoint_reads_accelerations()
    }

    /// Whether the gradient by the skip connection is that of the result.
    pub fn passes_gradient(&self) -> bool {
        positions_stay(&self.step)
    }

    /// Keeps the collisions of all samples for the backward pass, and reports them.
    pub fn keep<T: Scalar>(&self, collisions: Vec<Collisions<T>>) {
        if let Some(layers) = &self.diagnostics {
            let mut total = Diagnostics::default();
            for sample in &collisions {
                total.merge(sample.diagnostics());
            }
            layers.record(self.layer, &total);
        }
        // A second forward pass of the same operation would repeat the first.
        let _ = self.collisions.set(T::record(collisions));
    }

    /// The collisions of the forward pass, one record a sample.
    pub fn kept<T: Scalar>(&self) -> Option<&[Collisions<T>]> {
        self.collisions.get().and_then(T::recorded)
    }

    pub fn error(&self, source: kiti_kinetics::Error) -> candle::Error {
        Error::Kinetics {
            layer: self.layer,
            source,
        }
        .into()
    }
}
