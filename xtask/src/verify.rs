//! `cargo xtask verify`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::Result;
use crate::kiti::{Device, hand_over};

/// Replay golden cases on a device and compare with their stored results
///
/// Prints one line a case: its name, the largest relative error of outputs and of gradients, and pass or fail.
/// Fails when a case fails, when a file is malformed or its case unknown, and when the folder holds none.
#[derive(clap::Args)]
#[allow(
    dead_code,
    reason = "kiti reads the same command line; here it is checked and documented"
)]
pub struct Arguments {
    /// Folder of .safetensors cases, searched with its subfolders, e.g. tests/golden
    #[arg(long, value_name = "DIR")]
    fixtures: PathBuf,

    /// Where to compute: cpu, cuda, cuda:N, metal; builds kiti for it by itself
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Device,
}

impl Arguments {
    /// Builds kiti and becomes `kiti verify`.
    pub fn run(&self) -> Result<ExitCode> {
        hand_over(Some(&self.device))
    }
}
