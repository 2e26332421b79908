//! Cases: a TOML file that holds everything a simulation depends on but its seed.

mod boundaries;
mod builtin;
mod keys;
mod molecule;
mod quantity;
mod reader;
mod resolve;
mod sections;
mod setup;

use std::path::Path;

use kiti_models::Error;
use kiti_models::recipe::{compare, invalid, overlay, read_table, shape};
use toml::{Table, Value};

pub use builtin::CASES;
pub use quantity::{Dimension, UnitSystem};
pub use resolve::predict;
pub use sections::{CaseFile, Comparison, SamplingSection};
pub use setup::Setup;

use crate::failure::{Failure, Outcome};

/// A case as it was written, with the changes of the command line, and what it means.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// As written.
    pub file: CaseFile,
    /// In numbers.
    pub setup: Setup,
}

impl Case {
    /// Reads a case: a shipped name, or the path of a TOML file. Over its values come the `(dotted key, value)` pairs of `sets`.
    ///
    /// # Errors
    ///
    /// A refusal that names the file and the key, what was expected and found.
    pub fn load(name_or_path: &str, sets: &[(String, String)]) -> Outcome<Self> {
        if let Some(text) = builtin::text(name_or_path) {
            return Self::parse(text, &format!("case {name_or_path}"), sets);
        }
        let path = Path::new(name_or_path);
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, name_or_path, sets),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::io(path, "read the case", &error))
            }
            Err(_) => Err(unknown_case(name_or_path)),
        }
    }

    /// As [`load`](Self::load), from text; `file` is how messages call it.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load).
    pub fn parse(text: &str, file: &str, sets: &[(String, String)]) -> Outcome<Self> {
        let mut table = read_table(text, file)?;
        let shape = keys::shape();
        shape.check(&Value::Table(table.clone()), "", file)?;
        for (key, value) in sets {
            overlay::set(&mut table, &shape, key, value)?;
        }
        require(&table, file)?;
        let written: CaseFile = Value::Table(table)
            .try_into()
            .map_err(|error| invalid(file, &error))?;
        let setup = resolve::resolve(&written, file)?;
        Ok(Self {
            file: written,
            setup,
        })
    }

    /// The case as TOML, the command line's changes in it. Reading it gives the same case.
    ///
    /// # Errors
    ///
    /// A failure where TOML cannot express a value.
    pub fn to_toml(&self) -> Outcome<String> {
        toml::to_string_pretty(&self.file)
            .map_err(|error| Failure::failed(format!("{}: {error}", self.file.name)))
    }
}

/// Where the case `found` (as TOML) differs from `expected`, first key by first key; none where they are the same.
pub fn difference(expected: &str, found: &str, file: &str) -> Outcome<Option<String>> {
    let (expected, found) = (read_table(expected, "case")?, read_table(found, file)?);
    let mut lines = Vec::new();
    compare(
        "",
        &Value::Table(expected),
        &Value::Table(found),
        &mut lines,
    );
    Ok(lines.into_iter().next())
}

/// The keys without which a file says too little.
fn require(table: &Table, file: &str) -> Result<(), Error> {
    let needed = [
        ("name", None, "a text"),
        ("gas", None, "a table"),
        ("initial", Some("density"), "a number density with its unit"),
        (
            "initial",
            Some("temperature"),
            "a temperature with its unit",
        ),
        ("time", Some("step"), "a time with its unit"),
        ("time", Some("steps"), "a whole number"),
        ("particles", None, "a table with per_cell, count or weight"),
    ];
    for (section, key, expected) in needed {
        let there = match (table.get(section), key) {
            (Some(Value::Table(below)), Some(key)) => below.contains_key(key),
            (found, _) => found.is_some() && key.is_none(),
        };
        if !there {
            return Err(Error::MissingKey {
                file: file.to_owned(),
                key: key.map_or_else(|| section.to_owned(), |key| shape::join(section, key)),
                expected: expected.to_owned(),
            });
        }
    }
    Ok(())
}

fn unknown_case(name: &str) -> Failure {
    let names: Vec<&str> = CASES.iter().map(|(name, _)| *name).collect();
    let hint = shape::nearest(name, names.iter().copied()).map_or_else(String::new, |nearest| {
        format!("; did you mean `{nearest}`?")
    });
    Failure::refused(format!(
        "case `{name}`: neither a shipped case ({}) nor a readable file{hint}",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests;
