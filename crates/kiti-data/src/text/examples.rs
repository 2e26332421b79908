//! Texts with their classes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::{Error, Result};

/// The most classes that labels may make up: more are taken for something else than labels.
const MOST_CLASSES: usize = 10_000;

/// Names that the same class goes by, class after class.
const KNOWN_CLASSES: [&[&[&str]]; 2] = [
    &[&["neg", "negative"], &["pos", "positive"]],
    &[&["entailment"], &["neutral"], &["contradiction"]],
];

/// A text, or a pair of texts, with its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The text, or the first of two: a premise.
    pub first: String,
    /// The second of two: a hypothesis.
    pub second: Option<String>,
    /// Number of its class.
    pub label: u32,
}

/// The examples of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examples {
    /// The examples in the order of their source.
    pub examples: Vec<Example>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// How many were left out because their annotators did not agree on a class (`-` in SNLI).
    pub undecided: usize,
}

/// The splits of a data set by name: `train`, `validation`, `test`.
pub type TextSplits = BTreeMap<String, Examples>;

/// What is to be known of a split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TextSummary {
    /// Number of examples.
    pub examples: usize,
    /// How many of them are pairs of texts.
    pub pairs: usize,
    /// How many were left out without a class.
    pub undecided: usize,
    /// Examples by class.
    pub labels: BTreeMap<String, usize>,
    /// Length in bytes, both texts of a pair together.
    pub bytes: LengthRange,
    /// Length in words between white space.
    pub words: LengthRange,
}

/// Lengths of many texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LengthRange {
    /// The shortest.
    pub shortest: usize,
    /// Their mean.
    pub mean: f64,
    /// The longest.
    pub longest: usize,
}

impl LengthRange {
    fn of(lengths: impl Iterator<Item = usize> + Clone) -> Self {
        let count = lengths.clone().count();
        Self {
            shortest: lengths.clone().min().unwrap_or(0),
            mean: lengths.clone().sum::<usize>() as f64 / count.max(1) as f64,
            longest: lengths.max().unwrap_or(0),
        }
    }
}

impl Examples {
    /// Counts and lengths.
    pub fn summary(&self) -> TextSummary {
        let mut counts = vec![0; self.classes.len()];
        for example in &self.examples {
            counts[example.label as usize] += 1;
        }
        let texts = |example: &Example, length: fn(&str) -> usize| {
            length(&example.first) + example.second.as_deref().map_or(0, length)
        };
        let lengths = |length| {
            let examples = self.examples.iter();
            LengthRange::of(examples.map(move |example| texts(example, length)))
        };
        TextSummary {
            examples: self.examples.len(),
            pairs: self
                .examples
                .iter()
                .filter(|example| example.second.is_some())
                .count(),
            undecided: self.undecided,
            labels: self.classes.iter().cloned().zip(counts).collect(),
            bytes: lengths(str::len),
            words: lengths(|text| text.split_whitespace().count()),
        }
    }
}

/// An example as its file has it.
#[derive(Clone, Debug)]
pub(crate) struct RawExample {
    pub(crate) first: String,
    pub(crate) second: Option<String>,
    /// The label as a text; `-` and `-1` for none agreed on.
    pub(crate) label: String,
    /// Where it stands, for messages.
    pub(crate) place: String,
}

impl RawExample {
    /// Refuses an example without text.
    pub(crate) fn check(&self, path: &Path) -> Result<()> {
        if self.first.trim().is_empty() {
            return Err(bad(path, &self.place, "a text", "none".to_owned()));
        }
        Ok(())
    }

    fn is_undecided(&self) -> bool {
        matches!(self.label.as_str(), "-" | "-1")
    }
}

/// Numbers the classes of all splits together.
pub(crate) fn number_classes(
    path: &Path,
    splits: BTreeMap<String, Vec<RawExample>>,
) -> Result<TextSplits> {
    let labels: BTreeSet<&str> = splits
        .values()
        .flatten()
        .filter(|example| !example.is_undecided())
        .map(|example| example.label.as_str())
        .collect();
    let classes = Classes::of(&labels);
    let mut numbered = TextSplits::new();
    for (split, raw) in splits {
        let mut examples = Examples {
            examples: Vec::with_capacity(raw.len()),
            classes: classes.names.clone(),
            undecided: 0,
        };
        for example in raw {
            example.check(path)?;
            if example.is_undecided() {
                examples.undecided += 1;
                continue;
            }
            let Some(label) = classes.number(&example.label) else {
                let expected = format!("one of at most {MOST_CLASSES} labels");
                return Err(bad(path, &example.place, &expected, example.label));
            };
            examples.examples.push(Example {
                first: example.first,
                second: example.second,
                label,
            });
        }
        numbered.insert(split, examples);
    }
    Ok(numbered)
}

/// The classes that labels make up.
struct Classes {
    names: Vec<String>,
    numbers: BTreeMap<String, u32>,
}

impl Classes {
    fn of(labels: &BTreeSet<&str>) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut numbers = BTreeMap::new();
        let lower = |label: &str| label.to_lowercase();
        let known = KNOWN_CLASSES.iter().find(|classes| {
            let is_known = |label: &&str| classes.concat().contains(&lower(label).as_str());
            !labels.is_empty() && labels.iter().all(is_known)
        });
        let whole: Option<Vec<u32>> = labels.iter().map(|label| label.parse().ok()).collect();
        if let Some(known) = known {
            names.extend(known.iter().map(|aliases| aliases[0].to_owned()));
            for label in labels {
                let class = known
                    .iter()
                    .position(|aliases| aliases.contains(&lower(label).as_str()));
                numbers.extend(class.map(|class| ((*label).to_owned(), class as u32)));
            }
        } else if let Some(largest) = whole.as_ref().and_then(|whole| whole.iter().max()) {
            if (*largest as usize) < MOST_CLASSES {
                names.extend((0..=*largest).map(|class| class.to_string()));
                let labels = labels.iter().map(|label| (*label).to_owned());
                numbers.extend(labels.zip(whole.unwrap_or_default()));
            }
        } else if labels.len() <= MOST_CLASSES {
            names.extend(labels.iter().map(|label| (*label).to_owned()));
            numbers.extend(names.iter().cloned().zip(0..));
        }
        Self { names, numbers }
    }

    fn number(&self, label: &str) -> Option<u32> {
        self.numbers.get(label).copied()
    }
}

pub(crate) fn bad(path: &Path, place: &str, expected: &str, found: String) -> Error {
    Error::Sample {
        path: path.to_owned(),
        place: place.to_owned(),
        expected: expected.to_owned(),
        found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(labels: &[&str]) -> Result<Examples> {
        let raw = labels.iter().zip(1..).map(|(label, line)| RawExample {
            first: "two words".to_owned(),
            second: None,
            label: (*label).to_owned(),
            place: format!("line {line}"),
        });
        let splits = BTreeMap::from([("train".to_owned(), raw.collect())]);
        let mut numbered = number_classes(Path::new("file.csv"), splits)?;
        Ok(numbered.remove("train").unwrap())
    }

    fn labels(examples: &Examples) -> Vec<u32> {
        examples
            .examples
            .iter()
            .map(|example| example.label)
            .collect()
    }

    #[test]
    fn the_same_class_has_one_number_under_all_its_names() {
        let examples = numbered(&["positive", "Negative", "pos"]).unwrap();
        assert_eq!(examples.classes, ["neg", "pos"]);
        assert_eq!(labels(&examples), [1, 0, 1]);
        let examples = numbered(&["contradiction", "-", "entailment"]).unwrap();
        assert_eq!(examples.classes, ["entailment", "neutral", "contradiction"]);
        assert_eq!((labels(&examples), examples.undecided), (vec![2, 0], 1));
        let examples = numbered(&["2", "-1", "0"]).unwrap();
        assert_eq!(examples.classes, ["0", "1", "2"]);
        assert_eq!((labels(&examples), examples.undecided), (vec![2, 0], 1));
        let examples = numbered(&["sport", "art", "sport"]).unwrap();
        assert_eq!(examples.classes, ["art", "sport"]);
        assert_eq!(labels(&examples), [1, 0, 1]);
    }

    #[test]
    fn what_cannot_be_labels_is_refused_by_place() {
        let message = numbered(&["0", "4000000000"]).unwrap_err().to_string();
        assert!(message.contains("file.csv, line 1"), "{message}");
    }

    #[test]
    fn a_summary_counts_and_measures() {
        let summary = numbered(&["pos", "pos", "neg"]).unwrap().summary();
        assert_eq!((summary.examples, summary.pairs), (3, 0));
        assert_eq!((summary.labels["pos"], summary.labels["neg"]), (2, 1));
        let words = LengthRange {
            shortest: 2,
            mean: 2.0,
            longest: 2,
        };
        assert_eq!(summary.words, words);
    }
}
