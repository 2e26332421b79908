//! Reads single quantities and names the key of a wrong one.

use kiti_kinetics::gas::{GasError, GasState};
use kiti_models::Error;

use super::quantity::{Dimension, Quantity, Units};

/// Reads quantities of one file, and names the key of a wrong one.
pub struct Reader<'a> {
    /// What messages call the file.
    pub file: &'a str,
    /// Units that may be written.
    pub units: Units,
}

impl Reader<'_> {
    /// A refusal of the key's value.
    pub fn refuse(&self, key: &str, message: impl Into<String>) -> Error {
        Error::InvalidValue {
            file: self.file.to_owned(),
            key: key.to_owned(),
            message: message.into(),
        }
    }

    /// A quantity of any sign.
    pub fn read(&self, key: &str, quantity: &Quantity, dimension: Dimension) -> Result<f64, Error> {
        self.units
            .read(quantity, dimension)
            .map_err(|message| self.refuse(key, message))
    }

    /// A quantity above 0.
    pub fn positive(
        &self,
        key: &str,
        quantity: &Quantity,
        dimension: Dimension,
    ) -> Result<f64, Error> {
        let value = self.read(key, quantity, dimension)?;
        if value > 0.0 {
            return Ok(value);
        }
        Err(self.refuse(
            key,
            format!("expected a {dimension} above 0, found {quantity}"),
        ))
    }

    /// A quantity above 0, if there is one.
    pub fn optional(
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
    pub fn vector(
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

    /// Density, temperature and velocity of a gas.
    pub fn state(
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

    /// Temperature and velocity of a wall.
    pub fn wall(
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
    pub fn solver(&self, error: &GasError) -> Error {
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
