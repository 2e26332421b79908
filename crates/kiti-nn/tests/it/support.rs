//! What several tests need: seeded tensors, stored results, gradients, comparisons.

use std::collections::HashMap;
use std::path::Path;

use candle::{DType, Device, Tensor, Var};
use kiti_kinetics::rng::{Stream, derive_seed};
use kiti_kinetics::system::{Deflection, Directions, KineticStep, Positions, Scattering};
use kiti_nn::kinetic::{Arrangement, KineticResidualConfig};

/// Normal numbers, named so that every tensor of a test has its own.
pub fn normal(name: &str, shape: &[usize], dtype: DType) -> Tensor {
    let mut stream = Stream::new(derive_seed(2024, name), [0; 3]);
    let values: Vec<f64> = (0..shape.iter().product())
        .map(|_| stream.normal())
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
        .unwrap()
        .to_dtype(dtype)
        .unwrap()
}

pub fn values(tensor: &Tensor) -> Vec<f64> {
    tensor
        .to_dtype(DType::F64)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap()
}

/// Bits of an `f32` tensor.
pub fn bits(tensor: &Tensor) -> Vec<u32> {
    let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
    values.into_iter().map(f32::to_bits).collect()
}

/// Largest difference over the largest value of `expected`.
pub fn relative_error(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.dims(), expected.dims());
    let expected = values(expected);
    let scale = expected.iter().fold(1e-300, |m: f64, x| m.max(x.abs()));
    let differences = values(found)
        .into_iter()
        .zip(&expected)
        .map(|(f, e)| (f - e).abs());
    // A NaN on either side must not look like agreement.
    differences.fold(0.0, |m: f64, d| if d.is_nan() { d } else { m.max(d) }) / scale
}

/// Gradients of `sum(f(inputs) * weights)` by the inputs.
pub fn gradients(
    inputs: &[&Tensor],
    weights: &Tensor,
    f: impl Fn(&[Tensor]) -> candle::Result<Tensor>,
) -> Vec<Tensor> {
    let variables: Vec<Var> = inputs
        .iter()
        .map(|input| Var::from_tensor(&input.copy().unwrap()).unwrap())
        .collect();
    let tensors: Vec<Tensor> = variables.iter().map(|v| v.as_tensor().clone()).collect();
    let loss = (f(&tensors).unwrap() * weights).unwrap().sum_all().unwrap();
    let store = loss.backward().unwrap();
    tensors
        .iter()
        .map(|tensor| store.get(tensor).expect("a gradient").clone())
        .collect()
}

/// A config of published scattering, or elastic, on a grid cut into `divisions`.
pub fn config(scattering: Scattering, divisions: usize) -> KineticResidualConfig {
    // Normal features of a dozen dimensions are about 5 apart: some pairs meet, some do not.
    let length = if matches!(scattering, Scattering::Elastic { .. }) {
        30.0
    } else {
        4.0
    };
    KineticResidualConfig {
        step: KineticStep {
            scattering,
            collision_coefficient: 0.9,
            length_scale: Some(length),
            dt: 1.0,
        },
        arrangement: Arrangement::Grid { divisions },
        ..KineticResidualConfig::default()
    }
}

/// Every scattering rule with every option.
pub fn all_scatterings() -> Vec<Scattering> {
    let published = [Positions::Free, Positions::Merged]
        .into_iter()
        .flat_map(|positions| {
            [Directions::Exact, Directions::Pool { size: 16 }].map(|directions| {
                Scattering::Published {
                    positions,
                    directions,
                }
            })
        });
    let elastic = [
        Deflection::Isotropic,
        Deflection::Reflection,
        Deflection::Grazing { angle: 0.3 },
        Deflection::Grazing { angle: 2.0 },
    ];
    published
        .chain(elastic.map(|deflection| Scattering::Elastic { deflection }))
        .collect()
}

/// Stored tensors of one case, named `CASE.NAME` in a file of `tests/golden`.
pub struct Golden {
    tensors: HashMap<String, Tensor>,
    pub case: &'static str,
}

impl Golden {
    pub fn new(file: &str, case: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let tensors = candle::safetensors::load(folder.join(file), &Device::Cpu).unwrap();
        Self { tensors, case }
    }

    pub fn get(&self, name: &str) -> Tensor {
        self.tensors[&format!("{}.{name}", self.case)].clone()
    }
}
