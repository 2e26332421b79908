//! The arguments of a step: checked, and cut into one part for each sample.

use super::collisions::Record;
use super::draws::{Generator, Pool};
use super::elastic::Collision;
use super::{
    Directions, Draws, Input, InputGradient, KineticStep, Layout, OutputGradient, Pair, Scattering,
    elastic, published,
};
use crate::{Error, Real, Result};

const ELASTIC_DRAWS: &str =
    "draws: an elastic step takes keyed draws or given pairs, not directions of all pairs";
const PUBLISHED_DRAWS: &str =
    "draws: a published step takes keyed draws or directions of all pairs, not given pairs";
pub(super) fn check_length<T>(name: &'static str, layout: Layout, values: &[T]) -> Result<()> {
    check_count(name, layout, layout.len(), values.len())
}

fn check_count(name: &'static str, layout: Layout, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Length {
        name,
        layout: layout.to_string(),
        expected,
        found,
    })
}

pub(super) fn check_input<T>(layout: Layout, input: &Input<'_, T>) -> Result<()> {
    check_length("x", layout, input.x)?;
    check_length("a", layout, input.a)?;
    input.v.map_or(Ok(()), |v| check_length("v", layout, v))
}

pub(super) fn check_gradients<T>(
    layout: Layout,
    input: &Input<'_, T>,
    upstream: &OutputGradient<'_, T>,
    gradient: &InputGradient<'_, T>,
) -> Result<()> {
    check_input(layout, input)?;
    check_length("upstream x", layout, upstream.x)?;
    upstream
        .v
        .map_or(Ok(()), |v| check_length("upstream v", layout, v))?;
    if let Some(x) = &gradient.x {
        check_length("gradient x", layout, x)?;
    }
    check_length("gradient a", layout, gradient.a)?;
    match (&gradient.v, input.v) {
        (Some(v), Some(_)) => check_length("gradient v", layout, v),
        (None, None) => Ok(()),
        _ => Err(Error::Inconsistent(
            "gradient v: give it exactly where the input has velocities",
        )),
    }
}

/// Checks given collisions and hands them out to the samples: `n/2` places and a count for each.
pub(super) fn given_collisions(
    layout: Layout,
    pairs: &[Pair],
    places: &mut [Collision],
    counts: &mut [usize],
) -> Result<()> {
    let mut taken = vec![false; layout.samples * layout.particles];
    for (index, pair) in pairs.iter().enumerate() {
        let Pair {
            sample,
            first,
            second,
        } = *pair;
        let refuse = |reason| {
            Err(Error::Pair {
                index,
                sample,
                first,
                second,
                reason,
            })
        };
        if sample >= layout.samples {
            return refuse("there is no such sample");
        }
        if first >= layout.particles || second >= layout.particles {
            return refuse("there is no such particle");
        }
        for particle in [first, second] {
            let taken = &mut taken[sample * layout.particles + particle];
            if *taken {
                return refuse("a particle collides at most once in a step");
            }
            *taken = true;
        }
        places[sample * (layout.particles / 2) + counts[sample]] = Collision {
            first: first as u32,
            second: second as u32,
            index: index as u32,
        };
        counts[sample] += 1;
    }
    Ok(())
}

/// Cuts a slice into equal parts, one a sample; empty parts where `size` is 0.
pub(super) struct Parts<'a, T> {
    rest: &'a mut [T],
    size: usize,
}

impl<'a, T> Parts<'a, T> {
    pub fn new(rest: &'a mut [T], size: usize) -> Self {
        Self { rest, size }
    }

    pub fn next(&mut self) -> &'a mut [T] {
        let (part, rest) = std::mem::take(&mut self.rest).split_at_mut(self.size);
        self.rest = rest;
        part
    }
}

/// Where one sample's gradients go.
pub(super) struct Gradients<'a, T> {
    pub x: Option<&'a mut [T]>,
    pub a: &'a mut [T],
    pub v: Option<&'a mut [T]>,
}

impl<'a, T> Gradients<'a, T> {
    /// One for each sample.
    pub fn split(layout: Layout, gradient: InputGradient<'a, T>) -> Vec<Self> {
        let size = layout.dims * layout.particles;
        let mut x = gradient.x.map(|rest| Parts::new(rest, size));
        let mut a = Parts::new(gradient.a, size);
        let mut v = gradient.v.map(|rest| Parts::new(rest, size));
        (0..layout.samples)
            .map(|_| Self {
                x: x.as_mut().map(Parts::next),
                a: a.next(),
                v: v.as_mut().map(Parts::next),
            })
            .collect()
    }
}

impl<'a, T> Input<'a, T> {
    /// That of one sample.
    pub(super) fn sample(&self, layout: Layout, sample: usize) -> Self {
        let size = layout.dims * layout.particles;
        let range = sample * size..(sample + 1) * size;
        Self {
            x: &self.x[range.clone()],
            a: &self.a[range.clone()],
            v: self.v.map(|v| &v[range]),
        }
    }
}

impl<'a, T> OutputGradient<'a, T> {
    /// That of one sample.
    pub(super) fn sample(&self, layout: Layout, sample: usize) -> Self {
        let size = layout.dims * layout.particles;
        let range = sample * size..(sample + 1) * size;
        Self {
            x: &self.x[range.clone()],
            v: self.v.map(|v| &v[range]),
        }
    }
}

impl KineticStep {
    /// Whether a record is one of this step and layout.
    pub(super) fn fits<T>(&self, layout: Layout, record: &Record<T>) -> bool {
        let n = layout.particles;
        match (record, &self.scattering) {
            (Record::None, _) => true,
            (Record::Published { particles, speeds }, Scattering::Published { .. }) => {
                *particles == n && speeds.len() == layout.samples * (n * (n - 1) / 2)
            }
            (
                Record::Elastic {
                    particles, counts, ..
                },
                Scattering::Elastic { .. },
            ) => *particles == n && counts.len() == layout.samples,
            _ => false,
        }
    }

    /// Checks that the draws fit the scattering rule, and draws the pool.
    pub(super) fn prepare<'a, T: Real>(
        &self,
        layout: Layout,
        draws: &Draws<'a, T>,
    ) -> Result<Prepared<'a, T>> {
        match (&self.scattering, draws) {
            (Scattering::Published { directions, .. }, Draws::Keyed(key)) => {
                let generator = Generator::new(*key);
                Ok(match directions {
                    Directions::Pool { size } if self.collision_coefficient > 0.0 => {
                        let pool = Pool::draw(generator, *size, layout.dims);
                        Prepared::Pool(generator, pool)
                    }
                    _ => Prepared::Exact(generator),
                })
            }
            (Scattering::Elastic { .. }, Draws::Keyed(key)) => {
                Ok(Prepared::Exact(Generator::new(*key)))
            }
            (Scattering::Published { .. }, Draws::Directions(vectors)) => {
                let n = layout.particles;
                let expected = layout
                    .samples
                    .saturating_mul(layout.dims)
                    .saturating_mul(n.saturating_mul(n.saturating_sub(1)) / 2);
                check_count("directions", layout, expected, vectors.len())?;
                Ok(Prepared::Given(vectors))
            }
            (Scattering::Elastic { .. }, Draws::Pairs { pairs, directions }) => {
                let expected = pairs.len() * layout.dims;
                check_count("directions of pairs", layout, expected, directions.len())?;
                Ok(Prepared::Given(directions))
            }
            (Scattering::Published { .. }, _) => Err(Error::Inconsistent(PUBLISHED_DRAWS)),
            (Scattering::Elastic { .. }, _) => Err(Error::Inconsistent(ELASTIC_DRAWS)),
        }
    }
}

/// Draws, checked.
pub(super) enum Prepared<'a, T> {
    Exact(Generator),
    Pool(Generator, Pool<T>),
    Given(&'a [T]),
}

impl<T: Real> Prepared<'_, T> {
    pub fn published(&self, layout: Layout, sample: usize) -> published::Source<'_, T> {
        match self {
            Self::Exact(generator) => published::Source::Exact(generator),
            Self::Pool(generator, pool) => published::Source::Pool(generator, pool),
            Self::Given(vectors) => {
                let n = layout.particles;
                let size = layout.dims * (n * (n - 1) / 2);
                published::Source::Given(&vectors[sample * size..(sample + 1) * size])
            }
        }
    }

    pub fn elastic(&self) -> elastic::Source<'_, T> {
        match self {
            Self::Exact(generator) | Self::Pool(generator, _) => elastic::Source::Keyed(generator),
            Self::Given(vectors) => elastic::Source::Given(vectors),
        }
    }
}
