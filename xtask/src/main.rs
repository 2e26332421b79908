//! Automation of the workspace: `cargo xtask <command>`.
//!
//! The commands that compute something build the program `kiti` in release and become it, with
//! the same arguments; `ci` runs every check of the project.

mod bench;
mod ci;
mod kiti;
mod layering;
mod report;
mod reproduce;
mod tidy;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What went wrong, in words for the terminal.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Reproduce KITINet's experiments, and check this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Reproduce(reproduce::Arguments),
    Report(report::Arguments),
    Verify(verify::Arguments),
    Bench(bench::Arguments),
    Ci(ci::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Reproduce(arguments) => arguments.run(),
        Command::Report(arguments) => arguments.run(),
        Command::Verify(arguments) => arguments.run(),
        Command::Bench(arguments) => arguments.run(),
        Command::Ci(arguments) => arguments.run(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

/// The folder of the workspace.
fn workspace_root() -> PathBuf {
    let member = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    member.parent().map_or(member.clone(), PathBuf::from)
}

/// The cargo that started this program, or the one on the path.
fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
