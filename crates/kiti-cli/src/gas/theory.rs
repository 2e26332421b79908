//! What theory says of a case: curves for the report, and numbers to compare with.

use kiti_kinetics::exact::bkw::Bkw;
use kiti_kinetics::exact::free_molecular::{Plates, sliding_plate};
use kiti_kinetics::exact::rayleigh::{gas_velocity_at_plate, viscous_layer};
use kiti_kinetics::exact::riemann::{Riemann, State as RiemannState};
use kiti_kinetics::exact::shock::shock_jump;
use kiti_kinetics::exact::{bgk_plates, transport};
use kiti_kinetics::gas::{Boundary, GasState, Relaxation};

use super::case::{Comparison, Setup, UnitSystem};
use super::flow::{Flow, FlowQuantity};
use super::history::{History, HistoryQuantity};
use crate::render::number::significant;

/// A monatomic gas.
const GAMMA: f64 = 5.0 / 3.0;
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

/// A line beside the history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryCurve {
    /// What it belongs to.
    pub quantity: HistoryQuantity,
    /// What the legend calls it.
    pub name: String,
    /// Times and values.
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

/// The walls of a flow between two plates.
fn plates(setup: &Setup) -> Option<(Wall, Wall)> {
    let (low, high) = setup.ends();
    (setup.dims() == 1).then_some((wall(low)?, wall(high)?))
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
        Comparison::Couette => couette_curves(setup),
        Comparison::Fourier => fourier_curves(setup),
        Comparison::Rayleigh => rayleigh_curves(setup, flow.time),
        Comparison::Riemann => riemann_curves(setup, flow.time),
        Comparison::Shock => shock_curves(setup),
        Comparison::None | Comparison::Bkw | Comparison::Anisotropy => Vec::new(),
    }
}

fn couette_curves(setup: &Setup) -> Vec<Curve> {
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

fn fourier_curves(setup: &Setup) -> Vec<Curve> {
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

fn rayleigh_curves(setup: &Setup, time: f64) -> Vec<Curve> {
    let Some(wall) = wall(setup.ends().0) else {
        return Vec::new();
    };
    let (molecule, state) = (setup.molecule(), setup.state());
    let kinematic = viscosity(setup) / (state.density * molecule.mass);
    let theta = molecule.theta(state.temperature);
    let start = setup.grid().lower[0];
    [
        (
            "no collisions",
            line(setup, |place| {
                wall.velocity[1] * sliding_plate(place - start, theta, time)
            }),
        ),
        (
            "viscous fluid",
            line(setup, |place| {
                wall.velocity[1] * viscous_layer(place - start, kinematic, time)
            }),
        ),
    ]
    .map(|(name, points)| Curve {
        quantity: FlowQuantity::Velocity(1),
        name: name.into(),
        points,
    })
    .into()
}

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

fn riemann_curves(setup: &Setup, time: f64) -> Vec<Curve> {
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

fn mach(setup: &Setup) -> f64 {
    let state = setup.state();
    state.velocity[0] / (GAMMA * setup.molecule().theta(state.temperature)).sqrt()
}

fn shock_curves(setup: &Setup) -> Vec<Curve> {
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

/// The numbers of a flow that theory knows.
pub fn checks(setup: &Setup, flow: &Flow) -> Vec<Check> {
    match setup.comparison {
        Comparison::Couette => couette_checks(setup, flow),
        Comparison::Fourier => fourier_checks(setup, flow),
        Comparison::Rayleigh => rayleigh_checks(setup, flow),
        Comparison::Riemann => riemann_checks(setup, flow),
        Comparison::Shock => shock_checks(setup, flow),
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

fn couette_checks(setup: &Setup, flow: &Flow) -> Vec<Check> {
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

fn free_plates(setup: &Setup, low: &Wall, high: &Wall) -> Plates {
    let molecule = setup.molecule();
    Plates {
        density: setup.state().density * molecule.mass,
        theta: [low, high].map(|wall| molecule.theta(wall.temperature)),
        accommodation: low.accommodation,
    }
}

fn fourier_checks(setup: &Setup, flow: &Flow) -> Vec<Check> {
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

fn rayleigh_checks(setup: &Setup, flow: &Flow) -> Vec<Check> {
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
        "linear BGK equation, exact; the value is extrapolated from two cells, which leaves out part of the Knudsen layer",
    )
    .into_iter()
    .collect()
}

fn riemann_checks(setup: &Setup, flow: &Flow) -> Vec<Check> {
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

fn shock_checks(setup: &Setup, flow: &Flow) -> Vec<Check> {
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

/// The curves of a homogeneous gas's history.
pub fn history_curves(setup: &Setup, history: &History) -> Vec<HistoryCurve> {
    let frequency = setup.collision_rate();
    let times: Vec<f64> = history.times();
    let curve = |quantity, name: &str, value: &dyn Fn(f64) -> f64| HistoryCurve {
        quantity,
        name: name.into(),
        points: times.iter().map(|time| (*time, value(*time))).collect(),
    };
    match setup.comparison {
        Comparison::Bkw => {
            let Ok(gas) = Bkw::new(3, 1.0, 0.6) else {
                return Vec::new();
            };
            let ratio = |order: usize, time: f64| Bkw::moment_ratio(order, gas.k(frequency * time));
            vec![
                curve(HistoryQuantity::FourthMoment, "exact", &|time| {
                    ratio(2, time)
                }),
                curve(HistoryQuantity::SixthMoment, "exact", &|time| {
                    ratio(3, time)
                }),
            ]
        }
        Comparison::Anisotropy => {
            let axes = [0, 1, 2].map(|axis| history.first(HistoryQuantity::Temperature(axis)));
            let [Some(start), Some(y), Some(z)] = axes else {
                return Vec::new();
            };
            // Of these molecules, not of the case: their energy does not change.
            let mean = (start + y + z) / 3.0;
            let state = setup.state();
            let rate = setup
                .molecule()
                .viscous_rate(state.density, state.temperature);
            let value = |time: f64| mean + (start - mean) * (-rate * time).exp();
            vec![curve(
                HistoryQuantity::Temperature(0),
                "first Sonine approximation",
                &value,
            )]
        }
        _ => Vec::new(),
    }
}

/// The numbers of a homogeneous gas's history that theory knows, at its end.
pub fn history_checks(setup: &Setup, history: &History) -> Vec<Check> {
    let source = match setup.comparison {
        Comparison::Bkw => "Bobylev, Krook and Wu, exact",
        _ => "decay at the rate p/mu, for small differences",
    };
    history_curves(setup, history)
        .into_iter()
        .filter_map(|curve| {
            let middle = curve.points.len() / 2;
            let (time, expected) = *curve.points.get(middle)?;
            let (value, error) = history.at(curve.quantity, middle)?;
            let unit = match setup.system {
                UnitSystem::Si => " s",
                UnitSystem::Reduced => "",
            };
            Some(Check {
                quantity: format!(
                    "{} at t = {}{unit}",
                    curve.quantity.name().replace('_', " "),
                    significant(time, 4)
                ),
                value,
                expected,
                standard_error: Some(error),
                source: source.to_owned(),
                unit: curve.quantity.unit(setup.system),
            })
        })
        .collect()
}
