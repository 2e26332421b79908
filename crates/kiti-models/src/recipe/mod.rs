//! Recipes: a TOML file that holds everything a training run depends on but its seed.
//!
//! A recipe has the sections `name`, `title`, `[data]`, `[model]`, `[residual]`, `[training]`, `[evaluation]` and
//! `[profiles.NAME]`. A profile is a layer of values put over the recipe's own (`smoke`, `quick`, `paper`); single keys
//! are set last, as text that is read as the key's type. Every key is checked: an unknown one is
//! refused with the nearest known name, an ill-typed one with the type expected.
//!
//! ```
//! use kiti_models::recipe::Recipe;
//!
//! let sets = [("training.epochs".to_owned(), "3".to_owned())];
//! let recipe = Recipe::load("heat", Some("quick"), &sets)?;
//! assert_eq!(recipe.training.epochs, 3);
//!
//! let typo = [("training.epoch".to_owned(), "3".to_owned())];
//! let message = Recipe::load("heat", None, &typo).unwrap_err().to_string();
//! assert!(message.contains("did you mean `training.epochs`"));
//! # Ok::<(), kiti_models::Error>(())
//! ```

mod builtin;
pub mod data;
mod model;
pub mod overlay;
mod sections;
pub mod shape;
mod validate;

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

pub use data::{
    DataSection, ImageFormat, ImagesSection, LanguageSection, TestSet, TextFormat, TextsSection,
};
pub use model::{BertSection, Gpt2Section, ModelSection, ResNetSection};
pub use sections::{EvaluationSection, ResidualSection, SchedulePeriod, TrainingSection};

use crate::{Error, Result};

/// Everything a training run depends on but its seed and its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Short name, that of the experiment.
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub title: String,
    /// What is learned from.
    pub data: DataSection,
    /// What learns.
    pub model: ModelSection,
    /// The residual of every layer.
    #[serde(default)]
    pub residual: ResidualSection,
    /// How it learns.
    #[serde(default)]
    pub training: TrainingSection,
    /// What the trained model is tested on.
    #[serde(default)]
    pub evaluation: EvaluationSection,
}

impl Recipe {
    /// Names of the recipes that are part of this crate.
    pub fn builtin_names() -> Vec<&'static str> {
        builtin::RECIPES.iter().map(|(name, _)| *name).collect()
    }

    /// The text of a built-in recipe with its comments; none for another name.
    pub fn builtin_text(name: &str) -> Option<&'static str> {
        builtin::RECIPES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| *text)
    }

    /// Reads a recipe: a built-in name, or the path of a TOML file. Over its values come those of `profile`, then the
    /// `(dotted key, value)` pairs of `sets`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRecipe`], [`Error::RecipeSyntax`], [`Error::UnknownKey`], [`Error::WrongType`],
    /// [`Error::InvalidValue`], [`Error::UnknownProfile`]; every profile of the file is checked, whichever is used.
    pub fn load(
        name_or_path: &str,
        profile: Option<&str>,
        sets: &[(String, String)],
    ) -> Result<Self> {
        if let Some(text) = Self::builtin_text(name_or_path) {
            return Self::parse(text, &format!("recipe {name_or_path}"), profile, sets);
        }
        let path = Path::new(name_or_path);
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, name_or_path, profile, sets),
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::Io {
                path: path.to_path_buf(),
                action: "read the recipe",
                source,
            }),
            Err(_) => Err(Error::UnknownRecipe {
                name: name_or_path.to_owned(),
                known: Self::builtin_names()
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
                nearest: shape::nearest(name_or_path, Self::builtin_names().into_iter()),
            }),
        }
    }

    /// Names of a recipe's profiles, sorted.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load).
    pub fn profiles(name_or_path: &str) -> Result<Vec<String>> {
        Self::load(name_or_path, None, &[])?;
        let text = match Self::builtin_text(name_or_path) {
            Some(text) => text.to_owned(),
            None => std::fs::read_to_string(name_or_path)
                .map_err(Error::io(Path::new(name_or_path), "read the recipe"))?,
        };
        let table = read_table(&text, name_or_path)?;
        let profiles = table.get("profiles").and_then(Value::as_table);
        Ok(profiles
            .map(|table| table.keys().cloned().collect())
            .unwrap_or_default())
    }

    /// As [`load`](Self::load), from text; `file` is how messages call it.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load).
    pub fn parse(
        text: &str,
        file: &str,
        profile: Option<&str>,
        sets: &[(String, String)],
    ) -> Result<Self> {
        let mut table = read_table(text, file)?;
        let shape = sections::shape()?;
        let profiles = match table.remove("profiles") {
            None => Table::new(),
            Some(Value::Table(profiles)) => profiles,
            Some(other) => {
                return Err(Error::WrongType {
                    file: file.to_owned(),
                    key: "profiles".to_owned(),
                    expected: "a table".to_owned(),
                    found: shape::describe(&other),
                });
            }
        };
        for key in ["name", "data", "model"] {
            if !table.contains_key(key) {
                return Err(Error::MissingKey {
                    file: file.to_owned(),
                    key: key.to_owned(),
                    expected: if key == "name" { "a text" } else { "a table" }.to_owned(),
                });
            }
        }
        shape.check(&Value::Table(table.clone()), "", file)?;
        for (name, values) in &profiles {
            shape.check(values, &shape::join("profiles", name), file)?;
        }
        if let Some(profile) = profile {
            match profiles.get(profile) {
                Some(Value::Table(values)) => overlay::merge(&mut table, values),
                _ => {
                    return Err(Error::UnknownProfile {
                        file: file.to_owned(),
                        profile: profile.to_owned(),
                        known: profiles.keys().cloned().collect(),
                    });
                }
            }
        }
        for (key, value) in sets {
            overlay::set(&mut table, &shape, key, value)?;
        }
        let recipe: Recipe = Value::Table(table)
            .try_into()
            .map_err(|error| invalid(file, &error))?;
        recipe.validate(file)?;
        Ok(recipe)
    }

    /// The resolved recipe as TOML: every key with its value, no profiles. Reading it gives the same recipe.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidValue`] for values that TOML cannot express.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(|error| invalid(&self.name, &error))
    }

    /// Where `self` (found) differs from `expected`, as `key: expected, found` lines.
    pub fn differences(&self, expected: &Recipe) -> Vec<String> {
        let value = |recipe: &Recipe| Value::try_from(recipe).unwrap_or(Value::Boolean(false));
        let mut lines = Vec::new();
        compare("", &value(expected), &value(self), &mut lines);
        lines
    }
}

/// Adds to `lines` where `found` differs from `expected`, as `key: expected, found`; `path` is the dotted path of both.
pub fn compare(path: &str, expected: &Value, found: &Value, lines: &mut Vec<String>) {
    match (expected, found) {
        (Value::Table(expected), Value::Table(found)) => {
            let mut keys: Vec<&String> = expected.keys().chain(found.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = shape::join(path, key);
                match (expected.get(key), found.get(key)) {
                    (Some(a), Some(b)) => compare(&path, a, b, lines),
                    (Some(a), None) => lines.push(format!("{path}: expected {a}, found nothing")),
                    (None, Some(b)) => lines.push(format!("{path}: expected nothing, found {b}")),
                    (None, None) => {}
                }
            }
        }
        (a, b) if a == b => {}
        (a, b) => lines.push(format!("{path}: expected {a}, found {b}")),
    }
}

/// The table of a TOML document; `file` is how messages call it.
///
/// # Errors
///
/// [`Error::RecipeSyntax`] with the parser's message.
pub fn read_table(text: &str, file: &str) -> Result<Table> {
    toml::from_str(text).map_err(|error| Error::RecipeSyntax {
        file: file.to_owned(),
        message: error.to_string().trim().to_owned(),
    })
}

/// What the sections' own types refuse after the shapes have been checked: names of variants,
/// numbers out of their type's range, keys that are missing.
pub fn invalid(file: &str, error: &impl std::fmt::Display) -> Error {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = lines.next().unwrap_or("cannot be read").to_owned();
    let key = lines
        .find_map(|line| {
            line.strip_prefix("in `")?
                .strip_suffix('`')
                .map(str::to_owned)
        })
        .unwrap_or_else(|| "recipe".to_owned());
    Error::InvalidValue {
        file: file.to_owned(),
        key,
        message,
    }
}
