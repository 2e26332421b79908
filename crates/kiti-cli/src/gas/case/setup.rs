//! A case in numbers: base units, every default filled in.

use std::f64::consts::PI;

use super::quantity::UnitSystem;
use super::sections::{Comparison, MoleculeName, OperatorName, OutputSection, SamplingSection};

/// Everything that the solver and the report need to know of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Short name.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Units of all numbers.
    pub system: UnitSystem,
    /// The molecules.
    pub gas: Gas,
    /// How they collide.
    pub operator: OperatorName,
    /// Prandtl number of the relaxation models that have one.
    pub prandtl: f64,
    /// Axes of the flow, 0 for a homogeneous gas.
    pub dims: usize,
    /// Lower corner; 0 along other axes.
    pub lower: [f64; 3],
    /// Upper corner; what makes the volume right along other axes.
    pub upper: [f64; 3],
    /// Cells along each axis; 1 along other axes.
    pub cells: [usize; 3],
    /// Collision sub-cells of a cell along each axis of the flow.
    pub subcells: usize,
    /// The gas at the start.
    pub initial: State,
    /// How its velocities are distributed.
    pub velocities: Velocities,
    /// Boxes in which it starts differently; a later one lies over an earlier one.
    pub regions: Vec<Region>,
    /// Low and high faces of x, y, z.
    pub faces: [Face; 6],
    /// Time step.
    pub dt: f64,
    /// Number of steps.
    pub steps: u64,
    /// Real molecules that a simulated one stands for.
    pub weight: f64,
    /// When the flow is measured.
    pub sampling: SamplingSection,
    /// What is written on the way.
    pub output: OutputSection,
    /// What theory is drawn.
    pub comparison: Comparison,
}

/// The molecules in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gas {
    /// Molecular model.
    pub model: MoleculeName,
    /// Boltzmann's constant in the case's units.
    pub boltzmann: f64,
    /// Mass of a molecule.
    pub mass: f64,
    /// Diameter at the reference temperature.
    pub diameter: f64,
    /// Temperature of that diameter.
    pub reference_temperature: f64,
    /// Exponent `omega` of the viscosity's temperature law.
    pub viscosity_index: f64,
    /// Exponent `alpha` of soft spheres.
    pub scattering_exponent: f64,
}

/// A gas in equilibrium.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// Number density.
    pub density: f64,
    /// Temperature.
    pub temperature: f64,
    /// Mean velocity.
    pub velocity: [f64; 3],
}

/// Distribution of the initial velocities about their mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Velocities {
    /// Equilibrium.
    Maxwellian,
    /// Bobylev, Krook and Wu's at `K = 3/5`.
    Bkw,
    /// Gaussian, with these multiples of the temperature along the axes.
    Anisotropic([f64; 3]),
    /// Two Maxwellians that meet along x with this speed each.
    TwoStream(f64),
}

/// A box with a gas of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Lower corner.
    pub lower: [f64; 3],
    /// Upper corner.
    pub upper: [f64; 3],
    /// The gas in it.
    pub state: State,
}

/// A wall in equilibrium at a temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wall {
    /// Its temperature.
    pub temperature: f64,
    /// Its velocity.
    pub velocity: [f64; 3],
}

/// What happens at a face of the domain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Face {
    /// Molecules come in again at the opposite face.
    Periodic,
    /// Mirror.
    Specular,
    /// Maxwell's wall with its accommodation.
    Diffuse(Wall, f64),
    /// Cercignani, Lampis and Lord's wall with its normal and tangential accommodation.
    Cll(Wall, f64, f64),
    /// A gas in equilibrium outside.
    Inflow(State),
    /// Vacuum outside.
    Outflow,
}

impl Gas {
    /// Most probable speed `sqrt(2 k T/m)`.
    pub fn thermal_speed(&self, temperature: f64) -> f64 {
        (2.0 * self.boltzmann * temperature / self.mass).sqrt()
    }

    /// Mean speed `sqrt(8 k T/(pi m))`.
    pub fn mean_speed(&self, temperature: f64) -> f64 {
        (8.0 * self.boltzmann * temperature / (PI * self.mass)).sqrt()
    }

    /// Collisions of a molecule per time in equilibrium, `4 n d^2 sqrt(pi k T_ref/m) (T/T_ref)^(1 - omega)` (Bird 1994, 4.64).
    pub fn collision_frequency(&self, density: f64, temperature: f64) -> f64 {
        let reference = (PI * self.boltzmann * self.reference_temperature / self.mass).sqrt();
        let power = (temperature / self.reference_temperature).powf(1.0 - self.viscosity_index);
        4.0 * density * self.diameter.powi(2) * reference * power
    }

    /// Mean free path: mean speed over collision frequency.
    pub fn mean_free_path(&self, density: f64, temperature: f64) -> f64 {
        self.mean_speed(temperature) / self.collision_frequency(density, temperature)
    }
}

impl Setup {
    /// Extent along each axis.
    pub fn extent(&self) -> [f64; 3] {
        std::array::from_fn(|axis| self.upper[axis] - self.lower[axis])
    }

    /// Extent of a cell along each axis.
    pub fn spacing(&self) -> [f64; 3] {
        let extent = self.extent();
        std::array::from_fn(|axis| extent[axis] / self.cells[axis] as f64)
    }

    /// Cells in all.
    pub fn cell_count(&self) -> usize {
        self.cells.iter().product()
    }

    /// The domain's volume.
    pub fn volume(&self) -> f64 {
        self.extent().iter().product()
    }

    /// The gas that starts at `place`.
    pub fn state_at(&self, place: [f64; 3]) -> State {
        let inside = |region: &&Region| {
            (0..self.dims)
                .all(|axis| place[axis] >= region.lower[axis] && place[axis] < region.upper[axis])
        };
        self.regions
            .iter()
            .rev()
            .find(inside)
            .map_or(self.initial, |region| region.state)
    }

    /// The centre of a cell, the first axis fastest.
    pub fn cell_centre(&self, cell: usize) -> [f64; 3] {
        let [nx, ny, _] = self.cells;
        let index = [cell % nx, cell / nx % ny, cell / (nx * ny)];
        let spacing = self.spacing();
        std::array::from_fn(|axis| self.lower[axis] + (index[axis] as f64 + 0.5) * spacing[axis])
    }

    /// Simulated molecules that the start is expected to have.
    pub fn expected_particles(&self) -> f64 {
        let cell_volume: f64 = self.spacing().iter().product();
        if self.regions.is_empty() {
            return self.initial.density * self.volume() / self.weight;
        }
        let molecules: f64 = (0..self.cell_count())
            .map(|cell| self.state_at(self.cell_centre(cell)).density)
            .sum();
        molecules * cell_volume / self.weight
    }

    /// Every gas that the case names: at the start, in its regions, outside.
    pub fn states(&self) -> impl Iterator<Item = State> + '_ {
        let outside = self.faces.iter().filter_map(|face| match face {
            Face::Inflow(state) => Some(*state),
            _ => None,
        });
        std::iter::once(self.initial)
            .chain(self.regions.iter().map(|region| region.state))
            .chain(outside)
    }
}
