//! From what a case file says to numbers; every value is checked on the way.

use kiti_models::Error;

use super::quantity::{Dimension, Quantity, UnitSystem, Units};
use super::sections::{
    Boundary, CaseFile, Distribution, FACES, GasSection, MoleculeName, OperatorName,
    SamplingSection, SpeciesName,
};
use super::setup::{Face, Gas, Region, Setup, State, Velocities, Wall};

/// Boltzmann's constant in J/K: exact since 2019.
const BOLTZMANN: f64 = 1.380_649e-23;
/// More cells than this are a slip of the keyboard.
const MOST_CELLS: usize = 1 << 32;
const AXES: [&str; 3] = ["x", "y", "z"];

/// Reads quantities of one file, and names the key of a wrong one.
struct Reader<'a> {
    file: &'a str,
    units: Units,
}

impl Reader<'_> {
    fn refuse(&self, key: &str, message: impl Into<String>) -> Error {
        Error::InvalidValue {
            file: self.file.to_owned(),
            key: key.to_owned(),
            message: message.into(),
        }
    }

    fn read(&self, key: &str, quantity: &Quantity, dimension: Dimension) -> Result<f64, Error> {
        self.units
            .read(quantity, dimension)
            .map_err(|message| self.refuse(key, message))
    }

    fn positive(&self, key: &str, quantity: &Quantity, dimension: Dimension) -> Result<f64, Error> {
        let value = self.read(key, quantity, dimension)?;
        if value > 0.0 {
            return Ok(value);
        }
        Err(self.refuse(
            key,
            format!("expected a {dimension} above 0, found {quantity}"),
        ))
    }

    fn optional(
        &self,
        key: &str,
        quantity: Option<&Quantity>,
        dimension: Dimension,
    ) -> Result<Option<f64>, Error> {
        quantity
            .map(|quantity| self.positive(key, quantity, dimension))
            .transpose()
    }

    /// Up to three components; those that are not given are 0.
    fn vector(
        &self,
        key: &str,
        components: &[Quantity],
        dimension: Dimension,
    ) -> Result<[f64; 3], Error> {
        if components.len() > 3 {
            let found = components.len();
            return Err(self.refuse(key, format!("expected at most 3 components, found {found}")));
        }
        let mut vector = [0.0; 3];
        for (axis, component) in components.iter().enumerate() {
            vector[axis] = self.read(&format!("{key}[{axis}]"), component, dimension)?;
        }
        Ok(vector)
    }

    fn state(
        &self,
        section: &str,
        density: &Quantity,
        temperature: &Quantity,
        velocity: &[Quantity],
    ) -> Result<State, Error> {
        let key = |name: &str| format!("{section}.{name}");
        Ok(State {
            density: self.positive(&key("density"), density, Dimension::NumberDensity)?,
            temperature: self.positive(&key("temperature"), temperature, Dimension::Temperature)?,
            velocity: self.vector(&key("velocity"), velocity, Dimension::Speed)?,
        })
    }

    fn wall(
        &self,
        section: &str,
        temperature: &Quantity,
        velocity: &[Quantity],
    ) -> Result<Wall, Error> {
        Ok(Wall {
            temperature: self.positive(
                &format!("{section}.temperature"),
                temperature,
                Dimension::Temperature,
            )?,
            velocity: self.vector(&format!("{section}.velocity"), velocity, Dimension::Speed)?,
        })
    }

    fn share(&self, key: &str, value: f64) -> Result<f64, Error> {
        if (0.0..=1.0).contains(&value) {
            return Ok(value);
        }
        Err(self.refuse(key, format!("expected a share from 0 to 1, found {value}")))
    }
}

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
    let gas = gas(&reader, &case.gas, case.units, &state)?;
    reader.units.mean_free_path = Some(gas.mean_free_path(state.density, state.temperature));
    reader.units.mean_collision_time =
        Some(1.0 / gas.collision_frequency(state.density, state.temperature));

    let domain = domain(&reader, case)?;
    let regions = regions(&reader, case, &domain)?;
    let mut setup = Setup {
        name: case.name.clone(),
        title: case.title.clone(),
        system: case.units,
        gas,
        operator: case.collisions.operator,
        prandtl: case.collisions.prandtl,
        dims: domain.dims,
        lower: domain.lower,
        upper: domain.upper,
        cells: domain.cells,
        subcells: case.domain.subcells,
        initial: state,
        velocities: velocities(&reader, &initial.distribution)?,
        regions,
        faces: faces(&reader, case, domain.dims)?,
        dt: reader.positive("time.step", &case.time.step, Dimension::Time)?,
        steps: case.time.steps,
        weight: 1.0,
        sampling: case.sampling.clone(),
        output: case.output,
        comparison: case.comparison,
    };
    particles(&reader, case, &mut setup)?;
    check(&reader, &setup)?;
    Ok(setup)
}

/// Constants of a gas: mass in kg, diameters in m of variable hard and soft spheres at 273 K, `omega`, `alpha`.
/// Bird 1994, tables A1 to A3.
fn species(name: SpeciesName) -> Option<(f64, f64, f64, f64, f64)> {
    match name {
        SpeciesName::Argon => Some((6.63e-26, 4.17e-10, 4.11e-10, 0.81, 1.40)),
        SpeciesName::Nitrogen => Some((4.65e-26, 4.17e-10, 4.11e-10, 0.74, 1.36)),
        SpeciesName::Custom => None,
    }
}

/// Reference temperature of those constants, in K.
const SPECIES_TEMPERATURE: f64 = 273.15;

fn gas(
    reader: &Reader<'_>,
    section: &GasSection,
    system: UnitSystem,
    initial: &State,
) -> Result<Gas, Error> {
    let known = species(section.species);
    if known.is_some() && system == UnitSystem::Reduced {
        return Err(reader.refuse(
            "gas.species",
            "a named gas has SI constants: expected \"custom\" in a case in reduced units",
        ));
    }
    let model = section.molecule.unwrap_or(match known {
        Some(_) => MoleculeName::Vss,
        None => MoleculeName::HardSphere,
    });
    let missing = |key: &str, expected: &str| Error::MissingKey {
        file: reader.file.to_owned(),
        key: format!("gas.{key}"),
        expected: expected.to_owned(),
    };
    let mass = reader.optional("gas.mass", section.mass.as_ref(), Dimension::Mass)?;
    let mass = match (mass, known, system) {
        (Some(mass), ..) => mass,
        (None, Some(known), _) => known.0,
        (None, None, UnitSystem::Reduced) => 1.0,
        (None, None, UnitSystem::Si) => {
            return Err(missing("mass", "a mass with its unit, or gas.species"));
        }
    };
    let fixed = match model {
        MoleculeName::HardSphere => Some(0.5),
        MoleculeName::Maxwell => Some(1.0),
        MoleculeName::Vhs | MoleculeName::Vss => None,
    };
    let viscosity_index = match (fixed, section.viscosity_index, known) {
        (Some(fixed), None, _) => fixed,
        (Some(fixed), Some(found), _) if found == fixed => fixed,
        (Some(fixed), Some(found), _) => {
            let message =
                format!("this molecule has {fixed}, found {found}; leave it out or choose vhs");
            return Err(reader.refuse("gas.viscosity_index", message));
        }
        (None, Some(given), _) => given,
        (None, None, Some(known)) => known.3,
        (None, None, None) => return Err(missing("viscosity_index", "a number from 0.5 to 1")),
    };
    if !(0.5..=1.0).contains(&viscosity_index) {
        let message = format!(
            "expected a number from 0.5 (hard spheres) to 1 (Maxwell), found {viscosity_index}"
        );
        return Err(reader.refuse("gas.viscosity_index", message));
    }
    let scattering_exponent = match (model, section.scattering_exponent, known) {
        (MoleculeName::Vss, Some(given), _) => given,
        (MoleculeName::Vss, None, Some(known)) => known.4,
        (MoleculeName::Vss, None, None) => {
            return Err(missing("scattering_exponent", "a number such as 1.4"));
        }
        (_, None, _) => 1.0,
        (_, Some(found), _) => {
            let message =
                format!("only vss molecules have one, found {found}; leave it out or choose vss");
            return Err(reader.refuse("gas.scattering_exponent", message));
        }
    };
    if !(scattering_exponent >= 1.0 && scattering_exponent.is_finite()) {
        let message = format!("expected a number of at least 1, found {scattering_exponent}");
        return Err(reader.refuse("gas.scattering_exponent", message));
    }
    let reference_temperature = reader
        .optional(
            "gas.reference_temperature",
            section.reference_temperature.as_ref(),
            Dimension::Temperature,
        )?
        .unwrap_or(match (known, &section.diameter) {
            (Some(_), None) => SPECIES_TEMPERATURE,
            _ => initial.temperature,
        });
    let mut gas = Gas {
        model,
        boltzmann: match system {
            UnitSystem::Si => BOLTZMANN,
            UnitSystem::Reduced => 1.0,
        },
        mass,
        diameter: 1.0,
        reference_temperature,
        viscosity_index,
        scattering_exponent,
    };
    let diameter = reader.optional("gas.diameter", section.diameter.as_ref(), Dimension::Length)?;
    let mean_free_path = reader.optional(
        "gas.mean_free_path",
        section.mean_free_path.as_ref(),
        Dimension::Length,
    )?;
    gas.diameter = match (diameter, mean_free_path, known) {
        (Some(_), Some(_), _) => {
            let message = "gas.diameter is given too: expected one of the two, remove the other";
            return Err(reader.refuse("gas.mean_free_path", message));
        }
        (Some(diameter), None, _) => diameter,
        // The mean free path is inversely proportional to the diameter's square.
        (None, Some(path), _) => {
            (gas.mean_free_path(initial.density, initial.temperature) / path).sqrt()
        }
        (None, None, Some(known)) => match model {
            MoleculeName::Vss => known.2,
            _ => known.1,
        },
        (None, None, None) => {
            return Err(missing("diameter", "a length, or gas.mean_free_path"));
        }
    };
    Ok(gas)
}

struct Domain {
    dims: usize,
    lower: [f64; 3],
    upper: [f64; 3],
    cells: [usize; 3],
}

fn domain(reader: &Reader<'_>, case: &CaseFile) -> Result<Domain, Error> {
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
    let mut domain = Domain {
        dims,
        lower: [0.0; 3],
        upper: [1.0; 3],
        cells: [1; 3],
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

fn regions(reader: &Reader<'_>, case: &CaseFile, domain: &Domain) -> Result<Vec<Region>, Error> {
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

fn faces(reader: &Reader<'_>, case: &CaseFile, dims: usize) -> Result<[Face; 6], Error> {
    let mut faces = [Face::Periodic; 6];
    for (index, boundary) in case.boundaries.faces().into_iter().enumerate() {
        let name = format!("boundaries.{}", FACES[index]);
        faces[index] = match boundary {
            Boundary::Periodic => Face::Periodic,
            Boundary::Specular => Face::Specular,
            Boundary::Diffuse {
                temperature,
                velocity,
                accommodation,
            } => Face::Diffuse(
                reader.wall(&name, temperature, velocity)?,
                reader.share(&format!("{name}.accommodation"), *accommodation)?,
            ),
            Boundary::Cll {
                temperature,
                velocity,
                normal_accommodation,
                tangential_accommodation,
            } => Face::Cll(
                reader.wall(&name, temperature, velocity)?,
                reader.share(
                    &format!("{name}.normal_accommodation"),
                    *normal_accommodation,
                )?,
                // A tangential accommodation above 1 bounces back.
                reader.share(
                    &format!("{name}.tangential_accommodation"),
                    *tangential_accommodation / 2.0,
                )? * 2.0,
            ),
            Boundary::Inflow {
                density,
                temperature,
                velocity,
            } => Face::Inflow(reader.state(&name, density, temperature, velocity)?),
            Boundary::Outflow => Face::Outflow,
        };
        if index / 2 >= dims && faces[index] != Face::Periodic {
            let message = format!(
                "the domain has no axis {} (domain.cells lists {dims}); remove it or add the axis",
                AXES[index / 2]
            );
            return Err(reader.refuse(&name, message));
        }
        let wall = match faces[index] {
            Face::Diffuse(wall, _) | Face::Cll(wall, ..) => wall.velocity[index / 2],
            _ => 0.0,
        };
        if wall != 0.0 {
            let message = format!(
                "expected a wall that moves along itself: component {} must be 0, found {wall}",
                AXES[index / 2]
            );
            return Err(reader.refuse(&format!("{name}.velocity"), message));
        }
    }
    for axis in 0..dims {
        let periodic = |index: usize| faces[index] == Face::Periodic;
        if periodic(2 * axis) != periodic(2 * axis + 1) {
            let (low, high) = (FACES[2 * axis], FACES[2 * axis + 1]);
            let open = if periodic(2 * axis) { low } else { high };
            let message = format!(
                "a periodic face needs a periodic partner, but only one of {low} and {high} is (a face that is not named is periodic)"
            );
            return Err(reader.refuse(&format!("boundaries.{open}"), message));
        }
    }
    Ok(faces)
}

/// The weight, from whichever key gives it; the volume of a homogeneous gas.
fn particles(reader: &Reader<'_>, case: &CaseFile, setup: &mut Setup) -> Result<(), Error> {
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
    let density = setup.initial.density;
    let cell_volume: f64 = setup.spacing().iter().product();
    match (section.per_cell, section.count, section.weight) {
        (Some(per_cell), None, None) if setup.dims > 0 => {
            setup.weight = density * cell_volume / per_cell;
        }
        (None, Some(count), None) if setup.dims == 0 => {
            // A homogeneous gas has no size of its own: a cube in which every simulated molecule stands for one.
            let side = (count / density).cbrt();
            setup.upper = [side; 3];
        }
        (None, None, Some(weight)) if setup.dims > 0 => {
            if setup.dims < 3 && case.domain.cross_section.is_none() {
                let (what, example) = if setup.dims == 1 {
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
            setup.weight = weight;
        }
        _ => {
            let expected = if setup.dims == 0 {
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
            return Err(reader.refuse("particles", format!("expected {expected}, found {found}")));
        }
    }
    Ok(())
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
    if matches!(setup.operator, OperatorName::EsBgk | OperatorName::Shakhov)
        && !(2.0 / 3.0 - 1e-9..=1.0).contains(&setup.prandtl)
    {
        let message = format!("expected a number from 2/3 to 1, found {}", setup.prandtl);
        return refuse("collisions.prandtl", message);
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
    crossing(reader, setup)
}

/// Refuses a step in which a typical molecule crosses the whole domain.
fn crossing(reader: &Reader<'_>, setup: &Setup) -> Result<(), Error> {
    let extent = setup.extent();
    for axis in 0..setup.dims {
        let speed = setup
            .states()
            .map(|state| setup.gas.thermal_speed(state.temperature) + state.velocity[axis].abs())
            .fold(0.0, f64::max);
        let way = speed * setup.dt;
        if way >= extent[axis] {
            let unit = |dimension: Dimension| match dimension.unit(setup.system) {
                "" => String::new(),
                unit => format!(" {unit}"),
            };
            let (length, time) = (unit(Dimension::Length), unit(Dimension::Time));
            return Err(reader.refuse(
                "time.step",
                format!(
                    "in one step of {:.3e}{time} a molecule of usual speed flies {way:.3e}{length} and crosses the domain, \
                     which is {:.3e}{length} along {}; expected a step well below {:.3e}{time}",
                    setup.dt,
                    extent[axis],
                    AXES[axis],
                    extent[axis] / speed
                ),
            ));
        }
    }
    Ok(())
}
