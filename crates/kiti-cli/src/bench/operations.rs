//! Single operations, forward and both ways, beside what this machine can do at most.

use std::hint::black_box;
use std::time::Instant;

use candle::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, Var};
use kiti_kinetics::rng::Stream;
use kiti_nn::norm::layer_norm;
use kiti_nn::optim::{AdamConfig, Optimizer, OptimizerConfig, SgdConfig};
use kiti_nn::pool::{PoolConfig, avg_pool2d, max_pool2d};
use kiti_nn::{
    Activation, AttentionConfig, BatchNorm, BatchNormConfig, Context, Dropout, SpectralConv2d,
    SpectralConv2dConfig, VarStore, attention, conv, cross_entropy, embedding, linear, softmax,
};

use super::Measurement;
use super::timing::repeat;
use crate::failure::Outcome;
use crate::gas::copy_bandwidth;
use crate::render::number::significant;

/// What an operation must do at least: arithmetic, or reading and writing of memory.
#[derive(Debug, Clone, Copy)]
enum Work {
    /// Floating-point operations of the forward pass; backward there are twice as many.
    Arithmetic(f64),
    /// Bytes of the forward pass, and of both.
    Memory { forward: f64, both: f64 },
}

impl Work {
    /// Elements read and written, in single precision.
    fn elements(count: usize, forward: usize, both: usize) -> Self {
        let bytes = |passes: usize| (4 * passes * count) as f64;
        Self::Memory {
            forward: bytes(forward),
            both: bytes(both),
        }
    }
}

/// Stands for a loss whose gradient is given, so that no more than the operation is measured.
struct GivenGradient(Tensor);

impl CustomOp1 for GivenGradient {
    fn name(&self) -> &'static str {
        "given-gradient"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(())))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.0.clone()))
    }
}

/// What this machine can do at most.
struct Machine {
    /// Floating-point operations a second of a square matrix product.
    arithmetic: f64,
    /// Bytes read and written a second of a copy.
    bandwidth: f64,
}

impl Machine {
    fn measure() -> Outcome<Self> {
        const SIZE: usize = 1024;
        let [a, b] = [normal(&[SIZE, SIZE])?, normal(&[SIZE, SIZE])?];
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let start = Instant::now();
            black_box(linear::linear(&a, &b, None)?);
            best = best.min(start.elapsed().as_secs_f64());
        }
        Ok(Self {
            arithmetic: 2.0 * (SIZE as f64).powi(3) / best,
            bandwidth: copy_bandwidth(rayon::current_num_threads()),
        })
    }

    /// The rate that was reached in `milliseconds`, and its share of what is possible.
    fn note(&self, work: Work, both: bool, milliseconds: f64) -> String {
        let seconds = milliseconds / 1e3;
        let (amount, most, unit) = match work {
            Work::Arithmetic(forward) => {
                let factor = if both { 3.0 } else { 1.0 };
                (factor * forward, self.arithmetic, "GFLOP/s")
            }
            Work::Memory { forward, both: all } => {
                let bytes = if both { all } else { forward };
                (bytes, self.bandwidth, "GB/s")
            }
        };
        let rate = amount / seconds;
        let share = 100.0 * rate / most;
        format!("{} {unit}, {} %", significant(rate / 1e9, 3), share.round())
    }
}

/// An operation: its name, its work, and itself with the leaves that get a gradient.
type Case = (&'static str, Work, Box<dyn Fn() -> Result<Tensor>>);

/// Times every operation whose name contains `only`. The rows' cases end in what was timed.
pub fn measure(seconds: f64, only: &str) -> Outcome<Vec<Measurement>> {
    let machine = Machine::measure()?;
    let mut rows = Vec::new();
    let mut row = |name: String, timing, work, both| {
        let row = Measurement::new(name, METHOD, timing);
        let note = machine.note(work, both, row.timing.min_ms);
        rows.push(row.with_note(note));
    };
    for (name, work, f) in cases()? {
        if !name.contains(only) {
            continue;
        }
        let forward = repeat(seconds, || {
            black_box(f()?);
            Ok(())
        })?;
        row(format!("{name}, forward"), forward, work, false);
        let upstream = normal(f()?.dims())?.detach();
        let both = repeat(seconds, || {
            let loss = f()?.apply_op1(GivenGradient(upstream.clone()))?;
            black_box(kiti_nn::backward(&loss)?);
            Ok(())
        })?;
        row(format!("{name}, both"), both, work, true);
    }
    for (name, config, passes) in optimizers() {
        if name.contains(only) {
            let (timing, count) = time_optimizer(&config, seconds)?;
            let work = Work::elements(count, passes, passes);
            row(name.to_owned(), timing, work, false);
        }
    }
    Ok(rows)
}

/// The method of every row.
pub const METHOD: &str = "fused";

/// The optimisers, with the times that an element is read or written: weights, gradients, moments.
fn optimizers() -> [(&'static str, OptimizerConfig, usize); 2] {
    let adam = AdamConfig {
        weight_decay: 0.01,
        ..AdamConfig::default()
    };
    let sgd = SgdConfig {
        momentum: 0.9,
        nesterov: false,
        weight_decay: 5e-4,
    };
    [
        ("AdamW 11.7M", OptimizerConfig::AdamW(adam), 7),
        ("SGD 11.7M", OptimizerConfig::Sgd(sgd), 5),
    ]
}

fn time_optimizer(
    config: &OptimizerConfig,
    seconds: f64,
) -> Outcome<(super::timing::Timing, usize)> {
    let variable = normal(&[30522, 384])?;
    let gradients = (variable.as_tensor() * variable.as_tensor())?
        .sum_all()?
        .backward()?;
    let count = variable.elem_count();
    let mut optimizer = Optimizer::new(config, vec![("weight".to_owned(), variable)])?;
    let timing = repeat(seconds, || Ok(optimizer.step(&gradients, 1e-3)?))?;
    Ok((timing, count))
}

fn cases() -> Outcome<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    for (name, [batch, inputs, outputs, side, kernel, stride]) in [
        ("conv 3x3 32x64x32x32", [32, 64, 64, 32, 3, 1]),
        ("conv 3x3 32x128x16x16", [32, 128, 128, 16, 3, 1]),
        ("conv 3x3 32x256x8x8", [32, 256, 256, 8, 3, 1]),
        ("conv 3x3 32x512x4x4", [32, 512, 512, 4, 3, 1]),
        ("conv 3x3/2 32x64x32x32", [32, 64, 128, 32, 3, 2]),
        ("conv 1x1 32x64x32x32", [32, 64, 128, 32, 1, 1]),
    ] {
        let xs = normal(&[batch, inputs, side, side])?;
        let weight = normal(&[outputs, inputs, kernel, kernel])?;
        let sites = batch * side.div_ceil(stride).pow(2);
        let work = 2.0 * (sites * inputs * outputs * kernel * kernel) as f64;
        let f = move || conv::conv2d(&xs, &weight, None, stride, kernel / 2);
        cases.push((name, Work::Arithmetic(work), Box::new(f)));
    }

    const IMAGES: [usize; 4] = [32, 64, 32, 32];
    let pixels: usize = IMAGES.iter().product();
    let (xs, store) = (normal(&IMAGES)?, VarStore::new(0, DType::F32, &Device::Cpu));
    let norm = BatchNorm::new(&BatchNormConfig::new(64), store.builder())?;
    let f = move || norm.forward_t(&xs, &Context::train(0, 0));
    // Forward the input is read twice, for the statistics and for the result; likewise backward, with the gradient.
    let work = Work::elements(pixels, 3, 8);
    cases.push(("batch norm 32x64x32x32", work, Box::new(f)));
    for (name, activation) in [
        ("relu 2.1M", Activation::Relu),
        ("tanh 2.1M", Activation::Tanh),
    ] {
        let xs = normal(&IMAGES)?;
        let f = move || activation.forward(&xs);
        cases.push((name, Work::elements(pixels, 2, 5), Box::new(f)));
    }
    let pool = PoolConfig {
        stride: 2,
        padding: 1,
        ..PoolConfig::new([3, 3])
    };
    let work = Work::Memory {
        forward: 5.0 * pixels as f64,
        both: 14.0 * pixels as f64,
    };
    let xs = normal(&IMAGES)?;
    let f = move || max_pool2d(&xs, &pool);
    cases.push(("max pool 3x3/2 32x64x32x32", work, Box::new(f)));
    let xs = normal(&IMAGES)?;
    let f = move || avg_pool2d(&xs, &pool);
    cases.push(("average pool 3x3/2 32x64x32x32", work, Box::new(f)));

    let parts = [normal(&[2048, 384])?, normal(&[384])?, normal(&[384])?];
    let f = move || layer_norm(&parts[0], &parts[1], &parts[2], 1e-5);
    let work = Work::elements(2048 * 384, 2, 5);
    cases.push(("layer norm 2048x384", work, Box::new(f)));
    let parts = [
        normal(&[2048, 384])?,
        normal(&[1536, 384])?,
        normal(&[1536])?,
    ];
    let f = move || linear::linear(&parts[0], &parts[1], Some(&parts[2]));
    let work = Work::Arithmetic(2.0 * (2048 * 384 * 1536) as f64);
    cases.push(("linear 2048x384-1536", work, Box::new(f)));
    let xs = normal(&[16, 12, 128, 128])?;
    let work = Work::elements(xs.elem_count(), 2, 5);
    cases.push((
        "softmax 16x12x128x128",
        work,
        Box::new(move || softmax(&xs)),
    ));
    let parts = [
        normal(&[16, 128, 384])?,
        normal(&[16, 128, 384])?,
        normal(&[16, 128, 384])?,
    ];
    let config = AttentionConfig::new(12);
    let f = move || attention(&parts[0], &parts[1], &parts[2], None, &config);
    let work = Work::Arithmetic(4.0 * (16 * 128 * 128 * 384) as f64);
    cases.push(("attention 16x128x384 12 heads", work, Box::new(f)));
    let (logits, targets) = (normal(&[2048, 30522])?, numbers(2048, 30522)?);
    let work = Work::elements(logits.elem_count(), 1, 3);
    let f = move || cross_entropy(&logits, &targets);
    cases.push(("cross entropy 2048x30522", work, Box::new(f)));
    let (table, ids) = (normal(&[30522, 384])?, numbers(2048, 30522)?);
    let rows = 4.0 * (2048 * 384) as f64;
    // The gradient of the whole table is written: a few rows, and zeros elsewhere.
    let work = Work::Memory {
        forward: 2.0 * rows,
        both: 4.0 * rows + 4.0 * table.elem_count() as f64,
    };
    let f = move || embedding::embedding(&table, &ids.reshape((16, 128))?);
    cases.push(("embedding 30522x384", work, Box::new(f)));
    for (name, activation) in [
        ("gelu 81920x128", Activation::Gelu),
        ("gelu tanh 81920x128", Activation::GeluTanh),
    ] {
        let xs = normal(&[81920, 128])?;
        let work = Work::elements(xs.elem_count(), 2, 5);
        cases.push((name, work, Box::new(move || activation.forward(&xs))));
    }
    let (xs, dropout) = (normal(&[2048, 1536])?, Dropout::new(0.1, 0)?);
    let work = Work::elements(xs.elem_count(), 2, 4);
    let f = move || dropout.forward(&xs, &Context::train(0, 0));
    cases.push(("dropout 2048x1536", work, Box::new(f)));

    let config = SpectralConv2dConfig {
        in_channels: 20,
        out_channels: 20,
        modes: [12, 12],
    };
    let store = VarStore::new(0, DType::F32, &Device::Cpu);
    let layer = SpectralConv2d::new(&config, store.builder())?;
    let xs = normal(&[20, 20, 64, 64])?;
    let operations = kiti_nn::flops::spectral_2d(20, [64, 64], [12, 12], 20, 20);
    let f = move || layer.forward(&xs);
    let work = Work::Arithmetic(operations as f64);
    cases.push(("spectral 20x20x64x64", work, Box::new(f)));
    Ok(cases)
}

fn normal(shape: &[usize]) -> Outcome<Var> {
    let mut stream = Stream::new(0, [shape.len() as u32, 0, 0]);
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| stream.normal() as f32).collect();
    Ok(Var::from_vec(values, shape, &Device::Cpu)?)
}

fn numbers(count: usize, below: usize) -> Outcome<Tensor> {
    let values: Vec<u32> = (0..count).map(|i| (i * 7919 % below) as u32).collect();
    Ok(Tensor::from_vec(values, count, &Device::Cpu)?)
}
