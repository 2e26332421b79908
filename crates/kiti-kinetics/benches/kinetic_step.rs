//! The kinetic step forward and backward, beside a copy of its inputs.
//!
//! `cargo bench -p kiti-kinetics`; `cargo bench -p kiti-kinetics -- 20x160x128` for one shape.
//! `tests/reference/kinetic_step_torch.py` times the same work composed of PyTorch operations.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kiti_kinetics::rng::Stream;
use kiti_kinetics::system::{
    Deflection, Directions, Draws, Input, InputGradient, KineticStep, Layout, OutputGradient,
    Positions, Scattering, StreamKey,
};

/// `(B, D, n)` of heat fields, of image features and of tokens.
const SHAPES: [[usize; 3]; 5] = [
    [20, 160, 128],
    [20, 256, 256],
    [32, 512, 64],
    [128, 512, 64],
    [128, 1024, 8],
];

fn normals(stream: &mut Stream, length: usize, scale: f64) -> Vec<f32> {
    (0..length)
        .map(|_| (scale * stream.normal()) as f32)
        .collect()
}

fn step(scattering: Scattering) -> KineticStep {
    KineticStep {
        scattering,
        collision_coefficient: 0.9,
        length_scale: None,
        dt: 1.0,
    }
}

fn published(directions: Directions) -> KineticStep {
    step(Scattering::Published {
        positions: Positions::Merged,
        directions,
    })
}

/// Forward and backward of one step; returns the share of pairs that collided.
fn forward_backward(
    step: &KineticStep,
    layout: Layout,
    [x, a, upstream]: [&[f32]; 3],
    [out, by_x, by_a]: [&mut [f32]; 3],
) -> f64 {
    let draws = Draws::Keyed(StreamKey {
        seed: 1,
        ..StreamKey::default()
    });
    let input = Input { x, a, v: None };
    let collisions = step
        .forward(layout, input, &draws, out, None)
        .expect("valid arguments");
    let upstream = OutputGradient {
        x: upstream,
        v: None,
    };
    let gradient = InputGradient {
        x: Some(by_x),
        a: by_a,
        v: None,
    };
    step.adjoint(layout, input, &draws, &collisions, upstream, gradient)
        .expect("valid arguments");
    collisions.diagnostics().acceptance_rate()
}

fn kinetic_step(criterion: &mut Criterion) {
    for [samples, dims, particles] in SHAPES {
        let layout = Layout {
            samples,
            dims,
            particles,
        };
        let mut stream = Stream::new(1, [0; 3]);
        let a = normals(&mut stream, layout.len(), 1.0);
        let upstream = normals(&mut stream, layout.len(), 1.0);
        // Positions so near that every pair collides, so far that none does, and in between.
        let near = 1.0 / (2.0 * dims as f64).sqrt();
        let x = [0.01, 1.7, 20.0].map(|r| normals(&mut stream, layout.len(), r * near));
        let mut out = [0; 3].map(|_| vec![0.0f32; layout.len()]);

        let mut group = criterion.benchmark_group(format!("{samples}x{dims}x{particles}"));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(300));
        group.measurement_time(Duration::from_secs(2));
        group.bench_function("copy of the inputs", |bencher| {
            let [x_copy, a_copy, _] = &mut out;
            bencher.iter(|| {
                x_copy.copy_from_slice(black_box(&x[0]));
                a_copy.copy_from_slice(black_box(&a));
            });
        });
        let elastic = |deflection| step(Scattering::Elastic { deflection });
        for (name, step) in [
            ("exact", published(Directions::Exact)),
            ("pool 256", published(Directions::Pool { size: 256 })),
            ("pool 64", published(Directions::Pool { size: 64 })),
            ("elastic, isotropic", elastic(Deflection::Isotropic)),
            ("elastic, reflection", elastic(Deflection::Reflection)),
            (
                "elastic, grazing",
                elastic(Deflection::Grazing { angle: 0.3 }),
            ),
        ] {
            for (density, x) in ["all pairs", "some pairs", "no pair"].iter().zip(&x) {
                let hard = matches!(step.scattering, Scattering::Elastic { .. });
                if hard && *density != "all pairs" {
                    continue;
                }
                group.bench_function(BenchmarkId::new(name, density), |bencher| {
                    let [out, by_x, by_a] = &mut out;
                    bencher.iter(|| {
                        let given = [x.as_slice(), &a, &upstream];
                        forward_backward(&step, layout, black_box(given), [out, by_x, by_a])
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, kinetic_step);
criterion_main!(benches);
