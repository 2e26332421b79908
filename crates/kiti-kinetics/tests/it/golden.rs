//! Replays of `tests/golden/kinetic_step`: float64 results and gradients that an automatic
//! differentiation elsewhere gave.

use std::collections::HashMap;
use std::path::PathBuf;

use kiti_kinetics::system::*;
use safetensors::{Dtype, SafeTensors};

struct Case {
    layout: Layout,
    metadata: HashMap<String, String>,
    floats: HashMap<String, Vec<f64>>,
    pairs: Vec<Pair>,
    accepted: Vec<u8>,
}

fn read(name: &str) -> Case {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden/kinetic_step")
        .join(format!("{name}.safetensors"));
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut case = Case {
        layout: Layout {
            samples: 0,
            dims: 0,
            particles: 0,
        },
        metadata: header.metadata().clone().unwrap(),
        floats: HashMap::new(),
        pairs: Vec::new(),
        accepted: Vec::new(),
    };
    for (name, view) in tensors.iter() {
        let data = view.data();
        match view.dtype() {
            Dtype::F64 => {
                let values = data
                    .as_chunks::<8>()
                    .0
                    .iter()
                    .map(|b| f64::from_le_bytes(*b));
                case.floats.insert(name.into(), values.collect());
            }
            Dtype::I64 => {
                let values: Vec<usize> = data
                    .as_chunks::<8>()
                    .0
                    .iter()
                    .map(|b| i64::from_le_bytes(*b) as usize)
                    .collect();
                case.pairs = values
                    .chunks_exact(3)
                    .map(|p| Pair {
                        sample: p[0],
                        first: p[1],
                        second: p[2],
                    })
                    .collect();
            }
            _ => case.accepted = data.to_vec(),
        }
        if name == "x" {
            let shape = view.shape();
            case.layout = Layout {
                samples: shape[0],
                dims: shape[1],
                particles: shape[2],
            };
        }
    }
    case
}

fn step(case: &Case) -> KineticStep {
    let training = case.metadata["training"] == "true";
    let published = case.metadata["scattering"] == "published";
    let coefficient = if published {
        case.metadata["collision_coefficient"].parse().unwrap()
    } else {
        1.0
    };
    KineticStep {
        scattering: if published {
            Scattering::Published {
                positions: match case.metadata["position"].as_str() {
                    "merged" => Positions::Merged,
                    _ => Positions::Free,
                },
                directions: Directions::Exact,
            }
        } else {
            Scattering::Elastic {
                deflection: Deflection::Isotropic,
            }
        },
        collision_coefficient: if training { coefficient } else { 0.0 },
        length_scale: None,
        dt: case.metadata["dt"].parse().unwrap(),
    }
}

/// Largest difference over the largest expected value.
fn error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0f64, |m, e| m.max(e.abs()));
    let worst = found
        .iter()
        .zip(expected)
        .fold(0.0f64, |m, (f, e)| m.max((f - e).abs()));
    worst / scale.max(1e-300)
}

fn replay(name: &str) {
    let case = read(name);
    let step = step(&case);
    let layout = case.layout;
    let get = |name: &str| case.floats[name].as_slice();
    let v = case.floats.get("v").map(Vec::as_slice);
    let input = Input {
        x: get("x"),
        a: get("a"),
        v,
    };
    let draws = if case.pairs.is_empty() {
        Draws::Directions(get("directions"))
    } else {
        Draws::Pairs {
            pairs: &case.pairs,
            directions: get("directions"),
        }
    };
    let zeros = || vec![0.0; layout.len()];
    let (mut x_out, mut v_out) = (zeros(), zeros());
    let collisions = step
        .forward(layout, input, &draws, &mut x_out, Some(&mut v_out))
        .unwrap();
    // 1e-12 leaves room for sums taken in another order, nothing else.
    assert!(error(&x_out, get("x_out")) < 1e-12, "{name} x_out");
    assert!(error(&v_out, get("v_out")) < 1e-12, "{name} v_out");

    if !case.accepted.is_empty() {
        let n = layout.particles;
        for sample in 0..layout.samples {
            let mut mask = vec![0u8; n * n];
            for (i, j) in collisions.accepted(sample) {
                mask[i * n + j] = 1;
                mask[j * n + i] = 1;
            }
            assert_eq!(
                mask,
                case.accepted[sample * n * n..(sample + 1) * n * n],
                "{name} mask"
            );
        }
    }

    let (mut gx, mut ga, mut gv) = (zeros(), zeros(), zeros());
    let upstream = OutputGradient {
        x: get("grad_x_out"),
        v: Some(get("grad_v_out")),
    };
    let gradient = InputGradient {
        x: Some(&mut gx),
        a: &mut ga,
        v: v.map(|_| gv.as_mut_slice()),
    };
    step.adjoint(layout, input, &draws, &collisions, upstream, gradient)
        .unwrap();
    assert!(error(&gx, get("grad_x")) < 1e-12, "{name} grad_x");
    assert!(error(&ga, get("grad_a")) < 1e-12, "{name} grad_a");
    if v.is_some() {
        assert!(error(&gv, get("grad_v")) < 1e-12, "{name} grad_v");
    }
}

#[test]
fn every_case() {
    for name in [
        "elastic_inertial",
        "elastic_memoryless",
        "published_eval_is_residual",
        "published_free_inertial",
        "published_free_memoryless",
        "published_merged_inertial_dt",
        "published_merged_memoryless",
        "published_one_particle",
        "published_sparse",
    ] {
        replay(name);
    }
}
