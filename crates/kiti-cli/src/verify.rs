//! `kiti verify`: golden cases replayed on a device.

use std::path::Path;

use kiti_models::golden::{CaseReport, cases, replay};

use crate::cli::VerifyArguments;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Runs the command.
pub fn run(arguments: &VerifyArguments) -> Outcome {
    let device = arguments.device.open()?;
    let files = cases(&arguments.fixtures)?;
    let width = files
        .iter()
        .filter_map(|path| path.file_stem())
        .map(|name| name.len())
        .max();
    let width = width.unwrap_or(0);
    let (mut failed, mut refused) = (0, 0);
    for path in &files {
        match replay(path, &device) {
            Ok(report) => {
                failed += usize::from(!report.passed);
                output::line(line(&report, width));
            }
            Err(error) => {
                refused += 1;
                output::line(unusable(path, &error, width));
            }
        }
    }
    let all = files.len();
    match (failed, refused) {
        (0, 0) => {
            output::line(format!("{all} cases passed on {}", arguments.device));
            Ok(())
        }
        (failed, refused) => Err(Failure::failed(format!(
            "{}: of {all} cases {} passed, {failed} failed, {refused} could not be replayed",
            arguments.fixtures.display(),
            all - failed - refused
        ))),
    }
}

fn line(report: &CaseReport, width: usize) -> String {
    format!(
        "{:width$}  outputs {:>9.2e} (limit {:.0e})  gradients {:>9.2e} (limit {:.0e})  {}",
        report.name,
        report.output_error,
        report.output_limit,
        report.gradient_error,
        report.gradient_limit,
        if report.passed { "pass" } else { "FAIL" }
    )
}

fn unusable(path: &Path, error: &kiti_models::Error, width: usize) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    format!("{name:width$}  not replayed  FAIL  {error}")
}
