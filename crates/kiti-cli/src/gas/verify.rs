//! `kiti gas verify`: the solver against exact solutions, one line a comparison.

use std::time::Instant;

use kiti_kinetics::gas::validation::{Case, Check, cases};
use serde_json::{Value, json};

use super::arguments::VerifyArguments;
use super::run::thread_pool;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::render::number::{duration, significant};

/// The seed of the cases: with it they pass or fail for good.
const SEED: u64 = 1;

/// Runs the command.
pub fn run(arguments: &VerifyArguments) -> Outcome {
    let chosen: Vec<Case> = cases()
        .into_iter()
        .filter(|case| arguments.nightly || !case.nightly)
        .filter(|case| {
            let only = arguments.only.as_deref();
            only.is_none_or(|text| case.name.contains(text))
        })
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = cases().iter().map(|case| case.name).collect();
        return Err(Failure::refused(format!(
            "--only: expected part of a case's name ({}), found {:?}; long cases need --nightly",
            names.join(", "),
            arguments.only.as_deref().unwrap_or_default()
        )));
    }
    let pool = thread_pool(arguments.threads.unwrap_or(0))?;
    let begin = Instant::now();
    let (mut failed, mut all, mut document) = (0, 0, Vec::new());
    for case in &chosen {
        let start = Instant::now();
        let checks = pool.install(|| case.run(SEED))?;
        let seconds = start.elapsed().as_secs_f64();
        all += checks.len();
        failed += checks.iter().filter(|check| !check.passes()).count();
        if arguments.json {
            document.push(json!({
                "case": case.name,
                "title": case.title,
                "seconds": seconds,
                "checks": checks.iter().map(record).collect::<Vec<_>>(),
            }));
        } else {
            output::line(format!(
                "{}: {} ({})",
                case.name,
                case.title,
                duration(seconds)
            ));
            for check in &checks {
                output::line(format!("  {}", line(check)));
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    if arguments.json {
        let value = json!({
            "cases": document,
            "comparisons": all,
            "failed": failed,
            "seconds": seconds,
            "threads": pool.current_num_threads(),
            "version": env!("CARGO_PKG_VERSION"),
            "commit": crate::train::COMMIT,
        });
        output::line(format!("{value:#}"));
    }
    let summary = format!(
        "{} of {all} comparisons passed in {}",
        all - failed,
        duration(seconds)
    );
    if failed > 0 {
        return Err(Failure::failed(summary));
    }
    if !arguments.json {
        output::line(summary);
    }
    Ok(())
}

fn line(check: &Check) -> String {
    let verdict = match (check.passes(), check.is_sharp()) {
        (true, _) => "pass",
        (false, true) => "FAIL",
        (false, false) => "TOO NOISY",
    };
    format!(
        "{verdict:9} {}: {} expected {}, standard error {}, tolerance {}",
        check.quantity,
        significant(check.value, 6),
        significant(check.expected, 6),
        significant(check.standard_error, 2),
        significant(check.tolerance(), 2)
    )
}

fn record(check: &Check) -> Value {
    json!({
        "quantity": check.quantity,
        "value": check.value,
        "expected": check.expected,
        "standard_error": check.standard_error,
        "tolerance": check.tolerance(),
        "pass": check.passes(),
        "reason": check.reason,
    })
}
