//! `kiti flops`: what a recipe's model costs, counted.

use candle::Device;
use kiti_models::train::{Basis, Plan};

use crate::cli::FlopsArguments;
use crate::failure::Outcome;
use crate::output;
use crate::recipe_choice;
use crate::render::number::{bytes, grouped, prefixed};
use crate::render::table::Table;

/// Runs the command.
pub fn run(arguments: &FlopsArguments) -> Outcome {
    let recipe = recipe_choice::load(&arguments.recipe)?;
    let plan = Plan::new(&recipe, Basis::Counted, &Device::Cpu)?;
    if arguments.json {
        output::line(format!("{:#}", serde_json::json!(plan)));
        return Ok(());
    }
    let operations = |count: u64| format!("{}FLOP", prefixed(count as f64));
    let mut table = Table::new()
        .text(format!("{}, {}", plan.recipe, plan.variant))
        .number("count");
    let rows = [
        ("parameters", grouped(plan.parameters as u64)),
        (
            "forward pass of one sample",
            operations(plan.inference_flops),
        ),
        (
            "training step of one batch, roll-out and optimiser included",
            operations(plan.training_step_flops),
        ),
        ("training steps", grouped(plan.steps)),
        (
            "whole run, evaluations included",
            operations(plan.total_flops),
        ),
        ("memory while training, estimated", bytes(plan.memory_bytes)),
        ("disk, estimated", bytes(plan.disk_bytes)),
    ];
    for (name, value) in rows {
        table.row([name.to_owned(), value]);
    }
    output::line(table.to_text());
    Ok(())
}
