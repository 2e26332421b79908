//! `cargo xtask report`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::Result;
use crate::kiti::hand_over;

/// Draw the report of finished or half-finished runs again, without training
#[derive(clap::Args)]
#[allow(
    dead_code,
    reason = "kiti reads the same command line; here it is checked and documented"
)]
pub struct Arguments {
    /// Folder that `reproduce` wrote
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Write the tables as a page of documentation too, with pictures beside it, e.g. docs/results.md
    #[arg(long, value_name = "FILE.md")]
    docs: Option<PathBuf>,
}

impl Arguments {
    /// Builds kiti and becomes `kiti report`.
    pub fn run(&self) -> Result<ExitCode> {
        hand_over(None)
    }
}
