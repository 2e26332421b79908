//! `kiti predict --text`: the classes of texts.

use kiti_models::text::TextClassifier;
use serde_json::{Value, json};

use crate::cli::PredictArguments;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::render::number::significant;
use crate::render::table::Table;

/// A longer text is shown by its beginning.
const SHOWN: usize = 60;

/// Runs the command.
pub fn run(arguments: &PredictArguments) -> Outcome {
    let (texts, pairs) = (&arguments.text, &arguments.text_pair);
    if !pairs.is_empty() && pairs.len() != texts.len() {
        return Err(Failure::refused(format!(
            "--text-pair: expected one for each of the {} --text, found {}",
            texts.len(),
            pairs.len()
        )));
    }
    let device = arguments.device.open()?;
    let classifier = TextClassifier::load(&arguments.checkpoint, &device)?;
    let mut table = Table::new()
        .text("text")
        .text("class")
        .number("probability");
    let mut found: Vec<Value> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let second = pairs.get(index).map(String::as_str);
        let mut classes = classifier.classify(text, second)?;
        classes.truncate(arguments.top as usize);
        let both = [Some(text.as_str()), second].into_iter().flatten();
        let both: Vec<String> = both.map(beginning).collect();
        for (row, class) in classes.iter().enumerate() {
            let named = match row {
                0 => both.join(" | "),
                _ => String::new(),
            };
            let probability = significant(f64::from(class.probability), 4);
            table.row([named, class.class.clone(), probability]);
        }
        found.push(json!({"text": text, "text_pair": second, "classes": classes}));
    }
    output::line(match arguments.json {
        true => format!("{:#}", Value::Array(found)),
        false => table.to_text(),
    });
    Ok(())
}

/// The first characters of a text, in one line.
fn beginning(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}\u{2026}", &line[..end]),
        None => line,
    }
}
