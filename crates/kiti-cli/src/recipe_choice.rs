//! Recipes as the command line chooses them.

use std::path::PathBuf;

use kiti_models::recipe::Recipe;
use kiti_nn::residual::Variant;

use crate::cli::RecipeArguments;
use crate::failure::{Failure, Outcome};

/// Reads the recipe with its profile, its changes and its variant.
pub fn load(arguments: &RecipeArguments) -> Outcome<Recipe> {
    let mut sets = arguments.set.clone();
    if let Some(variant) = &arguments.variant {
        sets.push((
            "residual.variant".to_owned(),
            self::variant(variant)?.name().to_owned(),
        ));
    }
    Ok(Recipe::load(
        &arguments.recipe,
        arguments.profile.as_deref(),
        &sets,
    )?)
}

/// A variant by name, or a refusal with the nearest one.
pub fn variant(name: &str) -> Outcome<Variant> {
    name.parse()
        .map_err(|error: kiti_nn::Error| Failure::refused(error.to_string()))
}

/// `<experiment>/<arm>/seed-<seed>`: where a run lies among others.
pub fn run_folder(experiment: &str, arm: &str, seed: u64) -> PathBuf {
    [experiment, arm, &format!("seed-{seed}")].iter().collect()
}
