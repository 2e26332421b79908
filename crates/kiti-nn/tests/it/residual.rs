//! The switch: every variant behaves in training and in evaluation as it says.

use std::collections::BTreeSet;

use candle::{DType, Device, Tensor};
use kiti_nn::residual::ArrangementKind;
use kiti_nn::{Context, Dropout, Residual, ResidualConfig, Variant, VariantSettings};

use crate::support::{bits, gradients, normal, values};

const SHAPE: [usize; 4] = [40, 2, 8, 8];

fn settings() -> VariantSettings {
    VariantSettings {
        divisions: 8,
        length_scale: Some(20.0),
        ..VariantSettings::default()
    }
}

fn residual(variant: Variant, layer: u32) -> Residual {
    Residual::new(&variant.config(&settings()), layer).unwrap()
}

#[test]
fn every_variant_is_the_addition_in_evaluation() {
    let [x, a] = ["x", "a"].map(|name| normal(name, &SHAPE, DType::F32));
    let plain = bits(&(&x + &a).unwrap());
    for &variant in Variant::ALL {
        let residual = residual(variant, 0);
        let evaluate = Context::evaluate();
        assert_eq!(
            bits(&residual.forward(&x, &a, &evaluate).unwrap()),
            plain,
            "{variant}"
        );
        let (found, velocity) = residual
            .forward_with_velocity(&x, &a, None, &evaluate)
            .unwrap();
        assert_eq!(
            (bits(&found), bits(&velocity)),
            (plain.clone(), bits(&a)),
            "{variant}"
        );
    }
}

#[test]
fn every_variant_draws_anew_for_each_layer_pass_step_and_seed_and_repeats_itself() {
    let [x, a] = ["x", "a"].map(|name| normal(name, &SHAPE, DType::F32));
    let mut distinct = BTreeSet::new();
    for &variant in Variant::ALL {
        let run =
            |layer, ctx: Context| bits(&residual(variant, layer).forward(&x, &a, &ctx).unwrap());
        let runs = [
            run(0, Context::train(1, 1)),
            run(1, Context::train(1, 1)),
            run(0, Context::train(2, 1)),
            run(0, Context::train(1, 3)),
            run(0, Context::train(1, 1).with_pass(1)),
        ];
        assert_eq!(runs[0], run(0, Context::train(1, 1)), "{variant}");
        let different = BTreeSet::from(runs.clone()).len();
        assert_eq!(
            different,
            if variant == Variant::Additive { 1 } else { 5 },
            "{variant}"
        );
        if !variant.is_annealed() {
            distinct.insert(runs[0].clone());
        }
    }
    // No two variants compute the same (annealed ones start like theirs).
    assert_eq!(
        distinct.len(),
        Variant::ALL.iter().filter(|v| !v.is_annealed()).count()
    );
}

#[test]
fn a_gradient_reaches_both_branches_of_every_variant() {
    let [x, a, upstream] = ["x", "a", "upstream"].map(|name| normal(name, &SHAPE, DType::F64));
    let ctx = Context::train(1, 1);
    for &variant in Variant::ALL {
        let residual = residual(variant, 0);
        let found = gradients(&[&x, &a], &upstream, |xs| {
            residual.forward(&xs[0], &xs[1], &ctx)
        });
        for gradient in &found {
            let gradient = values(gradient);
            assert!(gradient.iter().all(|g| g.is_finite()), "{variant}");
            let reached = gradient.iter().filter(|g| **g != 0.0).count();
            // Dropout cuts a fifth of the branch, stochastic depth whole samples.
            assert!(reached * 2 > gradient.len(), "{variant}: {reached}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit_of_any_variant() {
    let shape = [4, 4, 64, 64];
    let [x, a] = ["x", "a"].map(|name| normal(name, &shape, DType::F32));
    for variant in [
        Variant::Dropout,
        Variant::StochasticDepth,
        Variant::Langevin,
    ] {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                bits(
                    &residual(variant, 0)
                        .forward(&x, &a, &Context::train(1, 1))
                        .unwrap(),
                )
            })
        };
        assert_eq!(run(1), run(2));
    }
}

/// Of 32768 values a share of 0.2 falls; four standard errors are 0.009.
#[test]
fn dropout_drops_its_share_and_scales_the_rest() {
    let x = Tensor::zeros((8, 4096), DType::F64, &Device::Cpu).unwrap();
    let a = x.ones_like().unwrap();
    let residual = residual(Variant::Dropout, 0);
    let ctx = Context::train(3, 0);
    let out = values(&residual.forward(&x, &a, &ctx).unwrap());
    let kept: Vec<f64> = out.iter().copied().filter(|&value| value != 0.0).collect();
    assert!((kept.len() as f64 / out.len() as f64 - 0.8).abs() < 0.009);
    assert!(kept.iter().all(|value| (value - 1.25).abs() < 1e-4));
    // Neighbouring values are independent: the share of equal neighbours is 0.8^2 + 0.2^2.
    let equal = out.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64;
    assert!((equal / (out.len() - 1) as f64 - 0.68).abs() < 0.012);
    // The gradient is the same mask.
    let gradient = &gradients(&[&a], &a, |xs| residual.forward(&x, &xs[0], &ctx))[0];
    assert_eq!(values(gradient), out);
    // A layer's dropout is not that of its residual.
    let layer = Dropout::new(0.2, 0).unwrap().forward(&a, &ctx).unwrap();
    assert_ne!(values(&layer), out);
}

/// Types without an operation of their own go through tensor operations, with the same draws.
#[test]
fn other_types_drop_the_same_values() {
    let ones = Tensor::ones((50, 40), DType::F32, &Device::Cpu).unwrap();
    let zeros = ones.zeros_like().unwrap();
    let ctx = Context::train(3, 0);
    for variant in [Variant::Dropout, Variant::StochasticDepth] {
        let residual = residual(variant, 0);
        let run = |dtype| {
            let [x, a] = [&zeros, &ones].map(|tensor| tensor.to_dtype(dtype).unwrap());
            residual.forward(&x, &a, &ctx).unwrap()
        };
        let expected = run(DType::F32).to_dtype(DType::BF16).unwrap();
        assert_eq!(values(&run(DType::BF16)), values(&expected), "{variant}");
    }
}

#[test]
fn dropout_reads_strided_inputs_in_their_own_order() {
    let a = normal("a", &[3, 5, 7], DType::F32);
    let ctx = Context::train(3, 0);
    let dropout = Dropout::new(0.5, 0).unwrap();
    let strided = a
        .transpose(0, 2)
        .unwrap()
        .contiguous()
        .unwrap()
        .transpose(0, 2)
        .unwrap();
    assert_eq!(
        bits(&dropout.forward(&strided, &ctx).unwrap()),
        bits(&dropout.forward(&a, &ctx).unwrap())
    );
}

/// Of 2000 samples a share of 0.1 is dropped; four standard errors are 0.027.
#[test]
fn stochastic_depth_drops_whole_samples() {
    let x = Tensor::zeros((2000, 3), DType::F64, &Device::Cpu).unwrap();
    let a = x.ones_like().unwrap();
    let out = residual(Variant::StochasticDepth, 0)
        .forward(&x, &a, &Context::train(3, 0))
        .unwrap();
    let out = values(&out);
    assert!(
        out.chunks(3)
            .all(|sample| sample.iter().all(|value| *value == sample[0]))
    );
    let dropped = out.chunks(3).filter(|sample| sample[0] == 0.0).count() as f64 / 2000.0;
    assert!((dropped - 0.1).abs() < 0.027);
    assert!(
        out.iter()
            .all(|value| *value == 0.0 || (value - 1.0 / 0.9).abs() < 1e-12)
    );
}

/// Mean 0 and standard deviation 0.05 of 65536 numbers, within four standard errors.
#[test]
fn langevin_adds_normal_noise_of_its_scale() {
    let x = Tensor::zeros((16, 4096), DType::F32, &Device::Cpu).unwrap();
    let out = residual(Variant::Langevin, 0)
        .forward(&x, &x, &Context::train(3, 0))
        .unwrap();
    let noise = values(&out);
    let count = noise.len() as f64;
    let mean = noise.iter().sum::<f64>() / count;
    let square = noise.iter().map(|value| value * value).sum::<f64>() / count;
    assert!(mean.abs() < 4.0 * 0.05 / count.sqrt());
    assert!((square / 0.0025 - 1.0).abs() < 4.0 * (2.0 / count).sqrt());
}

#[test]
fn names_are_those_of_the_experiments_and_typos_are_answered() {
    let names: Vec<&str> = Variant::ALL.iter().map(|variant| variant.name()).collect();
    assert_eq!(
        names,
        [
            "additive",
            "published-free",
            "published-merged",
            "elastic",
            "reflection",
            "grazing",
            "published-free-annealed",
            "published-merged-annealed",
            "elastic-annealed",
            "reflection-annealed",
            "grazing-annealed",
            "dropout",
            "stochastic-depth",
            "langevin",
        ]
    );
    for &variant in Variant::ALL {
        assert_eq!(variant.name().parse::<Variant>().unwrap(), variant);
        let text = serde_json::to_string(&variant).unwrap();
        assert_eq!(serde_json::from_str::<Variant>(&text).unwrap(), variant);
        let config = variant.config(&settings());
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<ResidualConfig>(&text).unwrap(),
            config,
            "{text}"
        );
    }
    let message = "publishd-fre".parse::<Variant>().unwrap_err().to_string();
    assert!(
        message.contains("did you mean \"published-free\""),
        "{message}"
    );
}

#[test]
fn unknown_keys_and_bad_values_are_refused() {
    let read = |text: &str| serde_json::from_str::<ResidualConfig>(text);
    for text in [
        r#"{"kind": "additive", "probability": 1}"#,
        r#"{"kind": "dropout", "probability": 0.1, "extra": 1}"#,
        r#"{"kind": "kinetic", "extra": 1}"#,
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<VariantSettings>(r#"{"division": 4}"#).is_err());
    let refused = |config| Residual::new(&config, 0).unwrap_err().to_string();
    assert!(refused(ResidualConfig::Dropout { probability: 1.0 }).contains("dropout"));
    assert!(refused(ResidualConfig::StochasticDepth { probability: -0.1 }).contains("-0.1"));
    assert!(refused(ResidualConfig::Langevin { scale: f64::NAN }).contains("NaN"));
}

#[test]
fn branches_of_different_shapes_are_named() {
    let x = normal("x", &[2, 3, 4], DType::F32);
    let a = normal("a", &[2, 3, 5], DType::F32);
    for &variant in Variant::ALL {
        for ctx in [Context::train(0, 0), Context::evaluate()] {
            let message = residual(variant, 7)
                .forward(&x, &a, &ctx)
                .unwrap_err()
                .to_string();
            assert!(
                message.contains("layer 7") && message.contains("branch"),
                "{message}"
            );
            assert!(
                message.contains("[2, 3, 4]") && message.contains("[2, 3, 5]"),
                "{message}"
            );
        }
    }
}

#[test]
fn only_published_scattering_replays_directions() {
    let x = normal("x", &[2, 1, 16], DType::F64);
    let directions = normal("directions", &[2, 8, 1], DType::F64);
    let ctx = Context::train(0, 0);
    for &variant in Variant::ALL {
        let replayed = residual(variant, 0).forward_with_directions(&x, &x, &directions, &ctx);
        let published = variant.name().starts_with("published");
        assert_eq!(replayed.is_ok(), published, "{variant}");
    }
    let wrong = residual(Variant::PublishedFree, 2)
        .forward_with_directions(&x, &x, &x, &ctx)
        .unwrap_err()
        .to_string();
    assert!(
        wrong.contains("[2, 1, 16]") && wrong.contains("[2, 8, 1]"),
        "{wrong}"
    );
}

#[test]
fn settings_choose_between_grid_and_tokens() {
    let mut settings = settings();
    settings.arrangement = ArrangementKind::Tokens;
    settings.token_dims = 5;
    let residual = Residual::new(&Variant::Elastic.config(&settings), 0).unwrap();
    let x = normal("x", &[2, 3, 12], DType::F32);
    let message = residual
        .forward(&x, &x, &Context::train(0, 0))
        .unwrap_err()
        .to_string();
    assert!(message.contains("12") && message.contains('5'), "{message}");
}

#[test]
fn training_costs_more_than_inference_where_particles_collide() {
    for &variant in Variant::ALL {
        let flops = variant
            .config(&VariantSettings::default())
            .flops(20, 20, &[32, 32]);
        assert_eq!(flops.forward, 20 * 20 * 1024, "{variant}");
        let extra = flops.training_step - flops.forward;
        assert_eq!(extra == 0, variant == Variant::Additive, "{variant}");
    }
}
