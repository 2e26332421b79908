//! `kiti gas`: cases run, restart to the same bits, and bad input is refused with key and remedy.

mod refusals;
mod restart;
mod results;

use crate::program::Finished;

const REFUSED: i32 = 2;

/// A shipped case made so small that it takes a fraction of a second.
fn small(case: &str) -> Vec<String> {
    let settings: &[&str] = match case {
        "relaxation" | "bkw" => &["particles.count=2000", "time.steps=20"],
        "rayleigh" | "sod" => &[
            "particles.per_cell=40",
            "time.steps=20",
            "sampling.at=[10, 20]",
            "sampling.window=2",
        ],
        _ => &["particles.per_cell=10", "time.steps=40", "sampling.start=8"],
    };
    let mut arguments = vec!["gas".to_owned(), "run".into(), case.into()];
    for setting in settings {
        arguments.extend(["--set".into(), (*setting).to_owned()]);
    }
    arguments
}

fn with(mut arguments: Vec<String>, more: &[&str]) -> Vec<String> {
    arguments.extend(more.iter().map(ToString::to_string));
    arguments
}

#[track_caller]
fn refused(finished: Finished, words: &[&str]) {
    assert_eq!(finished.code, Some(REFUSED), "{finished:#?}");
    assert_eq!(
        finished.stderr.matches("error:").count(),
        1,
        "{finished:#?}"
    );
    finished.failed_saying(words);
}
