//! `[boundaries]`: what may stand there, and what it is in numbers.

use kiti_kinetics::gas::Boundary;
use kiti_models::Error;
use serde::{Deserialize, Serialize};

use super::quantity::Quantity;
use super::reader::Reader;
use super::sections::CaseFile;

/// `[boundaries]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BoundarySections {
    /// Face at the lower end of x.
    pub x_low: BoundarySection,
    /// Face at the upper end of x.
    pub x_high: BoundarySection,
    /// Face at the lower end of y.
    pub y_low: BoundarySection,
    /// Face at the upper end of y.
    pub y_high: BoundarySection,
    /// Face at the lower end of z.
    pub z_low: BoundarySection,
    /// Face at the upper end of z.
    pub z_high: BoundarySection,
}

/// Names of the faces, as [`BoundarySections::faces`] orders them.
pub const FACES: [&str; 6] = ["x_low", "x_high", "y_low", "y_high", "z_low", "z_high"];

impl BoundarySections {
    /// All faces: low and high of x, y, z.
    pub fn faces(&self) -> [&BoundarySection; 6] {
        [
            &self.x_low,
            &self.x_high,
            &self.y_low,
            &self.y_high,
            &self.z_low,
            &self.z_high,
        ]
    }
}

/// What happens at a face.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum BoundarySection {
    /// Molecules come in again at the opposite face.
    #[default]
    Periodic,
    /// Mirror.
    Specular,
    /// Maxwell's wall: a share `accommodation` leaves in equilibrium with the wall, the rest is mirrored.
    Diffuse {
        /// The wall's temperature.
        temperature: Quantity,
        /// The wall's velocity.
        #[serde(default)]
        velocity: Vec<Quantity>,
        /// Share that leaves in equilibrium with the wall.
        #[serde(default = "one")]
        accommodation: f64,
    },
    /// Cercignani, Lampis and Lord's wall.
    Cll {
        /// The wall's temperature.
        temperature: Quantity,
        /// The wall's velocity.
        #[serde(default)]
        velocity: Vec<Quantity>,
        /// Accommodation of the normal energy.
        normal_accommodation: f64,
        /// Accommodation of the tangential momentum.
        tangential_accommodation: f64,
    },
    /// A gas in equilibrium outside: molecules leave freely, and come in as it sends them.
    Inflow {
        /// Number density outside.
        density: Quantity,
        /// Temperature outside.
        temperature: Quantity,
        /// Mean velocity outside.
        #[serde(default)]
        velocity: Vec<Quantity>,
    },
    /// Vacuum: molecules leave.
    Outflow,
}

fn one() -> f64 {
    1.0
}

/// What happens at the faces of `dims` axes.
pub fn boundaries(
    reader: &Reader<'_>,
    case: &CaseFile,
    dims: usize,
) -> Result<[Boundary; 6], Error> {
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
                ["x", "y", "z"][index / 2]
            );
            return Err(reader.refuse(&name, message));
        }
    }
    Ok(boundaries)
}
