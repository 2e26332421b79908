//! Recipes as the command line chooses them.

use std::path::{Path, PathBuf};

use kiti_models::recipe::{DataSection, Recipe};
use kiti_nn::residual::Variant;

use crate::cli::RecipeArguments;
use crate::failure::{Failure, Outcome};

/// As [`load`], with the folder of images at `data` in the place of the recipe's own data. Changes by `--set` still have the
/// last word.
pub fn load_with_data(arguments: &RecipeArguments, data: Option<&Path>) -> Outcome<Recipe> {
    let Some(path) = data else {
        return load(arguments);
    };
    let with = |mut set: Vec<(String, String)>| {
        set.extend(arguments.set.iter().cloned());
        load(&RecipeArguments {
            set,
            ..arguments.clone()
        })
    };
    let own = Recipe::load(&arguments.recipe, arguments.profile.as_deref(), &[])?;
    if !matches!(own.data, DataSection::Images(_)) {
        return Err(Failure::refused(format!(
            "--data {}: expected a recipe of images such as cifar10, found {}",
            path.display(),
            own.name
        )));
    }
    let folder = ("data.format".to_owned(), "folder".to_owned());
    let recipe = with(vec![folder])?;
    match &recipe.data {
        DataSection::Images(images) => {
            let bounded = arguments.profile.is_some();
            with(images.keys_of_folder(path, &recipe.evaluation.sets, bounded)?)
        }
        _ => Ok(recipe),
    }
}

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
