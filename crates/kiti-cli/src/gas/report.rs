//! report.html of a simulation: what was found beside what theory says, in one file that needs nothing else.

use maud::{Markup, PreEscaped, html};

use super::case::{Case, Dimension, Setup, UnitSystem};
use super::flow::{FaceFlux, Flow, FlowQuantity, heading};
use super::history::{History, HistoryQuantity};
use super::record::Record;
use super::theory::{self, Check};
use crate::failure::Outcome;
use crate::render::chart_frame::{Scale, Theme};
use crate::render::colour_map::{ColourMap, finite_range};
use crate::render::field_picture::{FieldPicture, PanelGroup};
use crate::render::html_page::html_page;
use crate::render::line_chart::{LineChart, Series};
use crate::render::number::{duration, grouped, prefixed, significant};
use crate::render::palette::{LineStyle, indexed_style};
use crate::render::raster::Raster;
use crate::render::table::Table;

/// Width of the bands in standard errors.
const BAND: f64 = 2.0;

/// The page.
///
/// # Errors
///
/// A failure where the case cannot be written as TOML.
pub fn page(
    case: &Case,
    record: &Record,
    checks: &[Check],
    flows: &[Flow],
    history: &History,
) -> Outcome<String> {
    let setup = &case.setup;
    let title = if setup.title.is_empty() {
        &setup.name
    } else {
        &setup.title
    };
    let charts: Vec<LineChart> = profile_charts(setup, flows)
        .into_iter()
        .chain(history_charts(setup, history))
        .collect();
    let body = html! {
        h1 { (title) }
        p.lead {
            "A direct simulation of " (grouped(record.particles)) " molecules over " (grouped(setup.steps))
            " steps: they fly, meet walls, and collide at random as the Boltzmann equation says."
        }
        (facts(record))
        @for warning in &record.warnings { div.note { (warning) } }
        @if !checks.is_empty() {
            section id="checks" {
                h2 { "Beside theory" }
                p { "Difference in standard errors of the simulated value; the column at the right says what the theory leaves out." }
                (check_table(checks).to_html())
            }
        }
        @if setup.dims() >= 2 {
            section id="fields" {
                h2 { "Fields" }
                @for flow in flows { figure { (PreEscaped(picture(setup, flow).to_svg(Theme::Inline))) } }
            }
        }
        @if flows.iter().any(|flow| !flow.faces.is_empty()) {
            section id="faces" {
                h2 { "Walls" }
                p { "What each face received from the gas, per area and time, net of what it sent back." }
                @for flow in flows { (face_table(setup, flow).to_html()) }
            }
        }
        section id="charts" {
            h2 { "Profiles and history" }
            p { "Bands are two standard errors to either side; dashed lines are theory." }
            div.charts { @for chart in &charts { figure {
                @match chart.to_svg(Theme::Inline) {
                    Ok(svg) => (PreEscaped(svg)),
                    Err(error) => div.note { "This chart could not be drawn: " (error) },
                }
            } } }
        }
        section id="case" { h2 { "Case" } pre { (case.to_toml()?) } }
    };
    Ok(html_page(&format!("kiti gas: {title}"), &body))
}

fn facts(record: &Record) -> Markup {
    let facts = [
        ("Case", record.case.clone()),
        ("Seed", record.seed.to_string()),
        ("Molecules at the end", grouped(record.particles)),
        ("Collisions", prefixed(record.collisions as f64)),
        ("Majorant exceeded", grouped(record.majorant_violations)),
        ("Wall time", duration(record.seconds)),
        (
            "Speed",
            format!(
                "{}particle-steps/s",
                prefixed(record.particle_steps / record.session_seconds)
            ),
        ),
        ("Threads", record.threads.to_string()),
        ("Commit", record.commit.unwrap_or("unknown").to_owned()),
        ("Version", record.version.to_owned()),
    ];
    html! {
        dl.facts { @for (name, value) in &facts { div { dt { (name) } dd { (value) } } } }
    }
}

/// The numbers beside theory's.
pub fn check_table(checks: &[Check]) -> Table {
    let mut table = Table::new()
        .text("quantity")
        .number("value")
        .number("theory")
        .number("difference")
        .number("standard errors")
        .text("theory is");
    for check in checks {
        let value = |number: f64| {
            let text = significant(number, 5);
            match check.unit {
                "" => text,
                unit => format!("{text} {unit}"),
            }
        };
        let difference = check.value - check.expected;
        table.row([
            check.quantity.clone(),
            value(check.value),
            value(check.expected),
            format!("{:+.2} %", 100.0 * difference / check.expected.abs()),
            check
                .standard_error
                .map_or_else(String::new, |error| format!("{:+.1}", difference / error)),
            check.source.clone(),
        ]);
    }
    table
}

fn face_table(setup: &Setup, flow: &Flow) -> Table {
    let mut table = Table::new().text(format!("face, t = {}", time(setup, flow.time)));
    for heading in FaceFlux::headings(setup.system) {
        table = table.number(heading.replace('_', " "));
    }
    for flux in &flow.faces {
        let values = flux.mean.iter().zip(flux.standard_error);
        let cells = values.map(|(value, error)| {
            format!(
                "{} \u{b1} {}",
                significant(*value, 4),
                significant(error, 2)
            )
        });
        table.row(std::iter::once(flux.face.to_owned()).chain(cells));
    }
    table
}

fn profile_charts(setup: &Setup, flows: &[Flow]) -> Vec<LineChart> {
    if setup.dims() != 1 {
        return Vec::new();
    }
    [
        FlowQuantity::NumberDensity,
        FlowQuantity::Velocity(0),
        FlowQuantity::Velocity(1),
        FlowQuantity::Temperature,
        FlowQuantity::Stress(3),
        FlowQuantity::HeatFlux(0),
    ]
    .into_iter()
    .filter_map(|quantity| profile_chart(setup, flows, quantity))
    .collect()
}

/// A chart of one quantity; none where it is zero within its errors and theory does not speak of it.
fn profile_chart(setup: &Setup, flows: &[Flow], quantity: FlowQuantity) -> Option<LineChart> {
    let mut series = Vec::new();
    let mut shown = false;
    // With several times, one legend for each theory is enough.
    let mut named = Vec::new();
    for (index, flow) in flows.iter().enumerate() {
        let style = indexed_style(index);
        let profile = flow.profile(setup, quantity);
        let far = profile
            .iter()
            .filter(|(_, value, error)| value.abs() > 5.0 * error);
        shown |= 20 * far.count() > profile.len();
        series.push(Series {
            name: match flows.len() {
                1 => "simulation".into(),
                _ => format!("t = {}", time(setup, flow.time)),
            },
            style,
            points: profile.iter().map(|(x, value, _)| (*x, *value)).collect(),
            band: profile
                .iter()
                .map(|(x, value, error)| (*x, value - BAND * error, value + BAND * error))
                .collect(),
        });
        for (number, mut curve) in theory::curves(setup, flow)
            .into_iter()
            .filter(|curve| curve.quantity == quantity)
            .enumerate()
        {
            shown = true;
            if named.contains(&curve.name) {
                curve.name.clear();
            } else {
                named.push(curve.name.clone());
            }
            series.push(Series {
                name: curve.name,
                style: LineStyle {
                    dashed: true,
                    colour: match flows.len() {
                        1 => indexed_style(number + 1).colour,
                        _ => style.colour,
                    },
                },
                points: curve.points,
                band: Vec::new(),
            });
        }
    }
    shown.then(|| LineChart {
        title: quantity.name().replace('_', " "),
        x_label: heading("x", Dimension::Length.unit(setup.system)),
        y_label: quantity.heading(setup.system).replace('_', " "),
        y_always: Vec::new(),
        y_scale: Scale::Linear,
        series,
        size: (620, 350),
    })
}

fn history_charts(setup: &Setup, history: &History) -> Vec<LineChart> {
    let groups: Vec<(&str, Vec<HistoryQuantity>)> = if setup.dims() == 0 {
        vec![
            (
                "temperature along the axes",
                (0..3).map(HistoryQuantity::Temperature).collect(),
            ),
            (
                "fourth moment over equilibrium",
                vec![HistoryQuantity::FourthMoment],
            ),
            (
                "sixth moment over equilibrium",
                vec![HistoryQuantity::SixthMoment],
            ),
            (
                "collisions of a molecule per mean collision time",
                vec![HistoryQuantity::CollisionRate],
            ),
        ]
    } else {
        vec![
            ("molecules", vec![HistoryQuantity::Particles]),
            (
                "collisions of a molecule per mean collision time",
                vec![HistoryQuantity::CollisionRate],
            ),
        ]
    };
    let curves = theory::history_curves(setup, history);
    groups
        .into_iter()
        .filter(|(_, quantities)| {
            // A number of molecules that never changes needs no chart.
            quantities.iter().any(|quantity| {
                let mut values = history
                    .series(*quantity)
                    .into_iter()
                    .map(|(_, value)| value);
                let first = values.next();
                values.any(|value| Some(value) != first)
            })
        })
        .map(|(title, quantities)| {
            let unit = quantities
                .first()
                .map_or("", |quantity| quantity.unit(setup.system));
            let mut series: Vec<Series> = quantities
                .iter()
                .enumerate()
                .map(|(index, quantity)| Series {
                    name: match quantities.len() {
                        1 => "simulation".into(),
                        _ => quantity.name().replace('_', " "),
                    },
                    style: indexed_style(index),
                    points: history
                        .series(*quantity)
                        .into_iter()
                        .filter(|(_, value)| value.is_finite())
                        .collect(),
                    band: Vec::new(),
                })
                .collect();
            let theory = curves
                .iter()
                .filter(|curve| quantities.contains(&curve.quantity));
            series.extend(theory.map(|curve| Series {
                name: curve.name.clone(),
                style: LineStyle {
                    dashed: true,
                    ..indexed_style(quantities.len())
                },
                points: curve.points.clone(),
                band: Vec::new(),
            }));
            LineChart {
                title: title.into(),
                x_label: heading("time", Dimension::Time.unit(setup.system)),
                y_label: heading(title, unit),
                y_always: Vec::new(),
                y_scale: Scale::Linear,
                series,
                size: (620, 350),
            }
        })
        .collect()
}

fn time(setup: &Setup, time: f64) -> String {
    match setup.system {
        UnitSystem::Si => format!("{} s", significant(time, 3)),
        UnitSystem::Reduced => significant(time, 3),
    }
}

/// Density, speed and temperature in the plane of x and y, in the middle of z.
fn picture(setup: &Setup, flow: &Flow) -> FieldPicture {
    let [nx, ny, nz] = setup.grid().cells;
    let slice = nx * ny * (nz / 2);
    // The first row of a raster is drawn on top, where y is largest.
    let raster = |value: &dyn Fn(usize) -> f64| {
        let values = (0..ny)
            .rev()
            .flat_map(|y| (0..nx).map(move |x| slice + y * nx + x))
            .map(|cell| value(cell) as f32)
            .collect();
        Raster::new(ny, nx, values)
    };
    let of = |quantity: FlowQuantity, cell: usize| {
        flow.column(quantity)
            .map_or(f64::NAN, |column| column.values[cell])
    };
    let speed = |cell: usize| {
        (0..3)
            .map(|axis| of(FlowQuantity::Velocity(axis), cell).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let panels: [(&str, FlowQuantity, Option<Raster>); 3] = [
        (
            "number density",
            FlowQuantity::NumberDensity,
            raster(&|cell| of(FlowQuantity::NumberDensity, cell)),
        ),
        ("speed", FlowQuantity::Velocity(0), raster(&speed)),
        (
            "temperature",
            FlowQuantity::Temperature,
            raster(&|cell| of(FlowQuantity::Temperature, cell)),
        ),
    ];
    let groups = panels
        .into_iter()
        .filter_map(|(title, quantity, raster)| {
            let raster = raster?;
            let (low, high) = finite_range(raster.values()).unwrap_or((0.0, 1.0));
            Some(PanelGroup {
                panels: vec![(title.to_owned(), raster)],
                map: ColourMap::sequential(low, high),
                unit: quantity.unit(setup.system).to_owned(),
            })
        })
        .collect();
    FieldPicture {
        title: setup.title.clone(),
        rows: vec![(format!("t = {}", time(setup, flow.time)), groups)],
        axes: ("x".into(), "y".into()),
        panel: 220,
    }
}
