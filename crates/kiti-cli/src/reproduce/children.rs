//! The processes that train, each a `kiti train --resume` of its own: its peak memory is exactly that of its run, and
//! nothing that happens to it touches the others.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use super::PlannedRun;
use crate::cli::ReproduceArguments;
use crate::failure::{Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::output;

const POLL: Duration = Duration::from_millis(30);

struct Running {
    label: String,
    child: Child,
    errors: Option<JoinHandle<String>>,
    lines: Option<JoinHandle<()>>,
}

/// The trainings that run now.
pub struct Children<'a> {
    arguments: &'a ReproduceArguments,
    running: Vec<Running>,
}

impl<'a> Children<'a> {
    /// None runs yet.
    pub fn new(arguments: &'a ReproduceArguments) -> Self {
        Self {
            arguments,
            running: Vec::new(),
        }
    }

    /// Starts `run`; it shows itself as `label`.
    pub fn start(&mut self, run: &PlannedRun, label: String) -> Outcome {
        let program = std::env::current_exe()
            .map_err(|error| Failure::failed(format!("cannot find this program again: {error}")))?;
        let alone = self.arguments.jobs == 1;
        let mut command = Command::new(&program);
        command.args(train_arguments(run, &label, self.arguments));
        // It ends when this end of its standard input is closed, also by the death of this process.
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        command.stdout(if alone {
            Stdio::inherit()
        } else {
            Stdio::piped()
        });
        if !alone {
            command.env(
                "RAYON_NUM_THREADS",
                threads_a_job(self.arguments.jobs).to_string(),
            );
        }
        let mut child = command
            .spawn()
            .map_err(|error| Failure::io(&program, "start a training", &error))?;
        let errors = child.stderr.take().map(|stream| {
            std::thread::spawn(move || {
                let mut text = String::new();
                let _ = BufReader::new(stream).read_to_string(&mut text);
                text
            })
        });
        let lines = child.stdout.take().map(|stream| {
            std::thread::spawn(move || {
                BufReader::new(stream)
                    .lines()
                    .map_while(Result::ok)
                    .for_each(output::line);
            })
        });
        self.running.push(Running {
            label,
            child,
            errors,
            lines,
        });
        Ok(())
    }

    /// Waits until another one may start; returns what went wrong meanwhile.
    pub fn wait_for_place(&mut self, interrupt: &Interrupt) -> Vec<String> {
        self.wait_until(self.arguments.jobs as usize - 1, interrupt)
    }

    /// Waits for all; returns what went wrong meanwhile.
    pub fn wait_for_all(&mut self, interrupt: &Interrupt) -> Vec<String> {
        self.wait_until(0, interrupt)
    }

    fn wait_until(&mut self, at_most: usize, interrupt: &Interrupt) -> Vec<String> {
        let mut failures = Vec::new();
        while self.running.len() > at_most || (interrupt.requested() && !self.running.is_empty()) {
            if interrupt.requested() {
                for running in &mut self.running {
                    drop(running.child.stdin.take());
                }
            }
            let mut index = 0;
            while index < self.running.len() {
                match self.running[index].child.try_wait() {
                    Ok(None) => index += 1,
                    ended => {
                        let running = self.running.swap_remove(index);
                        failures.extend(running.end(ended, interrupt));
                    }
                }
            }
            std::thread::sleep(POLL);
        }
        failures
    }
}

impl Running {
    fn end(
        self,
        ended: std::io::Result<Option<std::process::ExitStatus>>,
        interrupt: &Interrupt,
    ) -> Option<String> {
        let errors = self
            .errors
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default();
        if let Some(thread) = self.lines {
            let _ = thread.join();
        }
        let status = match ended {
            Ok(Some(status)) if status.success() => return None,
            Ok(Some(status)) => match status.code() {
                Some(130) if interrupt.requested() => return None,
                Some(code) => format!("exit code {code}"),
                None => status.to_string(),
            },
            Ok(None) => "still running".to_owned(),
            Err(error) => error.to_string(),
        };
        let message = errors.trim().trim_start_matches("error: ");
        let failure = format!("{} failed ({status}): {message}", self.label);
        eprintln!("{failure}");
        Some(failure)
    }
}

fn train_arguments(run: &PlannedRun, label: &str, arguments: &ReproduceArguments) -> Vec<OsString> {
    let mut line: Vec<OsString> = ["train", &run.arm.recipe.name, "--resume", "--profile"]
        .into_iter()
        .map(OsString::from)
        .collect();
    line.push(arguments.profile.clone().into());
    let values = [
        ("--variant", run.arm.variant.name().to_owned()),
        ("--seed", run.seed.to_string()),
        ("--device", arguments.device.to_string()),
        ("--supervised", label.to_owned()),
    ];
    for (name, value) in values {
        line.extend([name.into(), value.into()]);
    }
    line.extend(["--out".into(), run.folder.clone().into_os_string()]);
    for (key, value) in &run.arm.set {
        line.extend(["--set".into(), format!("{key}={value}").into()]);
    }
    line
}

fn threads_a_job(jobs: u32) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / jobs as usize).max(1)
}

impl Drop for Children<'_> {
    fn drop(&mut self) {
        for running in &mut self.running {
            drop(running.child.stdin.take());
            let _ = running.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Command, CommandLine};
    use crate::reproduce::arms::arms;
    use crate::reproduce::experiments::Experiment;

    #[test]
    fn a_child_is_started_with_arguments_that_train_understands() {
        let line = [
            "kiti",
            "reproduce",
            "--profile",
            "smoke",
            "--set",
            "training.epochs=3",
            "--ablate",
            "residual.collision_coefficient=0.5,0.9",
        ];
        let Ok(CommandLine {
            command: Command::Reproduce(reproduce),
        }) = CommandLine::try_parse_from(line)
        else {
            panic!("refused")
        };
        let variants = [kiti_nn::residual::Variant::Reflection];
        let heat = Experiment::find("heat").expect("known");
        let run = PlannedRun {
            arm: arms(heat, &variants, &reproduce).expect("fits").remove(0),
            seed: 2,
            folder: "runs/heat-smoke/reflection@0.5/seed-2".into(),
        };
        let mut line = vec![OsString::from("kiti")];
        line.extend(train_arguments(
            &run,
            "[1/2] reflection, seed 2",
            &reproduce,
        ));
        let Ok(CommandLine {
            command: Command::Train(train),
        }) = CommandLine::try_parse_from(line)
        else {
            panic!("refused")
        };
        assert!(train.resume);
        assert_eq!(
            (train.seed, train.recipe.profile.as_deref()),
            (2, Some("smoke"))
        );
        assert_eq!(train.recipe.variant.as_deref(), Some("reflection"));
        assert_eq!(
            train.recipe.set,
            [
                ("training.epochs".to_owned(), "3".to_owned()),
                (
                    "residual.collision_coefficient".to_owned(),
                    "0.5".to_owned()
                )
            ]
        );
        assert_eq!(
            train.supervised.as_deref(),
            Some("[1/2] reflection, seed 2")
        );
    }
}
