//! What theory says of a case: curves for the report, and numbers to compare with.

mod compressible;
mod homogeneous;
mod plates;
mod rayleigh;

use kiti_kinetics::exact::transport;
use kiti_kinetics::gas::Boundary;

use super::case::{Comparison, Setup};
use super::flow::{Flow, FlowQuantity};

pub use homogeneous::{history_checks, history_curves};

/// Points of a drawn curve.
const POINTS: usize = 400;

/// A line beside the measured one.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What it belongs to.
    pub quantity: FlowQuantity,
    /// What the legend calls it.
    pub name: String,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

/// A number beside the measured one.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Check {
    /// What is compared.
    pub quantity: String,
    /// What the simulation found.
    pub value: f64,
    /// What theory says.
    pub expected: f64,
    /// Standard error of the value; none where it is not known.
    pub standard_error: Option<f64>,
    /// Where the theory comes from and how far it holds.
    pub source: String,
    /// Unit of both; empty in reduced units.
    pub unit: &'static str,
}

/// Viscosity of `[initial]`: of hard spheres to all orders, of other molecules to the first Sonine order.
fn viscosity(setup: &Setup) -> f64 {
    let first = setup.molecule().viscosity(setup.state().temperature);
    if setup.has_hard_spheres() {
        first * transport::HARD_SPHERE_VISCOSITY_FACTOR
    } else {
        first
    }
}

/// A diffuse wall.
#[derive(Debug, Clone, Copy)]
struct Wall {
    temperature: f64,
    velocity: [f64; 3],
    accommodation: f64,
}

fn wall(boundary: Boundary) -> Option<Wall> {
    match boundary {
        Boundary::Diffuse {
            temperature,
            velocity,
            accommodation,
        } => Some(Wall {
            temperature,
            velocity,
            accommodation,
        }),
        _ => None,
    }
}

fn line(setup: &Setup, value: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let (low, extent) = (setup.grid().lower[0], setup.grid().extent()[0]);
    (0..=POINTS)
        .map(|point| low + extent * point as f64 / POINTS as f64)
        .map(|place| (place, value(place)))
        .collect()
}

/// The curves of a flow.
pub fn curves(setup: &Setup, flow: &Flow) -> Vec<Curve> {
    match setup.comparison {
        Comparison::Couette => plates::couette_curves(setup),
        Comparison::Fourier => plates::fourier_curves(setup),
        Comparison::Rayleigh => rayleigh::curves(setup, flow.time),
        Comparison::Riemann => compressible::riemann_curves(setup, flow.time),
        Comparison::Shock => compressible::shock_curves(setup),
        Comparison::None | Comparison::Bkw | Comparison::Anisotropy => Vec::new(),
    }
}

/// The numbers of a flow that theory knows.
pub fn checks(setup: &Setup, flow: &Flow) -> Vec<Check> {
    match setup.comparison {
        Comparison::Couette => plates::couette_checks(setup, flow),
        Comparison::Fourier => plates::fourier_checks(setup, flow),
        Comparison::Rayleigh => rayleigh::checks(setup, flow),
        Comparison::Riemann => compressible::riemann_checks(setup, flow),
        Comparison::Shock => compressible::shock_checks(setup, flow),
        Comparison::None | Comparison::Bkw | Comparison::Anisotropy => Vec::new(),
    }
}

fn check(
    setup: &Setup,
    quantity: FlowQuantity,
    what: &str,
    found: Option<(f64, f64)>,
    expected: f64,
    source: &str,
) -> Option<Check> {
    let (value, error) = found?;
    Some(Check {
        quantity: what.to_owned(),
        value,
        expected,
        standard_error: Some(error),
        source: source.to_owned(),
        unit: quantity.unit(setup.system),
    })
}
