//! `kiti data fetch`: the original archive of a data set.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use kiti_data::fetch::{RetryPolicy, catalogue, download};

use crate::cli::DataFetchArguments;
use crate::failure::{Failure, Outcome};
use crate::output;

pub fn run(arguments: &DataFetchArguments) -> Outcome {
    let known = catalogue();
    let Some((_, file)) = known.iter().find(|(name, _)| *name == arguments.name) else {
        let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        return Err(Failure::refused(format!(
            "{}: expected the name of a data set: {}",
            arguments.name,
            names.join(", ")
        )));
    };
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {eta} left");
    let bar = std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new(file.bytes);
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    });
    let path = download(
        file,
        &arguments.out,
        RetryPolicy::default(),
        &|_, there, _| {
            if let Some(bar) = &bar {
                bar.set_position(there);
            }
        },
    )?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    output::line(format!(
        "{}: {} bytes, verified by SHA-256",
        path.display(),
        file.bytes
    ));
    Ok(())
}
