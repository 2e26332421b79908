//! One colour and one dash for every residual, the same in every picture.
//!
//! The colours are Okabe and Ito's (2008), darkened a little where they would vanish on white; they stay apart under
//! the common colour vision deficiencies and read on light and dark ground. A variant with an annealed coefficient has
//! the colour of its constant one, dashed.

use plotters::style::RGBColor;

/// How a variant is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineStyle {
    /// Its colour.
    pub colour: RGBColor,
    /// Whether its line is dashed.
    pub dashed: bool,
}

/// Stands for the colour of text and axes, which the page or the picture's theme decides.
pub const INK: RGBColor = RGBColor(1, 2, 3);

const NAMED: [(&str, RGBColor); 9] = [
    ("additive", RGBColor(0x80, 0x80, 0x80)),
    ("published-free", RGBColor(0xd5, 0x5e, 0x00)),
    ("published-merged", RGBColor(0xe0, 0x96, 0x00)),
    ("elastic", RGBColor(0x00, 0x7a, 0xc2)),
    ("reflection", RGBColor(0x00, 0x9e, 0x73)),
    ("grazing", RGBColor(0xb3, 0x5a, 0xa0)),
    ("dropout", RGBColor(0x45, 0xa9, 0xdd)),
    ("stochastic-depth", RGBColor(0x8c, 0x6a, 0x3b)),
    ("langevin", RGBColor(0xb3, 0xa1, 0x25)),
];

/// The style of the residual called `variant`, whatever value follows an `@`; an unknown name gets one derived from its letters.
pub fn variant_style(variant: &str) -> LineStyle {
    let variant = variant.split('@').next().unwrap_or(variant);
    let (base, dashed) = match variant.strip_suffix("-annealed") {
        Some(base) => (base, true),
        None => (variant, false),
    };
    let colour = NAMED
        .iter()
        .find(|(name, _)| *name == base)
        .map(|(_, colour)| *colour)
        .unwrap_or_else(|| {
            let sum: usize = base.bytes().map(usize::from).sum();
            NAMED[sum % NAMED.len()].1
        });
    LineStyle { colour, dashed }
}

/// The style of the `index`-th of several lines that are not variants.
pub fn indexed_style(index: usize) -> LineStyle {
    const ORDER: [usize; 8] = [3, 1, 4, 5, 2, 6, 7, 0];
    LineStyle {
        colour: NAMED[ORDER[index % ORDER.len()]].1,
        dashed: index >= ORDER.len(),
    }
}

/// `#rrggbb`.
pub fn hex(colour: RGBColor) -> String {
    format!("#{:02x}{:02x}{:02x}", colour.0, colour.1, colour.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annealed_variants_share_the_colour_and_are_dashed() {
        let constant = variant_style("published-free");
        let annealed = variant_style("published-free-annealed");
        assert_eq!(constant.colour, annealed.colour);
        assert!(annealed.dashed && !constant.dashed);
        assert_eq!(hex(constant.colour), "#d55e00");
    }

    #[test]
    fn every_name_has_a_style_of_its_own() {
        for (index, (name, colour)) in NAMED.iter().enumerate() {
            assert_eq!(variant_style(name).colour, *colour);
            assert!(NAMED[index + 1..].iter().all(|(_, other)| other != colour));
        }
        assert_eq!(
            variant_style("somebody-elses"),
            variant_style("somebody-elses")
        );
    }
}
