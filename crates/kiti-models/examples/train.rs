//! Trains a recipe from the command line with the library alone:
//!
//! ```sh
//! cargo run --release -p kiti-models --example train -- heat quick OUT residual.variant=reflection
//! ```

use std::ops::ControlFlow;

use kiti_data::cache::Cache;
use kiti_models::recipe::Recipe;
use kiti_models::train::{Event, TrainOptions, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [recipe, profile, out, sets @ ..] = &arguments[..] else {
        return Err("usage: train RECIPE PROFILE OUT [KEY=VALUE ...]".into());
    };
    let sets: Vec<(String, String)> = sets
        .iter()
        .filter_map(|set| set.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let recipe = Recipe::load(recipe, Some(profile), &sets)?;
    let mut options = TrainOptions::new(out, Cache::in_default_directory()?);
    options.resume = true;
    Trainer::new(recipe, options)?.run(&mut |event: &Event<'_>| {
        match event {
            Event::Epoch {
                metrics, timing, ..
            } => println!(
                "epoch {} loss {:.4} step {:.3} s {:?}",
                metrics.epoch, metrics.train_loss, timing.step_seconds, metrics.evaluation
            ),
            Event::Finished { result } => println!("{:?}", result.cost),
            _ => {}
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}
