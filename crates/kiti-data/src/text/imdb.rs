//! The original files of IMDb: `aclImdb/SPLIT/CLASS/ID_RATING.txt`, one review each.

use std::collections::BTreeMap;
use std::path::Path;

use super::examples::{RawExample, bad};
use crate::Result;
use crate::archive::visit_files;

/// The longest review that is read; the data set's longest has 14 KB.
const LARGEST_REVIEW: u64 = 1 << 20;

/// Reviews by split, in the order of class and number; none where there is no such file.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Vec<RawExample>>> {
    let mut found: BTreeMap<String, Vec<(Place, RawExample)>> = BTreeMap::new();
    let wanted = |name: &str| Place::of(name).is_some();
    visit_files(path, LARGEST_REVIEW, wanted, |name, content| {
        let Some(place) = Place::of(name) else {
            return Ok(());
        };
        let text = String::from_utf8(content)
            .map_err(|error| bad(path, name, "UTF-8", error.utf8_error().to_string()))?;
        let example = RawExample {
            first: text,
            second: None,
            label: place.class.to_owned(),
            place: name.to_owned(),
        };
        let reviews = found.entry(place.split.to_owned()).or_default();
        reviews.push((place, example));
        Ok(())
    })?;
    let ordered = |mut reviews: Vec<(Place, RawExample)>| {
        // An archive's order is that of the disk it was packed from.
        reviews.sort_by_key(|(place, _)| (place.class, place.number));
        reviews.into_iter().map(|(_, example)| example).collect()
    };
    Ok(found
        .into_iter()
        .map(|(split, reviews)| (split, ordered(reviews)))
        .collect())
}

struct Place {
    split: &'static str,
    class: &'static str,
    number: u64,
}

impl Place {
    fn of(name: &str) -> Option<Self> {
        let mut parts = name.rsplit('/');
        let file = parts.next()?.strip_suffix(".txt")?;
        let class = ["neg", "pos"]
            .into_iter()
            .find(|known| parts.clone().next() == Some(known))?;
        parts.next();
        let split = ["train", "test"]
            .into_iter()
            .find(|known| parts.clone().next() == Some(known))?;
        let (number, rating) = file.split_once('_')?;
        rating.parse::<u8>().ok()?;
        Some(Self {
            split,
            class,
            number: number.parse().ok()?,
        })
    }
}
