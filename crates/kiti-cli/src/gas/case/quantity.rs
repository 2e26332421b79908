//! Numbers with units, as a case file writes them: `"273.15 K"`, `"0.5 lambda"`, or plain where a case has no units.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value of a case file that has a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Quantity {
    /// Without a unit: the notation of a case in reduced units.
    Number(f64),
    /// A number and its unit: the notation of a case in SI units.
    Text(String),
}

/// What a quantity measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// A place or an extent.
    Length,
    /// Extent of two dimensions that a flow does not depend on.
    Area,
    /// A duration.
    Time,
    /// A velocity's component.
    Speed,
    /// A thermodynamic temperature.
    Temperature,
    /// A molecule's mass.
    Mass,
    /// Molecules per volume.
    NumberDensity,
}

/// How a case writes its quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitSystem {
    /// Texts with units; results are in metres, seconds, kilograms and kelvins.
    #[default]
    Si,
    /// Plain numbers: Boltzmann's constant is 1, everything else is measured in what the case chooses.
    Reduced,
}

/// What quantities are read with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Units {
    /// How the case writes.
    pub system: UnitSystem,
    /// Mean free path of the initial gas, once it is known: the unit `lambda`.
    pub mean_free_path: Option<f64>,
    /// Mean time between two collisions of a molecule in the initial gas: the unit `tau`.
    pub mean_collision_time: Option<f64>,
}

impl Dimension {
    /// Unit symbols with their size in SI units, the SI unit first.
    fn symbols(self) -> &'static [(&'static str, f64)] {
        match self {
            Self::Length => &[
                ("m", 1.0),
                ("cm", 1e-2),
                ("mm", 1e-3),
                ("um", 1e-6),
                ("\u{b5}m", 1e-6),
                ("nm", 1e-9),
            ],
            Self::Area => &[("m^2", 1.0), ("cm^2", 1e-4), ("mm^2", 1e-6)],
            Self::Time => &[
                ("s", 1.0),
                ("ms", 1e-3),
                ("us", 1e-6),
                ("\u{b5}s", 1e-6),
                ("ns", 1e-9),
            ],
            Self::Speed => &[("m/s", 1.0), ("km/s", 1e3)],
            Self::Temperature => &[("K", 1.0)],
            // The unified atomic mass unit: CODATA 2018.
            Self::Mass => &[("kg", 1.0), ("g", 1e-3), ("u", 1.660_539_066_60e-27)],
            Self::NumberDensity => &[
                ("1/m^3", 1.0),
                ("m^-3", 1.0),
                ("1/cm^3", 1e6),
                ("cm^-3", 1e6),
            ],
        }
    }

    /// What the result is in, for headers: the SI unit, or nothing in reduced units.
    pub fn unit(self, system: UnitSystem) -> &'static str {
        match system {
            UnitSystem::Si => self.symbols()[0].0,
            UnitSystem::Reduced => "",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Length => "\"1 mm\" or \"50 lambda\"",
            Self::Area => "\"1 m^2\"",
            Self::Time => "\"7 ns\" or \"0.2 tau\"",
            Self::Speed => "\"300 m/s\"",
            Self::Temperature => "\"273.15 K\"",
            Self::Mass => "\"6.63e-26 kg\"",
            Self::NumberDensity => "\"1e20 1/m^3\"",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "length",
            Self::Area => "area",
            Self::Time => "time",
            Self::Speed => "velocity",
            Self::Temperature => "temperature",
            Self::Mass => "mass",
            Self::NumberDensity => "number density",
        })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "\"{text}\""),
        }
    }
}

impl Units {
    /// The units of a case before its mean free path is known.
    pub fn of(system: UnitSystem) -> Self {
        Self {
            system,
            mean_free_path: None,
            mean_collision_time: None,
        }
    }

    /// The value of `quantity` in the base units of the case.
    ///
    /// # Errors
    ///
    /// What was expected and found, where the unit is missing, unknown or of another dimension, or the number is not finite.
    pub fn read(&self, quantity: &Quantity, dimension: Dimension) -> Result<f64, String> {
        let value = match (quantity, self.system) {
            (Quantity::Number(number), UnitSystem::Reduced) => *number,
            (Quantity::Number(number), UnitSystem::Si) => {
                return Err(format!(
                    "expected a {dimension} with its unit, such as {}, found {number} without one; \
                     add the unit, or write the whole case in reduced units (units = \"reduced\")",
                    dimension.example()
                ));
            }
            (Quantity::Text(text), _) => self.read_text(text, dimension)?,
        };
        if !value.is_finite() {
            return Err(format!("expected a finite {dimension}, found {quantity}"));
        }
        Ok(value)
    }

    fn read_text(&self, text: &str, dimension: Dimension) -> Result<f64, String> {
        let text = text.trim();
        let (number, unit) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let unit = unit.trim();
        let number: f64 = number.parse().map_err(|_| {
            format!(
                "expected a number, a space and a unit of {dimension}, such as {}, found \"{text}\"",
                dimension.example()
            )
        })?;
        let relative = match (dimension, unit) {
            (Dimension::Length, "lambda") => Some(self.mean_free_path),
            (Dimension::Time, "tau") => Some(self.mean_collision_time),
            _ => None,
        };
        match relative {
            Some(Some(size)) => return Ok(number * size),
            Some(None) => {
                return Err(format!(
                    "\"{unit}\" is that of the initial gas, which is not known here; \
                     state the {dimension} in other units"
                ));
            }
            None => {}
        }
        let symbols = dimension.symbols();
        let known = || {
            let mut names: Vec<&str> = match self.system {
                UnitSystem::Si => symbols.iter().map(|(name, _)| *name).collect(),
                UnitSystem::Reduced => Vec::new(),
            };
            match dimension {
                Dimension::Length => names.push("lambda"),
                Dimension::Time => names.push("tau"),
                _ => {}
            }
            names.join(", ")
        };
        if self.system == UnitSystem::Reduced {
            return Err(match known() {
                none if none.is_empty() => format!(
                    "expected a plain {dimension} (the case is in reduced units), found \"{text}\"; \
                     leave out the quotes and the unit"
                ),
                known => format!(
                    "expected a plain {dimension} or one in {known} (the case is in reduced units), found \"{text}\""
                ),
            });
        }
        match symbols.iter().find(|(name, _)| *name == unit) {
            Some((_, size)) => Ok(number * size),
            None if unit.is_empty() => Err(format!(
                "expected a {dimension} with its unit ({}), found \"{text}\" without one",
                known()
            )),
            None => Err(format!(
                "expected a unit of {dimension} ({}), found \"{unit}\"",
                known()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Quantity {
        Quantity::Text(text.into())
    }

    #[test]
    fn quantities_become_si_numbers() {
        let units = Units::of(UnitSystem::Si);
        for (written, dimension, value) in [
            ("273.15 K", Dimension::Temperature, 273.15),
            ("2.5 mm", Dimension::Length, 2.5e-3),
            ("7 ns", Dimension::Time, 7e-9),
            ("0.3 km/s", Dimension::Speed, 300.0),
            ("7e16  1/cm^3", Dimension::NumberDensity, 7e22),
            ("1 cm^2", Dimension::Area, 1e-4),
        ] {
            let read = units.read(&text(written), dimension);
            assert_eq!(
                read.map(|found| (found / value - 1.0).abs() < 1e-14),
                Ok(true),
                "{written}"
            );
        }
        let argon = units
            .read(&text("39.948 u"), Dimension::Mass)
            .expect("a mass");
        assert!((argon / 6.6335e-26 - 1.0).abs() < 1e-4, "{argon}");
    }

    #[test]
    fn relative_units_need_the_initial_gas() {
        let mut units = Units::of(UnitSystem::Reduced);
        let length = text("50 lambda");
        assert!(units.read(&length, Dimension::Length).is_err());
        units.mean_free_path = Some(0.02);
        assert_eq!(units.read(&length, Dimension::Length), Ok(1.0));
        assert_eq!(
            units.read(&Quantity::Number(3.0), Dimension::Length),
            Ok(3.0)
        );
    }

    #[test]
    fn missing_wrong_and_superfluous_units_are_named() {
        let si = Units::of(UnitSystem::Si);
        let reduced = Units::of(UnitSystem::Reduced);
        for (units, quantity, dimension, words) in [
            (
                si,
                Quantity::Number(300.0),
                Dimension::Temperature,
                ["unit", "273.15 K"],
            ),
            (
                si,
                text("300"),
                Dimension::Temperature,
                ["without one", "K"],
            ),
            (
                si,
                text("300 m"),
                Dimension::Temperature,
                ["temperature", "\"m\""],
            ),
            (si, text("hot"), Dimension::Temperature, ["number", "hot"]),
            (si, text("inf m"), Dimension::Length, ["finite", "inf"]),
            (
                reduced,
                text("300 K"),
                Dimension::Temperature,
                ["plain", "300 K"],
            ),
            (reduced, text("1 m"), Dimension::Length, ["lambda", "1 m"]),
        ] {
            let message = units.read(&quantity, dimension).expect_err("refused");
            for word in words {
                assert!(message.contains(word), "{word} not in {message}");
            }
        }
    }
}
