//! What each residual costs in the heat experiment's own training step.

use candle::Device;
use kiti_models::recipe::{ModelSection, Recipe};
use kiti_nn::residual::Variant;

use super::Measurement;
use super::models::training_step;
use super::timing::in_turn;
use crate::failure::{Failure, Outcome};

/// A method's name, its variant, and changes to the recipe.
type Case<'a> = (String, Variant, &'a [(String, String)]);

/// Every variant, and published scattering with exact directions too, as ratios to the addition. One application of
/// the network; the experiment's roll-out does ten of them. Only residuals whose name contains `only`.
pub fn measure(device: &Device, seconds: f64, only: &str) -> Outcome<Vec<Measurement>> {
    let exact = [("residual.directions".to_owned(), "exact".to_owned())];
    let mut cases: Vec<Case<'_>> = Variant::ALL
        .iter()
        .filter(|variant| !variant.is_annealed())
        .map(|variant| (variant.name().to_owned(), *variant, &[][..]))
        .collect();
    for variant in [Variant::PublishedFree, Variant::PublishedMerged] {
        cases.push((format!("{variant}, exact directions"), variant, &exact));
    }
    cases.retain(|(method, ..)| method.contains(only));
    let mut steps = cases
        .iter()
        .map(|(_, variant, sets)| {
            let mut sets = sets.to_vec();
            sets.push(("residual.variant".to_owned(), variant.name().to_owned()));
            let recipe = Recipe::load("heat", None, &sets)?;
            let ModelSection::Fno(config) = &recipe.model else {
                return Err(Failure::failed(
                    "recipe heat: expected a Fourier neural operator",
                ));
            };
            training_step(config, &recipe.residual.config(), 20, &[32, 32], device)
        })
        .collect::<Outcome<Vec<_>>>()?;
    let timings = in_turn(seconds, &mut steps)?;
    Ok(cases
        .into_iter()
        .zip(timings)
        .map(|((method, variant, _), timing)| {
            let mut row = Measurement::new("heat", method, timing);
            row.reference = (variant != Variant::Additive).then_some("additive");
            row
        })
        .collect())
}
