//! A residual forward and backward at the heat experiment's shape: 20 samples, 20 channels, 32 x 32,
//! divisions 8, that is 128 particles of 160 coordinates. `additive` is what every other costs more than.

use std::hint::black_box;

use candle::{DType, Device, Tensor, Var};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kiti_kinetics::rng::Stream;
use kiti_kinetics::system::Directions;
use kiti_nn::{Context, Residual, Variant, VariantSettings};

const SHAPE: (usize, usize, usize, usize) = (20, 20, 32, 32);

fn variable(word: u32) -> Var {
    let mut stream = Stream::new(1, [word, 0, 0]);
    let count = SHAPE.0 * SHAPE.1 * SHAPE.2 * SHAPE.3;
    let values: Vec<f32> = (0..count).map(|_| stream.normal() as f32).collect();
    let tensor = Tensor::from_vec(values, SHAPE, &Device::Cpu).and_then(|t| Var::from_tensor(&t));
    tensor.expect("a variable")
}

fn residuals(criterion: &mut Criterion) {
    let (x, branch) = (variable(0), variable(1));
    assert_eq!(x.dtype(), DType::F32);
    let mut group = criterion.benchmark_group("residual");
    group.sample_size(20);
    let mut measure = |name: &str, variant: Variant, settings: &VariantSettings| {
        let residual = Residual::new(&variant.config(settings), 0).expect("valid settings");
        let mut step = 0;
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                step += 1;
                let out = residual.forward(&x, &branch, &Context::train(1, step));
                black_box(out.and_then(|out| out.backward()).expect("a training step"))
            });
        });
    };
    // Every pair collides: normal features in 160 dimensions are 18 apart.
    let dense = VariantSettings {
        length_scale: Some(1e3),
        ..VariantSettings::default()
    };
    let exact = VariantSettings {
        directions: Directions::Exact,
        ..dense.clone()
    };
    for &variant in Variant::ALL.iter().filter(|variant| !variant.is_annealed()) {
        measure(variant.name(), variant, &dense);
    }
    measure("published-free exact", Variant::PublishedFree, &exact);
    measure(
        "published-free sparse",
        Variant::PublishedFree,
        &VariantSettings::default(),
    );
}

criterion_group!(benches, residuals);
criterion_main!(benches);
