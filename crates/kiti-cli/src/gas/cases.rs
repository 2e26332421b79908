//! `kiti gas cases`: what comes with the program.

use super::arguments::CasesArguments;
use super::case::{CASES, Case};
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::render::table::Table;

/// Runs the command.
pub fn run(arguments: &CasesArguments) -> Outcome {
    match &arguments.name {
        Some(name) => {
            let Some((_, text)) = CASES.iter().find(|(known, _)| known == name) else {
                // Says which names there are, and which is nearest.
                return match Case::load(name, &[]) {
                    Err(failure) => Err(failure),
                    Ok(_) => Err(Failure::refused(format!(
                        "{name}: expected the name of a shipped case, found a file"
                    ))),
                };
            };
            output::line(text.trim_end());
        }
        None => {
            let mut table = Table::new().text("case").text("what it is");
            for (name, _) in CASES {
                let case = Case::load(name, &[])?;
                table.row([(*name).to_owned(), case.setup.title]);
            }
            output::line(table.to_text());
            output::line(
                "\nrun one: kiti gas run NAME; begin your own: kiti gas cases NAME > mine.toml",
            );
        }
    }
    Ok(())
}
