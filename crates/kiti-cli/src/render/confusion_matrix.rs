//! How often each class is taken for each other one, as SVG.

use super::chart_frame::Theme;
use super::colour_map::ColourMap;
use super::raster::{Raster, colour_bar};
use super::svg::{frame, image, opening, text};

/// Samples by class and prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfusionMatrix {
    /// What it shows.
    pub title: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Samples by class (row) and prediction (column).
    pub counts: Vec<Vec<u64>>,
}

/// With more classes than this neither names nor numbers can be read.
const MOST_LETTERED: usize = 20;
const LETTERED_CELL: u32 = 36;
const SIDE: u32 = 460;
const LETTER: u32 = 7;
const LONGEST_NAME: usize = 18;
const AXIS: u32 = 22;
const GAP: u32 = 12;
const BAR: u32 = 12;
const BAR_TEXT: u32 = 52;

impl ConfusionMatrix {
    /// Shares of each class's samples: rows sum to 1, those of a class without samples are no numbers.
    pub fn shares(&self) -> Vec<Vec<f64>> {
        let row = |row: &Vec<u64>| {
            let sum: u64 = row.iter().sum();
            row.iter().map(|&count| count as f64 / sum as f64).collect()
        };
        self.counts.iter().map(row).collect()
    }

    /// The pairs of class, prediction and count that are taken for each other most often, at most `most`.
    pub fn commonest(&self, most: usize) -> Vec<(&str, &str, u64)> {
        let mut pairs: Vec<(&str, &str, u64)> = Vec::new();
        for (class, row) in self.classes.iter().zip(&self.counts) {
            for (prediction, &count) in self.classes.iter().zip(row) {
                if class != prediction && count > 0 {
                    pairs.push((class, prediction, count));
                }
            }
        }
        pairs.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
        pairs.truncate(most);
        pairs
    }

    /// The picture as SVG: a colour for each share, with names and per cents where they can be read. None without a class.
    pub fn to_svg(&self, theme: Theme) -> Option<String> {
        let classes = self.classes.len();
        let lettered = classes <= MOST_LETTERED;
        let names: Vec<String> = self.classes.iter().map(|name| cut(name)).collect();
        let longest = names.iter().map(|name| name.chars().count()).max()? as u32;
        let beside = AXIS + if lettered { longest * LETTER + 6 } else { 0 };
        let side = match lettered {
            true => classes as u32 * LETTERED_CELL,
            false => SIDE,
        };
        let width = beside + side + GAP + BAR + BAR_TEXT;
        let height = GAP + side + beside;
        let mut svg = opening(&self.title, (width, height), theme);
        let shares = self.shares();
        let map = ColourMap::sequential(0.0, 1.0);
        let values = shares.concat().into_iter().map(|share| share as f32);
        let raster = Raster::new(classes, classes, values.collect())?;
        svg.push_str(&image(beside, GAP, side, side, &raster.to_data_url(&map)));
        svg.push_str(&frame(beside, GAP, side, side));
        if lettered {
            letters(&mut svg, &names, &shares, [beside, GAP]);
        }
        let (middle, below) = (beside + side / 2, GAP + side + beside - 6);
        svg.push_str(&text(
            middle,
            below,
            "middle",
            "opacity=\"0.75\"",
            "predicted class",
        ));
        let (x, y) = (14, GAP + side / 2);
        let turned = format!("opacity=\"0.75\" transform=\"rotate(-90 {x} {y})\"");
        svg.push_str(&text(x, y, "middle", &turned, "true class"));
        let bar = beside + side + GAP;
        svg.push_str(&image(bar, GAP, BAR, side, &colour_bar(&map)));
        svg.push_str(&frame(bar, GAP, BAR, side));
        for (label, y) in [
            ("100 %", GAP + 10),
            ("50 %", GAP + side / 2 + 4),
            ("0 %", GAP + side),
        ] {
            svg.push_str(&text(bar + BAR + 4, y, "start", "", label));
        }
        svg.push_str("</svg>\n");
        Some(svg)
    }
}

/// Names beside and below the cells, and per cents inside.
fn letters(svg: &mut String, names: &[String], shares: &[Vec<f64>], [left, top]: [u32; 2]) {
    let at = |index: usize| index as u32 * LETTERED_CELL + LETTERED_CELL / 2;
    let below = top + names.len() as u32 * LETTERED_CELL + 6;
    for (index, name) in names.iter().enumerate() {
        svg.push_str(&text(left - 5, top + at(index) + 4, "end", "", name));
        let (x, y) = (left + at(index) + 4, below);
        let turned = format!("transform=\"rotate(-90 {x} {y})\"");
        svg.push_str(&text(x, y, "end", &turned, name));
    }
    for (row, shares) in shares.iter().enumerate() {
        for (column, share) in shares.iter().enumerate() {
            let percent = (100.0 * share).round();
            if percent < 1.0 || percent.is_nan() {
                continue;
            }
            // The map is dark below and bright above.
            let colour = if *share < 0.6 { "#ffffff" } else { "#101418" };
            let fill = format!("fill=\"{colour}\"");
            let (x, y) = (left + at(column), top + at(row) + 4);
            svg.push_str(&text(x, y, "middle", &fill, &format!("{percent:.0}")));
        }
    }
}

fn cut(name: &str) -> String {
    match name.chars().count() > LONGEST_NAME {
        true => name
            .chars()
            .take(LONGEST_NAME - 1)
            .chain(['\u{2026}'])
            .collect(),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(classes: usize) -> ConfusionMatrix {
        let row = |class: usize| {
            (0..classes)
                .map(|prediction| {
                    if class == prediction {
                        3
                    } else {
                        (prediction == 0) as u64
                    }
                })
                .collect()
        };
        ConfusionMatrix {
            title: "a < b".into(),
            classes: (0..classes).map(|class| format!("class {class}")).collect(),
            counts: (0..classes).map(row).collect(),
        }
    }

    #[test]
    fn names_and_per_cents_stand_where_they_can_be_read() {
        let three = matrix(3);
        assert_eq!(three.shares()[1], [0.25, 0.75, 0.0]);
        assert_eq!(
            three.commonest(1),
            [("class 1", "class 0", 1)],
            "equal counts keep their order"
        );
        let svg = three.to_svg(Theme::Standalone).expect("three classes");
        let document = roxmltree::Document::parse(&svg).expect("well-formed");
        let texts: Vec<&str> = document
            .descendants()
            .filter(|node| node.has_tag_name("text"))
            .filter_map(|node| node.text())
            .collect();
        for expected in [
            "class 2",
            "25",
            "75",
            "100",
            "predicted class",
            "true class",
        ] {
            assert!(texts.contains(&expected), "{expected}: {texts:?}");
        }
        let svg = matrix(100).to_svg(Theme::Inline).expect("hundred classes");
        assert!(!svg.contains("class 7<") && svg.contains("predicted class"));
        assert!(matrix(0).to_svg(Theme::Inline).is_none());
    }
}
