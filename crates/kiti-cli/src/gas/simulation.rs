//! A run's whole state: solver, means, history; how it advances, and how it becomes a restart file and back.

use std::path::Path;

use kiti_kinetics::gas::{DsmcSolver, Sampler, Snapshot, SolverConfig, Statistics, Values};

use super::case::{Case, SamplingSection, Setup};
use super::flow::{Column, Flow, FlowQuantity};
use super::history::{History, HistoryRow};
use super::restart::{Array, Restart, RestartHeader};
use crate::failure::{Failure, Outcome};

/// Batches that the samples of a steady flow are divided into for their standard errors.
const BATCHES: u64 = 32;
const SOLVER: &str = "solver.";
const SAMPLER: &str = "sampler.";
const FLOW: &str = "flow.";
const HISTORY: &str = "history";
const COUNTERS: &str = "counters";

/// A run between two steps.
pub struct Simulation<'a> {
    setup: &'a Setup,
    solver: DsmcSolver,
    sampler: Sampler,
    history: History,
    flows: Vec<Flow>,
    counters: Counters,
}

/// Counts of the whole run; the solver's own begin again with every session.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counters {
    collisions: u64,
    majorant_violations: u64,
    /// Of the steps since the last line of the history.
    line_collisions: u64,
    line_particle_steps: u64,
}

impl Counters {
    fn add(&mut self, before: &Statistics, after: &Statistics) {
        let collisions = after.collisions - before.collisions;
        self.collisions += collisions;
        self.majorant_violations += after.majorant_violations - before.majorant_violations;
        self.line_collisions += collisions;
        self.line_particle_steps += after.particle_steps - before.particle_steps;
    }

    fn to_array(self) -> Array {
        Array::U64(vec![
            self.collisions,
            self.majorant_violations,
            self.line_collisions,
            self.line_particle_steps,
        ])
    }

    fn from_array(array: &Array) -> Option<Self> {
        match array {
            Array::U64(values) => match values[..] {
                [
                    collisions,
                    majorant_violations,
                    line_collisions,
                    line_particle_steps,
                ] => Some(Self {
                    collisions,
                    majorant_violations,
                    line_collisions,
                    line_particle_steps,
                }),
                _ => None,
            },
            Array::F64(_) => None,
        }
    }
}

fn batch(setup: &Setup) -> u64 {
    match &setup.sampling {
        SamplingSection::Steady { start, every } => {
            ((setup.steps - start) / every / BATCHES).max(1)
        }
        SamplingSection::Snapshots { .. } => 1,
    }
}

impl<'a> Simulation<'a> {
    /// The run before its first step.
    ///
    /// # Errors
    ///
    /// What the solver refuses.
    pub fn new(setup: &'a Setup, config: SolverConfig) -> Outcome<Self> {
        let solver = DsmcSolver::new(config, &setup.initial)?;
        let sampler = Sampler::new(&solver, batch(setup));
        let mut simulation = Self {
            setup,
            solver,
            sampler,
            history: History::default(),
            flows: Vec::new(),
            counters: Counters::default(),
        };
        simulation.note();
        Ok(simulation)
    }

    /// One step; returns a mean of the flow that it has completed.
    ///
    /// # Errors
    ///
    /// What the solver refuses: molecules that came in and no longer fit into memory.
    pub fn step(&mut self) -> Outcome<Option<&Flow>> {
        let before = self.solver.statistics();
        self.solver.step()?;
        self.counters.add(&before, &self.solver.statistics());
        let step = self.solver.steps();
        let (due, window) = self.due(step);
        if due {
            self.solver.sample(&mut self.sampler)?;
        }
        if step.is_multiple_of(self.setup.output.history_every) || step == self.setup.steps {
            self.note();
        }
        match window {
            Some(window) => {
                let flow = self.flow((window, step));
                self.flows.push(flow);
                self.sampler.reset(&self.solver);
                Ok(self.flows.last())
            }
            None => Ok(None),
        }
    }

    /// Whether `step` is sampled, and the first step of the mean that ends with it.
    fn due(&self, step: u64) -> (bool, Option<u64>) {
        match &self.setup.sampling {
            SamplingSection::Steady { start, every } => {
                let due = step > *start && (step - start).is_multiple_of(*every);
                let last = step == self.setup.steps && step >= start + every;
                (due, last.then_some(start + 1))
            }
            SamplingSection::Snapshots { at, window } => {
                let end = at.iter().find(|end| **end >= step);
                let due = end.is_some_and(|end| step + window > *end);
                (due, (end == Some(&step)).then_some(step + 1 - window))
            }
        }
    }

    fn flow(&self, steps: (u64, u64)) -> Flow {
        let flow = self.sampler.flow();
        let one_moment = matches!(self.setup.sampling, SamplingSection::Snapshots { .. });
        let columns = FlowQuantity::all()
            .into_iter()
            .map(|quantity| Column {
                quantity,
                values: quantity.of(&flow.mean).to_vec(),
                errors: if one_moment {
                    quantity.errors_of_one_moment(self.setup, &flow)
                } else {
                    quantity.of(&flow.standard_error).to_vec()
                },
            })
            .collect();
        Flow {
            steps,
            time: (steps.0 + steps.1) as f64 / 2.0 * self.setup.config.dt,
            samples: self.sampler.samples(),
            columns,
        }
    }

    /// Adds a line to the history.
    fn note(&mut self) {
        let tau = 1.0 / self.setup.collision_rate();
        let counters = &mut self.counters;
        let time = counters.line_particle_steps as f64 * self.setup.config.dt / tau;
        // Either molecule of a pair has collided.
        let rate = 2.0 * counters.line_collisions as f64 / time;
        counters.line_collisions = 0;
        counters.line_particle_steps = 0;
        let (_, velocities) = self.solver.particles();
        let row = HistoryRow::measure(self.setup, self.solver.steps(), &velocities, rate);
        self.history.push(row);
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.solver.steps()
    }

    /// Simulated molecules.
    pub fn particles(&self) -> usize {
        self.solver.particle_count()
    }

    /// Collisions so far, and how often one was likelier than its cell had assumed.
    pub fn counts(&self) -> (u64, u64) {
        (self.counters.collisions, self.counters.majorant_violations)
    }

    /// What the gas as a whole did.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The completed means.
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// Writes the restart file.
    ///
    /// # Errors
    ///
    /// A failure that names the file; what stood there before stays.
    pub fn write_restart(&mut self, path: &Path, case: &Case, seed: u64, seconds: f64) -> Outcome {
        let mut arrays = Vec::new();
        let snapshots = [
            (SOLVER, self.solver.snapshot()),
            (SAMPLER, self.sampler.snapshot()),
        ];
        for (prefix, snapshot) in snapshots {
            for (name, values) in snapshot.arrays {
                let array = match values {
                    Values::F64(values) => Array::F64(values),
                    Values::U64(values) => Array::U64(values),
                };
                arrays.push((format!("{prefix}{name}"), array));
            }
        }
        for flow in &self.flows {
            let mut numbers = vec![
                flow.steps.0 as f64,
                flow.steps.1 as f64,
                flow.time,
                flow.samples as f64,
            ];
            for column in &flow.columns {
                numbers.extend_from_slice(&column.values);
                numbers.extend_from_slice(&column.errors);
            }
            arrays.push((format!("{FLOW}{}", flow.steps.1), Array::F64(numbers)));
        }
        arrays.push((HISTORY.into(), Array::F64(self.history.to_numbers())));
        arrays.push((COUNTERS.into(), self.counters.to_array()));
        let restart = Restart {
            header: RestartHeader {
                case: case.to_toml()?,
                seed,
                step: self.solver.steps(),
                elapsed_seconds: seconds,
                program: env!("CARGO_PKG_VERSION").into(),
            },
            arrays,
        };
        restart.write(path)
    }

    /// The run that a restart file describes, `path` being where it was read from.
    ///
    /// # Errors
    ///
    /// A refusal where an array is missing or of another size.
    pub fn restore(
        setup: &'a Setup,
        config: SolverConfig,
        restart: Restart,
        path: &Path,
    ) -> Outcome<Self> {
        let refuse = |what: &str| {
            Failure::refused(format!(
                "{}: {what}; the file was written by another build of kiti: go on with that one, or remove it to begin again",
                path.display()
            ))
        };
        let (mut solver, mut sampler) = (Snapshot::default(), Snapshot::default());
        let (mut history, mut counters, mut flows) = (None, None, Vec::new());
        for (name, array) in restart.arrays {
            if let Some(name) = name.strip_prefix(SOLVER) {
                solver.arrays.push((name.to_owned(), values(array)));
            } else if let Some(name) = name.strip_prefix(SAMPLER) {
                sampler.arrays.push((name.to_owned(), values(array)));
            } else if name == COUNTERS {
                counters = Counters::from_array(&array);
            } else if let Array::F64(numbers) = array {
                if name == HISTORY {
                    history = History::from_numbers(&numbers);
                } else {
                    flows.push(flow_of(setup, &numbers).ok_or_else(|| {
                        refuse(&format!("key `{name}`: expected a mean of this grid"))
                    })?);
                }
            }
        }
        let incomplete = |error: &dyn std::fmt::Display| refuse(&error.to_string());
        let solver = DsmcSolver::restore(config, &solver).map_err(|error| incomplete(&error))?;
        let sampler = Sampler::restore(&solver, &sampler).map_err(|error| incomplete(&error))?;
        Ok(Self {
            setup,
            solver,
            sampler,
            history: history.ok_or_else(|| refuse("key `history`: missing or of another width"))?,
            flows,
            counters: counters
                .ok_or_else(|| refuse("key `counters`: missing or of another length"))?,
        })
    }
}

fn values(array: Array) -> Values {
    match array {
        Array::F64(values) => Values::F64(values),
        Array::U64(values) => Values::U64(values),
    }
}

fn flow_of(setup: &Setup, numbers: &[f64]) -> Option<Flow> {
    let ([first, last, time, samples], columns) = numbers.split_first_chunk::<4>()?;
    let cells = setup.grid().cell_count();
    let quantities = FlowQuantity::all();
    if columns.len() != 2 * cells * quantities.len() {
        return None;
    }
    let columns = quantities
        .into_iter()
        .zip(columns.chunks_exact(2 * cells))
        .map(|(quantity, numbers)| Column {
            quantity,
            values: numbers[..cells].to_vec(),
            errors: numbers[cells..].to_vec(),
        })
        .collect();
    Some(Flow {
        steps: (*first as u64, *last as u64),
        time: *time,
        samples: *samples as u64,
        columns,
    })
}
