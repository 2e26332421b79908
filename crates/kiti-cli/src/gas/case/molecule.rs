//! `[gas]` and `[collisions]` in numbers.

use kiti_kinetics::gas::{
    BOLTZMANN, Collisions, GasState, Molecule, PairSelection, Relaxation, Species,
};
use kiti_models::Error;

use super::quantity::{Dimension, UnitSystem};
use super::reader::Reader;
use super::sections::{CollisionSection, GasSection, MoleculeName, OperatorName, SpeciesName};

/// How the molecules collide.
pub fn collisions(section: &CollisionSection) -> Collisions {
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

/// The molecules, whose size may be told by the mean free path of the initial gas.
pub fn molecule(
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
