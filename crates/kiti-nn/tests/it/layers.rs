//! PyTorch's numbers (`golden/make_layers.py`, double precision) for the layers of transformers and convolutional networks.

use std::collections::HashMap;

use candle::{DType, Device, Result, Tensor, Var};
use kiti_nn::activation::gelu_tanh;
use kiti_nn::conv::{conv1d, conv2d};
use kiti_nn::embedding::embedding;
use kiti_nn::linear::linear;
use kiti_nn::norm::layer_norm;
use kiti_nn::{
    AttentionConfig, BatchNorm, BatchNormConfig, Context, PoolConfig, VarStore, attention,
    avg_pool2d, cross_entropy, max_pool2d, softmax,
};

use crate::support::{Golden, relative_error};

const FILE: &str = "layers.safetensors";

/// Result and gradients of `f(inputs)` in double and single precision.
fn check(case: &'static str, names: &[&str], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
    let golden = Golden::new(FILE, case);
    // Sums of at most 153 products of normal numbers.
    for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 2e-6)] {
        let leaves: Vec<Var> = names
            .iter()
            .map(|name| Var::from_tensor(&golden.get(name).to_dtype(dtype).unwrap()).unwrap())
            .collect();
        let inputs: Vec<Tensor> = leaves.iter().map(|leaf| leaf.as_tensor().clone()).collect();
        let close = |found: &Tensor, name: &str| {
            let found = found.to_dtype(DType::F64).unwrap();
            let error = relative_error(&found, &golden.get(name));
            assert!(error < tolerance, "{} {dtype:?} {name}: {error}", case);
        };
        let y = f(&inputs).unwrap();
        close(&y, "y");
        let upstream = golden.get("g").to_dtype(dtype).unwrap();
        let loss = (y * upstream).unwrap().sum_all().unwrap();
        let gradients = loss.backward().unwrap();
        for (name, leaf) in names.iter().zip(&leaves) {
            close(gradients.get(leaf).unwrap(), &format!("d.{name}"));
        }
    }
}

#[test]
fn layers_of_tokens_follow_torch() {
    check("linear", &["x", "w", "b"], |t| {
        linear(&t[0], &t[1], Some(&t[2]))
    });
    check("layer_norm", &["x", "w", "b"], |t| {
        layer_norm(&t[0], &t[1], &t[2], 1e-12)
    });
    check("softmax", &["x"], |t| softmax(&(&t[0] * 3.0)?));
    check("gelu_tanh", &["x"], |t| gelu_tanh(&(&t[0] * 2.0)?));
    let golden = Golden::new(FILE, "embedding");
    check(golden.case, &["w"], |t| {
        embedding(&t[0], &golden.get("ids"))
    });
    let golden = Golden::new(FILE, "cross_entropy");
    check(golden.case, &["x"], |t| {
        cross_entropy(&(&t[0] * 3.0)?, &golden.get("targets"))
    });
}

#[test]
fn attention_follows_torch() {
    let golden = Golden::new(FILE, "attention");
    let mask = golden.get("mask");
    let config = AttentionConfig::new(3);
    check(golden.case, &["q", "k", "v"], |t| {
        attention(&t[0], &t[1], &t[2], Some(&mask), &config)
    });
    let config = AttentionConfig {
        causal: true,
        ..config
    };
    check("attention_causal", &["q", "k", "v"], |t| {
        attention(&t[0], &t[1], &t[2], None, &config)
    });
}

#[test]
fn convolutions_and_pooling_follow_torch() {
    let names = ["x", "w", "b"];
    check("conv1d", &names, |t| {
        conv1d(&t[0], &t[1], Some(&t[2]), 2, 1)
    });
    check("conv2d", &names, |t| {
        conv2d(&t[0], &t[1], Some(&t[2]), 2, 1)
    });
    check("conv2d_wide", &names, |t| {
        conv2d(&t[0], &t[1], Some(&t[2]), 1, 1)
    });
    let config = |kernel| PoolConfig {
        kernel,
        stride: 2,
        padding: 1,
    };
    check("max_pool", &["x"], |t| max_pool2d(&t[0], &config([3, 3])));
    check("avg_pool", &["x"], |t| avg_pool2d(&t[0], &config([3, 2])));
}

#[test]
fn batch_norm_follows_torch() {
    let start = Golden::new(FILE, "batch_norm");
    let evaluated = Golden::new(FILE, "batch_norm_evaluated");
    let cases = [
        (&start, Context::train(0, 0), "running"),
        (&evaluated, Context::evaluate(), "moved"),
    ];
    for (golden, ctx, kind) in cases {
        check(golden.case, &["x", "w", "b"], |t| {
            // The layer reads its variables from a builder over these very tensors, and moves the statistics in place.
            let statistics = |name: &str| {
                let start = start.get(&format!("{kind}_{name}")).copy()?;
                start.to_dtype(t[0].dtype())
            };
            let tensors = HashMap::from([
                ("weight".to_owned(), t[1].clone()),
                ("bias".to_owned(), t[2].clone()),
                ("running_mean".to_owned(), statistics("mean")?),
                ("running_var".to_owned(), statistics("var")?),
            ]);
            let vb = candle_nn::VarBuilder::from_tensors(tensors, t[0].dtype(), &Device::Cpu);
            BatchNorm::new(&BatchNormConfig::new(4), vb)?.forward_t(&t[0], &ctx)
        });
    }
    let store = VarStore::new(0, DType::F64, &Device::Cpu);
    let norm = BatchNorm::new(&BatchNormConfig::new(4), store.builder()).unwrap();
    for (name, variable) in store.variables() {
        if kiti_nn::norm::is_buffer(&name) {
            variable.set(&start.get(&name)).unwrap();
        }
    }
    norm.forward_t(&start.get("x"), &Context::train(0, 0))
        .unwrap();
    for name in ["mean", "var"] {
        let found = &store.tensors()[&format!("running_{name}")];
        let expected = start.get(&format!("moved_{name}"));
        let error = relative_error(found, &expected);
        assert!(error < 1e-14, "{name}: {error:e}, {found} for {expected}");
    }
}
