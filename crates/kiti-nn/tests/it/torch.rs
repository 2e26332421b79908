//! PyTorch's numbers (`golden/make_torch.py`, double precision) for everything that claims PyTorch's semantics.

use candle::{DType, Device, Tensor, Var};
use kiti_nn::optim::{AdamConfig, Optimizer, OptimizerConfig, SgdConfig};
use kiti_nn::{
    Activation, LearningRateSchedule, Reduction, SpectralConv1d, SpectralConv1dConfig,
    SpectralConv2d, SpectralConv2dConfig, VarStore, clip_grad_norm, relative_l2,
};

use crate::support::{Golden, relative_error, values};

const FILE: &str = "torch.safetensors";

/// Output, input gradient and weight gradients of a layer against a case, in double and single precision.
fn check_layer(
    case: &'static str,
    names: &[&str],
    layer: &dyn Fn(&VarStore, &Tensor) -> candle::Result<Tensor>,
) {
    let golden = Golden::new(FILE, case);
    // Single precision: sums of at most 110 products of normal numbers.
    for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 1e-6)] {
        let store = VarStore::new(0, dtype, &Device::Cpu);
        let x = Var::from_tensor(&golden.get("x").to_dtype(dtype).unwrap()).unwrap();
        layer(&store, &x).unwrap();
        let weights = names
            .iter()
            .map(|name| (format!("weight.{}", &name[1..]), golden.get(name)))
            .collect();
        store.load_strict(&weights).unwrap();
        let y = layer(&store, &x).unwrap();
        let close = |found: &Tensor, name: &str| {
            let error = relative_error(&found.to_dtype(DType::F64).unwrap(), &golden.get(name));
            assert!(error < tolerance, "{case} {dtype:?} {name}: {error}");
        };
        close(&y, "y");
        let upstream = golden.get("g").to_dtype(dtype).unwrap();
        let gradients = (y * upstream)
            .unwrap()
            .sum_all()
            .unwrap()
            .backward()
            .unwrap();
        close(gradients.get(&x).unwrap(), "gx");
        for (name, variable) in store.variables() {
            let short = name.trim_start_matches("weight.");
            close(gradients.get(&variable).unwrap(), &format!("gw{short}"));
        }
    }
}

#[test]
fn spectral_convolutions_follow_torch_fft() {
    let one = |case: &'static str, modes: usize| {
        let config = SpectralConv1dConfig {
            in_channels: 3,
            out_channels: 4,
            modes,
        };
        check_layer(case, &["w0"], &|store, x| {
            SpectralConv1d::new(&config, store.builder())?.forward(x)
        });
    };
    one("conv1d_odd", 4);
    one("conv1d_all_odd", 4);
    one("conv1d_all_even", 5);
    let two = |case: &'static str, modes: [usize; 2]| {
        let config = SpectralConv2dConfig {
            in_channels: 3,
            out_channels: 4,
            modes,
        };
        check_layer(case, &["w0", "w1"], &|store, x| {
            SpectralConv2d::new(&config, store.builder())?.forward(x)
        });
    };
    two("conv2d_odd", [3, 4]);
    two("conv2d_all_even", [4, 4]);
    two("conv2d_overlap", [4, 3]);
}

fn check_optimizer(case: &'static str, config: &OptimizerConfig) {
    let golden = Golden::new(FILE, case);
    // In single precision each of six steps rounds a few times.
    for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
        let cast = |t: Tensor| t.to_dtype(dtype).unwrap();
        let variable = Var::from_tensor(&cast(golden.get("start"))).unwrap();
        let (gradients, path) = (cast(golden.get("gradients")), golden.get("path"));
        let mut optimizer =
            Optimizer::new(config, vec![("p".to_owned(), variable.clone())]).unwrap();
        for step in 0..6 {
            let gradient = gradients.get(step).unwrap();
            let loss = (variable.as_tensor() * gradient)
                .unwrap()
                .sum_all()
                .unwrap();
            let rate = 0.1 / (1 + step) as f64;
            optimizer.step(&loss.backward().unwrap(), rate).unwrap();
            let found = variable.to_dtype(DType::F64).unwrap();
            let error = relative_error(&found, &path.get(step).unwrap());
            assert!(error < tolerance, "{case} {dtype:?} step {step}: {error}");
        }
        assert_eq!(optimizer.steps(), 6);
    }
}

#[test]
fn optimizers_follow_torch_optim() {
    let adam = AdamConfig::default();
    let decayed = AdamConfig {
        weight_decay: 0.1,
        ..adam.clone()
    };
    let other = AdamConfig {
        beta1: 0.8,
        beta2: 0.95,
        eps: 1e-3,
        weight_decay: 0.1,
    };
    let sgd = SgdConfig {
        momentum: 0.9,
        weight_decay: 0.05,
        nesterov: false,
    };
    let nesterov = SgdConfig {
        nesterov: true,
        ..sgd.clone()
    };
    check_optimizer("adam", &OptimizerConfig::Adam(adam));
    check_optimizer("adam_decay", &OptimizerConfig::Adam(other));
    check_optimizer("adamw", &OptimizerConfig::AdamW(decayed));
    check_optimizer("sgd", &OptimizerConfig::Sgd(SgdConfig::default()));
    check_optimizer("sgd_momentum", &OptimizerConfig::Sgd(sgd));
    check_optimizer("sgd_nesterov", &OptimizerConfig::Sgd(nesterov));
}

#[test]
fn clipping_follows_torch() {
    let golden = Golden::new(FILE, "clip");
    let variable = |name: &str| {
        let zeros = golden.get(name).zeros_like().unwrap();
        (name.to_owned(), Var::from_tensor(&zeros).unwrap())
    };
    let variables = vec![variable("g0"), variable("g1"), variable("norm")];
    let gradients = |scale: f64| {
        let product = |at: usize| {
            let (name, variable) = &variables[at];
            (variable.as_tensor() * (golden.get(name) * scale).unwrap()).unwrap()
        };
        let loss = product(0).sum_all().unwrap() + product(1).sum_all().unwrap();
        loss.unwrap().backward().unwrap()
    };
    let mut store = gradients(1.0);
    let norm = clip_grad_norm(&variables, &mut store, 0.7).unwrap();
    assert!((norm - golden.get("norm").to_scalar::<f64>().unwrap()).abs() < 1e-14 * norm);
    for (at, name) in ["clipped0", "clipped1"].into_iter().enumerate() {
        let found = store.get(&variables[at].1).unwrap();
        assert!(relative_error(found, &golden.get(name)) < 1e-14);
    }
    // Gradients within the bound are left alone.
    let mut store = gradients(1e-3);
    clip_grad_norm(&variables, &mut store, 0.7).unwrap();
    let expected = (golden.get("g0") * 1e-3).unwrap();
    assert_eq!(
        values(store.get(&variables[0].1).unwrap()),
        values(&expected)
    );
}

#[test]
fn schedules_follow_torch() {
    use LearningRateSchedule as Schedule;
    let one_cycle = |rise, initial_divisor, final_divisor| Schedule::OneCycle {
        rise,
        initial_divisor,
        final_divisor,
    };
    let cases = [
        (
            "step",
            Schedule::Step {
                every: 10,
                factor: 0.5,
            },
        ),
        ("cosine", Schedule::Cosine { minimum: 0.01 }),
        ("one_cycle", one_cycle(0.3, 25.0, 1e4)),
        ("one_cycle_set", one_cycle(0.2, 10.0, 50.0)),
        ("linear_warmup", Schedule::LinearWarmup { warmup: 0.1 }),
    ];
    for (case, schedule) in cases {
        let rates = values(&Golden::new(FILE, case).get("rates"));
        for (step, expected) in rates.iter().enumerate() {
            let found = schedule.learning_rate(0.3, step as u64, rates.len() as u64);
            assert!(
                (found - expected).abs() < 1e-14,
                "{case} step {step}: {found} {expected}"
            );
        }
    }
    assert_eq!(Schedule::Constant.learning_rate(0.3, 5, 10), 0.3);
    let last = one_cycle(0.3, 25.0, 1e4);
    assert_eq!(
        last.learning_rate(0.3, 99, 37),
        last.learning_rate(0.3, 36, 37)
    );
}

#[test]
fn activations_follow_torch() {
    for (case, activation) in [
        ("gelu", Activation::Gelu),
        ("tanh", Activation::Tanh),
        ("relu", Activation::Relu),
    ] {
        let golden = Golden::new(FILE, case);
        let differ = |dtype: DType, name: &str, found: &Tensor| {
            let (found, expected) = (values(found), values(&golden.get(name)));
            // 1 - y^2 doubles the rounding of y, half a unit in the last place of 1.
            let allowed = if dtype == DType::F64 { 1e-15 } else { 2e-7 };
            for (found, expected) in found.into_iter().zip(expected) {
                let scale = expected.abs().max(1.0);
                assert!(
                    (found - expected).abs() <= allowed * scale,
                    "{case} {name}: {found} {expected}"
                );
            }
        };
        for dtype in [DType::F64, DType::F32] {
            let x = Var::from_tensor(&golden.get("x").to_dtype(dtype).unwrap()).unwrap();
            let y = activation.forward(&x).unwrap();
            differ(dtype, "y", &y);
            let gradients = y.sum_all().unwrap().backward().unwrap();
            differ(dtype, "d", gradients.get(&x).unwrap());
        }
    }
}

#[test]
fn relative_l2_follows_torch() {
    let golden = Golden::new(FILE, "relative_l2");
    let prediction = Var::from_tensor(&golden.get("prediction")).unwrap();
    let target = golden.get("target");
    let loss = |reduction| relative_l2(&prediction, &target, reduction).unwrap();
    for (name, reduction) in [("mean", Reduction::Mean), ("sum", Reduction::Sum)] {
        assert!(relative_error(&loss(reduction), &golden.get(name)) < 1e-14);
    }
    let gradients = loss(Reduction::Sum).backward().unwrap();
    assert!(relative_error(gradients.get(&prediction).unwrap(), &golden.get("gradient")) < 1e-13);
    // At the minimum the gradient is 0, not undefined.
    let same = Var::from_tensor(&target).unwrap();
    let loss = relative_l2(&same, &target, Reduction::Mean).unwrap();
    assert!(loss.to_scalar::<f64>().unwrap() < 1e-15);
    let gradients = loss.backward().unwrap();
    assert!(
        values(gradients.get(&same).unwrap())
            .iter()
            .all(|g| *g == 0.0)
    );
}
