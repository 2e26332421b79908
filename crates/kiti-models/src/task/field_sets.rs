//! The fields that a recipe trains and tests on.

use std::collections::BTreeMap;

use kiti_data::cache::{Cache, Outcome};
use kiti_data::loader::Dataset;

use super::DataObserver;
use crate::recipe::Recipe;
use crate::{Error, Result};

/// Name under which the training samples are evaluated.
pub const TRAIN: &str = "train";

/// Name under which training samples that were set aside are evaluated.
pub const VALIDATION: &str = "validation";

/// Sets of samples by name, each fields that a model sees and fields that it has to predict.
#[derive(Debug, Clone)]
pub struct FieldSets {
    train: Dataset,
    sets: BTreeMap<String, Dataset>,
    outcomes: BTreeMap<String, Outcome>,
}

impl FieldSets {
    /// The training samples and every test set of `recipe`: generated, from `cache`, or from files.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for settings out of range, a cache that cannot be written, or files that cannot be read.
    pub fn load(recipe: &Recipe, cache: &Cache, observer: DataObserver<'_>) -> Result<Self> {
        let source = recipe.data.fields();
        let tests = recipe.evaluation.sets.iter();
        let names = std::iter::once((TRAIN, None))
            .chain(tests.map(|(name, set)| (name.as_str(), Some(set))));
        let (mut sets, mut outcomes) = (BTreeMap::new(), BTreeMap::new());
        for (name, set) in names {
            let (data, outcome) = source.load(set, cache, &|progress| observer(name, progress))?;
            let aside = recipe.training.validation_samples;
            if set.is_none() && aside > 0 {
                let (train, validation) = data.split_at(data.len().saturating_sub(aside))?;
                sets.insert(VALIDATION.to_owned(), validation);
                sets.insert(TRAIN.to_owned(), train);
            } else {
                sets.insert(name.to_owned(), data);
            }
            outcomes.extend(outcome.map(|outcome| (name.to_owned(), outcome)));
        }
        let mut all = Self::new(sets)?;
        all.outcomes = outcomes;
        if let Some(evaluated) = recipe.evaluation.training_samples {
            all.evaluate_of_train(evaluated)?;
        }
        Ok(all)
    }

    /// Leaves only the first `count` training samples in what is evaluated.
    fn evaluate_of_train(&mut self, count: usize) -> Result<()> {
        if count == 0 {
            self.sets.remove(TRAIN);
        } else if count < self.train.len() {
            let (first, _) = self.train.split_at(count)?;
            self.sets.insert(TRAIN.to_owned(), first);
        }
        Ok(())
    }

    /// Samples of one's own: `sets` by name, [`TRAIN`] among them.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] without training samples.
    pub fn new(sets: BTreeMap<String, Dataset>) -> Result<Self> {
        let Some(train) = sets.get(TRAIN).cloned() else {
            return Err(Error::Shape {
                name: TRAIN.to_owned(),
                expected: "training samples".to_owned(),
                found: Vec::new(),
            });
        };
        Ok(Self {
            train,
            sets,
            outcomes: BTreeMap::new(),
        })
    }

    /// The training samples.
    pub fn train(&self) -> &Dataset {
        &self.train
    }

    /// Every set that is evaluated, by name, the training samples as [`TRAIN`].
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Dataset)> {
        self.sets.iter().map(|(name, data)| (name.as_str(), data))
    }

    /// Where each generated set came from.
    pub fn outcomes(&self) -> &BTreeMap<String, Outcome> {
        &self.outcomes
    }
}
