//! Variables and optimiser state: independent of creation order, strictly loaded, exactly continued.

use std::collections::{BTreeMap, HashMap};

use candle::{DType, Device, Tensor, Var};
use kiti_nn::optim::{AdamConfig, Optimizer, OptimizerConfig, SgdConfig, VariableRule};
use kiti_nn::{LoadError, PointwiseConv, SpectralConv1d, SpectralConv1dConfig, VarStore};

use crate::support::{bits, normal, values};

fn store(order: &[&str], dtype: DType) -> VarStore {
    let store = VarStore::new(5, dtype, &Device::Cpu);
    for name in order {
        PointwiseConv::new(3, 4, 1, store.builder().pp(name)).unwrap();
    }
    store
}

#[test]
fn initial_values_depend_on_seed_and_name_only() {
    let (a, b) = (
        store(&["x", "y"], DType::F32),
        store(&["y", "z", "x"], DType::F32),
    );
    let (a, b) = (a.tensors(), b.tensors());
    for (name, tensor) in &a {
        assert_eq!(bits(tensor), bits(&b[name]));
    }
    assert_ne!(bits(&a["x.weight"]), bits(&a["y.weight"]));
    let other = VarStore::new(6, DType::F32, &Device::Cpu);
    PointwiseConv::new(3, 4, 1, other.builder().pp("x")).unwrap();
    assert_ne!(bits(&a["x.weight"]), bits(&other.tensors()["x.weight"]));
    // Double precision has the same values up to rounding.
    let double = store(&["x"], DType::F64).tensors();
    for (single, double) in values(&a["x.weight"])
        .iter()
        .zip(values(&double["x.weight"]))
    {
        assert!((single - double).abs() <= 1e-7);
    }
}

#[test]
fn initial_values_have_their_ranges() {
    let store = VarStore::new(0, DType::F64, &Device::Cpu);
    PointwiseConv::new(16, 64, 0, store.builder().pp("linear")).unwrap();
    let config = SpectralConv1dConfig {
        in_channels: 4,
        out_channels: 8,
        modes: 16,
    };
    SpectralConv1d::new(&config, store.builder().pp("spectral")).unwrap();
    let tensors = store.tensors();
    let range = |name: &str| {
        let values = values(&tensors[name]);
        let largest = values.iter().fold(f64::MIN, |m, v| m.max(*v));
        (values.iter().fold(f64::MAX, |m, v| m.min(*v)), largest)
    };
    // 1024 uniform numbers come within a hundredth of both ends of their range.
    let (least, largest) = range("linear.weight");
    assert!((-0.25..-0.245).contains(&least) && (0.245..0.25).contains(&largest));
    let (least, largest) = range("spectral.weight.0");
    assert!((0.0..0.01 / 32.0).contains(&least) && (0.99 / 32.0..1.0 / 32.0).contains(&largest));
    assert_eq!(store.parameter_count(), 16 * 64 + 64 + 4 * 8 * 16 * 2);
}

#[test]
fn variables_exist_once_and_keep_their_shape() {
    let store = store(&["x"], DType::F32);
    let first = store.builder().pp("x").get((4, 3, 1), "weight").unwrap();
    assert_eq!(store.variables().len(), 2);
    assert!(first.is_variable());
    assert!(store.builder().pp("x").get((4, 2, 1), "weight").is_err());
    assert!(store.builder().get_unchecked("nothing").is_err());
    assert!(store.builder().pp("x").contains_tensor("bias"));
}

#[test]
fn loading_lists_every_problem_and_changes_nothing() {
    let store = store(&["x", "y"], DType::F32);
    let before: BTreeMap<_, _> = store
        .tensors()
        .into_iter()
        .map(|(name, tensor)| (name, bits(&tensor)))
        .collect();
    let tensors = HashMap::from([
        ("x.weight".to_owned(), normal("w", &[4, 3, 1], DType::F32)),
        ("x.bias".to_owned(), normal("b", &[5], DType::F32)),
        ("zzz".to_owned(), normal("z", &[1], DType::F32)),
        ("y.bias".to_owned(), normal("b", &[4], DType::F32)),
    ]);
    let error = store.load_strict(&tensors).unwrap_err();
    let LoadError::Mismatch { problems } = &error else {
        panic!("{error}")
    };
    let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "x.bias: expected shape [4], found [5]",
            "missing y.weight, expected shape [4, 3, 1]",
            "unexpected zzz",
        ]
    );
    assert!(text.iter().all(|line| error.to_string().contains(line)));
    for (name, tensor) in store.tensors() {
        assert_eq!(bits(&tensor), before[&name]);
    }
}

#[test]
fn loading_converts_and_keeps_the_variables() {
    let (from, to) = (store(&["x"], DType::F64), store(&["x"], DType::F32));
    let held = to.variables();
    let doubled: HashMap<String, Tensor> = from
        .tensors()
        .into_iter()
        .map(|(name, t)| (name, (t * 2.0).unwrap()))
        .collect();
    to.load_strict(&doubled).unwrap();
    for (name, variable) in held {
        let expected = doubled[&name].to_dtype(DType::F32).unwrap();
        assert_eq!(bits(&variable), bits(&expected));
    }
    // A store's own tensors share its memory and load all the same.
    let own = to.tensors().into_iter().collect();
    to.load_strict(&own).unwrap();
}

fn train(optimizer: &mut Optimizer, variable: &Var, steps: std::ops::Range<u64>) {
    for step in steps {
        let target = normal(&format!("target {step}"), variable.dims(), variable.dtype());
        let loss = (variable.as_tensor() - target)
            .unwrap()
            .sqr()
            .unwrap()
            .sum_all()
            .unwrap();
        optimizer.step(&loss.backward().unwrap(), 0.05).unwrap();
    }
}

#[test]
fn a_saved_optimizer_continues_with_the_same_bits() {
    let configs = [
        OptimizerConfig::default(),
        OptimizerConfig::AdamW(AdamConfig {
            weight_decay: 0.1,
            ..AdamConfig::default()
        }),
        OptimizerConfig::Sgd(SgdConfig {
            momentum: 0.9,
            nesterov: true,
            weight_decay: 0.1,
        }),
        OptimizerConfig::Sgd(SgdConfig::default()),
    ];
    for config in configs {
        let start = normal("start", &[7, 5], DType::F32);
        let variable = Var::from_tensor(&start.copy().unwrap()).unwrap();
        let named = |variable: &Var| vec![("p".to_owned(), variable.clone())];
        let mut optimizer = Optimizer::new(&config, named(&variable)).unwrap();
        train(&mut optimizer, &variable, 0..3);
        let state = optimizer.state().unwrap();
        let resumed = Var::from_tensor(&variable.copy().unwrap()).unwrap();
        train(&mut optimizer, &variable, 3..6);

        let mut other = Optimizer::new(&config, named(&resumed)).unwrap();
        other.load_state(&state).unwrap();
        assert_eq!(other.steps(), 3);
        train(&mut other, &resumed, 3..6);
        assert_eq!(bits(&variable), bits(&resumed), "{config:?}");
        let (a, b) = (optimizer.state().unwrap(), other.state().unwrap());
        assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
        assert!(
            a.iter()
                .all(|(key, value)| values(value) == values(&b[key]))
        );
    }
}

#[test]
fn a_state_of_another_model_is_refused_whole() {
    let variable = |shape: &[usize]| Var::from_tensor(&normal("p", shape, DType::F32)).unwrap();
    let trained = |name: &str, shape: &[usize]| {
        let variable = variable(shape);
        let named = vec![(name.to_owned(), variable.clone())];
        let mut optimizer = Optimizer::new(&OptimizerConfig::default(), named).unwrap();
        train(&mut optimizer, &variable, 0..1);
        optimizer
    };
    let mut optimizer = trained("p", &[2]);
    let before = optimizer.state().unwrap();
    let error = optimizer
        .load_state(&trained("q", &[2]).state().unwrap())
        .unwrap_err()
        .to_string();
    for part in [
        "missing p.updates",
        "unexpected q.first_moment",
        "unexpected q.updates",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let error = optimizer
        .load_state(&trained("p", &[3]).state().unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("p.first_moment: expected shape [2], found [3]"),
        "{error}"
    );
    let after = optimizer.state().unwrap();
    assert!(
        before
            .iter()
            .all(|(key, value)| values(value) == values(&after[key]))
    );
}

#[test]
fn variables_without_gradient_are_left_alone() {
    let (used, unused) = (
        normal("used", &[2], DType::F32),
        normal("unused", &[2], DType::F32),
    );
    let (used, unused) = (
        Var::from_tensor(&used).unwrap(),
        Var::from_tensor(&unused).unwrap(),
    );
    let before = bits(&unused);
    let adam = AdamConfig {
        weight_decay: 0.1,
        ..AdamConfig::default()
    };
    let variables = vec![
        ("used".to_owned(), used.clone()),
        ("unused".to_owned(), unused.clone()),
    ];
    let mut optimizer = Optimizer::new(&OptimizerConfig::AdamW(adam), variables).unwrap();
    train(&mut optimizer, &used, 0..2);
    assert_eq!(bits(&unused), before);
    assert_eq!(values(&optimizer.state().unwrap()["unused.updates"]), [0.0]);
}

#[test]
fn settings_out_of_range_are_named() {
    let config = OptimizerConfig::Adam(AdamConfig {
        beta1: 1.0,
        ..AdamConfig::default()
    });
    let error = Optimizer::new(&config, Vec::new()).unwrap_err().to_string();
    assert!(error.contains("beta1 = 1"), "{error}");
    let nesterov = SgdConfig {
        nesterov: true,
        ..SgdConfig::default()
    };
    assert!(OptimizerConfig::Sgd(nesterov).validate().is_err());
    let nan = AdamConfig {
        weight_decay: f64::NAN,
        ..AdamConfig::default()
    };
    assert!(OptimizerConfig::AdamW(nan).validate().is_err());
}

/// PyTorch's parameter groups: a rule gives what an optimiser with those settings alone gives.
#[test]
fn a_rule_is_another_optimizer_for_one_variable() {
    let config = |weight_decay| {
        OptimizerConfig::AdamW(AdamConfig {
            weight_decay,
            ..AdamConfig::default()
        })
    };
    let start = normal("start", &[7, 5], DType::F32);
    let variable = || Var::from_tensor(&start.copy().unwrap()).unwrap();
    let (ruled, plain, alone) = (variable(), variable(), variable());
    let named = vec![
        ("ruled".to_owned(), ruled.clone()),
        ("plain".to_owned(), plain.clone()),
    ];
    let mut optimizer =
        Optimizer::new(&config(0.3), named)
            .unwrap()
            .with_rules(|name, _| match name {
                "ruled" => VariableRule {
                    rate_factor: 0.25,
                    decays: false,
                },
                _ => VariableRule::default(),
            });
    let mut other = Optimizer::new(&config(0.0), vec![("p".to_owned(), alone.clone())]).unwrap();
    for step in 0..4 {
        let loss = |variable: &Var| variable.as_tensor().sqr().unwrap().sum_all().unwrap();
        let both = (loss(&ruled) + loss(&plain)).unwrap().backward().unwrap();
        optimizer.step(&both, 0.1 / f64::from(1 + step)).unwrap();
        let single = loss(&alone).backward().unwrap();
        other
            .step(&single, 0.25 * (0.1 / f64::from(1 + step)))
            .unwrap();
    }
    assert_eq!(bits(&ruled), bits(&alone));
    assert_ne!(bits(&ruled), bits(&plain));
}
