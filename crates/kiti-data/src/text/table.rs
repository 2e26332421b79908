//! Tables of texts and labels: CSV, JSON lines, Parquet.

use std::path::Path;

use serde_json::Value;

use super::csv::Records;
use super::examples::{RawExample, bad};
use super::source::Columns;
use crate::parquet_table::ParquetTable;
use crate::{Error, Result};

const TEXT_NAMES: &[&str] = &[
    "text",
    "sentence1",
    "premise",
    "review",
    "sentence",
    "content",
];
const SECOND_NAMES: &[&str] = &["sentence2", "hypothesis", "text_pair"];
const LABEL_NAMES: &[&str] = &["label", "gold_label", "sentiment", "class", "target"];

/// The format of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableFormat {
    Csv,
    Tsv,
    JsonLines,
    Parquet,
}

impl TableFormat {
    /// The format that a file's name says, with or without `.gz`.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let (plain, gzipped) = match name.strip_suffix(".gz") {
            Some(plain) => (plain, true),
            None => (name.as_str(), false),
        };
        match plain.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "tsv" => Some(Self::Tsv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "parquet" if !gzipped => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// Which columns are read, by position or name.
struct Found {
    text: String,
    second: Option<String>,
    label: String,
}

impl Found {
    fn among(path: &Path, available: &[String], columns: &Columns) -> Result<Self> {
        let find = |chosen: &Option<String>, usual: &[&str]| -> Result<Option<String>> {
            let is_there = |name: &str| available.iter().any(|column| column == name);
            match chosen {
                Some(name) if is_there(name) => Ok(Some(name.clone())),
                Some(name) => Err(not_found(path, name, available)),
                None => Ok(usual
                    .iter()
                    .find(|name| is_there(name))
                    .map(|&name| name.to_owned())),
            }
        };
        let needed = |chosen, usual: &[&str]| {
            find(chosen, usual)?.ok_or_else(|| not_found(path, usual[0], available))
        };
        Ok(Self {
            text: needed(&columns.text, TEXT_NAMES)?,
            second: find(&columns.second, SECOND_NAMES)?,
            label: needed(&columns.label, LABEL_NAMES)?,
        })
    }
}

fn not_found(path: &Path, name: &str, available: &[String]) -> Error {
    Error::ArrayNotFound {
        path: path.to_owned(),
        name: name.to_owned(),
        available: available.to_vec(),
    }
}

/// The examples in the content of a CSV or JSON lines file; `name` says where it is within `path`.
pub(super) fn parse(
    path: &Path,
    name: &str,
    format: TableFormat,
    content: &[u8],
    columns: &Columns,
) -> Result<Vec<RawExample>> {
    match format {
        TableFormat::Csv => parse_separated(path, name, b',', content, columns),
        TableFormat::Tsv => parse_separated(path, name, b'\t', content, columns),
        TableFormat::JsonLines => parse_json_lines(path, name, content, columns),
        TableFormat::Parquet => Err(bad(path, name, "text", "Parquet".to_owned())),
    }
}

fn parse_separated(
    path: &Path,
    name: &str,
    separator: u8,
    content: &[u8],
    columns: &Columns,
) -> Result<Vec<RawExample>> {
    let mut records = Records::new(content, separator);
    let header: Vec<String> = records
        .next()
        .map(|header| header.fields)
        .unwrap_or_default()
        .iter()
        .map(|field| String::from_utf8_lossy(field).trim().to_owned())
        .collect();
    let found = Found::among(path, &header, columns)?;
    let position = |column: &String| header.iter().position(|known| known == column);
    let positions = [Some(&found.text), found.second.as_ref(), Some(&found.label)];
    let [text, second, label] = positions.map(|column| column.and_then(position));
    let mut examples = Vec::new();
    for record in records {
        let place = format!("{name}, line {}", record.line);
        if record.fields.len() != header.len() {
            let expected = format!("{} fields as in the header", header.len());
            return Err(bad(
                path,
                &place,
                &expected,
                record.fields.len().to_string(),
            ));
        }
        let field = |position: Option<usize>| -> Result<Option<String>> {
            position
                .map(|position| {
                    String::from_utf8(record.fields[position].clone())
                        .map_err(|error| bad(path, &place, "UTF-8", error.to_string()))
                })
                .transpose()
        };
        let label = field(label)?.unwrap_or_default().trim().to_owned();
        if label.is_empty() {
            return Err(bad(path, &place, "a label", "none".to_owned()));
        }
        examples.push(RawExample {
            first: field(text)?.unwrap_or_default(),
            second: field(second)?,
            label,
            place,
        });
    }
    Ok(examples)
}

fn parse_json_lines(
    path: &Path,
    name: &str,
    content: &[u8],
    columns: &Columns,
) -> Result<Vec<RawExample>> {
    let mut found: Option<Found> = None;
    let mut examples = Vec::new();
    for (line, content) in content.split(|&byte| byte == b'\n').enumerate() {
        if content.trim_ascii().is_empty() {
            continue;
        }
        let place = format!("{name}, line {}", line + 1);
        let value: Value = serde_json::from_slice(content)
            .map_err(|error| bad(path, &place, "a JSON object", error.to_string()))?;
        let Value::Object(object) = value else {
            return Err(bad(
                path,
                &place,
                "a JSON object",
                "another value".to_owned(),
            ));
        };
        if found.is_none() {
            let keys: Vec<String> = object.keys().cloned().collect();
            found = Some(Found::among(path, &keys, columns)?);
        }
        let Some(found) = &found else { continue };
        let text = |key: &str| match object.get(key) {
            Some(Value::String(text)) => Ok(text.clone()),
            other => Err(bad(path, &place, &format!("a text {key:?}"), shown(other))),
        };
        let label = match object.get(&found.label) {
            Some(Value::String(label)) if !label.is_empty() => label.clone(),
            Some(Value::Number(label)) if label.is_i64() => label.to_string(),
            Some(Value::Bool(label)) => u8::from(*label).to_string(),
            other => return Err(bad(path, &place, "a label", shown(other))),
        };
        examples.push(RawExample {
            first: text(&found.text)?,
            second: found.second.as_deref().map(text).transpose()?,
            label,
            place,
        });
    }
    Ok(examples)
}

/// The examples of a Parquet file.
pub(super) fn read_parquet(path: &Path, columns: &Columns) -> Result<Vec<RawExample>> {
    let table = ParquetTable::open(path)?;
    let found = Found::among(path, table.columns(), columns)?;
    let texts = table.texts(&found.text)?;
    let seconds = match &found.second {
        Some(column) => table.texts(column)?.into_iter().map(Some).collect(),
        None => vec![None; texts.len()],
    };
    let labels: Vec<String> = if table.is_text(&found.label)? {
        table.texts(&found.label)?
    } else {
        let labels = table.integers(&found.label)?;
        labels.iter().map(i64::to_string).collect()
    };
    let rows = texts.into_iter().zip(seconds).zip(labels).enumerate();
    let examples = rows.map(|(row, ((first, second), label))| RawExample {
        first,
        second,
        label,
        place: format!("row {row}"),
    });
    Ok(examples.collect())
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "none".to_owned(),
        Some(value) => value.to_string().chars().take(80).collect(),
    }
}
