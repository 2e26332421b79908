//! What is known of a flow: means over molecules and steps for every cell, each with its standard error.

use kiti_kinetics::gas::{Face, Fields, Flow as SampledFlow, Sampler};
use serde::Serialize;

use super::case::{SamplingSection, Setup, UnitSystem};

/// A quantity that every cell has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowQuantity {
    /// Molecules per volume.
    NumberDensity,
    /// Mean velocity along an axis.
    Velocity(usize),
    /// Kinetic temperature.
    Temperature,
    /// Component of the pressure tensor, in the order of [`TENSOR`].
    Stress(usize),
    /// Component of the heat flux.
    HeatFlux(usize),
}

/// Axes of the components of a symmetric tensor, in the solver's order.
pub const TENSOR: [(usize, usize); 6] = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)];
const AXES: [&str; 3] = ["x", "y", "z"];

impl FlowQuantity {
    /// All of them, in the order of the columns.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::NumberDensity];
        all.extend((0..3).map(Self::Velocity));
        all.push(Self::Temperature);
        all.extend((0..TENSOR.len()).map(Self::Stress));
        all.extend((0..3).map(Self::HeatFlux));
        all
    }

    /// Its name in files.
    pub fn name(self) -> String {
        match self {
            Self::NumberDensity => "number_density".into(),
            Self::Velocity(axis) => format!("velocity_{}", AXES[axis]),
            Self::Temperature => "temperature".into(),
            Self::Stress(component) => {
                let (a, b) = TENSOR[component];
                format!("stress_{}{}", AXES[a], AXES[b])
            }
            Self::HeatFlux(axis) => format!("heat_flux_{}", AXES[axis]),
        }
    }

    /// Its unit; empty in reduced units.
    pub fn unit(self, system: UnitSystem) -> &'static str {
        match (system, self) {
            (UnitSystem::Reduced, _) => "",
            (_, Self::NumberDensity) => "1/m^3",
            (_, Self::Velocity(_)) => "m/s",
            (_, Self::Temperature) => "K",
            (_, Self::Stress(_)) => "Pa",
            (_, Self::HeatFlux(_)) => "W/m^2",
        }
    }

    /// Its values in all cells.
    pub fn of(self, fields: &Fields) -> &[f64] {
        match self {
            Self::NumberDensity => &fields.density,
            Self::Velocity(axis) => &fields.velocity[axis],
            Self::Temperature => &fields.temperature,
            Self::Stress(component) => &fields.stress[component],
            Self::HeatFlux(axis) => &fields.heat_flux[axis],
        }
    }

    /// Standard errors of a mean over so few steps that its molecules are the same all the time: those of as many
    /// independent molecules in equilibrium as a cell holds at one moment.
    ///
    /// With `theta = k T/m` and `N` molecules: density `n/sqrt(N)`, velocity `sqrt(theta/N)`, temperature `T sqrt(2/(3 N))`,
    /// diagonal stress `p sqrt(3/N)`, other stress `p/sqrt(N)`, heat flux `p sqrt(5 theta/(2 N))`.
    pub fn errors_of_one_moment(self, setup: &Setup, flow: &SampledFlow) -> Vec<f64> {
        let molecule = setup.molecule();
        (0..flow.particles_per_cell.len())
            .map(|cell| {
                let root = flow.particles_per_cell[cell].sqrt();
                let (density, temperature) = (flow.mean.density[cell], flow.mean.temperature[cell]);
                let theta = molecule.theta(temperature);
                let pressure = density * molecule.boltzmann * temperature;
                let deviation = match self {
                    Self::NumberDensity => density,
                    Self::Velocity(_) => theta.sqrt(),
                    Self::Temperature => temperature * (2.0f64 / 3.0).sqrt(),
                    Self::Stress(component) if component < 3 => pressure * 3f64.sqrt(),
                    Self::Stress(_) => pressure,
                    Self::HeatFlux(_) => pressure * (2.5 * theta).sqrt(),
                };
                deviation / root
            })
            .collect()
    }

    /// Name and unit: `velocity_y (m/s)`.
    pub fn heading(self, system: UnitSystem) -> String {
        heading(&self.name(), self.unit(system))
    }
}

/// A name with its unit in brackets, if it has one.
pub fn heading(name: &str, unit: &str) -> String {
    match unit {
        "" => name.to_owned(),
        unit => format!("{name} ({unit})"),
    }
}

/// One quantity in all cells, the first axis of the grid fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Which.
    pub quantity: FlowQuantity,
    /// Means; NaN in a cell that held no molecule.
    pub values: Vec<f64>,
    /// Their standard errors.
    pub errors: Vec<f64>,
}

/// What a face receives from the gas, per area and time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaceFlux {
    /// The face's name, such as `x_low`.
    pub face: &'static str,
    /// Molecules that arrive less those that come back; momentum along x, y, z; energy.
    pub mean: [f64; 5],
    /// Their standard errors.
    pub standard_error: [f64; 5],
}

impl FaceFlux {
    /// The fluxes of all faces of a sampled flow's axes.
    pub fn all(setup: &Setup, sampler: &Sampler) -> Vec<Self> {
        let faces = Face::ALL.into_iter().take(2 * setup.dims());
        faces
            .map(|face| {
                let (mean, standard_error) = sampler.surface(face);
                let [mean, standard_error] = [mean, standard_error].map(|flux| {
                    let [x, y, z] = flux.momentum;
                    [flux.number, x, y, z, flux.heat]
                });
                Self {
                    face: face.name(),
                    mean,
                    standard_error,
                }
            })
            .collect()
    }

    /// Headings of the five numbers.
    pub fn headings(system: UnitSystem) -> [String; 5] {
        let [number, momentum, energy] = match system {
            UnitSystem::Si => ["1/(m^2 s)", "Pa", "W/m^2"],
            UnitSystem::Reduced => [""; 3],
        };
        [
            heading("number", number),
            heading("momentum_x", momentum),
            heading("momentum_y", momentum),
            heading("momentum_z", momentum),
            heading("energy", energy),
        ]
    }
}

/// A mean over some steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// First and last step of the mean.
    pub steps: (u64, u64),
    /// Time at its middle.
    pub time: f64,
    /// Steps that went into it.
    pub samples: u64,
    /// The quantities, in the order of [`FlowQuantity::all`].
    pub columns: Vec<Column>,
    /// What the faces received in these steps.
    pub faces: Vec<FaceFlux>,
}

impl Flow {
    /// Flux along x through the gas between the two faces of x, as they received it: number `index` of [`FaceFlux::mean`],
    /// with its standard error.
    pub fn through(&self, index: usize) -> Option<(f64, f64)> {
        let [low, high, ..] = self.faces.as_slice() else {
            return None;
        };
        let mean = (high.mean[index] - low.mean[index]) / 2.0;
        let error = high.standard_error[index].hypot(low.standard_error[index]) / 2.0;
        Some((mean, error))
    }

    /// A quantity's column.
    pub fn column(&self, quantity: FlowQuantity) -> Option<&Column> {
        self.columns
            .iter()
            .find(|column| column.quantity == quantity)
    }

    /// Places of the cells' centres along the first axis with a quantity's value and standard error there: the flow's profile.
    /// Cells without molecules are left out.
    pub fn profile(&self, setup: &Setup, quantity: FlowQuantity) -> Vec<(f64, f64, f64)> {
        let Some(column) = self.column(quantity) else {
            return Vec::new();
        };
        (0..setup.grid().cells[0])
            .map(|cell| {
                let place = setup.grid().centre(cell)[0];
                (place, column.values[cell], column.errors[cell])
            })
            .filter(|(_, value, _)| value.is_finite())
            .collect()
    }

    /// Mean of a quantity over the cells whose centres lie between two places of the first axis, with its standard error.
    ///
    /// At one moment cells hold different molecules, so their errors are independent. Over many steps the same molecules pass
    /// through all of them, so the error of the mean is taken to be that of a cell.
    pub fn mean_between(
        &self,
        setup: &Setup,
        quantity: FlowQuantity,
        (low, high): (f64, f64),
    ) -> Option<(f64, f64)> {
        let inside: Vec<(f64, f64, f64)> = self
            .profile(setup, quantity)
            .into_iter()
            .filter(|(place, ..)| (low..=high).contains(place))
            .collect();
        if inside.is_empty() {
            return None;
        }
        let count = inside.len() as f64;
        let mean = inside.iter().map(|(_, value, _)| value).sum::<f64>() / count;
        let square = inside.iter().map(|(.., error)| error * error).sum::<f64>() / count;
        let independent = match setup.sampling {
            SamplingSection::Snapshots { .. } => count,
            SamplingSection::Steady { .. } => 1.0,
        };
        Some((mean, (square / independent).sqrt()))
    }
}
