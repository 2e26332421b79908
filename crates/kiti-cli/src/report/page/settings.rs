//! What has to be set to get these numbers again.

use kiti_models::recipe::Recipe;
use maud::{Markup, html};

use crate::report::records::{Experiment, residual_and_value};

pub(super) fn section(experiment: &Experiment) -> Markup {
    let changes = changes(experiment);
    html! {
        p {
            "All settings of a run of the first residual, after the profile and all changes were applied. The runs of other residuals differ in "
            code { "residual.variant" } " alone. Every run's folder holds its own " code { "recipe.toml" } ", and "
            code { "run.json" } " with commit, device and threads; " code { "results.json" }
            " beside this page holds every number of it."
        }
        p { "To run it again:" }
        pre { code { (command(experiment)) } }
        @if !changes.is_empty() {
            p { "with these changes to the profile, each by a " code { "--set" } ":" }
            ul { @for change in &changes { li { code { (change) } } } }
        }
        details { summary { "recipe.toml" } pre { code { (experiment.recipe) } } }
    }
}

/// What trains all of it again, but for [`changes`].
pub(crate) fn command(experiment: &Experiment) -> String {
    let variants = experiment.variants();
    let (mut residuals, mut values): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for (residual, value) in variants.iter().map(|variant| residual_and_value(variant)) {
        if !residuals.contains(&residual) {
            residuals.push(residual);
        }
        values.extend(value.filter(|value| !values.contains(value)));
    }
    let mut line = format!(
        "cargo xtask reproduce {} --profile {} --variants {} --seeds {}",
        experiment.name,
        experiment.profile,
        residuals.join(","),
        experiment.seeds().len()
    );
    if let Some(key) = &experiment.ablated {
        line = format!("{line} --ablate {key}={}", values.join(","));
    }
    line
}

/// Where the runs' recipe differs from the built-in one's profile.
pub(crate) fn changes(experiment: &Experiment) -> Vec<String> {
    let used = Recipe::parse(&experiment.recipe, "recipe.toml", None, &[]);
    let known = Recipe::load(&experiment.name, Some(&experiment.profile), &[]);
    match (used, known) {
        (Ok(used), Ok(known)) => used
            .differences(&known)
            .into_iter()
            .filter(|line| {
                let key = line.split(':').next();
                key != Some("residual.variant") && key != experiment.ablated.as_deref()
            })
            .map(|line| {
                line.replace("expected ", "")
                    .replace(", found ", " \u{2192} ")
            })
            .collect(),
        _ => Vec::new(),
    }
}
