//! What several tests need: random states, one call forward and backward, comparisons.

use kiti_kinetics::rng::Stream;
use kiti_kinetics::system::*;
use kiti_kinetics::{Real, Result};

/// Positions, accelerations, velocities and upstream gradients of a batch.
#[derive(Clone)]
pub struct State<T> {
    pub x: Vec<T>,
    pub a: Vec<T>,
    pub v: Option<Vec<T>>,
    pub upstream_x: Vec<T>,
    pub upstream_v: Option<Vec<T>>,
}

impl State<f64> {
    /// Normals; positions are scaled so that distances are about `spread`.
    pub fn random(seed: u64, layout: Layout, spread: f64, inertial: bool) -> Self {
        let mut stream = Stream::new(seed, [7, 0, 0]);
        let scale = spread / (2.0 * layout.dims as f64).sqrt();
        let mut normals = |scale: f64| -> Vec<f64> {
            // Rounded to f32, so that both precisions start from the same state.
            (0..layout.len())
                .map(|_| f64::from((scale * stream.normal()) as f32))
                .collect()
        };
        Self {
            x: normals(scale),
            a: normals(1.0),
            v: inertial.then(|| normals(1.0)),
            upstream_x: normals(1.0),
            upstream_v: inertial.then(|| normals(1.0)),
        }
    }

    pub fn cast<T: Real>(&self) -> State<T> {
        let cast = |values: &Vec<f64>| values.iter().map(|&v| T::from_f64(v)).collect::<Vec<T>>();
        State {
            x: cast(&self.x),
            a: cast(&self.a),
            v: self.v.as_ref().map(cast),
            upstream_x: cast(&self.upstream_x),
            upstream_v: self.upstream_v.as_ref().map(cast),
        }
    }
}

impl<T: Real> State<T> {
    pub fn input(&self) -> Input<'_, T> {
        Input {
            x: &self.x,
            a: &self.a,
            v: self.v.as_deref(),
        }
    }

    pub fn upstream(&self) -> OutputGradient<'_, T> {
        OutputGradient {
            x: &self.upstream_x,
            v: self.upstream_v.as_deref(),
        }
    }
}

/// Results and gradients of one step.
pub struct Run<T> {
    pub x: Vec<T>,
    pub v: Vec<T>,
    pub collisions: Collisions<T>,
    pub by_x: Vec<T>,
    pub by_a: Vec<T>,
    pub by_v: Option<Vec<T>>,
}

pub fn forward<T: Real>(
    step: &KineticStep,
    layout: Layout,
    state: &State<T>,
    draws: &Draws<'_, T>,
) -> Result<(Vec<T>, Vec<T>, Collisions<T>)> {
    // Not zeros: every value has to be written.
    let poison = || vec![T::from_f64(7e30); layout.len()];
    let (mut x, mut v) = (poison(), poison());
    let collisions = step.forward(layout, state.input(), draws, &mut x, Some(&mut v))?;
    Ok((x, v, collisions))
}

pub fn run<T: Real>(
    step: &KineticStep,
    layout: Layout,
    state: &State<T>,
    draws: &Draws<'_, T>,
) -> Run<T> {
    let (x, v, collisions) = forward(step, layout, state, draws).unwrap();
    let poison = || vec![T::from_f64(7e30); layout.len()];
    let (mut by_x, mut by_a) = (poison(), poison());
    let mut by_v = state.v.as_ref().map(|_| poison());
    let gradient = InputGradient {
        x: Some(&mut by_x),
        a: &mut by_a,
        v: by_v.as_deref_mut(),
    };
    step.adjoint(
        layout,
        state.input(),
        draws,
        &collisions,
        state.upstream(),
        gradient,
    )
    .unwrap();
    Run {
        x,
        v,
        collisions,
        by_x,
        by_a,
        by_v,
    }
}

pub fn published(positions: Positions, directions: Directions) -> KineticStep {
    KineticStep {
        scattering: Scattering::Published {
            positions,
            directions,
        },
        collision_coefficient: 0.9,
        length_scale: None,
        dt: 1.0,
    }
}

pub fn elastic(deflection: Deflection) -> KineticStep {
    KineticStep {
        scattering: Scattering::Elastic { deflection },
        collision_coefficient: 0.9,
        length_scale: None,
        dt: 1.0,
    }
}

pub const DEFLECTIONS: [Deflection; 3] = [
    Deflection::Isotropic,
    Deflection::Reflection,
    Deflection::Grazing { angle: 0.3 },
];

pub fn key(seed: u64) -> StreamKey {
    StreamKey {
        seed,
        step: 5,
        layer: 1,
        pass: 2,
        first_sample: 0,
    }
}

/// Largest difference over the largest expected value.
pub fn relative_error<T: Real>(found: &[T], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = |values: &mut dyn Iterator<Item = f64>| {
        values.fold(0.0f64, |m, v| if v.is_nan() { v } else { m.max(v) })
    };
    let scale = largest(&mut expected.iter().map(|e| e.abs()));
    let difference = found
        .iter()
        .zip(expected)
        .map(|(f, e)| (f.to_f64() - e).abs());
    let worst = largest(&mut difference.into_iter());
    if worst == 0.0 { 0.0 } else { worst / scale }
}

#[track_caller]
pub fn assert_close<T: Real>(what: &str, found: &[T], expected: &[f64], tolerance: f64) {
    let error = relative_error(found, expected);
    assert!(
        error <= tolerance,
        "{what}: relative error {error:e} > {tolerance:e}"
    );
}
