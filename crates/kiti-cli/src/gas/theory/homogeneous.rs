//! Relaxation of a gas without space.

use kiti_kinetics::exact::bkw::Bkw;

use super::Check;
use crate::gas::case::{Comparison, Setup, UnitSystem};
use crate::gas::history::{History, HistoryQuantity};
use crate::render::number::significant;

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
