//! Layers of a recipe or another TOML document: its own values, those of a profile, single keys set by the caller.

use toml::{Table, Value};

use super::shape::Shape;
use crate::{Error, Result};

/// Puts the values of `over` into `base`, table by table. A table whose `kind` changes is replaced
/// as a whole: the keys of another kind mean nothing to it.
pub fn merge(base: &mut Table, over: &Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Table(below)), Value::Table(above)) if !changes_kind(below, above) => {
                merge(below, above);
            }
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

fn changes_kind(below: &Table, above: &Table) -> bool {
    above
        .get("kind")
        .is_some_and(|kind| below.get("kind") != Some(kind))
}

/// Sets the dotted `key` to `text`, read as the type that the key has.
///
/// # Errors
///
/// [`Error::UnknownKey`], or [`Error::WrongType`] where the text is not of the key's type.
pub fn set(base: &mut Table, shape: &Shape, key: &str, text: &str) -> Result<()> {
    const FILE: &str = "--set";
    let path = split(key);
    let target = shape.at(&path, FILE)?;
    let value = read(target, text).ok_or_else(|| Error::WrongType {
        file: FILE.to_owned(),
        key: key.to_owned(),
        expected: target.name().to_owned(),
        found: format!("\"{text}\""),
    })?;
    target.check(&value, key, FILE)?;
    let mut over = Table::new();
    let mut below = &mut over;
    let (last, parents) = path.split_last().ok_or_else(|| Error::UnknownKey {
        file: FILE.to_owned(),
        key: key.to_owned(),
        nearest: None,
    })?;
    for part in parents {
        let entry = below
            .entry(part.clone())
            .or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(table) = entry else {
            unreachable!("inserted just now as a table")
        };
        below = table;
    }
    below.insert(last.clone(), value);
    merge(base, &over);
    Ok(())
}

/// The parts of a dotted key; quotes keep dots: `evaluation.sets."64.5".samples`.
fn split(key: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for character in key.chars() {
        match character {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            _ => {
                if let Some(part) = parts.last_mut() {
                    part.push(character);
                }
            }
        }
    }
    parts
}

fn read(shape: &Shape, text: &str) -> Option<Value> {
    let text = text.trim();
    match shape {
        Shape::Text => {
            let bare = text
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'));
            Some(Value::String(bare.unwrap_or(text).to_owned()))
        }
        Shape::Integer => text.parse().ok().map(Value::Integer),
        Shape::Float => text.parse().ok().map(Value::Float),
        Shape::Boolean => text.parse().ok().map(Value::Boolean),
        Shape::Any => inline(text).or_else(|| Some(Value::String(text.to_owned()))),
        Shape::Array(_) | Shape::Table(_) | Shape::Choice(_) | Shape::Map(_) => inline(text),
    }
}

/// A value in TOML's own notation.
fn inline(text: &str) -> Option<Value> {
    let mut table: Table = toml::from_str(&format!("value = {text}")).ok()?;
    table.remove("value")
}
