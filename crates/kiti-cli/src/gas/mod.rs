//! `kiti gas`: the gas solver from case files, with restart files, pictures and proof.

pub mod arguments;
mod case;
mod cases;
mod flow;
mod history;
mod output;
mod progress;
mod record;
mod report;
mod restart;
mod theory;

use arguments::{GasArguments, GasCommand};

use crate::failure::Outcome;

/// Runs the command.
pub fn run(arguments: &GasArguments) -> Outcome {
    match &arguments.command {
        GasCommand::Cases(arguments) => cases::run(arguments),
        GasCommand::Run(_) | GasCommand::Verify(_) | GasCommand::Bench(_) => todo!(),
    }
}
