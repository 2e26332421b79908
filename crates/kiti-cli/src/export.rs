//! `kiti export`: a trained model in the Hub's form.

use kiti_models::hub::{Architecture, export};

use crate::cli::ExportArguments;
use crate::failure::Outcome;
use crate::output;

/// Runs the command.
pub fn run(arguments: &ExportArguments) -> Outcome {
    let kind = match export(&arguments.checkpoint, &arguments.directory)? {
        Architecture::Bert(_) => "a BERT with its classifier, for transformers",
        Architecture::Gpt2(_) => "a GPT-2, for transformers",
        Architecture::ResNet(_) => "a ResNet with torchvision's names",
        Architecture::Kiti(_) => "a model for kiti",
    };
    output::line(format!("{}: {kind}", arguments.directory.display()));
    Ok(())
}
