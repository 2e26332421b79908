//! results.json: every number of the report, for machines.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::condensation;
use super::records::{Experiment, Run};
use super::statistics::{BASELINE, collision_means, cost_of_baseline_quality, final_errors};

/// The file's text.
pub fn results(experiment: &Experiment) -> String {
    let sets = experiment.test_sets();
    let errors: BTreeMap<&String, Value> = sets
        .iter()
        .map(|set| (set, json!(final_errors(experiment, set))))
        .collect();
    let primary = sets.first().cloned().unwrap_or_default();
    let targets: BTreeMap<String, Value> = experiment
        .variants()
        .into_iter()
        .map(|variant| {
            let cost = json!(cost_of_baseline_quality(experiment, &variant, &primary));
            (variant, cost)
        })
        .collect();
    let recipe = toml::from_str::<toml::Table>(&experiment.recipe).unwrap_or_default();
    let value = json!({
        "experiment": experiment.name,
        "title": experiment.title,
        "profile": experiment.profile,
        "baseline": BASELINE,
        "seeds": experiment.seeds(),
        "recipe": recipe,
        "ablated": experiment.ablated,
        "final_errors": errors,
        "collisions": collision_means(experiment),
        "reaching_the_baseline": { "set": primary, "variants": targets },
        "condensation": condensation::all(experiment),
        "runs": experiment.runs.iter().map(run).collect::<Vec<_>>(),
        "failures": experiment.failures,
    });
    format!("{value:#}\n")
}

fn run(run: &Run) -> Value {
    json!({
        "variant": run.variant,
        "seed": run.seed,
        "finished": run.result.is_some(),
        "circumstances": run.circumstances,
        "cost": run.result.as_ref().map(|result| &result.cost),
        "scores": run.result.as_ref().map(|result| &result.scores),
        "epochs": run.epochs,
        "training_seconds": run.seconds.values().collect::<Vec<_>>(),
    })
}
