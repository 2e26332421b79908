//! The particles of one block, and those on their way to another.

/// Position and velocity of one particle.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Particle {
    pub x: [f64; 3],
    pub v: [f64; 3],
}

/// Particles as one array for each component; positions along the first `dims` axes.
#[derive(Debug, Default)]
pub(super) struct Particles {
    pub dims: usize,
    pub x: [Vec<f64>; 3],
    pub v: [Vec<f64>; 3],
}

impl Particles {
    pub fn with_capacity(dims: usize, capacity: usize) -> Self {
        Self {
            dims,
            x: std::array::from_fn(|axis| {
                Vec::with_capacity(if axis < dims { capacity } else { 0 })
            }),
            v: std::array::from_fn(|_| Vec::with_capacity(capacity)),
        }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.v[0].len()
    }

    #[inline(always)]
    pub fn push(&mut self, particle: &Particle) {
        let length = self.len();
        if length == self.v[0].capacity() {
            self.grow();
        }
        for axis in 0..self.dims {
            self.x[axis].push(particle.x[axis]);
        }
        for axis in 0..3 {
            self.v[axis].push(particle.v[axis]);
        }
    }

    /// Makes room for an eighth more.
    #[cold]
    fn grow(&mut self) {
        let more = self.len() / 8 + 16;
        for values in self.x.iter_mut().take(self.dims).chain(&mut self.v) {
            values.reserve_exact(more);
        }
    }

    #[inline(always)]
    pub fn get(&self, index: usize) -> Particle {
        let mut particle = Particle::default();
        for axis in 0..self.dims {
            particle.x[axis] = self.x[axis][index];
        }
        for axis in 0..3 {
            particle.v[axis] = self.v[axis][index];
        }
        particle
    }

    #[inline(always)]
    pub fn set(&mut self, index: usize, particle: &Particle) {
        for axis in 0..self.dims {
            self.x[axis][index] = particle.x[axis];
        }
        for axis in 0..3 {
            self.v[axis][index] = particle.v[axis];
        }
    }

    /// Takes a particle out; the last one takes its place.
    #[inline(always)]
    pub fn swap_remove(&mut self, index: usize) {
        for axis in 0..self.dims {
            self.x[axis].swap_remove(index);
        }
        for axis in 0..3 {
            self.v[axis].swap_remove(index);
        }
    }

    pub fn bytes(&self) -> usize {
        let arrays = self.x.iter().chain(&self.v);
        8 * arrays.map(Vec::capacity).sum::<usize>()
    }
}

/// Particles that leave a block, sorted by the direction to the block they go to.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    particles: Vec<Particle>,
    /// Ends of the directions' particles; empty where there are none.
    ends: Vec<u32>,
    /// Particles that go farther than to a neighbour, with the block they go to.
    pub far: Vec<(u32, Particle)>,
}

impl Outbox {
    /// The particles that go in a direction.
    pub fn towards(&self, direction: usize) -> &[Particle] {
        if self.ends.is_empty() {
            return &[];
        }
        let start = if direction == 0 {
            0
        } else {
            self.ends[direction - 1]
        };
        &self.particles[start as usize..self.ends[direction] as usize]
    }

    /// Puts in the particles of `leaving` with their directions, in place of what there was.
    pub fn fill(&mut self, directions: usize, leaving: &[(u8, Particle)]) {
        self.ends.clear();
        if leaving.is_empty() {
            return;
        }
        self.ends.resize(directions, 0);
        for (direction, _) in leaving {
            self.ends[*direction as usize] += 1;
        }
        let mut sum = 0;
        for end in &mut self.ends {
            sum += std::mem::replace(end, sum);
        }
        if self.particles.len() < leaving.len() {
            let more = leaving.len() + leaving.len() / 8;
            self.particles.reserve_exact(more - self.particles.len());
            self.particles.resize(more, Particle::default());
        }
        // Each start moves on to become the end.
        for (direction, particle) in leaving {
            let end = &mut self.ends[*direction as usize];
            self.particles[*end as usize] = *particle;
            *end += 1;
        }
    }

    /// Particles in it.
    pub fn len(&self) -> usize {
        self.ends.last().map_or(0, |&end| end as usize)
    }

    pub fn clear(&mut self) {
        self.ends.clear();
    }

    pub fn bytes(&self) -> usize {
        size_of::<Particle>() * self.particles.capacity()
            + 4 * self.ends.capacity()
            + size_of::<(u32, Particle)>() * self.far.capacity()
    }
}
