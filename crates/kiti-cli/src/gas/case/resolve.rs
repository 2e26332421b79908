//! From what a case file says to numbers; every value is checked on the way.

use kiti_kinetics::gas::{
    GasError, GasState, Grid, InitialGas, Prediction, Region, SolverConfig, Velocities,
};
use kiti_models::Error;

use super::boundaries::boundaries;
use super::molecule::{collisions, molecule};
use super::quantity::{Dimension, Units};
use super::reader::Reader;
use super::sections::{CaseFile, Distribution, SamplingSection};
use super::setup::Setup;

/// More cells than this are a slip of the keyboard.
const MOST_CELLS: usize = 1 << 32;
const AXES: [&str; 3] = ["x", "y", "z"];

/// The numbers of a case.
pub fn resolve(case: &CaseFile, file: &str) -> Result<Setup, Error> {
    let mut reader = Reader {
        file,
        units: Units::of(case.units),
    };
    let initial = &case.initial;
    let state = reader.state(
        "initial",
        &initial.density,
        &initial.temperature,
        &initial.velocity,
    )?;
    let molecule = molecule(&reader, &case.gas, case.units, &state)?;
    reader.units.mean_free_path = Some(molecule.mean_free_path(state.density, state.temperature));
    reader.units.mean_collision_time =
        Some(1.0 / molecule.collision_rate(state.density, state.temperature));

    let mut grid = grid(&reader, case)?;
    let regions = regions(&reader, case, &grid)?;
    let velocities = velocities(&reader, &initial.distribution)?;
    let boundaries = boundaries(&reader, case, grid.dims)?;
    let dt = reader.positive("time.step", &case.time.step, Dimension::Time)?;
    let weight = weight(&reader, case, &state, &mut grid)?;
    let setup = Setup {
        name: case.name.clone(),
        title: case.title.clone(),
        system: case.units,
        config: SolverConfig {
            collisions: collisions(&case.collisions),
            boundaries,
            ..SolverConfig::new(molecule, grid, weight, dt)
        },
        initial: InitialGas {
            state,
            velocities,
            regions,
        },
        steps: case.time.steps,
        particles: case.particles.clone(),
        sampling: case.sampling.clone(),
        output: case.output,
        comparison: case.comparison,
    };
    check(&reader, &setup)?;
    Ok(setup)
}

/// What the case would be with `memory_limit` bytes.
///
/// # Errors
///
/// What the solver refuses, with the key.
pub fn predict(setup: &Setup, file: &str, memory_limit: u64) -> Result<Prediction, Error> {
    let reader = Reader {
        file,
        units: Units::of(setup.system),
    };
    let config = SolverConfig {
        memory_limit,
        ..setup.config.clone()
    };
    config
        .predict(&setup.initial)
        .map_err(|error| {
            let given = [
                ("particles.per_cell", setup.particles.per_cell),
                ("particles.count", setup.particles.count),
            ];
            let given = given.iter().find_map(|(key, value)| Some((key, (*value)?)));
            match (&error, given) {
                (
                    GasError::Memory {
                        particles,
                        bytes,
                        limit,
                        ..
                    },
                    Some((key, value)),
                ) => reader.refuse(
                    key,
                    format!(
                        "{value} makes {particles:.4e} simulated molecules, which would need {bytes:.4e} bytes, more than the \
                         {limit:.4e} allowed; take at most {:.4e} or a smaller domain",
                        value * limit / bytes
                    ),
                ),
                (GasError::NoParticles { expected, .. }, Some((key, value))) => {
                    let message = format!(
                        "{value} makes no simulated molecules ({expected:.3} expected); take more"
                    );
                    reader.refuse(key, message)
                }
                _ => reader.solver(&error),
            }
        })
}

fn grid(reader: &Reader<'_>, case: &CaseFile) -> Result<Grid, Error> {
    let section = &case.domain;
    let dims = section.cells.len();
    if dims > 3 {
        let message = format!("expected at most 3 axes, found {dims}");
        return Err(reader.refuse("domain.cells", message));
    }
    for (key, list) in [
        ("domain.lower", &section.lower),
        ("domain.upper", &section.upper),
    ] {
        if list.len() != dims {
            let message = format!(
                "expected {dims} lengths, one for each axis of domain.cells, found {}",
                list.len()
            );
            return Err(reader.refuse(key, message));
        }
    }
    let mut domain = Grid {
        dims,
        lower: [0.0; 3],
        upper: [1.0; 3],
        cells: [1; 3],
        subcells: section.subcells,
    };
    for axis in 0..dims {
        let (low, high) = (&section.lower[axis], &section.upper[axis]);
        let key = format!("domain.upper[{axis}]");
        domain.lower[axis] =
            reader.read(&format!("domain.lower[{axis}]"), low, Dimension::Length)?;
        domain.upper[axis] = reader.read(&key, high, Dimension::Length)?;
        if domain.upper[axis] <= domain.lower[axis] {
            let message = format!(
                "the walls are inside out: expected more than domain.lower[{axis}] = {low}, found {high}; exchange them"
            );
            return Err(reader.refuse(&key, message));
        }
        domain.cells[axis] = section.cells[axis];
    }
    let cells = domain
        .cells
        .iter()
        .try_fold(1usize, |product, cells| product.checked_mul(*cells));
    if !cells.is_some_and(|cells| (1..=MOST_CELLS).contains(&cells)) {
        let message = format!(
            "expected at least 1 cell along each axis and at most {MOST_CELLS} in all, found {:?}",
            section.cells
        );
        return Err(reader.refuse("domain.cells", message));
    }
    if section.subcells == 0 {
        return Err(reader.refuse("domain.subcells", "expected at least 1, found 0"));
    }
    let cross_section = match (&section.cross_section, dims) {
        (None, _) => None,
        (Some(area), 1) => Some(reader.positive("domain.cross_section", area, Dimension::Area)?),
        (Some(depth), 2) => {
            Some(reader.positive("domain.cross_section", depth, Dimension::Length)?)
        }
        (Some(found), _) => {
            let message =
                format!("only a domain of 1 or 2 axes has one, found {found}; leave it out");
            return Err(reader.refuse("domain.cross_section", message));
        }
    };
    if let Some(extent) = cross_section {
        domain.upper[dims] = extent;
    }
    Ok(domain)
}

fn regions(reader: &Reader<'_>, case: &CaseFile, domain: &Grid) -> Result<Vec<Region>, Error> {
    let mut regions = Vec::with_capacity(case.regions.len());
    for (index, section) in case.regions.iter().enumerate() {
        let name = format!("regions[{index}]");
        let state = reader.state(
            &name,
            &section.density,
            &section.temperature,
            &section.velocity,
        )?;
        let (mut lower, mut upper) = (domain.lower, domain.upper);
        for (end, corner, found) in [
            ("lower", &mut lower, &section.lower),
            ("upper", &mut upper, &section.upper),
        ] {
            let key = format!("{name}.{end}");
            if found.len() != domain.dims {
                let (expected, found) = (domain.dims, found.len());
                let message =
                    format!("expected {expected} lengths, one for each axis, found {found}");
                return Err(reader.refuse(&key, message));
            }
            let read = reader.vector(&key, found, Dimension::Length)?;
            corner[..domain.dims].copy_from_slice(&read[..domain.dims]);
        }
        for axis in 0..domain.dims {
            let inside = lower[axis] >= domain.lower[axis] && upper[axis] <= domain.upper[axis];
            if lower[axis] >= upper[axis] || !inside {
                let message = format!(
                    "expected a lower end below the upper one and both inside the domain along {}, found {} and {}",
                    AXES[axis], lower[axis], upper[axis]
                );
                return Err(reader.refuse(&format!("{name}.upper[{axis}]"), message));
            }
        }
        regions.push(Region {
            lower,
            upper,
            state,
        });
    }
    Ok(regions)
}

fn velocities(reader: &Reader<'_>, distribution: &Distribution) -> Result<Velocities, Error> {
    const SECTION: &str = "initial.distribution";
    Ok(match distribution {
        Distribution::Maxwellian => Velocities::Maxwellian,
        Distribution::Bkw => Velocities::Bkw,
        Distribution::Anisotropic { temperatures } => {
            let mean: f64 = temperatures.iter().sum::<f64>() / 3.0;
            if temperatures.iter().any(|value| *value < 0.0) || (mean - 1.0).abs() > 1e-9 {
                let message = format!(
                    "expected three numbers of at least 0 whose mean is 1, found {temperatures:?}"
                );
                return Err(reader.refuse(&format!("{SECTION}.temperatures"), message));
            }
            Velocities::Anisotropic(*temperatures)
        }
        Distribution::TwoStream { speed } => Velocities::TwoStream(reader.positive(
            &format!("{SECTION}.speed"),
            speed,
            Dimension::Speed,
        )?),
    })
}

/// The weight, from whichever key gives it; gives a homogeneous gas its volume.
fn weight(
    reader: &Reader<'_>,
    case: &CaseFile,
    state: &GasState,
    grid: &mut Grid,
) -> Result<f64, Error> {
    let section = &case.particles;
    let given = [
        ("particles.per_cell", section.per_cell),
        ("particles.count", section.count),
        ("particles.weight", section.weight),
    ];
    for (key, value) in given {
        if let Some(value) = value
            && !(value > 0.0 && value.is_finite())
        {
            return Err(reader.refuse(key, format!("expected a number above 0, found {value}")));
        }
    }
    match (section.per_cell, section.count, section.weight) {
        (Some(per_cell), None, None) if grid.dims > 0 => {
            Ok(state.density * grid.cell_volume() / per_cell)
        }
        (None, Some(count), None) if grid.dims == 0 => {
            // A homogeneous gas has no size of its own: every simulated molecule stands for one.
            *grid = Grid::homogeneous(count / state.density);
            Ok(1.0)
        }
        (None, None, Some(weight)) if grid.dims > 0 => {
            if grid.dims < 3 && case.domain.cross_section.is_none() {
                let (what, example) = if grid.dims == 1 {
                    ("area", "\"1 mm^2\"")
                } else {
                    ("depth", "\"1 mm\"")
                };
                return Err(Error::MissingKey {
                    file: reader.file.to_owned(),
                    key: "domain.cross_section".to_owned(),
                    expected: format!(
                        "the {what} that the flow does not depend on, such as {example}, without which particles.weight \
                         says nothing; or use particles.per_cell"
                    ),
                });
            }
            Ok(weight)
        }
        _ => {
            let expected = if grid.dims == 0 {
                "count (the gas is homogeneous: domain.cells is empty)"
            } else {
                "one of per_cell and weight"
            };
            let found: Vec<&str> = given
                .iter()
                .filter(|(_, value)| value.is_some())
                .map(|(key, _)| *key)
                .collect();
            let found = if found.is_empty() {
                "none".to_owned()
            } else {
                found.join(" and ")
            };
            Err(reader.refuse("particles", format!("expected {expected}, found {found}")))
        }
    }
}

fn check(reader: &Reader<'_>, setup: &Setup) -> Result<(), Error> {
    let refuse = |key: &str, message: String| Err(reader.refuse(key, message));
    if setup.steps == 0 {
        return refuse("time.steps", "expected at least 1, found 0".into());
    }
    if setup.output.history_every == 0 {
        return refuse(
            "output.history_every",
            "expected at least 1, found 0".into(),
        );
    }
    match &setup.sampling {
        SamplingSection::Steady { start, every } => {
            if *start >= setup.steps {
                let message = format!(
                    "expected less than time.steps = {}, found {start}",
                    setup.steps
                );
                return refuse("sampling.start", message);
            }
            if *every == 0 {
                return refuse("sampling.every", "expected at least 1, found 0".into());
            }
        }
        SamplingSection::Snapshots { at, window } => {
            let rising = at.windows(2).all(|pair| pair[0] < pair[1]);
            let inside = at.iter().all(|step| (1..=setup.steps).contains(step));
            if at.is_empty() || !rising || !inside {
                let message = format!(
                    "expected rising steps from 1 to time.steps = {}, found {at:?}",
                    setup.steps
                );
                return refuse("sampling.at", message);
            }
            let gaps = at.windows(2).map(|pair| pair[1] - pair[0]);
            let longest = gaps.chain(at.first().copied()).min().unwrap_or(1);
            if !(1..=longest).contains(window) {
                let message = format!(
                    "expected 1 to {longest} steps, so that no two means overlap, found {window}"
                );
                return refuse("sampling.window", message);
            }
        }
    }
    // Memory is checked where it is known how much there is.
    predict(setup, reader.file, u64::MAX).map(|_| ())
}
