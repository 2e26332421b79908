//! `cargo xtask bench`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::Result;
use crate::kiti::{Device, hand_over};

/// Time the kinetic step and whole training steps, beside an additive and a memory-copy reference
#[derive(clap::Args)]
#[allow(
    dead_code,
    reason = "kiti reads the same command line; here it is checked and documented"
)]
pub struct Arguments {
    /// What to time [default: all]
    #[arg(value_name = "TOPIC")]
    topics: Vec<Topic>,

    /// Where to compute: cpu, cuda, cuda:N, metal; builds kiti for it by itself
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Device,

    /// Least seconds spent on each measurement; the smallest time counts
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,

    /// Time only models or operations whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,

    /// Run the PyTorch reference scripts with this Python in turn, and print ratios
    #[arg(long, value_name = "PYTHON")]
    against: Option<PathBuf>,

    /// Folder of the reference scripts
    #[arg(
        long,
        value_name = "DIR",
        default_value = "tests/reference",
        requires = "against"
    )]
    reference: PathBuf,

    /// Write all measurements as JSON too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Topic {
    /// One kinetic step, forward and backward
    Kinetic,
    /// Whole training steps: Fourier neural operators, ResNet, BERT, GPT-2
    Models,
    /// The heat experiment's training step with every residual
    Heat,
    /// Single operations on the processor, beside what it can do at most
    Ops,
}

impl Arguments {
    /// Builds kiti and becomes `kiti bench`.
    pub fn run(&self) -> Result<ExitCode> {
        hand_over(Some(&self.device))
    }
}
