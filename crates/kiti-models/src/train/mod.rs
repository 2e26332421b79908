//! Training runs: started, watched, interrupted, resumed, and ended with the same bits.
//!
//! A run writes into a folder of its own:
//!
//! | file | what | same bits every time |
//! | --- | --- | --- |
//! | `run.json` | circumstances: recipe, variant, seed, version, commit, device, threads | |
//! | `recipe.toml` | the resolved recipe | yes |
//! | `texts.json`, `tokenizer.json` | of models of text: what it takes to apply them to something new | yes |
//! | `metrics.jsonl` | [`EpochMetrics`], a line an epoch | yes |
//! | `timing.jsonl` | [`EpochTiming`], a line an epoch | |
//! | `checkpoints/epoch-NNNNNN/` | see [`checkpoint`](crate::checkpoint); the last two | weights and optimiser |
//! | `model.safetensors` | the final weights, or their moving average where one is kept | yes |
//! | `predictions.safetensors` | first sample of every set: `SET.input`, `SET.truth`, `SET.prediction` | yes |
//! | `result.json` | [`RunResult`]; written last, so its presence says that the run is complete | |
//!
//! Random numbers are keyed by seed and step, batches by seed and epoch: a checkpoint holds weights, the optimiser's
//! memory and two numbers, and a run killed at any moment goes on from its last one as if nothing had happened.

mod average;
mod directory;
mod metrics;
mod observer;
mod plan;
mod result;
mod session;
mod step;
mod trainer;

pub use directory::{Circumstances, RunFiles};
pub use metrics::{EpochMetrics, EpochTiming, LayerMetrics, MidwayEvaluation, read_lines};
pub use observer::{Event, Observer};
pub use plan::{Basis, Plan};
pub use result::{Cost, RunResult, WeightCondensation, read_result, write_result};
pub use trainer::{Outcome, TrainOptions, Trainer, initial_variables};
