//! One kinetic step and its adjoint with given collisions.

use candle::{DType, Device, Tensor, Var};
use kiti_kinetics::system::{Deflection, Directions, KineticStep, Pair, Positions, Scattering};
use kiti_nn::context::Context;
use kiti_nn::kinetic::{Arrangement, GivenDraws, KineticResidual, KineticResidualConfig, Velocity};

use super::{CaseFile, Errors, largest_error};
use crate::Result;

pub(super) fn replay(file: &CaseFile, device: &Device) -> Result<Errors> {
    let config = config(file)?;
    let inertial = config.velocity == Velocity::Inertial;
    let context = match file.parse::<bool>("training")? {
        true => Context::train(0, 0),
        false => Context::evaluate(),
    };
    let variable = |name: &str| -> Result<Var> {
        Ok(Var::from_tensor(&double(file, name)?.to_device(device)?)?)
    };
    let (x, a) = (variable("x")?, variable("a")?);
    let v = if inertial { Some(variable("v")?) } else { None };
    let residual = KineticResidual::new(config, 0)?;
    let velocity = v.as_ref().map(|v| v.as_tensor());
    let draws = draws(file)?;
    let (x_out, v_out) = residual.replay(&x, &a, velocity, &draws, &context)?;
    let loss = (inner(file, &x_out, "grad_x_out")? + inner(file, &v_out, "grad_v_out")?)?;
    let gradients = loss.backward()?;

    let mut errors = Errors::default();
    errors.output(largest_error(file, &x_out, "x_out")?);
    errors.output(largest_error(file, &v_out, "v_out")?);
    let inputs = [
        (Some(&x), "grad_x"),
        (Some(&a), "grad_a"),
        (v.as_ref(), "grad_v"),
    ];
    for (input, name) in inputs {
        let Some(input) = input else { continue };
        errors.gradient(match gradients.get(input) {
            Some(gradient) => largest_error(file, gradient, name)?,
            None => f64::NAN,
        });
    }
    Ok(errors)
}

/// `(B, D, n)` is a grid of D channels and n sites, each site a particle.
fn config(file: &CaseFile) -> Result<KineticResidualConfig> {
    let scattering = match file.metadata("scattering")? {
        "published" => Scattering::Published {
            positions: match file.metadata("position")? {
                "free" => Positions::Free,
                "merged" => Positions::Merged,
                other => return Err(file.invalid("position", other, "free or merged")),
            },
            directions: Directions::Exact,
        },
        "elastic" => Scattering::Elastic {
            deflection: Deflection::Isotropic,
        },
        other => return Err(file.invalid("scattering", other, "published or elastic")),
    };
    let collision_coefficient = match scattering {
        Scattering::Published { .. } => file.parse("collision_coefficient")?,
        Scattering::Elastic { .. } => 1.0,
    };
    let velocity = match file.metadata("velocity") {
        Ok("inertial") => Velocity::Inertial,
        Ok("memoryless") | Err(_) => Velocity::Memoryless,
        Ok(other) => return Err(file.invalid("velocity", other, "inertial or memoryless")),
    };
    let step = KineticStep {
        scattering,
        collision_coefficient,
        length_scale: None,
        dt: file.parse("dt")?,
    };
    Ok(KineticResidualConfig {
        step,
        velocity,
        arrangement: Arrangement::Grid { divisions: 1 },
        ..KineticResidualConfig::default()
    })
}

fn draws(file: &CaseFile) -> Result<GivenDraws> {
    let directions = double(file, "directions")?;
    if file.metadata("scattering")? == "published" {
        return Ok(GivenDraws::Directions(directions));
    }
    let rows: Vec<Vec<i64>> = file.tensor("pairs")?.to_dtype(DType::I64)?.to_vec2()?;
    let pairs = rows
        .iter()
        .map(|row| {
            let index = |value: i64| {
                usize::try_from(value)
                    .map_err(|_| file.invalid("pairs", &value.to_string(), "an index"))
            };
            match row[..] {
                [sample, first, second] => Ok(Pair {
                    sample: index(sample)?,
                    first: index(first)?,
                    second: index(second)?,
                }),
                _ => Err(file.invalid("pairs", &format!("{row:?}"), "three columns")),
            }
        })
        .collect::<Result<_>>()?;
    Ok(GivenDraws::Pairs { pairs, directions })
}

fn double(file: &CaseFile, name: &str) -> Result<Tensor> {
    Ok(file.tensor(name)?.to_dtype(DType::F64)?)
}

fn inner(file: &CaseFile, result: &Tensor, name: &str) -> Result<Tensor> {
    let upstream = double(file, name)?.to_device(result.device())?;
    Ok((result * upstream)?.sum_all()?)
}
