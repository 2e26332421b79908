//! The step taken sample by sample, by callers that have a sample's branches in the cache.

use super::advance::{FOREIGN, Results};
use super::arguments::{Gradients, Prepared, check_gradients, check_input, check_length};
use super::collisions::Collisions;
use super::elastic::Collision;
use super::{
    Deflection, Diagnostics, Draws, Input, InputGradient, KineticStep, Layout, OutputGradient,
    Scattering, StreamKey,
};
use crate::{Error, Real, Result};

const NO_ACCELERATIONS: &str =
    "accelerations: the adjoint of these collisions reads those of the forward step";

/// A [`KineticStep`] whose random numbers are ready, for one sample at a time.
///
/// Sample after sample, in any order and on any thread, it gives the bits of [`KineticStep::forward`] and
/// [`KineticStep::adjoint`] over the whole batch of a memoryless system. Its slices are `(D, n)`, those of one sample.
///
/// ```
/// use kiti_kinetics::system::{Deflection, KineticStep, Layout, Scattering, StreamKey};
///
/// # fn main() -> kiti_kinetics::Result<()> {
/// let layout = Layout::from_grid(2, 3, 64, 8)?;
/// let step = KineticStep {
///     scattering: Scattering::Elastic { deflection: Deflection::Reflection },
///     collision_coefficient: 0.9,
///     length_scale: None,
///     dt: 1.0,
/// };
/// let by_sample = step.by_sample::<f32>(layout, StreamKey::default())?;
/// let skip: Vec<f32> = (0..192).map(|k| (k as f32).sin()).collect();
/// let branch: Vec<f32> = (0..192).map(|k| (k as f32).cos()).collect();
/// let mut moved = vec![0.0; 192];
/// let collisions = by_sample.forward(1, &skip, &branch, &mut moved)?;
/// assert_eq!(collisions.diagnostics().candidates, 4);
/// # Ok(())
/// # }
/// ```
pub struct BySample<'a, T: 'static> {
    step: &'a KineticStep,
    /// Of the batch.
    layout: Layout,
    prepared: Prepared<'static, T>,
}

impl KineticStep {
    /// Draws what all samples of a batch share.
    ///
    /// # Errors
    ///
    /// A coefficient out of range.
    pub fn by_sample<T: Real>(&self, layout: Layout, key: StreamKey) -> Result<BySample<'_, T>> {
        self.validate()?;
        Ok(BySample {
            step: self,
            layout,
            prepared: self.prepare(layout, &Draws::Keyed(key))?,
        })
    }

    /// Whether the adjoint reads the accelerations, as it does where relative speeds are differentiated. It never reads
    /// positions.
    pub fn adjoint_reads_accelerations(&self) -> bool {
        let reflection = Scattering::Elastic {
            deflection: Deflection::Reflection,
        };
        self.collision_coefficient > 0.0 && self.scattering != reflection
    }
}

impl<T: Real> BySample<'_, T> {
    fn one(&self) -> Layout {
        Layout {
            samples: 1,
            ..self.layout
        }
    }

    /// Kick, collide, drift of sample number `sample`: from `x` and `a` to `x'`.
    ///
    /// # Errors
    ///
    /// A slice whose length is not that of a sample.
    pub fn forward(
        &self,
        sample: usize,
        x: &[T],
        a: &[T],
        x_out: &mut [T],
    ) -> Result<Collisions<T>> {
        let one = self.one();
        let input = Input { x, a, v: None };
        check_input(one, &input)?;
        check_length("x_out", one, x_out)?;
        let (pairs, places) = self.step.room(one);
        let (mut speeds, mut collisions) =
            (vec![T::ZERO; pairs], vec![Collision::default(); places]);
        let (mut count, mut diagnostics) = (0, Diagnostics::default());
        if !one.is_empty() {
            let results = Results {
                x: x_out,
                v: None,
                speeds: &mut speeds,
                collisions: &mut collisions,
                count: &mut count,
                diagnostics: &mut diagnostics,
            };
            self.step
                .forward_sample((self.layout, sample), input, &self.prepared, results);
        }
        Ok(Collisions {
            diagnostics,
            record: self.step.record(one, speeds, collisions, vec![count]),
        })
    }

    /// The vector-Jacobian product of [`forward`](Self::forward) with the same collisions: from the gradient by `x'` to that by
    /// `a` and, where asked for, by `x`; where positions stay free, the latter is the upstream one.
    ///
    /// `a` may be left out where [`KineticStep::adjoint_reads_accelerations`] says so.
    ///
    /// # Errors
    ///
    /// As [`forward`](Self::forward), collisions of another layout, accelerations left out that are needed.
    pub fn adjoint(
        &self,
        sample: usize,
        a: Option<&[T]>,
        collisions: &Collisions<T>,
        upstream: &[T],
        gradient_x: Option<&mut [T]>,
        gradient_a: &mut [T],
    ) -> Result<()> {
        let one = self.one();
        let a = match a {
            Some(a) => a,
            None if self.step.adjoint_reads_accelerations() => {
                return Err(Error::Inconsistent(NO_ACCELERATIONS));
            }
            None => upstream,
        };
        let input = Input {
            x: upstream,
            a,
            v: None,
        };
        let upstream = OutputGradient {
            x: upstream,
            v: None,
        };
        let gradient = InputGradient {
            x: gradient_x,
            a: gradient_a,
            v: None,
        };
        check_gradients(one, &input, &upstream, &gradient)?;
        if one.is_empty() {
            return Ok(());
        }
        if !self.step.fits(one, &collisions.record) {
            return Err(Error::Inconsistent(FOREIGN));
        }
        let InputGradient { x, a, v } = gradient;
        self.step.adjoint_sample(
            (self.layout, sample),
            input,
            &self.prepared,
            collisions.record.sample(one, 0),
            upstream,
            Gradients { x, a, v },
        );
        Ok(())
    }
}
