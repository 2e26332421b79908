//! `kiti eval`: the error of a trained model on test sets.

use std::collections::BTreeMap;

use kiti_data::cache::Cache;
use kiti_data::metrics::Classification;
use kiti_models::checkpoint::{describe_model, load_model};
use kiti_models::diagnostics::FieldDiagnostics;
use kiti_models::recipe::Recipe;
use kiti_models::task;
use kiti_models::train::RunFiles;

use crate::cli::EvalArguments;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::render::number::{grouped, significant};
use crate::render::table::Table;

/// Runs the command.
pub fn run(arguments: &EvalArguments) -> Outcome {
    let device = arguments.device.open()?;
    let recipe = recipe(arguments)?;
    let cache = Cache::in_default_directory()?;
    let model = load_model(&arguments.checkpoint, &device)?;
    let task = task::load(&recipe, &cache, &|_, _| {})?;
    let scores = task.scores(&model, &device)?;
    if !scores.is_empty() {
        let classes = describe_model(&arguments.checkpoint)?.classes;
        return tell_apart(arguments, &recipe, &scores, &classes);
    }
    let errors = task.evaluate(&model, &device)?;
    let details = task.diagnostics(&model, &device)?;
    if arguments.json {
        let value = serde_json::json!({
            "checkpoint": arguments.checkpoint,
            "recipe": recipe.name,
            "measure": task.measure(),
            "errors": errors,
            "diagnostics": details,
        });
        output::line(format!("{value:#}"));
        return Ok(());
    }
    let table = Table::new().text("set").number(task.measure().title());
    if details.is_empty() {
        let mut table = table;
        for (set, error) in &errors {
            table.row([set.clone(), significant(*error, 6)]);
        }
        output::line(table.to_text());
        return Ok(());
    }
    let mut table = table
        .number("with slopes (H1)")
        .number("at the last step")
        .number("lost at step");
    for (set, error) in &errors {
        let found = details.get(set);
        let number = |value: Option<f64>| value.map_or_else(String::new, |v| significant(v, 4));
        let lost = |found: &FieldDiagnostics| match found.fails_at(1.0) {
            Some(step) => step.to_string(),
            None => "never".to_owned(),
        };
        table.row([
            set.clone(),
            significant(*error, 6),
            number(found.and_then(|found| found.relative_h1)),
            number(found.and_then(|found| found.error_by_step.last().copied())),
            found.map_or_else(String::new, lost),
        ]);
    }
    output::line(table.to_text());
    Ok(())
}

/// Scores of a classifier on its test sets.
fn tell_apart(
    arguments: &EvalArguments,
    recipe: &Recipe,
    scores: &BTreeMap<String, Classification>,
    classes: &[String],
) -> Outcome {
    if arguments.json {
        let value = serde_json::json!({
            "checkpoint": arguments.checkpoint,
            "recipe": recipe.name,
            "classes": classes,
            "scores": scores,
        });
        output::line(format!("{value:#}"));
        return Ok(());
    }
    let mut table = Table::new()
        .text("set")
        .number("samples")
        .number("accuracy")
        .number("among the five most likely")
        .number("cross entropy")
        .number("calibration error");
    for (set, found) in scores {
        table.row([
            set.clone(),
            grouped(found.samples as u64),
            significant(found.accuracy, 4),
            found
                .top5
                .map_or_else(String::new, |share| significant(share, 4)),
            significant(found.loss, 4),
            significant(found.calibration_error, 3),
        ]);
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
