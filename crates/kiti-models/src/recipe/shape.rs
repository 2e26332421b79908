//! Which keys a recipe or another TOML document may have, and of which types: checked before anything is built from it.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::{Error, Result};

/// The type of a value, and of everything below it.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A table with these keys and no others.
    Table(BTreeMap<String, Shape>),
    /// A table whose key `kind` decides which others it may have.
    Choice(BTreeMap<String, BTreeMap<String, Shape>>),
    /// A table with free keys and values of one shape.
    Map(Box<Shape>),
    /// A list of values of one shape.
    Array(Box<Shape>),
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// Several forms are possible: left to the type that reads it.
    Any,
}

impl Shape {
    /// The shape of an example with every key present.
    pub fn of(example: &Value) -> Shape {
        match example {
            Value::String(_) | Value::Datetime(_) => Shape::Text,
            Value::Integer(_) => Shape::Integer,
            Value::Float(_) => Shape::Float,
            Value::Boolean(_) => Shape::Boolean,
            Value::Array(values) => {
                Shape::Array(Box::new(values.first().map_or(Shape::Any, Shape::of)))
            }
            Value::Table(table) => Shape::Table(keys_of(table)),
        }
    }

    /// A choice between the tables of `examples`, told apart by their key `kind`.
    pub fn choice(examples: &[Table]) -> Shape {
        Shape::Choice(
            examples
                .iter()
                .filter_map(|table| Some((table.get("kind")?.as_str()?.to_owned(), keys_of(table))))
                .collect(),
        )
    }

    /// Replaces the shape at a dotted path of tables.
    pub fn replace(&mut self, path: &[&str], shape: Shape) {
        match (path, self) {
            ([], place) => *place = shape,
            ([key, rest @ ..], Shape::Table(keys)) => {
                if let Some(below) = keys.get_mut(*key) {
                    below.replace(rest, shape);
                }
            }
            _ => {}
        }
    }

    /// What a reader calls this shape.
    pub fn name(&self) -> &'static str {
        match self {
            Shape::Table(_) | Shape::Choice(_) | Shape::Map(_) => "a table",
            Shape::Array(_) => "a list",
            Shape::Text => "a text",
            Shape::Integer => "a whole number",
            Shape::Float => "a number",
            Shape::Boolean => "true or false",
            Shape::Any => "a value",
        }
    }

    /// Checks `value`, found at the dotted `path` of `file`, key by key.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownKey`] with the nearest known key, [`Error::WrongType`], and [`Error::InvalidValue`] for an unknown `kind`.
    pub fn check(&self, value: &Value, path: &str, file: &str) -> Result<()> {
        match (self, value) {
            (Shape::Any, _)
            | (Shape::Text, Value::String(_))
            | (Shape::Integer, Value::Integer(_))
            | (Shape::Float, Value::Float(_) | Value::Integer(_))
            | (Shape::Boolean, Value::Boolean(_)) => Ok(()),
            (Shape::Array(element), Value::Array(values)) => {
                values.iter().enumerate().try_for_each(|(index, value)| {
                    element.check(value, &format!("{path}[{index}]"), file)
                })
            }
            (Shape::Map(element), Value::Table(table)) => table
                .iter()
                .try_for_each(|(key, value)| element.check(value, &join(path, key), file)),
            (Shape::Table(keys), Value::Table(table)) => check_keys(keys, table, path, file),
            (Shape::Choice(kinds), Value::Table(table)) => match table.get("kind") {
                Some(Value::String(kind)) => match kinds.get(kind) {
                    Some(keys) => check_keys(keys, table, path, file),
                    None => Err(Error::InvalidValue {
                        file: file.to_owned(),
                        key: join(path, "kind"),
                        message: unknown_kind(kind, kinds.keys()),
                    }),
                },
                Some(other) => Shape::Text.check(other, &join(path, "kind"), file),
                // Part of a table that another profile or the recipe itself completes.
                None => {
                    let every: BTreeMap<_, _> = kinds
                        .values()
                        .flatten()
                        .map(|(k, v)| (k.clone(), v.clone()))
                        .collect();
                    check_keys(&every, table, path, file)
                }
            },
            _ => Err(Error::WrongType {
                file: file.to_owned(),
                key: path.to_owned(),
                expected: self.name().to_owned(),
                found: describe(value),
            }),
        }
    }

    /// The shape at a dotted path, quotes around a part with dots in it allowed.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownKey`] where there is no such key.
    pub fn at(&self, path: &[String], file: &str) -> Result<&Shape> {
        let mut shape = self;
        for (depth, key) in path.iter().enumerate() {
            let below = match shape {
                Shape::Table(keys) => keys.get(key),
                Shape::Choice(kinds) => kinds.values().find_map(|keys| keys.get(key)),
                Shape::Map(element) => Some(element.as_ref()),
                Shape::Any => return Ok(shape),
                _ => None,
            };
            shape = below.ok_or_else(|| {
                let prefix = path[..depth].join(".");
                unknown_key(file, &prefix, key, &shape.child_names())
            })?;
        }
        Ok(shape)
    }

    fn child_names(&self) -> Vec<String> {
        match self {
            Shape::Table(keys) => keys.keys().cloned().collect(),
            Shape::Choice(kinds) => kinds
                .values()
                .flat_map(|keys| keys.keys().cloned())
                .collect(),
            _ => Vec::new(),
        }
    }
}

fn keys_of(table: &Table) -> BTreeMap<String, Shape> {
    table
        .iter()
        .map(|(key, value)| (key.clone(), Shape::of(value)))
        .collect()
}

fn check_keys(keys: &BTreeMap<String, Shape>, table: &Table, path: &str, file: &str) -> Result<()> {
    for (key, value) in table {
        match keys.get(key) {
            Some(shape) => shape.check(value, &join(path, key), file)?,
            None => {
                let known: Vec<String> = keys.keys().cloned().collect();
                return Err(unknown_key(file, path, key, &known));
            }
        }
    }
    Ok(())
}

fn unknown_key(file: &str, prefix: &str, key: &str, known: &[String]) -> Error {
    Error::UnknownKey {
        file: file.to_owned(),
        key: join(prefix, key),
        nearest: nearest(key, known.iter().map(String::as_str)).map(|name| join(prefix, &name)),
    }
}

fn unknown_kind<'a>(kind: &str, known: impl Iterator<Item = &'a String> + Clone) -> String {
    let names: Vec<&str> = known.clone().map(String::as_str).collect();
    let hint = match nearest(kind, names.iter().copied()) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    };
    format!(
        "expected one of {}, found \"{kind}\"{hint}",
        names.join(", ")
    )
}

/// The known name most like `name`, if any is like it at all.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    // Below this similarity a suggestion confuses more than it helps.
    const LEAST: f64 = 0.6;
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= LEAST)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// `a.b`, a key with other than word characters quoted.
pub fn join(path: &str, key: &str) -> String {
    let plain = key
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let key = if plain {
        key.to_owned()
    } else {
        format!("\"{key}\"")
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// A value with its type, for messages.
pub fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text \"{text}\""),
        Value::Integer(number) => format!("the whole number {number}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Boolean(flag) => format!("{flag}"),
        Value::Datetime(date) => format!("the date {date}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}
