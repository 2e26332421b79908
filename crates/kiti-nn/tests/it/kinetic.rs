//! The kinetic residual: fused against composed, gradients, shapes, keys.

use std::sync::Arc;

use candle::{DType, Device, Tensor};
use kiti_kinetics::system::{Deflection, Directions, Pair, Positions, Scattering};
use kiti_nn::kinetic::{
    Arrangement, Evaluation, GivenDraws, KineticResidual, KineticResidualConfig, Velocity,
};
use kiti_nn::{Context, LayerDiagnostics};

use crate::support::{all_scatterings, bits, config, gradients, normal, relative_error, values};

const SHAPE: [usize; 4] = [3, 2, 6, 9];

fn packed(residual: &KineticResidual, inputs: &[Tensor], ctx: &Context) -> candle::Result<Tensor> {
    let (x, v) = residual.forward_with_velocity(&inputs[0], &inputs[1], inputs.get(2), ctx)?;
    Tensor::stack(&[x, v], 0)
}

/// Both compute the same formula in `f64`; sums run in another order.
#[test]
fn composition_equals_the_fused_step_in_value_and_gradient() {
    let ctx = Context::train(5, 7).with_pass(2);
    for scattering in all_scatterings() {
        for velocity in [Velocity::Memoryless, Velocity::Inertial] {
            for dt in [1.0, 0.3] {
                let mut config = config(scattering.clone(), 6);
                config.velocity = velocity;
                config.step.dt = dt;
                let fused = KineticResidual::new(config.clone(), 4).unwrap();
                let composed = fused.clone().composed();
                let tensors: Vec<Tensor> = ["x", "a", "v"]
                    .map(|name| normal(name, &SHAPE, DType::F64))
                    .to_vec();
                let count = if velocity == Velocity::Inertial { 3 } else { 2 };
                let inputs: Vec<&Tensor> = tensors[..count].iter().collect();
                let mut upstream = vec![2];
                upstream.extend(SHAPE);
                let upstream = normal("upstream", &upstream, DType::F64);

                let found = packed(&composed, &tensors[..count], &ctx).unwrap();
                let expected = packed(&fused, &tensors[..count], &ctx).unwrap();
                let error = relative_error(&found, &expected);
                assert!(error < 1e-13, "{config:?}: {error:e}");
                let found = gradients(&inputs, &upstream, |xs| packed(&composed, xs, &ctx));
                let expected = gradients(&inputs, &upstream, |xs| packed(&fused, xs, &ctx));
                for (found, expected) in found.iter().zip(&expected) {
                    let error = relative_error(found, expected);
                    assert!(error < 1e-12, "{config:?}: gradient {error:e}");
                }
                // Collisions did happen, or the comparison says nothing.
                let plain = packed(&fused, &tensors[..count], &Context::evaluate()).unwrap();
                let collided = packed(&fused, &tensors[..count], &ctx).unwrap();
                assert!(relative_error(&collided, &plain) > 1e-2, "{config:?}");
            }
        }
    }
}

/// In `f32` a pair may fall on the other side of the threshold; none does with this seed.
#[test]
fn composition_equals_the_fused_step_in_single_precision() {
    let ctx = Context::train(1, 2);
    for scattering in all_scatterings() {
        let fused = KineticResidual::new(config(scattering, 6), 0).unwrap();
        let [x, a] = ["x", "a"].map(|name| normal(name, &SHAPE, DType::F32));
        let expected = fused.forward(&x, &a, &ctx).unwrap();
        let found = fused.clone().composed().forward(&x, &a, &ctx).unwrap();
        assert!(relative_error(&found, &expected) < 1e-5);
    }
}

#[test]
fn mean_field_composition_equals_the_fused_one() {
    let ctx = Context::evaluate();
    for deflection in [
        Deflection::Isotropic,
        Deflection::Reflection,
        Deflection::Grazing { angle: 0.7 },
    ] {
        for divisions in [6, 9] {
            let mut config = config(Scattering::Elastic { deflection }, divisions);
            config.evaluation = Evaluation::MeanField;
            let fused = KineticResidual::new(config, 4).unwrap();
            let composed = fused.clone().composed();
            let tensors = ["x", "a"].map(|name| normal(name, &SHAPE, DType::F64));
            let inputs: Vec<&Tensor> = tensors.iter().collect();
            let upstream = normal("upstream", &SHAPE, DType::F64);
            let forward =
                |residual: &KineticResidual, xs: &[Tensor]| residual.forward(&xs[0], &xs[1], &ctx);
            let expected = forward(&fused, &tensors).unwrap();
            assert!(relative_error(&forward(&composed, &tensors).unwrap(), &expected) < 1e-13);
            let plain = (&tensors[0] + &tensors[1]).unwrap();
            assert!(relative_error(&expected, &plain) > 1e-4);
            let found = gradients(&inputs, &upstream, |xs| forward(&composed, xs));
            let expected = gradients(&inputs, &upstream, |xs| forward(&fused, xs));
            for (found, expected) in found.iter().zip(&expected) {
                assert!(relative_error(found, expected) < 1e-12);
            }
        }
    }
}

/// Central differences of the candle operation itself: step 1e-6 leaves errors near 1e-9 of rounding and
/// 1e-12 of truncation, and moves no pair across the threshold with this seed.
#[test]
fn gradients_are_those_of_central_differences() {
    let shape = [2, 2, 8];
    let ctx = Context::train(3, 1);
    let step = 1e-6;
    for scattering in all_scatterings() {
        let mut config = config(scattering, 2);
        config.velocity = Velocity::Inertial;
        config.step.dt = 0.7;
        let residual = KineticResidual::new(config.clone(), 1).unwrap();
        let tensors = ["fd x", "fd a", "fd v"].map(|name| normal(name, &shape, DType::F64));
        let inputs: Vec<&Tensor> = tensors.iter().collect();
        let weights = normal("fd weights", &[2, 2, 2, 8], DType::F64);
        let analytic = gradients(&inputs, &weights, |xs| packed(&residual, xs, &ctx));
        let loss = |tensors: &[Tensor]| {
            let out = packed(&residual, tensors, &ctx).unwrap();
            values(&(out * &weights).unwrap()).iter().sum::<f64>()
        };
        for (which, gradient) in analytic.iter().enumerate() {
            for (at, gradient) in values(gradient).into_iter().enumerate() {
                let moved = |by: f64| {
                    let mut tensors = tensors.to_vec();
                    let mut entries = values(&tensors[which]);
                    entries[at] += by;
                    tensors[which] = Tensor::from_vec(entries, &shape, &Device::Cpu).unwrap();
                    loss(&tensors)
                };
                let numeric = (moved(step) - moved(-step)) / (2.0 * step);
                assert!(
                    (numeric - gradient).abs() < 1e-6 * (1.0 + gradient.abs()),
                    "{config:?}, input {which}, entry {at}: {numeric} against {gradient}"
                );
            }
        }
    }
}

#[test]
fn evaluation_is_the_residual_addition_to_the_bit() {
    for scattering in all_scatterings() {
        let residual = KineticResidual::new(config(scattering, 6), 0).unwrap();
        let [x, a] = ["x", "a"].map(|name| normal(name, &SHAPE, DType::F32));
        let found = residual.forward(&x, &a, &Context::evaluate()).unwrap();
        assert_eq!(bits(&found), bits(&(&x + &a).unwrap()));
        let (found, v) = residual
            .forward_with_velocity(&x, &a, None, &Context::evaluate())
            .unwrap();
        assert_eq!(bits(&found), bits(&(&x + &a).unwrap()));
        assert_eq!(bits(&v), bits(&a));
    }
}

/// Evaluation needs no particles, so a grid that the divisions do not divide is no obstacle there.
#[test]
fn evaluation_runs_on_any_grid() {
    let scattering = Scattering::Elastic {
        deflection: Deflection::Isotropic,
    };
    let residual = KineticResidual::new(config(scattering, 8), 0).unwrap();
    let x = normal("x", &[1, 2, 7], DType::F32);
    assert!(residual.forward(&x, &x, &Context::evaluate()).is_ok());
    let message = residual
        .forward(&x, &x, &Context::train(0, 0))
        .unwrap_err()
        .to_string();
    assert!(message.contains('7') && message.contains('8'), "{message}");
    assert!(message.contains("layer 0"), "{message}");
}

#[test]
fn an_annealed_coefficient_ends_in_the_plain_network() {
    let scattering = Scattering::Elastic {
        deflection: Deflection::Isotropic,
    };
    let mut config = config(scattering, 6);
    config.schedule = kiti_kinetics::system::CoefficientSchedule::Linear { end: 0.8 };
    let residual = KineticResidual::new(config, 0).unwrap();
    let [x, a] = ["x", "a"].map(|name| normal(name, &SHAPE, DType::F32));
    let at = |progress| {
        residual
            .forward(&x, &a, &Context::train(1, 1).with_progress(progress))
            .unwrap()
    };
    let plain = bits(&(&x + &a).unwrap());
    assert_ne!(bits(&at(0.0)), plain);
    assert_ne!(bits(&at(0.79)), bits(&at(0.0)));
    assert_eq!(bits(&at(0.8)), plain);
    assert_eq!(bits(&at(1.0)), plain);
}

#[test]
fn tokens_do_not_reach_each_other() {
    let (batch, tokens, width) = (2, 5, 24);
    for scattering in all_scatterings() {
        let mut config = config(scattering, 1);
        config.arrangement = Arrangement::Tokens { dims: 4 };
        for residual in [
            KineticResidual::new(config.clone(), 0).unwrap(),
            KineticResidual::new(config, 0).unwrap().composed(),
        ] {
            let shape = [batch, tokens, width];
            let [x, a] = ["x", "a"].map(|name| normal(name, &shape, DType::F64));
            // Only token 3 of sample 1 is looked at: no other may receive a gradient.
            let mut weights = vec![0.0; batch * tokens * width];
            weights[(tokens + 3) * width..(tokens + 4) * width].fill(1.0);
            let weights = Tensor::from_vec(weights, &shape, &Device::Cpu).unwrap();
            let ctx = Context::train(1, 1);
            for gradient in gradients(&[&x, &a], &weights, |xs| {
                residual.forward(&xs[0], &xs[1], &ctx)
            }) {
                for (at, g) in values(&gradient).into_iter().enumerate() {
                    assert!(at / width == tokens + 3 || g == 0.0);
                }
            }
            // Nor does another token's content change it.
            let moved = x
                .narrow(1, 0, 3)
                .and_then(|head| Tensor::cat(&[&(head * 3.0)?, &x.narrow(1, 3, 2)?], 1))
                .unwrap();
            let token = |x: &Tensor| {
                let out = residual.forward(x, &a, &ctx).unwrap();
                values(&out.narrow(1, 3, 1).unwrap())
            };
            assert_eq!(token(&x), token(&moved));
        }
    }
}

#[test]
fn layers_passes_steps_and_seeds_draw_different_numbers() {
    for scattering in all_scatterings() {
        let [x, a] = ["x", "a"].map(|name| normal(name, &SHAPE, DType::F32));
        let run = |layer, ctx: Context| {
            let residual = KineticResidual::new(config(scattering.clone(), 6), layer).unwrap();
            bits(&residual.forward(&x, &a, &ctx).unwrap())
        };
        let runs = [
            run(0, Context::train(1, 1)),
            run(1, Context::train(1, 1)),
            run(0, Context::train(2, 1)),
            run(0, Context::train(1, 2)),
            run(0, Context::train(1, 1).with_pass(1)),
        ];
        for (index, run) in runs.iter().enumerate() {
            assert!(!runs[..index].contains(run), "{scattering:?}: run {index}");
        }
        assert_eq!(runs[0], run(0, Context::train(1, 1)));
    }
}

#[test]
fn strided_inputs_are_read_in_their_own_order() {
    let residual = KineticResidual::new(
        config(
            Scattering::Published {
                positions: Positions::Merged,
                directions: Directions::Pool { size: 8 },
            },
            6,
        ),
        0,
    )
    .unwrap();
    let ctx = Context::train(1, 1);
    let [x, a] = ["x", "a"].map(|name| normal(name, &SHAPE, DType::F64));
    let strided = |tensor: &Tensor| {
        let stored = tensor.transpose(1, 3).unwrap().contiguous().unwrap();
        stored.transpose(1, 3).unwrap()
    };
    // An offset into a larger storage, too.
    let offset = Tensor::cat(&[&a, &a], 0).unwrap().narrow(0, 3, 3).unwrap();
    let upstream = normal("upstream", &SHAPE, DType::F64);
    let forward = |xs: &[Tensor]| residual.forward(&xs[0], &xs[1], &ctx);
    let strided_forward =
        |xs: &[Tensor]| residual.forward(&strided(&xs[0]), &strided(&xs[1]), &ctx);
    let expected = forward(&[x.clone(), a.clone()]).unwrap();
    for (x, a) in [(strided(&x), strided(&a)), (x.clone(), offset)] {
        assert_eq!(values(&forward(&[x, a]).unwrap()), values(&expected));
    }
    let found = gradients(&[&x, &a], &upstream, strided_forward);
    for (found, expected) in found.iter().zip(&gradients(&[&x, &a], &upstream, forward)) {
        assert_eq!(values(found), values(expected));
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let shape = [8, 4, 16, 16];
    let [x, a] = ["x", "a"].map(|name| normal(name, &shape, DType::F32));
    let upstream = normal("upstream", &shape, DType::F32);
    let ctx = Context::train(3, 4);
    for scattering in all_scatterings() {
        let residual = KineticResidual::new(config(scattering, 8), 0).unwrap();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let forward = |xs: &[Tensor]| residual.forward(&xs[0], &xs[1], &ctx);
                let mut all = bits(&residual.forward(&x, &a, &ctx).unwrap());
                for gradient in gradients(&[&x, &a], &upstream, forward) {
                    all.extend(bits(&gradient));
                }
                all
            })
        };
        assert_eq!(run(1), run(2));
    }
}

#[test]
fn degenerate_states_stay_finite() {
    let ctx = Context::train(1, 1);
    for scattering in all_scatterings() {
        let residual = KineticResidual::new(config(scattering.clone(), 2), 0).unwrap();
        for residual in [residual.clone(), residual.composed()] {
            let zeros = Tensor::zeros((2, 2, 8), DType::F64, &Device::Cpu).unwrap();
            let one = normal("x", &[2, 2, 8], DType::F64);
            let lonely = normal("x", &[2, 2, 2], DType::F64);
            let mut equal_speeds = values(&one);
            // Two particles with one velocity among others: a distance of 0 beside others that are not.
            for row in equal_speeds.chunks_mut(4) {
                row[1] = row[0];
            }
            let twins = Tensor::from_vec(equal_speeds, (2, 2, 8), &Device::Cpu).unwrap();
            for (x, a) in [
                (&one, &zeros),
                (&zeros, &one),
                (&zeros, &zeros),
                (&lonely, &lonely),
                (&twins, &twins),
            ] {
                let weights = x.ones_like().unwrap();
                let forward = |xs: &[Tensor]| residual.forward(&xs[0], &xs[1], &ctx);
                let out = forward(&[x.clone(), a.clone()]).unwrap();
                let mut all = values(&out);
                gradients(&[x, a], &weights, forward)
                    .iter()
                    .for_each(|g| all.extend(values(g)));
                assert!(all.iter().all(|value| value.is_finite()), "{scattering:?}");
            }
        }
    }
}

#[test]
fn other_types_are_computed_in_single_precision() {
    let scattering = Scattering::Elastic {
        deflection: Deflection::Reflection,
    };
    let residual = KineticResidual::new(config(scattering, 6), 0).unwrap();
    let ctx = Context::train(1, 1);
    let [x, a] = ["x", "a"].map(|name| normal(name, &SHAPE, DType::BF16));
    let wide = |tensor: &Tensor| tensor.to_dtype(DType::F32).unwrap();
    let found = residual.forward(&x, &a, &ctx).unwrap();
    assert_eq!(found.dtype(), DType::BF16);
    let expected = residual.forward(&wide(&x), &wide(&a), &ctx).unwrap();
    assert_eq!(
        values(&found),
        values(&expected.to_dtype(DType::BF16).unwrap())
    );
}

/// Fused and composed count the same collisions; the energies are sums in another order.
#[test]
fn diagnostics_say_what_the_collisions_did() {
    for scattering in all_scatterings() {
        let elastic = matches!(scattering, Scattering::Elastic { .. });
        let layers = Arc::new(LayerDiagnostics::default());
        let residual = KineticResidual::new(config(scattering, 6), 5).unwrap();
        let ctx = Context::train(1, 1).with_diagnostics(layers.clone());
        let [x, a] = ["x", "a"].map(|name| normal(name, &SHAPE, DType::F64));
        residual.forward(&x, &a, &ctx).unwrap();
        let fused = layers.take()[&5];
        residual.composed().forward(&x, &a, &ctx).unwrap();
        let composed = layers.take()[&5];
        let n = 9;
        assert_eq!(
            fused.candidates,
            3 * if elastic { n / 2 } else { n * (n - 1) / 2 }
        );
        assert!(fused.accepted > 0);
        assert_eq!(
            (fused.candidates, fused.accepted),
            (composed.candidates, composed.accepted)
        );
        assert!((fused.energy_ratio() / composed.energy_ratio() - 1.0).abs() < 1e-12);
        assert!(!elastic || (fused.energy_ratio() - 1.0).abs() < 1e-12);
        assert!(fused.momentum_error < 1e-13 && composed.momentum_error < 1e-13);
    }
}

#[test]
fn given_pairs_must_exist_and_be_disjoint() {
    let scattering = Scattering::Elastic {
        deflection: Deflection::Isotropic,
    };
    let x = normal("x", &[2, 3, 4], DType::F64);
    let directions = normal("directions", &[2, 3], DType::F64);
    let pair = |sample, first, second| Pair {
        sample,
        first,
        second,
    };
    let fused = KineticResidual::new(config(scattering, 1), 0).unwrap();
    for residual in [fused.clone(), fused.composed()] {
        let replay = |second: Pair| {
            let draws = GivenDraws::Pairs {
                pairs: vec![pair(0, 0, 1), second],
                directions: directions.clone(),
            };
            residual.replay(&x, &x, None, &draws, &Context::train(0, 0))
        };
        assert!(replay(pair(0, 2, 3)).is_ok());
        for wrong in [
            pair(0, 1, 2),
            pair(1, 2, 2),
            pair(0, 2, 4),
            pair(2, 0, 1),
            pair(usize::MAX, 0, 1),
        ] {
            let message = replay(wrong).unwrap_err().to_string();
            assert!(message.contains("layer 0"), "{message}");
        }
        let vectors = GivenDraws::Directions(normal("e", &[2, 3, 6], DType::F64));
        assert!(
            residual
                .replay(&x, &x, None, &vectors, &Context::train(0, 0))
                .is_err()
        );
    }
}

#[test]
fn settings_survive_their_table_and_unknown_keys_do_not() {
    for scattering in all_scatterings() {
        let config = config(scattering, 6);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<KineticResidualConfig>(&text).unwrap(),
            config
        );
    }
    let read = |text: &str| serde_json::from_str::<KineticResidualConfig>(text);
    assert_eq!(read("{}").unwrap(), KineticResidualConfig::default());
    let unknown = read(r#"{"alhpa": 1}"#).unwrap_err().to_string();
    assert!(unknown.contains("alhpa"), "{unknown}");
    let misplaced = read(r#"{"scattering": "elastic", "directions": "exact"}"#).unwrap_err();
    assert!(misplaced.to_string().contains("directions"), "{misplaced}");
    let misplaced = read(r#"{"scattering": "published", "deflection": "isotropic"}"#).unwrap_err();
    assert!(misplaced.to_string().contains("deflection"), "{misplaced}");
}

#[test]
fn settings_out_of_range_are_refused() {
    let refuse = |change: fn(&mut KineticResidualConfig), says: &str| {
        let mut config = KineticResidualConfig::default();
        change(&mut config);
        let message = KineticResidual::new(config, 3).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    };
    refuse(|config| config.step.collision_coefficient = 1.5, "1.5");
    refuse(|config| config.step.dt = 0.0, "dt");
    refuse(
        |config| {
            config.schedule = kiti_kinetics::system::CoefficientSchedule::Linear { end: 0.0 };
        },
        "schedule end",
    );
    refuse(
        |config| {
            config.step.scattering = Scattering::Published {
                positions: Positions::Free,
                directions: Directions::Exact,
            };
            config.evaluation = Evaluation::MeanField;
        },
        "mean-field",
    );
}
