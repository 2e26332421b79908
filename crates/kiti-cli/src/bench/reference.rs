//! The PyTorch scripts, run in turn with this program.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{kinetic, models, operations};
use crate::cli::BenchTopic;
use crate::failure::{Failure, Outcome};

/// What PyTorch took for a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reference {
    /// Smallest time, in milliseconds.
    pub milliseconds: f64,
    /// Peak memory beyond what was held before, in bytes; none where the script does not tell.
    pub extra_bytes: Option<f64>,
}

/// What PyTorch took, by case.
#[derive(Debug, Default)]
pub struct References(BTreeMap<String, Reference>);

impl References {
    /// Keeps the smaller of the times.
    pub fn add(&mut self, other: Self) {
        for (case, new) in other.0 {
            let known = self.0.entry(case).or_insert(new);
            known.milliseconds = known.milliseconds.min(new.milliseconds);
        }
    }

    /// What this program's `method` on `case` compares with: the composition of the published step, the network
    /// with a plain addition, or the operation.
    pub fn of(&self, case: &str, method: &str) -> Option<Reference> {
        let comparable =
            matches!(method, "additive" | operations::METHOD) || method.starts_with("published, ");
        self.0.get(case).copied().filter(|_| comparable)
    }
}

/// Runs the scripts of `topic` below `folder` with `python`.
pub fn run(
    topic: BenchTopic,
    python: &Path,
    folder: &Path,
    threads: usize,
    seconds: f64,
    only: &str,
) -> Outcome<References> {
    let run = |script: &str, arguments: &[String]| {
        run_script(python, &folder.join(script), threads, arguments)
    };
    let seconds = ["--seconds".to_owned(), seconds.to_string()];
    let timed = |script: &str, cases: &[&str]| {
        let mut arguments = seconds.to_vec();
        for case in cases {
            arguments.extend(["--case".to_owned(), (*case).to_owned()]);
        }
        times(&run(script, &arguments)?).ok_or_else(|| {
            Failure::failed(format!(
                "{script}: expected JSON with `min_ms` by case, found none"
            ))
        })
    };
    match topic {
        // A process for each: what one leaves in memory is not the next one's.
        BenchTopic::Models => {
            let mut all = References::default();
            for case in models::names().filter(|name| name.contains(only)) {
                let operator = case.starts_with("fno");
                let script = if operator {
                    "fno_torch.py"
                } else {
                    "models_torch.py"
                };
                all.add(timed(script, &[case])?);
            }
            Ok(all)
        }
        BenchTopic::Heat => timed("fno_torch.py", &["heat"]),
        BenchTopic::Ops => {
            let mut arguments = seconds.to_vec();
            arguments.extend(["--only".to_owned(), only.to_owned()]);
            times(&run("ops_torch.py", &arguments)?).ok_or_else(|| {
                Failure::failed("ops_torch.py: expected JSON with `min_ms` by case, found none")
            })
        }
        BenchTopic::Kinetic => {
            let mut all = References::default();
            for (case, layout, spread) in kinetic::cases() {
                let values = [
                    ("--samples", layout.samples.to_string()),
                    ("--dims", layout.dims.to_string()),
                    ("--particles", layout.particles.to_string()),
                    ("--spread", spread.to_string()),
                    ("--repeats", "2".to_owned()),
                ];
                let arguments: Vec<String> = values
                    .into_iter()
                    .flat_map(|(name, value)| [name.to_owned(), value])
                    .collect();
                let document = run("kinetic_step_torch.py", &arguments)?;
                let reference = step(&document).ok_or_else(|| {
                    Failure::failed("kinetic_step_torch.py: expected JSON with `forward_backward_ms`, found none")
                })?;
                all.0.insert(case, reference);
            }
            Ok(all)
        }
    }
}

fn run_script(
    python: &Path,
    script: &Path,
    threads: usize,
    arguments: &[String],
) -> Outcome<Value> {
    if !script.is_file() {
        return Err(Failure::refused(format!(
            "{}: expected the reference script, found none; run from the repository's root or name the folder with --reference",
            script.display()
        )));
    }
    let mut command = Command::new(python);
    command
        .arg(script)
        .args(["--threads", &threads.to_string()])
        .args(arguments);
    let output = command
        .output()
        .map_err(|error| Failure::io(python, "start Python", &error))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let reason = errors.lines().last().unwrap_or("no message").to_owned();
        return Err(Failure::failed(format!(
            "{} with {} failed: {reason}; does this Python have torch?",
            script.display(),
            python.display()
        )));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| {
        Failure::failed(format!(
            "{}: expected JSON, found something else: {error}",
            script.display()
        ))
    })
}

/// Times by case, and the peak memory where it is told.
fn times(document: &Value) -> Option<References> {
    let mut times = BTreeMap::new();
    for (case, value) in document.as_object()? {
        if let Some(milliseconds) = value.get("min_ms").and_then(Value::as_f64) {
            times.insert(
                case.clone(),
                Reference {
                    milliseconds,
                    extra_bytes: value
                        .get("peak_extra_mib")
                        .and_then(Value::as_f64)
                        .map(|mebibytes| mebibytes * f64::from(1 << 20)),
                },
            );
        }
    }
    (!times.is_empty()).then_some(References(times))
}

/// Time and memory of one kinetic step.
fn step(document: &Value) -> Option<Reference> {
    let number = |key: &str| document.get(key).and_then(Value::as_f64);
    Some(Reference {
        milliseconds: number("forward_backward_ms")?,
        extra_bytes: number("peak_extra_mib").map(|mebibytes| mebibytes * f64::from(1 << 20)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_and_the_smallest_kept() {
        let mut all =
            times(&json!({"fno2d": {"min_ms": 200.0, "median_ms": 210.0}})).expect("times");
        all.add(times(&json!({"fno2d": {"min_ms": 190.0}})).expect("times"));
        assert_eq!(
            all.of("fno2d", "additive").map(|found| found.milliseconds),
            Some(190.0)
        );
        assert_eq!(all.of("fno2d", "elastic"), None);
        assert!(times(&json!({})).is_none());
    }

    #[test]
    fn a_step_has_time_and_memory() {
        let document = json!({"forward_backward_ms": 1800.0, "peak_extra_mib": 2.0});
        let expected = Reference {
            milliseconds: 1800.0,
            extra_bytes: Some(2_097_152.0),
        };
        assert_eq!(step(&document), Some(expected));
        assert!(step(&json!([])).is_none());
    }
}
