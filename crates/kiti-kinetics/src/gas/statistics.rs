//! What a simulation has done so far.

use std::time::Duration;

/// Counts since the start (or the restart) of a simulation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Steps times particles.
    pub particle_steps: u64,
    /// Pairs that were tried.
    pub attempts: u64,
    /// Pairs that collided.
    pub collisions: u64,
    /// Attempts whose probability was above 1: they should be next to none.
    pub majorant_violations: u64,
    /// Velocities that relaxed.
    pub relaxations: u64,
    /// Particles that came in.
    pub entered: u64,
    /// Particles that left.
    pub left: u64,
    /// Reflections at walls.
    pub wall_hits: u64,
}

impl Statistics {
    /// Adds the counts of another part of the simulation.
    pub fn add(&mut self, other: &Self) {
        self.particle_steps += other.particle_steps;
        self.attempts += other.attempts;
        self.collisions += other.collisions;
        self.majorant_violations += other.majorant_violations;
        self.relaxations += other.relaxations;
        self.entered += other.entered;
        self.left += other.left;
        self.wall_hits += other.wall_hits;
    }

    pub(super) const VALUES: usize = 8;

    pub(super) fn values(&self) -> [u64; Self::VALUES] {
        [
            self.particle_steps,
            self.attempts,
            self.collisions,
            self.majorant_violations,
            self.relaxations,
            self.entered,
            self.left,
            self.wall_hits,
        ]
    }

    pub(super) fn from_values(values: &[u64]) -> Self {
        Self {
            particle_steps: values[0],
            attempts: values[1],
            collisions: values[2],
            majorant_violations: values[3],
            relaxations: values[4],
            entered: values[5],
            left: values[6],
            wall_hits: values[7],
        }
    }

    /// Collisions of a particle in a step, each counted once for the pair.
    pub fn collisions_per_particle_step(&self) -> f64 {
        self.collisions as f64 / self.particle_steps.max(1) as f64
    }
}

/// Time spent in the phases of the steps, summed over the threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PhaseTimes {
    /// Taking in the particles of neighbouring blocks and sorting by cell.
    pub sort: Duration,
    /// Collisions.
    pub collide: Duration,
    /// Flight, walls and inflow.
    pub fly: Duration,
}

impl PhaseTimes {
    /// Adds the times of another part of the simulation.
    pub fn add(&mut self, other: &Self) {
        self.sort += other.sort;
        self.collide += other.collide;
        self.fly += other.fly;
    }
}

/// What a face has exchanged with the gas since the start, in real molecules and the units of the case.
///
/// Signs: what the gas gives to the wall is positive. Divided by the face's area and the time this is
/// the particle flux, the pressure and shear stress, and the heat flux into the wall.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SurfaceTally {
    /// Molecules that arrived.
    pub arrived: f64,
    /// Molecules that came from the face into the gas (reflected, or inflow).
    pub departed: f64,
    /// Momentum given to the face.
    pub momentum: [f64; 3],
    /// Kinetic energy given to the face.
    pub energy: f64,
    /// Kinetic energy of the arriving molecules.
    pub energy_arrived: f64,
}

impl SurfaceTally {
    /// Adds the tally of another part of the face.
    pub fn add(&mut self, other: &Self) {
        self.arrived += other.arrived;
        self.departed += other.departed;
        for axis in 0..3 {
            self.momentum[axis] += other.momentum[axis];
        }
        self.energy += other.energy;
        self.energy_arrived += other.energy_arrived;
    }

    pub(super) const VALUES: usize = 7;

    pub(super) fn values(&self) -> [f64; Self::VALUES] {
        let [x, y, z] = self.momentum;
        let (e, arrived) = (self.energy, self.energy_arrived);
        [self.arrived, self.departed, x, y, z, e, arrived]
    }

    pub(super) fn from_values(values: &[f64]) -> Self {
        Self {
            arrived: values[0],
            departed: values[1],
            momentum: [values[2], values[3], values[4]],
            energy: values[5],
            energy_arrived: values[6],
        }
    }
}
