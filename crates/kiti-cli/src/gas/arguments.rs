//! The command line of `kiti gas`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::key_and_value;

/// `kiti gas`.
#[derive(Debug, Clone, Args)]
pub struct GasArguments {
    /// What to do with the gas.
    #[command(subcommand)]
    pub command: GasCommand,
}

/// The commands of `kiti gas`.
#[derive(Debug, Clone, Subcommand)]
pub enum GasCommand {
    /// Simulate a case: profiles, pictures and a report beside what theory says
    Run(RunArguments),
    /// Compare the solver with exact solutions: one line each, fails where one fails
    Verify(VerifyArguments),
    /// Time the solver beside published figures and this machine's memory bandwidth
    Bench(BenchArguments),
    /// List the cases that come with the program, or print one as a start for your own
    Cases(CasesArguments),
}

/// `kiti gas run`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  kiti gas run couette
  kiti gas cases cavity > mine.toml && kiti gas run mine.toml --out cavity --threads 2
  kiti gas run sod --set particles.per_cell=200 --seed 3

Stopped at any moment, the same command with --resume goes on from the last restart file and ends with the same bits.")]
pub struct RunArguments {
    /// A shipped case's name, or the path of a TOML file
    #[arg(value_name = "CASE")]
    pub case: String,

    /// Folder of the results [default: runs/gas/CASE-seed-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Change one value of the case, e.g. particles.per_cell=50; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,

    /// Seed of molecules and collisions
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Threads [default: all cores]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,

    /// Go on from the restart file in that folder, or begin where there is none
    #[arg(long)]
    pub resume: bool,

    /// Refuse a run that needs more memory than this, in GiB [default: what the machine has free]
    #[arg(long, value_name = "GIB")]
    pub memory: Option<f64>,

    /// Print what the run would be, and run nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `kiti gas verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArguments {
    /// The long cases too
    #[arg(long)]
    pub nightly: bool,

    /// Only cases whose name holds this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,

    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,

    /// Write the results as JSON instead of lines
    #[arg(long)]
    pub json: bool,
}

/// `kiti gas bench`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  kiti gas bench
  kiti gas bench --threads 1,2 --large --json > bench.json")]
pub struct BenchArguments {
    /// Numbers of threads to measure with, with commas between them [default: 1 and all cores]
    #[arg(long, value_name = "N,M", value_delimiter = ',', value_parser = threads)]
    pub threads: Vec<usize>,

    /// Ten million particles too: gigabytes of memory
    #[arg(long)]
    pub large: bool,

    /// Least seconds spent on each measurement
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub seconds: f64,

    /// Write the results as JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// `kiti gas cases`.
#[derive(Debug, Clone, Args)]
pub struct CasesArguments {
    /// Print this case's file
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

fn threads(text: &str) -> Result<usize, String> {
    // More threads than this are a slip of the keyboard.
    const MOST: usize = 4096;
    match text.trim().parse() {
        Ok(count @ 1..=MOST) => Ok(count),
        _ => Err(format!(
            "expected a number of threads from 1 to {MOST}, found `{text}`"
        )),
    }
}
