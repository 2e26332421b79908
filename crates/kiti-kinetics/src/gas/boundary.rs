//! Walls and open boundaries.

use super::error::{GasResult, positive, within};

/// A gas in equilibrium.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GasState {
    /// Number density.
    pub density: f64,
    /// Temperature.
    pub temperature: f64,
    /// Mean velocity.
    pub velocity: [f64; 3],
}

/// What happens to a molecule at a face of the domain.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Boundary {
    /// It comes in again at the opposite face.
    #[default]
    Periodic,
    /// Mirror reflection.
    Specular,
    /// Maxwell's wall: with probability `accommodation` it leaves in equilibrium with the wall, otherwise it
    /// is mirrored.
    Diffuse {
        /// Temperature of the wall.
        temperature: f64,
        /// Velocity of the wall; the component across the wall must be 0.
        velocity: [f64; 3],
        /// Share that leaves in equilibrium with the wall, 0 to 1.
        accommodation: f64,
    },
    /// Cercignani, Lampis and Lord's wall (Lord 1991).
    Cll {
        /// Temperature of the wall.
        temperature: f64,
        /// Velocity of the wall; the component across the wall must be 0.
        velocity: [f64; 3],
        /// Accommodation of the energy of the normal motion, 0 to 1.
        normal: f64,
        /// Accommodation of the tangential momentum, 0 to 1.
        tangential: f64,
    },
    /// Molecules leave; a gas outside sends its own in (none where it is `None`: vacuum).
    Open(Option<GasState>),
}

/// A face of the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Face {
    /// Axis it is perpendicular to.
    pub axis: usize,
    /// Whether it lies at the upper end.
    pub upper: bool,
}

impl Face {
    /// All faces: low and high of x, y, z.
    pub const ALL: [Self; 6] = {
        let mut faces = [Self {
            axis: 0,
            upper: false,
        }; 6];
        let mut k = 0;
        while k < 6 {
            faces[k].axis = k / 2;
            faces[k].upper = k % 2 == 1;
            k += 1;
        }
        faces
    };

    /// Position in [`Face::ALL`].
    pub fn index(self) -> usize {
        2 * self.axis + usize::from(self.upper)
    }

    /// Name, such as `x_low`.
    pub fn name(self) -> &'static str {
        ["x_low", "x_high", "y_low", "y_high", "z_low", "z_high"][self.index()]
    }

    /// Sign of the normal that points into the gas.
    pub fn inward(self) -> f64 {
        if self.upper { -1.0 } else { 1.0 }
    }
}

impl Boundary {
    /// Refuses boundaries that cannot be.
    ///
    /// # Errors
    ///
    /// Names the first value that lies outside its range.
    pub fn validate(&self, face: Face) -> GasResult<()> {
        let key = |what: &str| format!("boundaries.{}.{what}", face.name());
        let share = |what: &str, value| {
            within(
                key(what),
                value,
                [0.0, 1.0],
                "a number from 0 to 1",
                "0 mirrors, 1 accommodates fully",
            )
        };
        let wall = |temperature, velocity: [f64; 3]| {
            positive(
                key("temperature"),
                temperature,
                "give the wall's temperature",
            )?;
            within(
                key("velocity"),
                velocity[face.axis],
                [0.0, 0.0],
                "0 across the wall",
                "a wall moves along itself only",
            )?;
            velocity
                .iter()
                .try_for_each(|&v| finite(key("velocity"), v))
        };
        match *self {
            Self::Periodic | Self::Specular | Self::Open(None) => Ok(()),
            Self::Diffuse {
                temperature,
                velocity,
                accommodation,
            } => {
                wall(temperature, velocity)?;
                share("accommodation", accommodation)
            }
            Self::Cll {
                temperature,
                velocity,
                normal,
                tangential,
            } => {
                wall(temperature, velocity)?;
                share("normal_accommodation", normal)?;
                share("tangential_accommodation", tangential)
            }
            Self::Open(Some(state)) => state.validate(&format!("boundaries.{}", face.name())),
        }
    }
}

fn finite(key: String, value: f64) -> GasResult<()> {
    within(
        key,
        value,
        [-f64::MAX, f64::MAX],
        "a finite number",
        "give a velocity",
    )
}

impl GasState {
    /// Refuses states that cannot be; `section` is the key the state stands under.
    ///
    /// # Errors
    ///
    /// Names the first value that is not positive or finite.
    pub fn validate(&self, section: &str) -> GasResult<()> {
        let key = |what: &str| format!("{section}.{what}");
        positive(key("density"), self.density, "give a number density")?;
        positive(key("temperature"), self.temperature, "give a temperature")?;
        self.velocity
            .iter()
            .try_for_each(|&v| finite(key("velocity"), v))
    }
}
