//! `kiti report`: the runs of an experiment as tables, a page and a file for machines.

mod condensation;
mod document;
mod machine;
mod page;
mod records;
mod statistics;

use std::io::Write;
use std::path::{Path, PathBuf};

use records::Experiment;

use crate::cli::ReportArguments;
use crate::failure::Outcome;
use crate::output;

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// The table of final errors, for a terminal.
    pub table: String,
    /// results.json.
    pub results: PathBuf,
    /// report.html.
    pub page: PathBuf,
}

/// Runs the command.
pub fn run(arguments: &ReportArguments) -> Outcome {
    let written = build(&arguments.directory, &[])?;
    output::line(written.table);
    output::line(format!(
        "\nresults: {}\nreport:  {}",
        written.results.display(),
        written.page.display()
    ));
    if let Some(path) = &arguments.docs {
        let experiment = Experiment::read(&arguments.directory, &[])?;
        for file in document::write(&experiment, path)? {
            output::line(format!("page:    {}", file.display()));
        }
    }
    Ok(())
}

/// Reads the runs below `folder` and writes results.json and report.html beside them.
pub fn build(folder: &Path, failures: &[String]) -> Outcome<Written> {
    let experiment = Experiment::read(folder, failures)?;
    let (results, page) = (folder.join("results.json"), folder.join("report.html"));
    put(&results, machine::results(&experiment).as_bytes())?;
    put(&page, page::page(&experiment).as_bytes())?;
    Ok(Written {
        table: document::terminal_table(&experiment),
        results,
        page,
    })
}

/// Writes a file whole or not at all.
fn put(path: &Path, bytes: &[u8]) -> Outcome {
    Ok(kiti_data::atomic_file::write(path, |file| {
        file.write_all(bytes)
    })?)
}
