//! Recorded kinetic steps, computed in float64 by automatic differentiation elsewhere, replayed
//! through the candle operation and through the composition of tensor operations.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle::{Device, Tensor, Var};
use kiti_kinetics::system::{Deflection, Directions, KineticStep, Pair, Positions, Scattering};
use kiti_nn::Context;
use kiti_nn::kinetic::{Arrangement, GivenDraws, KineticResidual, KineticResidualConfig, Velocity};

use crate::support::relative_error;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/kinetic_step");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    files.sort();
    assert!(files.len() >= 9);
    files
}

fn metadata(path: &Path) -> HashMap<String, String> {
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    header.metadata().clone().unwrap()
}

fn residual(metadata: &HashMap<String, String>) -> KineticResidual {
    let scattering = match metadata["scattering"].as_str() {
        "published" => Scattering::Published {
            positions: match metadata["position"].as_str() {
                "merged" => Positions::Merged,
                _ => Positions::Free,
            },
            directions: Directions::Exact,
        },
        _ => Scattering::Elastic {
            deflection: Deflection::Isotropic,
        },
    };
    let config = KineticResidualConfig {
        step: KineticStep {
            scattering,
            collision_coefficient: metadata
                .get("collision_coefficient")
                .map_or(0.9, |alpha| alpha.parse().unwrap()),
            length_scale: None,
            dt: metadata["dt"].parse().unwrap(),
        },
        velocity: match metadata.get("velocity").map(String::as_str) {
            Some("inertial") => Velocity::Inertial,
            _ => Velocity::Memoryless,
        },
        arrangement: Arrangement::Grid { divisions: 1 },
        ..KineticResidualConfig::default()
    };
    KineticResidual::new(config, 0).unwrap()
}

fn draws(tensors: &HashMap<String, Tensor>) -> GivenDraws {
    let directions = tensors["directions"].clone();
    match tensors.get("pairs") {
        None => GivenDraws::Directions(directions),
        Some(pairs) => GivenDraws::Pairs {
            pairs: pairs
                .to_vec2::<i64>()
                .unwrap()
                .iter()
                .map(|row| Pair {
                    sample: row[0] as usize,
                    first: row[1] as usize,
                    second: row[2] as usize,
                })
                .collect(),
            directions,
        },
    }
}

#[test]
fn recorded_steps_and_their_gradients() {
    for path in cases() {
        let metadata = metadata(&path);
        let tensors = candle::safetensors::load(&path, &Device::Cpu).unwrap();
        let ctx = match metadata["training"].to_lowercase().as_str() {
            "true" | "1" => Context::train(0, 0),
            _ => Context::evaluate(),
        };
        for residual in [residual(&metadata), residual(&metadata).composed()] {
            let variable = |name: &str| Var::from_tensor(&tensors[name]).unwrap();
            let (x, a) = (variable("x"), variable("a"));
            let v = tensors.contains_key("v").then(|| variable("v"));
            assert_eq!(residual.carries_velocity(), v.is_some());
            let (x_out, v_out) = residual
                .replay(
                    &x,
                    &a,
                    v.as_ref().map(|v| v.as_tensor()),
                    &draws(&tensors),
                    &ctx,
                )
                .unwrap();
            let loss = ((&x_out * &tensors["grad_x_out"])
                .unwrap()
                .sum_all()
                .unwrap()
                + (&v_out * &tensors["grad_v_out"])
                    .unwrap()
                    .sum_all()
                    .unwrap())
            .unwrap();
            let gradients = loss.backward().unwrap();
            let mut found = vec![
                ("x_out", x_out.clone()),
                ("v_out", v_out.clone()),
                ("grad_x", gradients.get(&x).unwrap().clone()),
                ("grad_a", gradients.get(&a).unwrap().clone()),
            ];
            if let Some(v) = &v {
                found.push(("grad_v", gradients.get(v).unwrap().clone()));
            }
            for (name, tensor) in found {
                let error = relative_error(&tensor, &tensors[name]);
                assert!(error <= 1e-12, "{}: {name}: {error:e}", path.display());
            }
        }
    }
}
