//! Shock tubes and normal shocks.

use kiti_kinetics::exact::riemann::{Riemann, State as RiemannState};
use kiti_kinetics::exact::shock::shock_jump;
use kiti_kinetics::gas::GasState;

use super::{Check, Curve, check, line};
use crate::gas::case::Setup;
use crate::gas::flow::{Flow, FlowQuantity};

/// A monatomic gas.
const GAMMA: f64 = 5.0 / 3.0;

/// The Riemann problem between the gas at the lower and at the upper end, and where they meet.
fn riemann(setup: &Setup) -> Option<(Riemann, f64)> {
    let region = setup.initial.regions.first()?;
    let molecule = setup.molecule();
    let state = |state: GasState| RiemannState {
        density: state.density * molecule.mass,
        velocity: state.velocity[0],
        pressure: state.density * molecule.boltzmann * state.temperature,
    };
    let solution = Riemann::new(state(setup.state()), state(region.state), GAMMA).ok()?;
    Some((solution, region.lower[0]))
}

pub(super) fn riemann_curves(setup: &Setup, time: f64) -> Vec<Curve> {
    let Some((solution, diaphragm)) = riemann(setup) else {
        return Vec::new();
    };
    let at = |place: f64| solution.at((place - diaphragm) / time);
    let molecule = setup.molecule();
    let curve = |quantity, points| Curve {
        quantity,
        name: "Euler equations".into(),
        points,
    };
    vec![
        curve(
            FlowQuantity::NumberDensity,
            line(setup, |place| at(place).density / molecule.mass),
        ),
        curve(
            FlowQuantity::Velocity(0),
            line(setup, |place| at(place).velocity),
        ),
        curve(
            FlowQuantity::Temperature,
            line(setup, |place| {
                at(place).theta() * molecule.mass / molecule.boltzmann
            }),
        ),
    ]
}

pub(super) fn riemann_checks(setup: &Setup, flow: &Flow) -> Vec<Check> {
    let Some((solution, diaphragm)) = riemann(setup) else {
        return Vec::new();
    };
    // The star region's left part reaches from the fan to the contact: its middle half.
    let contact = diaphragm + solution.velocity() * flow.time;
    let star = solution.left_star();
    let place = |speed: f64| diaphragm + speed * flow.time;
    let tail = solution.velocity() - star_sound_speed(&star);
    let (from, to) = (place(tail), contact);
    let quarter = (to - from) / 4.0;
    let range = (from + quarter, to - quarter);
    let source = "Riemann problem of the Euler equations, gamma = 5/3, exact without viscosity";
    [
        check(
            setup,
            FlowQuantity::Velocity(0),
            "velocity between fan and contact",
            flow.mean_between(setup, FlowQuantity::Velocity(0), range),
            star.velocity,
            source,
        ),
        check(
            setup,
            FlowQuantity::NumberDensity,
            "density between fan and contact",
            flow.mean_between(setup, FlowQuantity::NumberDensity, range),
            star.density / setup.molecule().mass,
            source,
        ),
        check(
            setup,
            FlowQuantity::Temperature,
            "temperature between fan and contact",
            flow.mean_between(setup, FlowQuantity::Temperature, range),
            star.theta() * setup.molecule().mass / setup.molecule().boltzmann,
            source,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn star_sound_speed(state: &RiemannState) -> f64 {
    (GAMMA * state.pressure / state.density).sqrt()
}

fn mach(setup: &Setup) -> f64 {
    let state = setup.state();
    state.velocity[0] / (GAMMA * setup.molecule().theta(state.temperature)).sqrt()
}

pub(super) fn shock_curves(setup: &Setup) -> Vec<Curve> {
    let Some(region) = setup.initial.regions.first() else {
        return Vec::new();
    };
    let jump = shock_jump(mach(setup), GAMMA);
    let (front, state) = (region.lower[0], setup.state());
    let step = |quantity, before: f64, behind: f64| Curve {
        quantity,
        name: "Rankine-Hugoniot".into(),
        points: line(setup, |place| if place < front { before } else { behind }),
    };
    vec![
        step(
            FlowQuantity::NumberDensity,
            state.density,
            state.density * jump.density,
        ),
        step(
            FlowQuantity::Velocity(0),
            state.velocity[0],
            state.velocity[0] / jump.density,
        ),
        step(
            FlowQuantity::Temperature,
            state.temperature,
            state.temperature * jump.temperature,
        ),
    ]
}

pub(super) fn shock_checks(setup: &Setup, flow: &Flow) -> Vec<Check> {
    let jump = shock_jump(mach(setup), GAMMA);
    let state = setup.state();
    let extent = setup.grid().extent()[0];
    let behind = (
        setup.grid().upper[0] - 0.25 * extent,
        setup.grid().upper[0] - 0.05 * extent,
    );
    let source = "Rankine-Hugoniot conditions, exact";
    [
        (
            FlowQuantity::NumberDensity,
            "density behind the shock",
            state.density * jump.density,
        ),
        (
            FlowQuantity::Velocity(0),
            "velocity behind the shock",
            state.velocity[0] / jump.density,
        ),
        (
            FlowQuantity::Temperature,
            "temperature behind the shock",
            state.temperature * jump.temperature,
        ),
    ]
    .into_iter()
    .filter_map(|(quantity, what, expected)| {
        let found = flow.mean_between(setup, quantity, behind);
        check(setup, quantity, what, found, expected, source)
    })
    .collect()
}
