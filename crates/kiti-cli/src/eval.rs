//! `kiti eval`: the error of a trained model on test sets.

use kiti_data::cache::Cache;
use kiti_models::evaluate::evaluate_checkpoint;
use kiti_models::recipe::Recipe;
use kiti_models::train::RunFiles;

use crate::cli::EvalArguments;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::render::number::significant;
use crate::render::table::Table;

/// Runs the command.
pub fn run(arguments: &EvalArguments) -> Outcome {
    let device = arguments.device.open()?;
    let recipe = recipe(arguments)?;
    let cache = Cache::in_default_directory()?;
    let errors = evaluate_checkpoint(&arguments.checkpoint, &recipe, &cache, &device)?;
    if arguments.json {
        let value = serde_json::json!({
            "checkpoint": arguments.checkpoint,
            "recipe": recipe.name,
            "relative_l2": errors,
        });
        output::line(format!("{value:#}"));
        return Ok(());
    }
    let mut table = Table::new().text("set").number("relative L2 error");
    for (set, error) in &errors {
        table.row([set.clone(), significant(*error, 6)]);
    }
    output::line(table.to_text());
    Ok(())
}

/// The recipe asked for, or the one that the run left beside its checkpoint.
fn recipe(arguments: &EvalArguments) -> Outcome<Recipe> {
    if let Some(name) = &arguments.recipe {
        return Ok(Recipe::load(
            name,
            arguments.profile.as_deref(),
            &arguments.set,
        )?);
    }
    let found = arguments
        .checkpoint
        .ancestors()
        .take(4)
        .map(|folder| {
            RunFiles::new(if folder.as_os_str().is_empty() {
                ".".as_ref()
            } else {
                folder
            })
        })
        .find(|files| files.recipe().is_file());
    match found {
        Some(files) => Ok(files.read_recipe()?),
        None => Err(Failure::refused(format!(
            "{}: expected a recipe.toml beside the checkpoint, found none; name one with --recipe, e.g. --recipe heat",
            arguments.checkpoint.display()
        ))),
    }
}
