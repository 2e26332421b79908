//! Pairs of functions that a generator makes, one pair a sample, samples in parallel.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::Serialize;

use crate::cache::{Cache, Outcome};
use crate::{Error, Field, Result};

/// What an operator is given and what it answers, one pair a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionPairs {
    /// The given functions, samples on the first axis.
    pub inputs: Field,
    /// The answers, samples on the first axis.
    pub outputs: Field,
}

/// How far a generator has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Samples that are finished.
    pub finished: usize,
    /// Samples in all.
    pub samples: usize,
}

/// Called whenever a sample is finished, from the thread that finished it.
pub type Observer<'a> = &'a (dyn Fn(Progress) + Sync);

/// Shapes of one sample's input and output.
pub(super) struct SampleShape<'a> {
    pub(super) input: &'a [usize],
    pub(super) output: &'a [usize],
}

impl FunctionPairs {
    /// Has `solve(workspace, sample, input, output)` fill the rows of every sample, with a
    /// workspace for each of the pieces that the threads share the samples in.
    pub(super) fn generate<W>(
        what: &str,
        samples: usize,
        shape: &SampleShape<'_>,
        observer: Observer<'_>,
        workspace: impl Fn() -> W + Send + Sync,
        solve: impl Fn(&mut W, usize, &mut [f32], &mut [f32]) -> Result<()> + Send + Sync,
    ) -> Result<Self> {
        let (input_shape, mut inputs) = reserve(what, samples, shape.input)?;
        let (output_shape, mut outputs) = reserve(what, samples, shape.output)?;
        inputs.resize(input_shape.iter().product(), 0.);
        outputs.resize(output_shape.iter().product(), 0.);
        let finished = AtomicUsize::new(0);
        inputs
            .par_chunks_mut(elements_per_sample(&input_shape))
            .zip(outputs.par_chunks_mut(elements_per_sample(&output_shape)))
            .enumerate()
            .try_for_each_init(workspace, |workspace, (sample, (input, output))| {
                solve(workspace, sample, input, output)?;
                let finished = finished.fetch_add(1, Ordering::Relaxed) + 1;
                observer(Progress { finished, samples });
                Ok::<(), Error>(())
            })?;
        Ok(Self {
            inputs: Field::from_f32(input_shape, inputs)?,
            outputs: Field::from_f32(output_shape, outputs)?,
        })
    }
}

/// Settings that [`FunctionPairs`] are generated from.
pub trait PairGenerator: Serialize {
    /// What its cache entries are called.
    const NAME: &'static str;

    /// Raised whenever the same settings begin to give other functions, so that caches notice.
    const VERSION: u32;

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first that is out of its range.
    fn validate(&self) -> Result<()>;

    /// Makes the pairs.
    ///
    /// # Errors
    /// Those of the equation's solver.
    fn generate(&self, observer: Observer<'_>) -> Result<FunctionPairs>;

    /// Makes the pairs, or reads the same ones from `cache`; says which of the two in the outcome.
    ///
    /// # Errors
    /// As [`generate`](Self::generate) and [`Cache::get_or_generate`].
    fn load_or_generate(
        &self,
        cache: &Cache,
        observer: Observer<'_>,
    ) -> Result<(FunctionPairs, Outcome)> {
        self.validate()?;
        let mut entry = cache.get_or_generate(Self::NAME, &(Self::VERSION, self), || {
            let pairs = self.generate(observer)?;
            Ok([
                ("inputs".to_owned(), pairs.inputs),
                ("outputs".to_owned(), pairs.outputs),
            ]
            .into())
        })?;
        let available: Vec<_> = entry.arrays.keys().cloned().collect();
        let mut take = |name: &str| {
            entry
                .arrays
                .remove(name)
                .ok_or_else(|| Error::ArrayNotFound {
                    path: entry.path.clone(),
                    name: name.to_owned(),
                    available: available.clone(),
                })
        };
        let pairs = FunctionPairs {
            inputs: take("inputs")?,
            outputs: take("outputs")?,
        };
        Ok((pairs, entry.outcome))
    }
}

fn elements_per_sample(shape: &[usize]) -> usize {
    shape[1..].iter().product()
}

/// The shape of all samples and room for their elements.
fn reserve(what: &str, samples: usize, of_sample: &[usize]) -> Result<(Vec<usize>, Vec<f32>)> {
    let shape: Vec<_> = std::iter::once(samples)
        .chain(of_sample.iter().copied())
        .collect();
    let elements: u128 = shape.iter().map(|&extent| extent as u128).product();
    let too_large = || Error::TooLarge {
        what: format!("the {what} data set"),
        bytes: elements * 4,
    };
    let count = usize::try_from(elements).map_err(|_| too_large())?;
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| too_large())?;
    Ok((shape, values))
}

#[cfg(test)]
mod tests;
