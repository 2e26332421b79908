//! The step itself: kick, collide, drift, and its adjoint, over all samples of a batch.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::arguments::{
    Gradients, Parts, Prepared, check_gradients, check_input, check_length, given_collisions,
};
use super::collisions::{Collisions, Record, SampleRecord};
use super::elastic::Collision;
use super::pairwise::Threshold;
use super::{
    Deflection, Diagnostics, Draws, Input, InputGradient, KineticStep, Layout, OutputGradient,
    Scattering, columns, elastic, published,
};
use crate::simd::dispatch;
use crate::workspace::Workspace;
use crate::{Error, Real, Result};

pub(super) const FOREIGN: &str =
    "collisions: they are not those of a forward step with this layout and scattering";

/// Samples that one task of the thread pool should at least take: tiny samples are not worth one.
fn samples_per_task(layout: Layout) -> usize {
    (20_000 / (layout.dims * layout.particles * layout.particles)).max(1)
}

/// Where one sample's results go.
pub(super) struct Results<'a, T> {
    pub x: &'a mut [T],
    pub v: Option<&'a mut [T]>,
    pub speeds: &'a mut [T],
    pub collisions: &'a mut [Collision],
    pub count: &'a mut usize,
    pub diagnostics: &'a mut Diagnostics,
}

impl KineticStep {
    /// Kick, collide, drift: writes `x'` and, where asked for, `v'`.
    ///
    /// Samples are computed in parallel; results do not depend on the number of threads.
    ///
    /// # Errors
    ///
    /// A coefficient out of range, a slice whose length is not the layout's, or draws that do not
    /// fit the scattering rule. Nothing is written then.
    pub fn forward<T: Real>(
        &self,
        layout: Layout,
        input: Input<'_, T>,
        draws: &Draws<'_, T>,
        x_out: &mut [T],
        v_out: Option<&mut [T]>,
    ) -> Result<Collisions<T>> {
        self.validate()?;
        check_input(layout, &input)?;
        check_length("x_out", layout, x_out)?;
        if let Some(v_out) = &v_out {
            check_length("v_out", layout, v_out)?;
        }
        let prepared = self.prepare(layout, draws)?;
        if layout.is_empty() {
            return Ok(Collisions {
                diagnostics: Diagnostics::default(),
                record: Record::None,
            });
        }
        let size = layout.dims * layout.particles;
        let (pairs, places) = self.room(layout);
        let mut speeds = vec![T::ZERO; layout.samples * pairs];
        let mut collisions = vec![Collision::default(); layout.samples * places];
        let mut counts = vec![0; layout.samples];
        if let (true, Draws::Pairs { pairs, .. }) = (self.collision_coefficient > 0.0, draws) {
            given_collisions(layout, pairs, &mut collisions, &mut counts)?;
        }
        let mut diagnostics = vec![Diagnostics::default(); layout.samples];

        let mut x_parts = Parts::new(x_out, size);
        let mut v_parts = v_out.map(|rest| Parts::new(rest, size));
        let mut speed_parts = Parts::new(&mut speeds, pairs);
        let mut collision_parts = Parts::new(&mut collisions, places);
        let tasks: Vec<_> = counts
            .iter_mut()
            .zip(&mut diagnostics)
            .map(|(count, diagnostics)| Results {
                x: x_parts.next(),
                v: v_parts.as_mut().map(Parts::next),
                speeds: speed_parts.next(),
                collisions: collision_parts.next(),
                count,
                diagnostics,
            })
            .collect();
        tasks
            .into_par_iter()
            .with_min_len(samples_per_task(layout))
            .enumerate()
            .for_each(|(sample, results)| {
                let input = input.sample(layout, sample);
                self.forward_sample((layout, sample), input, &prepared, results);
            });
        let mut total = Diagnostics::default();
        diagnostics.iter().for_each(|sample| total.merge(sample));
        Ok(Collisions {
            diagnostics: total,
            record: self.record(layout, speeds, collisions, counts),
        })
    }

    /// Relative speeds, and places for collisions, that a sample of this layout needs.
    pub(super) fn room(&self, layout: Layout) -> (usize, usize) {
        let n = layout.particles;
        match self.scattering {
            _ if self.collision_coefficient == 0.0 => (0, 0),
            Scattering::Published { .. } => (n * (n - 1) / 2, 0),
            Scattering::Elastic { .. } => (0, n / 2),
        }
    }

    pub(super) fn record<T>(
        &self,
        layout: Layout,
        speeds: Vec<T>,
        collisions: Vec<Collision>,
        counts: Vec<usize>,
    ) -> Record<T> {
        let particles = layout.particles;
        match self.scattering {
            _ if self.collision_coefficient == 0.0 => Record::None,
            Scattering::Published { .. } => Record::Published { particles, speeds },
            Scattering::Elastic { .. } => Record::Elastic {
                particles,
                collisions,
                counts,
            },
        }
    }

    /// `sample` names the random numbers; `input` and `results` are those of the sample alone.
    pub(super) fn forward_sample<T: Real>(
        &self,
        (layout, sample): (Layout, usize),
        input: Input<'_, T>,
        prepared: &Prepared<'_, T>,
        results: Results<'_, T>,
    ) {
        let Input { x, a, v } = input;
        let dt = T::from_f64(self.dt);
        let length = T::from_f64(self.length_scale(layout.dims));
        let Results {
            x: x_out, v: v_out, ..
        } = results;
        T::with_workspace(|workspace| {
            *results.diagnostics = if self.collision_coefficient == 0.0 {
                dispatch(Glide {
                    dt,
                    x,
                    a,
                    v,
                    workspace,
                    x_out,
                    v_out,
                })
            } else {
                match self.scattering {
                    Scattering::Published { positions, .. } => dispatch(published::Forward {
                        sample: published::Sample {
                            layout,
                            sample,
                            positions,
                            source: prepared.published(layout, sample),
                            dt,
                            x,
                            a,
                            v,
                        },
                        threshold: Threshold {
                            value: T::from_f64(1.0 - self.collision_coefficient),
                            length,
                        },
                        workspace,
                        speeds: results.speeds,
                        x_out,
                        v_out,
                    }),
                    Scattering::Elastic { deflection } => dispatch(elastic::Forward {
                        sample: elastic::Sample {
                            layout,
                            sample,
                            deflection,
                            source: prepared.elastic(),
                            dt,
                            a,
                            v,
                        },
                        x,
                        chance: elastic::Chance {
                            alpha: T::from_f64(self.collision_coefficient),
                            length,
                        },
                        workspace,
                        collisions: results.collisions,
                        count: results.count,
                        x_out,
                        v_out,
                    }),
                }
            };
        });
    }

    /// The vector-Jacobian product of [`KineticStep::forward`] with the same collisions.
    ///
    /// `input`, `draws` and the step are those of the forward call. Who collides and in which
    /// direction is constant; relative speeds are differentiated, with 0 at 0.
    ///
    /// # Errors
    ///
    /// As [`KineticStep::forward`], and collisions that belong to another layout.
    pub fn adjoint<T: Real>(
        &self,
        layout: Layout,
        input: Input<'_, T>,
        draws: &Draws<'_, T>,
        collisions: &Collisions<T>,
        upstream: OutputGradient<'_, T>,
        gradient: InputGradient<'_, T>,
    ) -> Result<()> {
        self.validate()?;
        check_gradients(layout, &input, &upstream, &gradient)?;
        let prepared = self.prepare(layout, draws)?;
        if layout.is_empty() {
            return Ok(());
        }
        if !self.fits(layout, &collisions.record) {
            return Err(Error::Inconsistent(FOREIGN));
        }
        let tasks = Gradients::split(layout, gradient);
        let record = &collisions.record;
        tasks
            .into_par_iter()
            .with_min_len(samples_per_task(layout))
            .enumerate()
            .for_each(|(sample, gradients)| {
                let (upstream, input) = (
                    upstream.sample(layout, sample),
                    input.sample(layout, sample),
                );
                let met = record.sample(layout, sample);
                self.adjoint_sample((layout, sample), input, &prepared, met, upstream, gradients);
            });
        Ok(())
    }

    /// As [`forward_sample`](Self::forward_sample); `met` are the sample's own collisions.
    pub(super) fn adjoint_sample<T: Real>(
        &self,
        (layout, sample): (Layout, usize),
        input: Input<'_, T>,
        prepared: &Prepared<'_, T>,
        met: SampleRecord<'_, T>,
        upstream: OutputGradient<'_, T>,
        gradients: Gradients<'_, T>,
    ) {
        let Input { x, a, v } = input;
        let dt = T::from_f64(self.dt);
        let Gradients {
            x: gradient_x,
            a: gradient_a,
            v: gradient_v,
        } = gradients;
        let OutputGradient {
            x: upstream_x,
            v: upstream_v,
        } = upstream;
        T::with_workspace(|workspace| match (met, &self.scattering) {
            (SampleRecord::Published(speeds), Scattering::Published { positions, .. }) => {
                dispatch(published::Adjoint {
                    sample: published::Sample {
                        layout,
                        sample,
                        positions: *positions,
                        source: prepared.published(layout, sample),
                        dt,
                        x,
                        a,
                        v,
                    },
                    workspace,
                    speeds,
                    upstream_x,
                    upstream_v,
                    gradient_x,
                    gradient_a,
                    gradient_v,
                });
            }
            (met, scattering) => {
                // Where nothing collides, any deflection has the same, trivial adjoint.
                let deflection = match scattering {
                    Scattering::Elastic { deflection } => *deflection,
                    Scattering::Published { .. } => Deflection::Isotropic,
                };
                let collisions = match met {
                    SampleRecord::Elastic(collisions) => collisions,
                    _ => &[],
                };
                dispatch(elastic::Adjoint {
                    sample: elastic::Sample {
                        layout,
                        sample,
                        deflection,
                        source: prepared.elastic(),
                        dt,
                        a,
                        v,
                    },
                    workspace,
                    collisions,
                    upstream_x,
                    upstream_v,
                    gradient_x,
                    gradient_a,
                    gradient_v,
                });
            }
        });
    }
}

/// One sample in which nothing collides: `x' = x + v dt`.
struct Glide<'a, T: Real> {
    dt: T,
    x: &'a [T],
    a: &'a [T],
    v: Option<&'a [T]>,
    workspace: &'a mut Workspace<T>,
    x_out: &'a mut [T],
    v_out: Option<&'a mut [T]>,
}

impl<T: Real> WithSimd for Glide<'_, T> {
    type Output = Diagnostics;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Diagnostics {
        let v = self.workspace.velocities.take(self.x.len());
        columns::kick(self.dt, self.a, self.v, v);
        columns::drift(self.dt, self.x, v, self.x_out);
        if let Some(v_out) = self.v_out {
            v_out.copy_from_slice(v);
        }
        let energy = columns::energy(simd, v);
        Diagnostics {
            energy_before: energy,
            energy_after: energy,
            ..Diagnostics::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Directions, Positions, StreamKey};
    use super::*;
    use crate::rng::Stream;
    use crate::simd::tests::{SETS, with_set};

    /// Results and gradients of one step, one after the other.
    fn everything<T: Real>(step: &KineticStep, layout: Layout) -> Vec<f64> {
        let mut stream = Stream::new(71, [0; 3]);
        let scale = 1.0 / (2.0 * layout.dims as f64).sqrt();
        let mut field = |scale: f64| -> Vec<T> {
            (0..layout.len())
                .map(|_| T::from_f64(scale * stream.normal()))
                .collect()
        };
        let (x, a, upstream) = (field(scale), field(1.0), field(1.0));
        let zeros = || vec![T::ZERO; layout.len()];
        let (mut x_out, mut v_out, mut by_x, mut by_a) = (zeros(), zeros(), zeros(), zeros());
        let input = Input {
            x: &x,
            a: &a,
            v: None,
        };
        let draws = Draws::Keyed(StreamKey {
            seed: 72,
            ..StreamKey::default()
        });
        let collisions = step
            .forward(layout, input, &draws, &mut x_out, Some(&mut v_out))
            .unwrap();
        assert!(collisions.diagnostics().accepted > 3);
        let upstream = OutputGradient {
            x: &upstream,
            v: Some(&upstream),
        };
        let gradient = InputGradient {
            x: Some(&mut by_x),
            a: &mut by_a,
            v: None,
        };
        step.adjoint(layout, input, &draws, &collisions, upstream, gradient)
            .unwrap();
        [x_out, v_out, by_x, by_a]
            .concat()
            .iter()
            .map(|v| v.to_f64())
            .collect()
    }

    /// Every instruction set gives the same step but for rounding.
    #[test]
    fn instruction_sets_agree() {
        let published = |directions| Scattering::Published {
            positions: Positions::Merged,
            directions,
        };
        for scattering in [
            published(Directions::Exact),
            published(Directions::Pool { size: 48 }),
            published(Directions::Pool { size: 500 }),
            Scattering::Elastic {
                deflection: Deflection::Isotropic,
            },
            Scattering::Elastic {
                deflection: Deflection::Reflection,
            },
            Scattering::Elastic {
                deflection: Deflection::Grazing { angle: 0.5 },
            },
        ] {
            let step = KineticStep {
                scattering,
                collision_coefficient: 0.9,
                length_scale: None,
                dt: 0.5,
            };
            for (dims, particles) in [(40, 8), (37, 45), (32, 64)] {
                let layout = Layout {
                    samples: 3,
                    dims,
                    particles,
                };
                let single = |set| with_set(set, || everything::<f32>(&step, layout));
                let double = |set| with_set(set, || everything::<f64>(&step, layout));
                let (widest, exact) = (single(0), double(0));
                let largest = exact.iter().fold(0.0f64, |m, v| m.max(v.abs()));
                for set in 1..SETS.len() {
                    // A few roundings of f32, of f64, at the size of the largest value.
                    for (found, expected, tolerance) in
                        [(single(set), &widest, 1e-5), (double(set), &exact, 1e-13)]
                    {
                        for (f, e) in found.iter().zip(expected) {
                            assert!(
                                (f - e).abs() <= tolerance * largest,
                                "{set} {step:?} {f} {e}"
                            );
                        }
                    }
                }
            }
        }
    }
}
