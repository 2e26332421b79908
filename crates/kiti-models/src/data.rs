//! The fields that a recipe trains and tests on.

use std::collections::BTreeMap;

use kiti_data::Field;
use kiti_data::cache::{Cache, Outcome};
use kiti_data::field_io::FieldData;
use kiti_data::pde::heat::load_or_generate;

use crate::recipe::{DataSection, Recipe};
use crate::{Error, Result};

/// Name under which the training samples are evaluated.
pub const TRAIN: &str = "train";

/// Trajectories cut into what a model sees and what it has to predict.
#[derive(Debug, Clone)]
pub struct HeatFields {
    sets: BTreeMap<String, (Field, Field)>,
    outcomes: BTreeMap<String, Outcome>,
}

impl HeatFields {
    /// Generates the training samples and every test set of `recipe`, or reads them from `cache`.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for settings out of range or a cache that cannot be written.
    pub fn load(recipe: &Recipe, cache: &Cache) -> Result<Self> {
        let DataSection::Heat(section) = &recipe.data;
        let mut configs = vec![(TRAIN.to_owned(), section.train_config())];
        configs.extend(
            recipe
                .evaluation
                .sets
                .iter()
                .map(|(name, set)| (name.clone(), section.test_config(set))),
        );
        let (mut sets, mut outcomes) = (BTreeMap::new(), BTreeMap::new());
        for (name, config) in configs {
            let (data, outcome) = load_or_generate(&config, cache)?;
            sets.insert(
                name.clone(),
                data.split_time(section.inputs, section.outputs)?,
            );
            outcomes.insert(name, outcome);
        }
        Ok(Self { sets, outcomes })
    }

    /// Fields of one's own: `sets` by name, each inputs and targets; [`TRAIN`] must be among them.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] without training samples.
    pub fn new(sets: BTreeMap<String, (Field, Field)>) -> Result<Self> {
        if !sets.contains_key(TRAIN) {
            return Err(Error::Shape {
                name: TRAIN.to_owned(),
                expected: "training samples".to_owned(),
                found: Vec::new(),
            });
        }
        Ok(Self {
            sets,
            outcomes: BTreeMap::new(),
        })
    }

    /// Inputs and targets of the training samples.
    pub fn train(&self) -> &(Field, Field) {
        &self.sets[TRAIN]
    }

    /// Every set by name, the training samples as [`TRAIN`].
    pub fn sets(&self) -> impl Iterator<Item = (&str, &(Field, Field))> {
        self.sets
            .iter()
            .map(|(name, fields)| (name.as_str(), fields))
    }

    /// Where each set came from.
    pub fn outcomes(&self) -> &BTreeMap<String, Outcome> {
        &self.outcomes
    }

    /// Refuses sets that hold a number that is not finite.
    ///
    /// # Errors
    ///
    /// [`Error::NotFiniteData`] with the set, the place and the value.
    pub fn check_finite(&self) -> Result<()> {
        for (name, (inputs, targets)) in &self.sets {
            for (part, field) in [("inputs", inputs), ("targets", targets)] {
                check(&format!("{name} {part}"), field)?;
            }
        }
        Ok(())
    }
}

fn check(name: &str, field: &Field) -> Result<()> {
    let place = match field.data() {
        FieldData::F32(values) => values.iter().position(|value| !value.is_finite()),
        FieldData::F64(values) => values.iter().position(|value| !value.is_finite()),
    };
    let Some(mut flat) = place else { return Ok(()) };
    let value = field.data().iter_f64().nth(flat).unwrap_or(f64::NAN);
    let mut index = vec![0; field.shape().len()];
    for (axis, extent) in field.shape().iter().enumerate().rev() {
        index[axis] = flat % extent;
        flat /= extent;
    }
    Err(Error::NotFiniteData {
        name: format!("data set {name}"),
        index,
        value,
    })
}
