//! What happens to the particles of one block of cells in one step.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use pulp::{Simd, WithSimd};

use super::boundary::Boundary;
use super::config::SolverConfig;
use super::draws::{Purpose, StepDraws, poisson};
use super::flight::{Domain, Exchange, enter, entering, entering_in_a_step};
use super::operator::Operator;
use super::pairing::{self, Cells, Trials};
use super::particles::{Outbox, Particle, Particles};
use super::partition::{DIRECTIONS, Partition};
use super::relaxation::Relaxing;
use super::scattering::Components;
use super::statistics::{PhaseTimes, Statistics, SurfaceTally};

/// A block of cells with its particles.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub number: usize,
    pub place: [usize; 3],
    /// First collision cell and number of collision cells along each axis.
    pub start: [usize; 3],
    pub size: [usize; 3],
    pub particles: Particles,
    pub statistics: Statistics,
    pub times: PhaseTimes,
    /// What the faces got, in simulated particles of unit mass.
    pub tallies: [SurfaceTally; 6],
}

/// What all blocks share in a step.
pub(super) struct Context<'a> {
    pub config: &'a SolverConfig,
    pub partition: &'a Partition,
    pub domain: &'a Domain,
    pub operator: Operator,
    pub draws: StepDraws,
    /// What the blocks sent in the step before.
    pub arriving: &'a [Outbox],
}

/// Scratch memory of a thread.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Cell of every particle within the block.
    pub ids: Vec<u32>,
    offsets: Vec<u32>,
    order: Vec<u32>,
    outside: Vec<u8>,
    leaving: Vec<(u8, Particle)>,
    cell: Vec<[f64; 3]>,
    pairs: Trials,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Calls `work` with this thread's scratch memory.
pub(super) fn with_scratch<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(work)
}

impl Scratch {
    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        4 * (self.ids.capacity() + self.offsets.capacity() + self.order.capacity())
            + self.outside.capacity()
            + size_of::<(u8, Particle)>() * self.leaving.capacity()
            + 24 * self.cell.capacity()
            + self.pairs.bytes()
    }
}

impl Block {
    pub fn new(partition: &Partition, number: usize, capacity: usize) -> Self {
        let place = partition.place(number);
        let starts = |axis: usize| &partition.starts[axis][place[axis]..];
        Self {
            number,
            place,
            start: std::array::from_fn(|axis| starts(axis)[0]),
            size: std::array::from_fn(|axis| starts(axis)[1] - starts(axis)[0]),
            particles: Particles::with_capacity(partition.dims, capacity),
            ..Self::default()
        }
    }

    /// Takes in what the neighbours sent.
    pub fn take_in(&mut self, partition: &Partition, arriving: &[Outbox]) {
        for direction in 0..DIRECTIONS {
            if let Some(origin) = partition.origin(self.number, direction)
                && origin != self.number
            {
                for particle in arriving[origin].towards(direction) {
                    self.particles.push(particle);
                }
            }
        }
    }

    /// Writes the cell of every particle, counted within the block in units of `coarse` collision cells.
    #[inline(always)]
    pub fn cell_ids(&self, partition: &Partition, coarse: [usize; 3], ids: &mut Vec<u32>) {
        let count = self.particles.len();
        ids.clear();
        ids.resize(count, 0);
        let mut stride = 1;
        for axis in 0..partition.dims {
            let size = self.size[axis] / coarse[axis];
            let inverse = partition.inverse[axis] / coarse[axis] as f64;
            let start = (self.start[axis] / coarse[axis]) as f64;
            let (lower, last) = (partition.lower[axis], (size - 1) as f64);
            for (id, &x) in ids.iter_mut().zip(&self.particles.x[axis]) {
                // Rounding at a block's edge may put a particle outside by one.
                let cell = (x - lower) * inverse - start;
                let cell = if cell > 0.0 { cell } else { 0.0 };
                let cell = if cell < last { cell } else { last };
                // SAFETY: 0 <= cell <= last < 2^31; what is no number has become 0. The checked
                // conversion does not run in vectors and took a fifth of a step.
                let cell: i32 = unsafe { cell.to_int_unchecked() };
                *id += cell as u32 * stride;
            }
            stride *= size as u32;
        }
    }

    /// One step of this block: take in, collide, fly.
    pub fn step(&mut self, context: &Context<'_>, outbox: &mut Outbox) {
        with_scratch(|scratch| {
            crate::simd::dispatch(Step {
                block: self,
                context,
                outbox,
                scratch,
            });
        });
    }

    /// Sorts the particles by collision cell and collides them.
    #[inline(always)]
    fn collide<S: Simd>(
        &mut self,
        simd: S,
        context: &Context<'_>,
        scratch: &mut Scratch,
    ) -> Duration {
        let begin = Instant::now();
        if let Operator::None = context.operator {
            return Duration::ZERO;
        }
        self.cell_ids(context.partition, [1; 3], &mut scratch.ids);
        let cells = self.size.iter().product();
        sort(
            &scratch.ids,
            cells,
            &mut scratch.offsets,
            &mut scratch.order,
        );
        self.times.sort += begin.elapsed();
        let begin = Instant::now();
        match &context.operator {
            Operator::None => {}
            Operator::Binary(binary) => {
                let cells = Cells {
                    offsets: &scratch.offsets,
                    order: &mut scratch.order,
                    group: self.number as u32,
                };
                let [x, y, z] = &mut self.particles.v;
                let mut velocities = Components {
                    v: [x, y, z],
                    inverse_alpha: 1.0 / context.config.molecule.alpha,
                };
                let pairs = &mut scratch.pairs;
                let done =
                    pairing::collide(simd, binary, &context.draws, cells, &mut velocities, pairs);
                self.statistics.add(&done);
            }
            Operator::Relaxation(relaxing) => self.relax(relaxing, context, scratch),
        }
        begin.elapsed()
    }

    fn relax(&mut self, relaxing: &Relaxing, context: &Context<'_>, scratch: &mut Scratch) {
        let v = &mut self.particles.v;
        for (cell, range) in scratch.offsets.windows(2).enumerate() {
            let members = &scratch.order[range[0] as usize..range[1] as usize];
            let gathered = &mut scratch.cell;
            gathered.clear();
            gathered.extend(members.iter().map(|&k| {
                let k = k as usize;
                [v[0][k], v[1][k], v[2][k]]
            }));
            let purpose = Purpose::Relaxation;
            let mut stream = context
                .draws
                .stream(purpose, cell as u32, self.number as u32);
            let relaxed = relaxing.relax(gathered, &mut stream);
            if relaxed > 0 {
                for (&k, velocity) in members.iter().zip(&*gathered) {
                    for axis in 0..3 {
                        v[axis][k as usize] = velocity[axis];
                    }
                }
            }
            self.statistics.relaxations += relaxed;
        }
    }

    /// Moves all particles for a time step and marks those that are no longer in the block.
    #[inline(always)]
    fn drift(&mut self, partition: &Partition, dt: f64, outside: &mut Vec<u8>) {
        let count = self.particles.len();
        outside.clear();
        outside.resize(count.next_multiple_of(8), 0);
        for axis in 0..partition.dims {
            let (lower, inverse) = (partition.lower[axis], partition.inverse[axis]);
            let start = self.start[axis] as f64;
            let end = (self.start[axis] + self.size[axis]) as f64;
            let (x, v) = (&mut self.particles.x[axis], &self.particles.v[axis]);
            for ((x, &v), outside) in x.iter_mut().zip(v).zip(outside.iter_mut()) {
                *x += v * dt;
                let cell = (*x - lower) * inverse;
                *outside |= u8::from(cell < start) | u8::from(cell >= end);
            }
        }
    }

    /// Sends particles that left the block to where they are now, through the boundaries on their way.
    fn send(&mut self, context: &Context<'_>, scratch: &mut Scratch, outbox: &mut Outbox) {
        let Context {
            partition,
            domain,
            draws,
            config,
            ..
        } = context;
        let mut exchange = Exchange {
            stream: draws.stream(Purpose::Wall, self.number as u32, 0),
            tallies: &mut self.tallies,
            statistics: &mut self.statistics,
        };
        let words = scratch.outside.chunks_exact(8).enumerate().rev();
        for (word, marks) in words {
            let marks: [u8; 8] = marks.try_into().unwrap_or_default();
            let mut bits = u64::from_le_bytes(marks);
            // From the last to the first: what takes a leaving particle's place has been dealt with.
            while bits != 0 {
                let mark = 7 - bits.leading_zeros() / 8;
                bits &= !(0xff << (8 * mark));
                let index = 8 * word + mark as usize;
                let mut particle = self.particles.get(index);
                if !domain.contains(particle.x) {
                    // Back to where it started.
                    for axis in 0..partition.dims {
                        particle.x[axis] -= particle.v[axis] * config.dt;
                    }
                    if !domain.fly(&mut particle, config.dt, &mut exchange) {
                        self.particles.swap_remove(index);
                        continue;
                    }
                }
                let (block, direction) = partition.locate(self.place, particle.x);
                if block == self.number {
                    self.particles.set(index, &particle);
                    continue;
                }
                self.particles.swap_remove(index);
                match direction {
                    Some(direction) => scratch.leaving.push((direction as u8, particle)),
                    None => outbox.far.push((block as u32, particle)),
                }
            }
        }
    }

    /// Lets particles in through the open faces.
    fn let_in(&mut self, context: &Context<'_>, scratch: &mut Scratch, outbox: &mut Outbox) {
        let Context {
            partition, config, ..
        } = context;
        for (face, boundary) in config.faces() {
            let Boundary::Open(Some(state)) = boundary else {
                continue;
            };
            let axis = face.axis;
            let at_edge = if face.upper {
                self.place[axis] + 1 == partition.blocks[axis]
            } else {
                self.place[axis] == 0
            };
            if !at_edge {
                continue;
            }
            let corner = |other: usize, cell: usize| {
                partition.lower[other] + cell as f64 / partition.inverse[other]
            };
            let share: f64 = (0..3)
                .filter(|&other| other != axis)
                .map(|other| self.size[other] as f64 / partition.cells[other] as f64)
                .product();
            let theta = config.molecule.theta(state.temperature);
            let mean = share * entering_in_a_step(config, face, &state);
            let purpose = Purpose::Inflow;
            let mut stream = context
                .draws
                .stream(purpose, self.number as u32, face.index() as u32);
            let count = poisson(&mut stream, mean);
            let mut exchange = Exchange {
                stream,
                tallies: &mut self.tallies,
                statistics: &mut self.statistics,
            };
            for _ in 0..count {
                let stream = &mut exchange.stream;
                let mut particle = Particle {
                    x: [0.0; 3],
                    v: entering(stream, face, &state, theta),
                };
                for other in 0..partition.dims {
                    let (low, high) = (
                        corner(other, self.start[other]),
                        corner(other, self.start[other] + self.size[other]),
                    );
                    particle.x[other] = low + (high - low) * stream.uniform();
                }
                particle.x[axis] = if face.upper {
                    partition.upper[axis]
                } else {
                    partition.lower[axis]
                };
                let time = config.dt * stream.uniform();
                enter(&mut exchange, face, &particle.v);
                if !context.domain.fly(&mut particle, time, &mut exchange) {
                    continue;
                }
                let (block, direction) = partition.locate(self.place, particle.x);
                match direction {
                    _ if block == self.number => self.particles.push(&particle),
                    Some(direction) => scratch.leaving.push((direction as u8, particle)),
                    None => outbox.far.push((block as u32, particle)),
                }
            }
        }
    }

    /// Whether a gas outside sends particles into this block.
    fn has_inflow(&self, context: &Context<'_>) -> bool {
        let mut faces = context.config.faces();
        faces.any(|(_, boundary)| matches!(boundary, Boundary::Open(Some(_))))
    }
}

/// The particles of each cell: counting sort of particle numbers by cell.
#[inline(always)]
fn sort(ids: &[u32], cells: usize, offsets: &mut Vec<u32>, order: &mut Vec<u32>) {
    offsets.clear();
    offsets.resize(cells + 2, 0);
    order.resize(ids.len(), 0);
    // Counts stand two places behind, so that each start moves on to become the end.
    for &id in ids {
        offsets[id as usize + 2] += 1;
    }
    for cell in 2..cells + 2 {
        offsets[cell] += offsets[cell - 1];
    }
    for (particle, &id) in ids.iter().enumerate() {
        let place = &mut offsets[id as usize + 1];
        order[*place as usize] = particle as u32;
        *place += 1;
    }
    offsets.truncate(cells + 1);
}

struct Step<'a> {
    block: &'a mut Block,
    context: &'a Context<'a>,
    outbox: &'a mut Outbox,
    scratch: &'a mut Scratch,
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            block,
            context,
            outbox,
            scratch,
        } = self;
        let begin = Instant::now();
        block.take_in(context.partition, context.arriving);
        block.times.sort += begin.elapsed();
        let collide = block.collide(simd, context, scratch);
        block.times.collide += collide;
        let begin = Instant::now();
        let count = block.particles.len();
        block.statistics.particle_steps += count as u64;
        scratch.leaving.clear();
        outbox.far.clear();
        if context.partition.dims > 0 {
            let dt = context.config.dt;
            block.drift(context.partition, dt, &mut scratch.outside);
            block.send(context, scratch, outbox);
            if block.has_inflow(context) {
                block.let_in(context, scratch, outbox);
            }
        }
        outbox.fill(DIRECTIONS, &scratch.leaving);
        block.times.fly += begin.elapsed();
    }
}
