//! Couette and Fourier flow between two diffuse plates.

use kiti_kinetics::exact::free_molecular::Plates;
use kiti_kinetics::exact::{bgk_plates, transport};
use kiti_kinetics::gas::Relaxation;

use super::{Check, Curve, Wall, check, line, viscosity, wall};
use crate::gas::case::Setup;
use crate::gas::flow::{Flow, FlowQuantity};

/// Thermal conductivity of `[initial]`, as [`viscosity`].
fn conductivity(setup: &Setup) -> f64 {
    let prandtl = match setup.relaxation() {
        Some(Relaxation::Bgk) => 1.0,
        Some(Relaxation::EsBgk { prandtl } | Relaxation::Shakhov { prandtl }) => prandtl,
        None if setup.has_hard_spheres() => transport::hard_sphere_prandtl(),
        None => 2.0 / 3.0,
    };
    let molecule = setup.molecule();
    2.5 * molecule.boltzmann / molecule.mass * viscosity(setup) / prandtl
}

/// How far behind a diffuse wall velocity and temperature extrapolate to the wall's.
fn slip_lengths(setup: &Setup) -> (f64, f64) {
    let (molecule, state) = (setup.molecule(), setup.state());
    if setup.relaxation().is_some() {
        let speed = molecule.most_probable_speed(state.temperature);
        let length = speed * viscosity(setup) / setup.pressure();
        return (
            bgk_plates::VELOCITY_SLIP * length,
            bgk_plates::TEMPERATURE_JUMP * length,
        );
    }
    let path = molecule.mean_free_path(state.density, state.temperature);
    (
        transport::HARD_SPHERE_VELOCITY_SLIP * path,
        transport::HARD_SPHERE_TEMPERATURE_JUMP * path,
    )
}

/// The walls of a flow between two plates.
fn plates(setup: &Setup) -> Option<(Wall, Wall)> {
    let (low, high) = setup.ends();
    (setup.dims() == 1).then_some((wall(low)?, wall(high)?))
}

fn free_plates(setup: &Setup, low: &Wall, high: &Wall) -> Plates {
    let molecule = setup.molecule();
    Plates {
        density: setup.state().density * molecule.mass,
        theta: [low, high].map(|wall| molecule.theta(wall.temperature)),
        accommodation: low.accommodation,
    }
}

pub(super) fn couette_curves(setup: &Setup) -> Vec<Curve> {
    let Some((low, high)) = plates(setup) else {
        return Vec::new();
    };
    let (start, extent) = (setup.grid().lower[0], setup.grid().extent()[0]);
    let difference = high.velocity[1] - low.velocity[1];
    let (name, points) = if setup.is_free_molecular() {
        let mean = (low.velocity[1] + high.velocity[1]) / 2.0;
        ("free molecular", line(setup, |_| mean))
    } else {
        let (slip, _) = slip_lengths(setup);
        let value = |place: f64| {
            low.velocity[1] + difference * (place - start + slip) / (extent + 2.0 * slip)
        };
        ("slip theory", line(setup, value))
    };
    vec![Curve {
        quantity: FlowQuantity::Velocity(1),
        name: name.into(),
        points,
    }]
}

pub(super) fn couette_checks(setup: &Setup, flow: &Flow) -> Vec<Check> {
    let Some((low, high)) = plates(setup) else {
        return Vec::new();
    };
    let difference = high.velocity[1] - low.velocity[1];
    let (expected, source) = if setup.is_free_molecular() {
        let plates = free_plates(setup, &low, &high);
        (
            -plates.shear_stress(difference),
            "free molecular flow, exact",
        )
    } else {
        let (slip, _) = slip_lengths(setup);
        let stress = viscosity(setup) * difference / (setup.grid().extent()[0] + 2.0 * slip);
        (-stress, "mu U/(L + 2 z), to 2 % for Kn below 0.05")
    };
    let quantity = FlowQuantity::Stress(3);
    let found = flow.through(2);
    check(
        setup,
        quantity,
        "shear stress on the plates",
        found,
        expected,
        source,
    )
    .into_iter()
    .collect()
}

pub(super) fn fourier_curves(setup: &Setup) -> Vec<Curve> {
    let Some((low, high)) = plates(setup) else {
        return Vec::new();
    };
    let (start, extent) = (setup.grid().lower[0], setup.grid().extent()[0]);
    let difference = high.temperature - low.temperature;
    let (name, points) = if setup.is_free_molecular() {
        let mean = (low.temperature * high.temperature).sqrt();
        ("free molecular", line(setup, |_| mean))
    } else {
        let (_, jump) = slip_lengths(setup);
        let value = |place: f64| {
            low.temperature + difference * (place - start + jump) / (extent + 2.0 * jump)
        };
        ("jump theory", line(setup, value))
    };
    vec![Curve {
        quantity: FlowQuantity::Temperature,
        name: name.into(),
        points,
    }]
}

pub(super) fn fourier_checks(setup: &Setup, flow: &Flow) -> Vec<Check> {
    let Some((low, high)) = plates(setup) else {
        return Vec::new();
    };
    let (expected, source) = if setup.is_free_molecular() {
        let plates = free_plates(setup, &low, &high);
        (plates.heat_flux(), "free molecular flow, exact")
    } else {
        let (_, jump) = slip_lengths(setup);
        let difference = high.temperature - low.temperature;
        let flux = conductivity(setup) * difference / (setup.grid().extent()[0] + 2.0 * jump);
        (-flux, "kappa dT/(L + 2 z), to 2 % for Kn below 0.05")
    };
    let quantity = FlowQuantity::HeatFlux(0);
    let found = flow.through(4);
    check(
        setup,
        quantity,
        "heat flux into the plates",
        found,
        expected,
        source,
    )
    .into_iter()
    .collect()
}
