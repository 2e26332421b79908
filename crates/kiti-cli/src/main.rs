//! The program `kiti`: reads the command line, runs one command, reports how it ended.

mod cli;
mod device;
mod failure;
mod interrupt;
mod output;
mod process;
mod recipe_choice;
mod render;
mod report;

mod bench;
mod condense;
mod data;
mod eval;
mod export;
mod flops;
mod gas;
mod generate;
mod predict;
mod reproduce;
mod train;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use cli::{Command, CommandLine};

fn main() -> ExitCode {
    process::prepare();
    let outcome = match CommandLine::parse().command {
        Command::Train(arguments) => train::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Condense(arguments) => condense::run(&arguments),
        Command::Flops(arguments) => flops::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Data(arguments) => data::run(&arguments),
        Command::Gas(arguments) => gas::run(&arguments),
        Command::Reproduce(arguments) => reproduce::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
