//! `kiti gas`: the gas solver from case files, with restart files, pictures and proof.

mod announcement;
pub mod arguments;
mod bench;
mod case;
mod cases;
mod flow;
mod history;
mod output;
mod progress;
mod record;
mod report;
mod restart;
mod run;
mod simulation;
mod theory;
mod verify;

use arguments::{GasArguments, GasCommand};
pub use bench::bandwidth::copy as copy_bandwidth;

use crate::failure::Outcome;

/// Runs the command.
pub fn run(arguments: &GasArguments) -> Outcome {
    match &arguments.command {
        GasCommand::Run(arguments) => run::run(arguments),
        GasCommand::Verify(arguments) => verify::run(arguments),
        GasCommand::Bench(arguments) => bench::run(arguments),
        GasCommand::Cases(arguments) => cases::run(arguments),
    }
}
