//! results.json: the circumstances of a run, and what it found.

use serde::Serialize;

use super::case::Setup;
use super::flow::{FaceFlux, Flow, FlowQuantity};
use super::theory::Check;

/// How a simulation went.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    /// The case's name.
    pub case: String,
    /// Seed of molecules and collisions.
    pub seed: u64,
    /// Steps done.
    pub steps: u64,
    /// Simulated molecules at the end.
    pub particles: u64,
    /// Collisions of all steps.
    pub collisions: u64,
    /// How often a pair was faster than the bound that its cell had assumed.
    pub majorant_violations: u64,
    /// Molecules times steps, of this session.
    pub particle_steps: f64,
    /// Seconds of this session.
    pub session_seconds: f64,
    /// Seconds of the whole run.
    pub seconds: f64,
    /// Threads.
    pub threads: usize,
    /// Peak memory of the process in bytes; none where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
    /// Commit of the program.
    pub commit: Option<&'static str>,
    /// Version of the program.
    pub version: &'static str,
    /// What the reader should know before trusting the result.
    pub warnings: Vec<String>,
}

/// The file's text.
pub fn results(setup: &Setup, record: &Record, checks: &[Check], flows: &[Flow]) -> String {
    let columns: Vec<String> = FlowQuantity::all()
        .into_iter()
        .map(|quantity| quantity.heading(setup.system))
        .collect();
    let flows: Vec<serde_json::Value> = flows
        .iter()
        .map(|flow| {
            serde_json::json!({
                "first_step": flow.steps.0,
                "last_step": flow.steps.1,
                "time": flow.time,
                "samples": flow.samples,
                "faces": flow.faces,
            })
        })
        .collect();
    let value = serde_json::json!({
        "run": record,
        "checks": checks,
        "columns_of_npy": columns,
        "columns_of_faces": FaceFlux::headings(setup.system),
        "flows": flows,
    });
    format!("{value:#}\n")
}
