//! From what a case file says to numbers; every value is checked on the way.

use kiti_kinetics::gas::{
    BOLTZMANN, Boundary, Collisions, GasError, GasState, Grid, InitialGas, Molecule, PairSelection,
    Prediction, Region, Relaxation, SolverConfig, Species, Velocities,
};
use kiti_models::Error;

use super::quantity::{Dimension, Quantity, UnitSystem, Units};
use super::sections::{
    BoundarySection, CaseFile, CollisionSection, Distribution, FACES, GasSection, MoleculeName,
    OperatorName, SamplingSection, SpeciesName,
};
use super::setup::Setup;

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
    ) -> Result<GasState, Error> {
        let key = |name: &str| format!("{section}.{name}");
        Ok(GasState {
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
    ) -> Result<(f64, [f64; 3]), Error> {
        let key = |name: &str| format!("{section}.{name}");
        Ok((
            self.positive(&key("temperature"), temperature, Dimension::Temperature)?,
            self.vector(&key("velocity"), velocity, Dimension::Speed)?,
        ))
    }

    /// What the solver itself refuses.
    fn solver(&self, error: &GasError) -> Error {
        let key = match error {
            GasError::Value { key, .. } => key,
            GasError::Memory { .. } | GasError::NoParticles { .. } => "particles.weight",
            GasError::Periodic { face } => &format!("boundaries.{face}"),
            GasError::TimeStep { .. } => "time.step",
            _ => "case",
        };
        self.refuse(key, error.to_string())
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
        .map_err(|error| reader.solver(&error))
}

fn collisions(section: &CollisionSection) -> Collisions {
    let prandtl = section.prandtl;
    match section.operator {
        OperatorName::NoTimeCounter => Collisions::Binary(PairSelection::NoTimeCounter),
        OperatorName::MajorantFrequency => Collisions::Binary(PairSelection::MajorantFrequency),
        OperatorName::BernoulliTrials => {
            Collisions::Binary(PairSelection::SimplifiedBernoulliTrials)
        }
        OperatorName::DisjointPairs => Collisions::Binary(PairSelection::DisjointPairs),
        OperatorName::Bgk => Collisions::Relaxation(Relaxation::Bgk),
        OperatorName::EsBgk => Collisions::Relaxation(Relaxation::EsBgk { prandtl }),
        OperatorName::Shakhov => Collisions::Relaxation(Relaxation::Shakhov { prandtl }),
        OperatorName::None => Collisions::None,
    }
}

fn species(name: SpeciesName) -> Option<Species> {
    match name {
        SpeciesName::Argon => Some(Species::ARGON),
        SpeciesName::Nitrogen => Some(Species::NITROGEN),
        SpeciesName::Custom => None,
    }
}

fn molecule(
    reader: &Reader<'_>,
    section: &GasSection,
    system: UnitSystem,
    initial: &GasState,
) -> Result<Molecule, Error> {
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
        (None, Some(known), _) => known.mass,
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
        (None, None, Some(known)) => known.omega,
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
        (MoleculeName::Vss, None, Some(known)) => known.alpha,
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
            (Some(known), None) => known.reference_temperature,
            _ => initial.temperature,
        });
    let mut molecule = Molecule {
        boltzmann: match system {
            UnitSystem::Si => BOLTZMANN,
            UnitSystem::Reduced => 1.0,
        },
        mass,
        diameter: 1.0,
        reference_temperature,
        omega: viscosity_index,
        alpha: scattering_exponent,
    };
    let diameter = reader.optional("gas.diameter", section.diameter.as_ref(), Dimension::Length)?;
    let mean_free_path = reader.optional(
        "gas.mean_free_path",
        section.mean_free_path.as_ref(),
        Dimension::Length,
    )?;
    molecule.diameter = match (diameter, mean_free_path, known) {
        (Some(_), Some(_), _) => {
            let message = "gas.diameter is given too: expected one of the two, remove the other";
            return Err(reader.refuse("gas.mean_free_path", message));
        }
        (Some(diameter), None, _) => diameter,
        // The mean free path is inversely proportional to the diameter's square.
        (None, Some(path), _) => {
            (molecule.mean_free_path(initial.density, initial.temperature) / path).sqrt()
        }
        (None, None, Some(known)) => match model {
            MoleculeName::Vss => known.vss_diameter,
            _ => known.vhs_diameter,
        },
        (None, None, None) => {
            return Err(missing("diameter", "a length, or gas.mean_free_path"));
        }
    };
    Ok(molecule)
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

fn boundaries(reader: &Reader<'_>, case: &CaseFile, dims: usize) -> Result<[Boundary; 6], Error> {
    let mut boundaries = [Boundary::Periodic; 6];
    for (index, section) in case.boundaries.faces().into_iter().enumerate() {
        let name = format!("boundaries.{}", FACES[index]);
        boundaries[index] = match section {
            BoundarySection::Periodic => Boundary::Periodic,
            BoundarySection::Specular => Boundary::Specular,
            BoundarySection::Diffuse {
                temperature,
                velocity,
                accommodation,
            } => {
                let (temperature, velocity) = reader.wall(&name, temperature, velocity)?;
                Boundary::Diffuse {
                    temperature,
                    velocity,
                    accommodation: *accommodation,
                }
            }
            BoundarySection::Cll {
                temperature,
                velocity,
                normal_accommodation,
                tangential_accommodation,
            } => {
                let (temperature, velocity) = reader.wall(&name, temperature, velocity)?;
                Boundary::Cll {
                    temperature,
                    velocity,
                    normal: *normal_accommodation,
                    tangential: *tangential_accommodation,
                }
            }
            BoundarySection::Inflow {
                density,
                temperature,
                velocity,
            } => Boundary::Open(Some(reader.state(&name, density, temperature, velocity)?)),
            BoundarySection::Outflow => Boundary::Open(None),
        };
        if index / 2 >= dims && boundaries[index] != Boundary::Periodic {
            let message = format!(
                "the domain has no axis {} (domain.cells lists {dims}); remove it or add the axis",
                AXES[index / 2]
            );
            return Err(reader.refuse(&name, message));
        }
    }
    Ok(boundaries)
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
