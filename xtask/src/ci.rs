//! `cargo xtask ci`: every check, in the order of how soon each can fail.

use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::ValueEnum;
use xshell::{Shell, cmd};

use crate::kiti::become_program;
use crate::{Result, cargo, layering, tidy, workspace_root};

/// Check everything: formatting, house rules, layers, lints, documentation, tests
#[derive(clap::Args)]
pub struct Arguments {
    /// Run one stage only
    #[arg(long, value_name = "NAME")]
    stage: Option<Stage>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// cargo fmt --check
    Fmt,
    /// Rules of the house that no other tool checks
    Tidy,
    /// Which crate may depend on which
    Layering,
    /// cargo clippy, warnings refused
    Clippy,
    /// cargo doc, warnings refused
    Doc,
    /// cargo test
    Test,
}

impl Arguments {
    /// Runs the stages and stops at the first that fails; the tests come last and have the last word.
    pub fn run(&self) -> Result<ExitCode> {
        let shell = Shell::new()?;
        shell.change_dir(workspace_root());
        for stage in Stage::value_variants() {
            if self.stage.is_some_and(|chosen| chosen != *stage) {
                continue;
            }
            eprintln!("\n== {}", stage.heading());
            let start = Instant::now();
            match stage.run(&shell) {
                Ok(ExitCode::SUCCESS) if *stage == Stage::Test => {}
                Ok(ExitCode::SUCCESS) => {
                    eprintln!(
                        "== {} passed in {:.0} s",
                        stage.name(),
                        start.elapsed().as_secs_f64()
                    );
                }
                Ok(code) => return Ok(code),
                Err(error) => {
                    let name = stage.name();
                    eprintln!("\n{error}");
                    return Err(format!(
                        "stage {name} failed; `cargo xtask ci --stage {name}` repeats it alone"
                    )
                    .into());
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Layering => "layering",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::Test => "test",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Fmt => "fmt: cargo fmt --all --check",
            Self::Tidy => "tidy: forbidden words, printing libraries, missing pages, dead links",
            Self::Layering => "layering: cargo tree of each crate against what it may reach",
            Self::Clippy => "clippy: cargo clippy --workspace --all-targets -- -D warnings",
            Self::Doc => "doc: cargo doc --workspace --no-deps, warnings refused",
            Self::Test => "test: cargo test --workspace",
        }
    }

    fn run(self, shell: &Shell) -> Result<ExitCode> {
        let cargo = cargo();
        match self {
            Self::Fmt => cmd!(shell, "{cargo} fmt --all --check").quiet().run()?,
            Self::Tidy => {
                let findings = tidy::check(&workspace_root())?;
                for warning in &findings.warnings {
                    eprintln!("warning: {warning}");
                }
                refuse(&findings.errors)?;
            }
            Self::Layering => refuse(&layering::violations(shell)?)?,
            Self::Clippy => {
                cmd!(
                    shell,
                    "{cargo} clippy --locked --workspace --all-targets -- -D warnings"
                )
                .quiet()
                .run()?;
            }
            Self::Doc => {
                cmd!(shell, "{cargo} doc --locked --workspace --no-deps")
                    .env("RUSTDOCFLAGS", "-D warnings")
                    .quiet()
                    .run()?;
            }
            Self::Test => {
                // The tests take this process over, so that nothing comes after the runners' own lines.
                let mut tests = Command::new(cargo);
                tests
                    .args(["test", "--locked", "--workspace", "--no-fail-fast"])
                    .current_dir(workspace_root());
                // Candle's element-wise operations wait for each other's threads by spinning, which costs most of
                // the time where several tests share few cores.
                if std::env::var_os("CANDLE_NUM_THREADS").is_none() {
                    tests.env("CANDLE_NUM_THREADS", "1");
                }
                return become_program(tests);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn refuse(errors: &[String]) -> Result<()> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.join("\n").into())
    }
}
