//! One kinetic step, forward and backward, of several shapes, dense and sparse.

use candle::Device;
use kiti_kinetics::rng::Stream;
use kiti_kinetics::system::{
    Deflection, Directions, Draws, Input, InputGradient, KineticStep, Layout, OutputGradient,
    Positions, Scattering, StreamKey,
};

use super::Measurement;
use super::timing::{Timing, repeat};
use crate::failure::{Failure, Outcome};
use crate::render::number::significant;

/// Samples, dimensions, particles.
const SHAPES: [(usize, usize, usize); 5] = [
    (20, 160, 128),
    (20, 256, 256),
    (32, 512, 64),
    (128, 512, 64),
    (128, 1024, 8),
];

/// Names of the densities, and the typical distance of two particles that makes them, in units of the acceptance's own
/// length: all pairs collide, or some.
const DENSITIES: [(&str, f64); 2] = [("dense", 0.01), ("sparse", 2.3)];

/// Every case: its name, layout, and typical distance of two particles.
pub fn cases() -> impl Iterator<Item = (String, Layout, f64)> {
    SHAPES.into_iter().flat_map(|(samples, dims, particles)| {
        DENSITIES.into_iter().map(move |(density, spread)| {
            let case = format!("{samples}x{dims}x{particles} {density}");
            (
                case,
                Layout {
                    samples,
                    dims,
                    particles,
                },
                spread,
            )
        })
    })
}

/// The method that ratios are to.
const COPY: &str = "memory copy of the inputs";

/// Vectors in the pool of pooled directions.
const POOL: usize = 256;

/// Every shape: a memory copy of the inputs, the addition, then the operators with all and with few pairs colliding.
pub fn measure(device: &Device, seconds: f64) -> Outcome<Vec<Measurement>> {
    if !device.is_cpu() {
        return Err(Failure::refused(
            "bench kinetic: expected --device cpu, on which the kinetic step is measured alone, found another; \
             `kiti bench heat --device ...` times it inside a network",
        ));
    }
    let mut rows = Vec::new();
    for (case, layout, spread) in cases() {
        rows.extend(State::new(layout, spread).measure(&case, seconds)?);
    }
    Ok(rows)
}

struct State {
    layout: Layout,
    x: Vec<f32>,
    a: Vec<f32>,
    upstream: Vec<f32>,
}

impl State {
    fn new(layout: Layout, spread: f64) -> Self {
        let normal = |stream: u32, scale: f64| {
            let mut stream = Stream::new(1, [stream, 0, 0]);
            (0..layout.len())
                .map(|_| (scale * stream.normal()) as f32)
                .collect()
        };
        let coordinate = spread / (2.0 * layout.dims as f64).sqrt();
        Self {
            layout,
            x: normal(0, coordinate),
            a: normal(1, 1.0),
            upstream: normal(2, 1.0),
        }
    }

    fn measure(&self, case: &str, seconds: f64) -> Outcome<Vec<Measurement>> {
        let published = |directions| Scattering::Published {
            positions: Positions::Merged,
            directions,
        };
        let elastic = |deflection| Scattering::Elastic { deflection };
        let methods = [
            ("published, exact directions", published(Directions::Exact)),
            (
                "published, pooled directions",
                published(Directions::Pool { size: POOL }),
            ),
            ("elastic", elastic(Deflection::Isotropic)),
            ("reflection", elastic(Deflection::Reflection)),
        ];
        let copy = self.copy(seconds)?;
        let bound = 0.5 + 3.0 * copy.min_ms;
        let mut rows = vec![
            Measurement::new(case, COPY, copy),
            Measurement::new(case, "addition", self.addition(seconds)?),
        ];
        for (name, scattering) in methods {
            let disjoint = matches!(scattering, Scattering::Elastic { .. });
            let step = KineticStep {
                scattering,
                collision_coefficient: 0.9,
                length_scale: None,
                dt: 1.0,
            };
            let (timing, share) = self.step(&step, seconds)?;
            let mut note = format!("{} % accepted", significant(100.0 * share, 3));
            if disjoint {
                note.push_str(&format!(
                    "; 0.5 ms + 3 copies are {} ms",
                    significant(bound, 3)
                ));
            }
            let mut row = Measurement::new(case, name, timing).with_note(note);
            row.reference = Some(COPY);
            rows.push(row);
        }
        Ok(rows)
    }

    fn copy(&self, seconds: f64) -> Outcome<Timing> {
        let (mut x, mut a) = (self.x.clone(), self.a.clone());
        repeat(seconds.min(0.3), || {
            x.copy_from_slice(&self.x);
            a.copy_from_slice(&self.a);
            std::hint::black_box((&mut x, &mut a));
            Ok(())
        })
    }

    /// `x + a` forward; both gradients are the upstream one.
    fn addition(&self, seconds: f64) -> Outcome<Timing> {
        let mut out = vec![0f32; self.x.len()];
        let (mut gradient_x, mut gradient_a) = (out.clone(), out.clone());
        repeat(seconds.min(0.3), || {
            for ((out, x), a) in out.iter_mut().zip(&self.x).zip(&self.a) {
                *out = x + a;
            }
            gradient_x.copy_from_slice(&self.upstream);
            gradient_a.copy_from_slice(&self.upstream);
            std::hint::black_box((&mut out, &mut gradient_x, &mut gradient_a));
            Ok(())
        })
    }

    /// The time of forward and backward as a network runs them (the gradient by positions that stay is the upstream one,
    /// not a copy of it), and the share of candidate pairs that collided.
    fn step(&self, step: &KineticStep, seconds: f64) -> Outcome<(Timing, f64)> {
        let failed = |error: kiti_kinetics::Error| Failure::failed(error.to_string());
        let input = Input {
            x: &self.x,
            a: &self.a,
            v: None,
        };
        let mut out = vec![0f32; self.x.len()];
        let (mut gradient_x, mut gradient_a) = (out.clone(), out.clone());
        let merged = matches!(
            step.scattering,
            Scattering::Published {
                positions: Positions::Merged,
                ..
            }
        );
        let mut share = 0.0;
        let mut key = StreamKey {
            seed: 1,
            ..StreamKey::default()
        };
        let timing = repeat(seconds, || {
            key.step += 1;
            let draws = Draws::Keyed(key);
            let collisions = step
                .forward(self.layout, input, &draws, &mut out, None)
                .map_err(failed)?;
            let diagnostics = collisions.diagnostics();
            share = diagnostics.accepted as f64 / diagnostics.candidates.max(1) as f64;
            let upstream = OutputGradient {
                x: &self.upstream,
                v: None,
            };
            let gradient = InputGradient {
                x: merged.then_some(&mut gradient_x),
                a: &mut gradient_a,
                v: None,
            };
            step.adjoint(self.layout, input, &draws, &collisions, upstream, gradient)
                .map_err(failed)
        })?;
        Ok((timing, share))
    }
}
