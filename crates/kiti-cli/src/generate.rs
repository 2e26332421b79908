//! `kiti generate`: a language model goes on with a text.

use std::ops::ControlFlow;

use kiti_models::text::{GenerationConfig, LanguageModel, Sampler, SamplingConfig};

use crate::cli::GenerateArguments;
use crate::failure::{Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::output;

/// Runs the command.
pub fn run(arguments: &GenerateArguments) -> Outcome {
    if arguments.prompt.is_empty() {
        return Err(Failure::refused(
            "--prompt: expected at least one character to go on with, found none",
        ));
    }
    let config = GenerationConfig {
        max_tokens: arguments.max_tokens,
        sampling: SamplingConfig {
            temperature: arguments.temperature,
            top_k: arguments.top_k,
            top_p: arguments.top_p,
            seed: arguments.seed,
        },
        ..GenerationConfig::default()
    };
    // Settings out of range are refused before a model is read.
    Sampler::new(&config.sampling)?;
    let device = arguments.device.open()?;
    let model = LanguageModel::load(&arguments.checkpoint, &device)?;
    let interrupt = Interrupt::listen()?;
    let mut tokens = 0;
    let text = model.continuation(&arguments.prompt, &config, &mut |_| {
        tokens += 1;
        match interrupt.requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    output::line(match arguments.json {
        true => format!(
            "{:#}",
            serde_json::json!({
                "prompt": arguments.prompt,
                "continuation": text,
                "tokens": tokens,
                "seed": arguments.seed,
            })
        ),
        false => format!("{}{text}", arguments.prompt),
    });
    Ok(())
}
