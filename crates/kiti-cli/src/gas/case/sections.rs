//! The sections of a case file, as they are written, and the keys that it may have.

use serde::{Deserialize, Serialize};

use super::boundaries::BoundarySections;
use super::quantity::{Quantity, UnitSystem};

/// A case file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseFile {
    /// Short name: that of the results' folder.
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub title: String,
    /// How quantities are written.
    #[serde(default)]
    pub units: UnitSystem,
    /// The molecules.
    pub gas: GasSection,
    /// How they collide.
    #[serde(default)]
    pub collisions: CollisionSection,
    /// Where they are.
    #[serde(default)]
    pub domain: DomainSection,
    /// The gas at the start.
    pub initial: InitialSection,
    /// Boxes in which the gas starts differently.
    #[serde(default)]
    pub regions: Vec<RegionSection>,
    /// What happens at the domain's faces; a face that is not named is periodic.
    #[serde(default)]
    pub boundaries: BoundarySections,
    /// Steps.
    pub time: TimeSection,
    /// Simulated molecules.
    pub particles: ParticleSection,
    /// When the flow is measured.
    #[serde(default)]
    pub sampling: SamplingSection,
    /// What is written on the way.
    #[serde(default)]
    pub output: OutputSection,
    /// What theory says, for the report.
    #[serde(default)]
    pub comparison: Comparison,
}

/// Named gases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpeciesName {
    /// Argon.
    Argon,
    /// Nitrogen, as if it had no internal energy.
    Nitrogen,
    /// The one that the section describes.
    #[default]
    Custom,
}

/// Molecular models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoleculeName {
    /// Spheres of one diameter.
    #[default]
    HardSphere,
    /// Variable hard spheres.
    Vhs,
    /// Variable soft spheres.
    Vss,
    /// Maxwell molecules with isotropic scattering.
    Maxwell,
}

/// `[gas]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GasSection {
    /// Whose constants are the defaults.
    pub species: SpeciesName,
    /// How the cross section depends on speed; a named gas is of variable soft spheres unless this says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub molecule: Option<MoleculeName>,
    /// Mass of a molecule; 1 in reduced units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mass: Option<Quantity>,
    /// Diameter at the reference temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diameter: Option<Quantity>,
    /// Mean free path in the initial gas, in place of a diameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_free_path: Option<Quantity>,
    /// Temperature at which the molecule has its diameter; that of the initial gas where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_temperature: Option<Quantity>,
    /// Exponent `omega` of the viscosity's temperature law: 0.5 hard spheres, 1 Maxwell molecules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub viscosity_index: Option<f64>,
    /// Exponent `alpha` of soft spheres: 1 scatters isotropically.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scattering_exponent: Option<f64>,
}

/// Collision operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorName {
    /// Bird's No-Time-Counter.
    #[default]
    NoTimeCounter,
    /// Majorant frequency.
    MajorantFrequency,
    /// Simplified Bernoulli trials.
    BernoulliTrials,
    /// Disjoint pairs.
    DisjointPairs,
    /// Bhatnagar, Gross and Krook.
    Bgk,
    /// Ellipsoidal statistical BGK.
    EsBgk,
    /// Shakhov's BGK.
    Shakhov,
    /// No collisions: free molecular flow.
    None,
}

/// `[collisions]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CollisionSection {
    /// The operator.
    pub operator: OperatorName,
    /// Prandtl number of the ellipsoidal and Shakhov's models.
    pub prandtl: f64,
}

impl Default for CollisionSection {
    fn default() -> Self {
        Self {
            operator: OperatorName::default(),
            prandtl: 2.0 / 3.0,
        }
    }
}

/// `[domain]`: no axes for a homogeneous gas, one to three for a flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DomainSection {
    /// Lower end along each axis.
    pub lower: Vec<Quantity>,
    /// Upper end along each axis.
    pub upper: Vec<Quantity>,
    /// Cells along each axis.
    pub cells: Vec<usize>,
    /// Collision sub-cells of a cell along each axis.
    pub subcells: usize,
    /// Extent of the axes that the flow does not depend on: an area in one dimension, a depth in two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_section: Option<Quantity>,
}

impl Default for DomainSection {
    fn default() -> Self {
        Self {
            lower: Vec::new(),
            upper: Vec::new(),
            cells: Vec::new(),
            subcells: 1,
            cross_section: None,
        }
    }
}

/// `[initial]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InitialSection {
    /// Number density.
    pub density: Quantity,
    /// Temperature.
    pub temperature: Quantity,
    /// Mean velocity.
    #[serde(default)]
    pub velocity: Vec<Quantity>,
    /// Distribution of velocities.
    #[serde(default)]
    pub distribution: Distribution,
}

/// `[initial.distribution]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Distribution {
    /// Equilibrium.
    #[default]
    Maxwellian,
    /// Bobylev, Krook and Wu's solution at its earliest moment, `K = 3/5`.
    Bkw,
    /// Gaussian with a temperature for each axis, as multiples of `initial.temperature` whose mean is 1.
    Anisotropic {
        /// The three multiples.
        temperatures: [f64; 3],
    },
    /// Two Maxwellians that meet along x.
    TwoStream {
        /// Speed of either.
        speed: Quantity,
    },
}

/// One of `[[regions]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionSection {
    /// Lower corner.
    pub lower: Vec<Quantity>,
    /// Upper corner.
    pub upper: Vec<Quantity>,
    /// Number density.
    pub density: Quantity,
    /// Temperature.
    pub temperature: Quantity,
    /// Mean velocity.
    #[serde(default)]
    pub velocity: Vec<Quantity>,
}

/// `[time]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeSection {
    /// Length of a step.
    pub step: Quantity,
    /// Number of steps.
    pub steps: u64,
}

/// `[particles]`: exactly one of its keys.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ParticleSection {
    /// Simulated molecules in a cell of the initial gas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_cell: Option<f64>,
    /// Simulated molecules in all, where the gas is homogeneous.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<f64>,
    /// Real molecules that a simulated one stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

/// `[sampling]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SamplingSection {
    /// A steady flow: the mean over every `every`-th step after the first `start`.
    Steady {
        /// Steps before the mean begins.
        start: u64,
        /// Steps from one sample to the next.
        #[serde(default = "every_step")]
        every: u64,
    },
    /// A flow that changes: the mean over the last `window` steps before each of the steps `at`.
    Snapshots {
        /// Ends of the means.
        at: Vec<u64>,
        /// Steps of each mean.
        #[serde(default = "every_step")]
        window: u64,
    },
}

fn every_step() -> u64 {
    1
}

impl Default for SamplingSection {
    fn default() -> Self {
        Self::Steady { start: 0, every: 1 }
    }
}

/// `[output]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputSection {
    /// Steps from one line of history.csv to the next.
    pub history_every: u64,
    /// Steps from one restart file to the next; 0 writes one only when the run is interrupted.
    pub restart_every: u64,
}

impl Default for OutputSection {
    fn default() -> Self {
        Self {
            history_every: 10,
            restart_every: 1000,
        }
    }
}

/// `[comparison]`: the theory that is drawn beside the results.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Comparison {
    /// None.
    #[default]
    None,
    /// Plates that move against each other.
    Couette,
    /// Plates of different temperatures.
    Fourier,
    /// A plate that starts to move.
    Rayleigh,
    /// A gas behind a membrane that breaks.
    Riemann,
    /// The states before and behind a shock.
    Shock,
    /// Bobylev, Krook and Wu's relaxation.
    Bkw,
    /// Decay of a temperature difference between the axes.
    Anisotropy,
}
