//! Forward and backward passes of single operations at the shapes of whole models, beside candle's own.
//!
//! `CANDLE_NUM_THREADS=1` keeps the threads that candle spins for its element-wise operations out of the way.
//! `tests/reference/ops_torch.py` times the same operations in PyTorch, under the same names.

use std::hint::black_box;

use candle::{DType, Device, Module, Result, Tensor, Var};
use candle_nn::{Init, ModuleT, VarBuilder, VarMap};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kiti_nn::norm::layer_norm;
use kiti_nn::{
    Activation, AttentionConfig, BatchNorm, BatchNormConfig, Context, attention, conv,
    cross_entropy, embedding, init, linear, softmax,
};

fn normal(name: &str, shape: &[usize]) -> Var {
    let init = Init::Randn {
        mean: 0.0,
        stdev: 1.0,
    };
    init::tensor(init, &shape.into(), DType::F32, &Device::Cpu, 1, name)
        .and_then(|tensor| Var::from_tensor(&tensor))
        .expect("a variable")
}

fn numbers(shape: (usize, usize), below: usize) -> Tensor {
    let count = shape.0 * shape.1;
    let values: Vec<u32> = (0..count).map(|i| (i * 7919 % below) as u32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("numbers")
}

/// Measures the forward pass, and both passes, with a fixed gradient of the result.
fn measure(criterion: &mut Criterion, name: &str, f: impl Fn() -> Result<Tensor>) {
    let shape = f().expect("a result").dims().to_vec();
    let upstream = normal("upstream", &shape).as_detached_tensor();
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    group.bench_function(BenchmarkId::from_parameter("forward"), |bencher| {
        bencher.iter(|| black_box(f().expect("a result")));
    });
    group.bench_function(BenchmarkId::from_parameter("both"), |bencher| {
        bencher.iter(|| {
            let loss = f().and_then(|ys| (ys * &upstream)?.sum_all());
            black_box(loss.and_then(|loss| loss.backward()).expect("gradients"))
        });
    });
}

fn convolutions(criterion: &mut Criterion) {
    let cases = [
        ("conv 3x3 32x64x32x32", [32, 64, 64, 32], 3),
        ("conv 3x3 32x512x4x4", [32, 512, 512, 4], 3),
        ("conv 1x1 32x64x32x32", [32, 64, 128, 32], 1),
    ];
    for (name, [batch, inputs, outputs, side], kernel) in cases {
        let xs = normal("x", &[batch, inputs, side, side]);
        let weight = normal("weight", &[outputs, inputs, kernel, kernel]);
        measure(criterion, name, || {
            conv::conv2d(&xs, &weight, None, 1, kernel / 2)
        });
        measure(criterion, &format!("{name} candle"), || {
            xs.conv2d(&weight, kernel / 2, 1, 1, 1)
        });
    }
}

fn norms(criterion: &mut Criterion) {
    let xs = normal("x", &[32, 64, 32, 32]);
    let store = VarMap::new();
    let vb = VarBuilder::from_varmap(&store, DType::F32, &Device::Cpu);
    let fused = BatchNorm::new(&BatchNormConfig::new(64), vb.pp("fused")).expect("a layer");
    let composed = candle_nn::batch_norm(64, 1e-5, vb.pp("composed")).expect("a layer");
    measure(criterion, "batch norm 32x64x32x32", || {
        fused.forward_t(&xs, &Context::train(0, 0))
    });
    measure(criterion, "batch norm 32x64x32x32 candle", || {
        composed.forward_t(&xs, true)
    });
    let xs = normal("x", &[2048, 384]);
    let (weight, bias) = (normal("weight", &[384]), normal("bias", &[384]));
    measure(criterion, "layer norm 2048x384", || {
        layer_norm(&xs, &weight, &bias, 1e-5)
    });
    measure(criterion, "layer norm 2048x384 candle", || {
        candle_nn::ops::layer_norm_slow(&xs, &weight, &bias, 1e-5)
    });
}

fn tokens(criterion: &mut Criterion) {
    let xs = normal("x", &[2048, 384]);
    let (weight, bias) = (normal("weight", &[1536, 384]), normal("bias", &[1536]));
    measure(criterion, "linear 2048x384-1536", || {
        linear::linear(&xs, &weight, Some(&bias))
    });
    let layer = candle_nn::Linear::new(weight.as_tensor().clone(), Some(bias.as_tensor().clone()));
    measure(criterion, "linear 2048x384-1536 candle", || {
        layer.forward(&xs)
    });

    let xs = normal("x", &[16, 12, 128, 128]);
    measure(criterion, "softmax 16x12x128x128", || softmax(&xs));
    measure(criterion, "softmax 16x12x128x128 candle", || {
        candle_nn::ops::softmax(&xs, 3)
    });

    let [q, k, v] = ["q", "k", "v"].map(|name| normal(name, &[16, 128, 384]));
    let config = AttentionConfig::new(12);
    measure(criterion, "attention 16x128x384 12 heads", || {
        attention(&q, &k, &v, None, &config)
    });
    let heads = |tensor: &Tensor| {
        let rows = tensor.reshape((16, 128, 12, 32))?;
        rows.transpose(1, 2)?.contiguous()
    };
    measure(criterion, "attention 16x128x384 12 heads candle", || {
        let scores = heads(&q)?.matmul(&heads(&k)?.t()?)?;
        let weights = candle_nn::ops::softmax(&(scores / 32f64.sqrt())?, 3)?;
        let rows = weights.matmul(&heads(&v)?)?.transpose(1, 2)?;
        rows.reshape((16, 128, 384))
    });

    let logits = normal("x", &[2048, 30522]);
    let targets = numbers((1, 2048), 30522).squeeze(0).expect("a row");
    measure(criterion, "cross entropy 2048x30522", || {
        cross_entropy(&logits, &targets)
    });
    measure(criterion, "cross entropy 2048x30522 candle", || {
        candle_nn::loss::cross_entropy(&logits, &targets)
    });

    let table = normal("table", &[30522, 384]);
    let ids = numbers((16, 128), 30522);
    measure(criterion, "embedding 30522x384", || {
        embedding::embedding(&table, &ids)
    });
    let flat = ids.flatten_all().expect("numbers");
    measure(criterion, "embedding 30522x384 candle", || {
        table.index_select(&flat, 0)
    });
}

fn activations(criterion: &mut Criterion) {
    let xs = normal("x", &[81920, 128]);
    measure(criterion, "gelu 81920x128", || {
        Activation::Gelu.forward(&xs)
    });
    measure(criterion, "gelu 81920x128 candle", || xs.gelu_erf());
    let xs = normal("x", &[32, 64, 32, 32]);
    measure(criterion, "relu 2.1M", || Activation::Relu.forward(&xs));
    measure(criterion, "relu 2.1M candle", || xs.relu());
}

criterion_group!(benches, convolutions, norms, tokens, activations);
criterion_main!(benches);
