//! A plate that is set in motion.

use kiti_kinetics::exact::free_molecular::sliding_plate;
use kiti_kinetics::exact::rayleigh::{gas_velocity_at_plate, viscous_layer};

use super::{Check, Curve, check, line, viscosity, wall};
use crate::gas::case::Setup;
use crate::gas::flow::{Flow, FlowQuantity};

pub(super) fn curves(setup: &Setup, time: f64) -> Vec<Curve> {
    let Some(wall) = wall(setup.ends().0) else {
        return Vec::new();
    };
    let (molecule, state) = (setup.molecule(), setup.state());
    let kinematic = viscosity(setup) / (state.density * molecule.mass);
    let theta = molecule.theta(state.temperature);
    let start = setup.grid().lower[0];
    // The gas goes from one limit to the other in about a relaxation time.
    let (name, points) = if time * setup.pressure() < viscosity(setup) {
        let velocity = |place| wall.velocity[1] * sliding_plate(place - start, theta, time);
        ("no collisions", line(setup, velocity))
    } else {
        let velocity = |place| wall.velocity[1] * viscous_layer(place - start, kinematic, time);
        ("viscous fluid", line(setup, velocity))
    };
    vec![Curve {
        quantity: FlowQuantity::Velocity(1),
        name: name.into(),
        points,
    }]
}

pub(super) fn checks(setup: &Setup, flow: &Flow) -> Vec<Check> {
    let Some(wall) = wall(setup.ends().0) else {
        return Vec::new();
    };
    let quantity = FlowQuantity::Velocity(1);
    let profile = flow.profile(setup, quantity);
    let [(_, first, error), (_, second, _), ..] = profile[..] else {
        return Vec::new();
    };
    // The plate is half a cell before the first centre.
    let value = first + (first - second) / 2.0;
    let time = flow.time * setup.pressure() / viscosity(setup);
    let expected = wall.velocity[1] * gas_velocity_at_plate(time);
    check(
        setup,
        quantity,
        &format!("gas velocity at the plate, t = {:.3} mu/p", time),
        Some((value, 1.6 * error)),
        expected,
        "linear BGK equation, exact; value extrapolated from two cells",
    )
    .into_iter()
    .collect()
}
