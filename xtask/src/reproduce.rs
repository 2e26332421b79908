//! `cargo xtask reproduce`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::Result;
use crate::kiti::{Device, hand_over};

/// Run experiments and compare residuals on them: data, training, tables, report.html
///
/// Generates and caches the data, trains every variant with every seed, and writes a table, report.html and
/// results.json. Stopped at any moment, the same command goes on where it was and ends with the same bits.
#[derive(clap::Args)]
#[allow(
    dead_code,
    reason = "kiti reads the same command line; here it is checked and documented"
)]
pub struct Arguments {
    /// Experiments to run; `--list` names them [default: heat]
    #[arg(value_name = "EXPERIMENT")]
    experiments: Vec<String>,

    /// How far to go: smoke (seconds), quick (minutes on two cores), trial (hours), paper (the published settings)
    #[arg(long, value_name = "NAME", default_value = "quick")]
    profile: String,

    /// Seeds a variant, counted from 0 [default: the profile's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seeds: Option<u32>,

    /// Residuals to compare, by name, with commas between them, or `all` [default: the profile's]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    variants: Vec<String>,

    /// Where to compute: cpu, cuda, cuda:N, metal; builds kiti for it by itself
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Device,

    /// Folder under which EXPERIMENT-PROFILE holds the runs and the report
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,

    /// Trainings to run at the same time, each with its share of the processor's cores
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    jobs: u32,

    /// Change one value of the recipe, e.g. training.epochs=50; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Train with each of these values of one key of the recipe's residual, in a folder EXPERIMENT-PROFILE-KEY of their own
    #[arg(long, value_name = "KEY=A,B")]
    ablate: Option<String>,

    /// Name the experiments, their profiles and variants, and run nothing
    #[arg(long)]
    list: bool,
}

impl Arguments {
    /// Builds kiti and becomes `kiti reproduce`.
    pub fn run(&self) -> Result<ExitCode> {
        hand_over(Some(&self.device))
    }
}
